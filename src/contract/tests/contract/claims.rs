//! Claims of callers: their declaration, and conditions that read them.

use callgate_contract::{Caller, Contract, Conversation, ProposedCall, Reads, Verdict, decide, load};
use serde_json::{Value, json};

use crate::folder::Folder;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const TYPES: &str = "claims: { department: string, level: integer, staff: boolean, groups: [string] }";

fn text(claims: &str, condition: &str) -> String {
    let when = Value::from(condition);
    format!(
        "apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: pay, version: 1.0.0 }}
spec:
  models: [\"*\"]
  {claims}
  roles: {{ clerk: {{ tools: [\"*\"] }} }}
  tools:
    - name: pay
      parameters: {{ type: object, properties: {{ amount: {{ type: number }} }} }}
      effects: write
      when: {when}
      run: {{ client: {{}} }}
"
    )
}

fn contract(condition: &str) -> Contract {
    load("contract.yaml", &text(TYPES, condition), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"))
}

fn fault(claims: &str, condition: &str) -> String {
    load("contract.yaml", &text(claims, condition), &Folder(&[])).unwrap_err().to_string()
}

fn is_allowed(contract: &Contract, claims: &Value) -> bool {
    let given = claims.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value));
    let caller = Caller { claims: contract.claims().admit(given).unwrap(), ..Caller::new("acme", "clerk") };
    let call = ProposedCall { name: "pay", arguments: "{\"amount\":1}" };
    matches!(decide(contract, &caller, &Conversation::default(), &call), Verdict::Allow(_))
}

#[test]
fn conditions_read_claims_of_each_type() {
    for (condition, claims, expected) in [
        ("has(caller.claims.department)", json!({ "department": "x" }), true),
        ("has(caller.claims.department)", json!({}), false),
        (
            "has(caller.claims.department) && caller.claims.department == 'finance'",
            json!({ "department": "Finance" }),
            false,
        ),
        ("has(caller.claims.level) && args.amount <= 10 * caller.claims.level", json!({}), false),
        ("has(caller.claims.level) && caller.claims.level > 2", json!({ "level": 3 }), true),
        ("!has(caller.claims.level) || caller.claims.level > 2", json!({}), true),
        ("has(caller.claims.staff) && caller.claims.staff", json!({ "staff": false }), false),
        ("has(caller.claims.groups) && 'a' in caller.claims.groups", json!({ "groups": ["b", "a"] }), true),
        (
            "has(caller.claims.groups) && caller.claims.groups.exists(g, g.startsWith('fin'))",
            json!({ "groups": ["finance"] }),
            true,
        ),
        ("has(caller.claims.groups) && caller.claims.groups.size() == 0", json!({ "groups": [] }), true),
        // `args` follows the claims in the environment.
        ("has(args.amount) && args.amount == 1 && caller.role == 'clerk'", json!({ "level": 3 }), true),
    ] {
        if condition.contains("10 * ") {
            // The amount may be absent, so this one needs a guard too.
            assert!(fault(TYPES, condition).contains("args.amount"), "{condition}");
            continue;
        }
        assert_eq!(is_allowed(&contract(condition), &claims), expected, "{condition} {claims}");
    }
}

#[test]
fn a_condition_with_a_claim_is_checked_when_the_contract_loads() {
    for (claims, condition, expected) in [
        (TYPES, "caller.claims.level > 2", "`caller.claims.level` may be absent"),
        (TYPES, "has(caller.claims.level) && caller.claims.level == 'x'", "contract.yaml:12:"),
        (TYPES, "has(caller.claims.levle)", "caller.claims.levle"),
        (TYPES, "has(caller.claims.level) && caller.claims.level.startsWith('x')", "contract.yaml:12:"),
        ("claims: {}", "has(caller.claims.level)", "unknown name `caller.claims`"),
        ("users: { text: trusted }", "has(caller.claims.level)", "unknown name `caller.claims`"),
    ] {
        let found = fault(claims, condition);
        assert!(found.contains(expected), "{condition}: {found}");
    }
}

#[test]
fn a_declaration_names_claims_and_their_types() {
    for (claims, expected) in [
        ("claims: [level]", "contract.yaml:6:11: spec.claims: expected a mapping"),
        (
            "claims: { level: int }",
            "contract.yaml:6:20: spec.claims.level: expected `string`, `integer`, `boolean` or `[string]`",
        ),
        ("claims: { level: [integer] }", "contract.yaml:6:20: spec.claims.level: expected `[string]`, the only list"),
        ("claims: { level: [string, string] }", "expected `[string]`, the only list"),
        ("claims: { level: }", "expected `string`"),
        ("claims: { a-b: string }", "contract.yaml:6:13: spec.claims.a-b: expected a claim name"),
        ("claims: { 'in': string }", "expected a claim name"),
        ("claim: { level: integer }", "did you mean `claims`?"),
    ] {
        let found = fault(claims, "true");
        assert!(found.contains(expected), "{claims}: {found}");
    }
    let many: Vec<String> = (0..33).map(|index| format!("c{index}: string")).collect();
    assert!(fault(&format!("claims: {{ {} }}", many.join(", ")), "true").contains("expected at most 32 claims"));
}

#[test]
fn a_claim_that_no_condition_reads_is_noted() {
    let read = contract("has(caller.claims.level)");
    let notes: Vec<String> = read.notes().iter().map(ToString::to_string).collect();
    assert!(notes[0].contains("no condition reads `caller.claims.department`"), "{notes:?}");
    assert_eq!(read.reads(), Reads { claims: true, ..Reads::default() });
    assert_eq!(
        contract("args == args || true && has(args.amount)".split(" || ").last().unwrap()).reads(),
        Reads::default()
    );
}

#[test]
fn a_contract_without_claims_has_the_digest_it_had() {
    let without = load("c.yaml", &text("users: { text: trusted }", "true"), &Folder(&[])).unwrap();
    assert!(without.claims().is_empty() && !without.canonical().contains("claims"));
}
