//! Rules that are decided and not enforced: `shadow: true` of one rule, and `enforce: false`.

use callgate_contract::{Approved, Caller, Code, Contract, Conversation, ProposedCall, Texts, Verdict, decide, load};

use crate::folder::{Folder, ORDER_DESK};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The order desk with `create_order` run by the client.
fn client_run() -> String {
    let (before, _) = ORDER_DESK.split_once("      run:\n        wasm:").unwrap();
    format!("{before}      run: {{ client: {{}} }}\n")
}

fn in_shadow_mode(text: &str) -> Contract {
    contract(&text.replace("  onViolation: refuse", "  onViolation: refuse\n  enforce: false"))
}

fn contract(text: &str) -> Contract {
    load("contract.yaml", text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn decided<'c>(contract: &'c Contract, role: &str, call: (&str, &str), calls_before: u32) -> Verdict<'c> {
    let caller = Caller::new("acme", role);
    let conversation = Conversation { calls_before, texts: Texts::Decided(None), ..Conversation::default() };
    decide(contract, &caller, &conversation, &ProposedCall { name: call.0, arguments: call.1 })
}

fn allowed(verdict: Verdict<'_>) -> Approved<'_> {
    match verdict {
        Verdict::Allow(approved) => approved,
        other => panic!("expected an allowed call, found {other:?}"),
    }
}

fn shadowed(verdict: Verdict<'_>) -> (Code, String, String) {
    let approved = allowed(verdict);
    let violation = approved.shadowed.expect("expected a broken rule");
    (violation.code, violation.pointer, approved.canonical)
}

const GOOD: &str = r#"{"customer": "A", "quantity": 1}"#;

#[test]
fn shadow_mode_reports_the_first_broken_rule_and_allows_the_canonical_call() {
    let contract = in_shadow_mode(&client_run());
    for (role, call, before, code, pointer, canonical) in [
        ("viewer", ("create_order", GOOD), 0, Code::RoleForbidden, "", r#"{"customer":"A","quantity":1}"#),
        (
            "clerk",
            ("create_order", r#"{"quantity": 0, "customer": "A"}"#),
            0,
            Code::ArgumentsInvalid,
            "/quantity",
            r#"{"customer":"A","quantity":0}"#,
        ),
        ("clerk", ("create_order", ""), 0, Code::ArgumentsNotJson, "", "{}"),
        ("clerk", ("create_order", GOOD), 3, Code::LimitExceeded, "", r#"{"customer":"A","quantity":1}"#),
        ("viewer", ("create_order", "{}"), 9, Code::RoleForbidden, "", "{}"),
    ] {
        let found = shadowed(decided(&contract, role, call, before));
        assert_eq!(found, (code, pointer.to_owned(), canonical.to_owned()), "{role} {call:?}");
    }
    assert!(allowed(decided(&contract, "clerk", ("create_order", GOOD), 0)).shadowed.is_none());
}

#[test]
fn calls_that_cannot_be_read_in_one_way_are_denied_in_shadow_mode_too() {
    let contract = in_shadow_mode(&client_run());
    for (call, code) in [
        (("", "{}"), Code::CallMalformed),
        (("drop_table", "{}"), Code::ToolNotInContract),
        (("create_order", r#"{"quantity":1,"quantity":2}"#), Code::ArgumentsNotJson),
        (("create_order", "[1]"), Code::ArgumentsInvalid),
    ] {
        let Verdict::Deny(violation) = decided(&contract, "clerk", call, 0) else { panic!("{call:?} is allowed") };
        assert_eq!(violation.code, code, "{call:?}");
    }
}

#[test]
fn the_executor_runs_nothing_against_the_contract_in_shadow_mode() {
    let contract = in_shadow_mode(ORDER_DESK);
    for (role, call) in [("viewer", ("create_order", GOOD)), ("clerk", ("create_order", "{}"))] {
        assert!(matches!(decided(&contract, role, call, 0), Verdict::Deny(_)), "{role} {call:?}");
    }
}

#[test]
fn one_rule_in_shadow_denies_nothing_and_the_others_still_do() {
    let rule = |rule: &str| {
        let anchor = "      description: Create an order for a customer.\n";
        contract(&ORDER_DESK.replace(anchor, &format!("{anchor}      {rule}\n")))
    };
    let when = rule("when: { condition: \"args.quantity < 5\", shadow: true }");
    let many = r#"{"customer": "A", "quantity": 9}"#;
    assert_eq!(shadowed(decided(&when, "clerk", ("create_order", many), 0)).0, Code::ConditionUnmet);
    assert!(allowed(decided(&when, "clerk", ("create_order", GOOD), 0)).shadowed.is_none());
    let Verdict::Deny(violation) = decided(&when, "clerk", ("create_order", "{}"), 0) else { panic!("allowed") };
    assert_eq!(violation.code, Code::ArgumentsInvalid);
    let enforced = rule("when: { condition: \"args.quantity < 5\" }");
    assert!(matches!(decided(&enforced, "clerk", ("create_order", many), 0), Verdict::Deny(_)));
    // A condition without a value breaks the rule too.
    let unknown = rule("when: { condition: \"conversation.turns < 5\", shadow: true }");
    assert_eq!(shadowed(decided(&unknown, "clerk", ("create_order", GOOD), 0)).0, Code::ConditionUnmet);
}

#[test]
fn a_role_s_condition_in_shadow_denies_nothing() {
    let text = ORDER_DESK
        .replace("create_order] }", "create_order], when: { condition: \"caller.tenant == 'other'\", shadow: true } }");
    let contract = contract(&text);
    assert_eq!(shadowed(decided(&contract, "clerk", ("create_order", GOOD), 0)).0, Code::ConditionUnmet);
}

#[test]
fn rules_about_sources_in_shadow_are_reported_with_their_place() {
    for (rule, code, pointer) in [
        ("origin: { /customer: { from: [user], shadow: true } }", Code::OriginMissing, "/customer"),
        ("requires: { untainted: true, otherwise: approve, shadow: true }", Code::Tainted, ""),
        ("requires: { user: \"order\", shadow: true }", Code::NotRequested, ""),
    ] {
        let anchor = "      description: Create an order for a customer.\n";
        let contract = contract(&ORDER_DESK.replace(anchor, &format!("{anchor}      {rule}\n")));
        let caller = Caller::new("acme", "clerk");
        let call = ProposedCall { name: "create_order", arguments: GOOD };
        // Without the texts, every such rule is broken.
        let found = shadowed(decide(&contract, &caller, &Conversation::default(), &call));
        assert_eq!((found.0, found.1.as_str()), (code, pointer), "{rule}");
    }
    let contract =
        contract(&ORDER_DESK.replace("effects: write\n", "effects: write\n      egress: { shadow: true }\n"));
    let caller = Caller::new("acme", "clerk");
    let call = ProposedCall { name: "create_order", arguments: r#"{"customer": "eve@evil.example", "quantity": 1}"# };
    let found = shadowed(decide(&contract, &caller, &Conversation::default(), &call));
    assert_eq!((found.0, found.1.as_str()), (Code::EntityForeign, "/customer"));
}

#[test]
fn a_contract_in_shadow_mode_has_a_note() {
    let contract = in_shadow_mode(ORDER_DESK);
    assert!(!contract.enforces());
    assert!(contract.notes().iter().any(|note| note.message.starts_with("shadow mode: ")));
    assert!(self::contract(ORDER_DESK).enforces());
}
