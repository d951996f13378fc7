//! Contracts of one configuration share compiled parts, and decide as single ones do.

use std::sync::Arc;

use callgate_contract::{Caller, ContractPool, Conversation, ProposedCall, Verdict, decide, from_value, read_set};
use serde_json::{Value, json};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn contract(name: &str, tools: &[(&str, u32)]) -> Value {
    let tools: Vec<Value> = tools
        .iter()
        .map(|(name, most)| {
            json!({
                "name": name, "effects": "read", "run": { "client": {} },
                "parameters": { "type": "object", "properties": { "n": { "type": "integer", "maximum": most } } },
                "when": "!has(args.n) || args.n > 1 || caller.tenant.matches('^t-[0-9]+$')",
            })
        })
        .collect();
    json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": name, "version": "1.0.0" },
        "spec": { "models": ["*"], "roles": { "clerk": { "tools": ["*"] } }, "tools": tools },
    })
}

fn code(contract: &callgate_contract::Contract, tool: &str, n: u32) -> Option<&'static str> {
    let arguments = format!("{{\"n\":{n}}}");
    let call = ProposedCall { name: tool, arguments: &arguments };
    match decide(contract, &Caller::new("acme", "clerk"), &Conversation::default(), &call) {
        Verdict::Deny(violation) => Some(violation.code.as_str()),
        Verdict::Allow(_) | Verdict::NeedsApproval(_) => None,
    }
}

#[test]
fn equal_schemas_are_compiled_once() {
    let mut pool = ContractPool::default();
    let one = pool.from_value(&contract("one", &[("a", 5), ("b", 5), ("c", 6)])).unwrap();
    assert_eq!(pool.schemas(), 2);
    let two = pool.from_value(&contract("two", &[("a", 6), ("d", 5)])).unwrap();
    assert_eq!(pool.schemas(), 2);
    let again = pool.from_value(&contract("one", &[("a", 5), ("b", 5), ("c", 6)])).unwrap();
    assert!(Arc::ptr_eq(&one, &again));
    drop((one, again));
    pool.shrink();
    assert_eq!(pool.schemas(), 2, "the second contract uses both");
    drop(two);
    pool.shrink();
    pool.shrink();
    assert_eq!(pool.schemas(), 0);
}

#[test]
fn a_shared_contract_decides_as_a_single_one() {
    let mut pool = ContractPool::default();
    pool.from_value(&contract("first", &[("a", 9), ("b", 5)])).unwrap();
    let value = contract("second", &[("b", 5), ("a", 5), ("c", 9)]);
    let (shared, single) = (pool.from_value(&value).unwrap(), from_value(&value).unwrap());
    assert_eq!((shared.digest(), shared.canonical()), (single.digest(), single.canonical()));
    for tool in ["a", "b", "c", "d"] {
        for n in [1, 2, 6, 10] {
            assert_eq!(code(&shared, tool, n), code(&single, tool, n), "{tool} {n}");
        }
    }
    assert_eq!(code(&shared, "a", 6), Some("arguments_invalid"));
}

#[test]
fn a_faulty_schema_is_reported_for_each_tool_that_has_it() {
    let mut value = contract("one", &[("a", 5), ("b", 5)]);
    for tool in [0, 1] {
        value["spec"]["tools"][tool]["parameters"]["properties"]["n"]["maximum"] = json!("5");
    }
    let mut pool = ContractPool::default();
    for _ in 0..2 {
        let errors = pool.from_value(&value).unwrap_err().to_string();
        assert_eq!(errors.matches("expected a number").count(), 2, "{errors}");
    }
    assert_eq!(pool.schemas(), 0);
}

#[test]
fn a_set_lists_contracts_and_their_matches() {
    let text = "apiVersion: callgate.dev/v1
kind: ContractSet
contracts:
  - match: { tenant: acme, role: clerk }
    contract: acme.yaml
    candidate: next.yaml
  - match: [{ tenant: globex }, { host: llm.example, pathPrefix: /v1 }]
    contract: b.yaml
  - contract: rest.yaml
";
    let set = read_set("set.yaml", text).unwrap().unwrap();
    assert_eq!(set.iter().map(|entry| (entry.line, entry.matches.len())).collect::<Vec<_>>(), [(4, 1), (7, 2), (9, 1)]);
    assert_eq!((set[0].candidate.as_deref(), set[0].matches[0].role.as_deref()), (Some("next.yaml"), Some("clerk")));
    assert_eq!(set[1].matches[1].path_prefix.as_deref(), Some("/v1"));
    assert_eq!(set[2].matches, [callgate_contract::ContractMatch::default()]);
    for other in ["kind: Contract\n", "[1, 2]", "a: [", ""] {
        assert_eq!(read_set("c.yaml", other).unwrap(), None, "{other}");
    }
    for (lines, expected) in [
        ("contracts: []\n", "set.yaml:3:12: contracts: expected 1 to 4096 contracts"),
        ("contract: []\n", "did you mean `contracts`?"),
        (
            "contracts:\n  - { match: { tenat: a }, contract: c }\n",
            "set.yaml:4:16: contracts[0].match.tenat: unknown field; did you mean `tenant`?",
        ),
        ("contracts:\n  - { match: { tenant: '' }, contract: c }\n", "it is empty"),
        ("contracts:\n  - { match: { tenant: 7 }, contract: c }\n", "put it in quotes"),
        ("contracts:\n  - { match: [], contract: c }\n", "expected at least one match"),
        ("contracts:\n  - { match: {} }\n", "missing field `contract`"),
    ] {
        let text = format!("apiVersion: callgate.dev/v1\nkind: ContractSet\n{lines}");
        let errors = read_set("set.yaml", &text).unwrap_err().to_string();
        assert!(errors.contains(expected), "{errors}");
    }
}
