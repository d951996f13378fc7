//! Tools whose name is a glob: one schema for every name with a beginning.

use callgate_contract::{
    Caller, ChangeEffect, ChangeKind, Code, Contract, Conversation, ProposedCall, Verdict, compare, decide, from_value,
    verdict_json,
};
use serde_json::{Value, json};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn tool(name: &str, effects: &str) -> Value {
    let schema = json!({ "type": "object", "required": ["q"], "properties": { "q": { "type": "string" } } });
    json!({ "name": name, "parameters": schema, "effects": effects, "run": { "client": {} } })
}

fn document(tools: &[Value], role: &[&str]) -> Value {
    json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract",
        "metadata": { "name": "globs", "version": "1" },
        "spec": { "models": ["*"], "roles": { "dev": { "tools": role }, "none": { "tools": [] } }, "tools": tools },
    })
}

fn contract(tools: &[Value], role: &[&str]) -> Contract {
    from_value(&document(tools, role)).unwrap_or_else(|errors| panic!("{errors}"))
}

fn faults(tools: &[Value], role: &[&str]) -> String {
    from_value(&document(tools, role)).unwrap_err().to_string()
}

/// The allowed tool with the called name, or the code of the denial.
fn verdict(contract: &Contract, role: &str, name: &str) -> Result<(String, String), Code> {
    let call = ProposedCall { name, arguments: r#"{"q":"x"}"# };
    match decide(contract, &Caller::new("acme", role), &Conversation::default(), &call) {
        Verdict::Allow(approved) | Verdict::NeedsApproval(approved) => {
            Ok((approved.tool.name().to_owned(), approved.name.to_string()))
        }
        Verdict::Deny(violation) => Err(violation.code),
    }
}

fn github() -> Contract {
    contract(
        &[tool("mcp__*", "write"), tool("mcp__github__*", "read"), tool("mcp__github__delete_repo", "destructive")],
        &["mcp__github__*", "!mcp__github__delete_repo"],
    )
}

#[test]
fn a_call_goes_to_its_exact_name_and_then_to_the_longest_glob() {
    let contract = github();
    for (name, expected) in [
        ("mcp__github__get_me", Ok("mcp__github__*")),
        ("mcp__github__a.b:c/d-e", Ok("mcp__github__*")),
        ("mcp__github__delete_repo", Err(Code::RoleForbidden)),
        ("mcp__github__delete_repo2", Ok("mcp__github__*")),
        ("mcp__time__now", Err(Code::RoleForbidden)),
        ("mcp__github__*", Err(Code::ToolNotInContract)),
        ("mcp__github__a b", Err(Code::ToolNotInContract)),
        ("mcp__github__\u{e9}", Err(Code::ToolNotInContract)),
        ("mcp_github", Err(Code::ToolNotInContract)),
        ("MCP__github__x", Err(Code::ToolNotInContract)),
    ] {
        let expected = expected.map(|glob| (glob.to_owned(), name.to_owned()));
        assert_eq!(verdict(&contract, "dev", name), expected, "{name}");
        assert!(verdict(&contract, "none", name).is_err());
    }
}

#[test]
fn the_one_schema_decides_and_a_violation_names_the_call() {
    let contract = github();
    let call = ProposedCall { name: "mcp__github__get_me", arguments: "{}" };
    let Verdict::Deny(violation) = decide(&contract, &Caller::new("acme", "dev"), &Conversation::default(), &call)
    else {
        panic!("the schema needs `q`")
    };
    assert_eq!((violation.code, violation.tool.as_str()), (Code::ArgumentsInvalid, "mcp__github__get_me"));
    let call = ProposedCall { arguments: r#"{"q":"x"}"#, ..call };
    let verdict = decide(&contract, &Caller::new("acme", "dev"), &Conversation::default(), &call);
    let told = verdict_json(&verdict, &contract);
    assert_eq!((&told["tool"], &told["glob"]), (&json!("mcp__github__get_me"), &json!("mcp__github__*")));
}

#[test]
fn a_role_may_begin_a_name_if_a_glob_may_end_it() {
    let contract = github();
    let role = contract.role("dev").unwrap();
    for (beginning, may) in
        [("mcp", true), ("mcp__github__", true), ("mcp__github__get", true), ("mcp__time", false), ("x", false)]
    {
        assert_eq!(role.may_use_one_named(beginning), may, "{beginning}");
    }
}

#[test]
fn a_glob_is_a_beginning_with_one_star_that_the_client_runs() {
    for (name, is_good) in [
        ("mcp__*", true),
        ("a*", true),
        ("mcp.x:y/z*", true),
        ("*", false),
        ("*_x", false),
        ("a*b", false),
        ("a**", false),
        ("a b*", false),
    ] {
        let tools = [tool(name, "read")];
        assert_eq!(from_value(&document(&tools, &[])).is_ok(), is_good, "{name}");
    }
    assert!(from_value(&document(&[tool(&"a".repeat(128), "read")], &[])).is_ok());
    assert!(from_value(&document(&[tool(&"a".repeat(129), "read")], &[])).is_err());
    let mut run_here = tool("mcp__*", "read");
    run_here["run"] = json!({ "http": { "cluster": "c", "method": "GET", "path": "/" } });
    let faults = faults(&[run_here], &[]);
    assert!(faults.contains("/spec/tools/0/run: expected `client` for a glob"), "{faults}");
}

#[test]
fn a_glob_is_noted_as_names_that_nobody_reviewed() {
    let contract = contract(&[tool("mcp__github__*", "read"), tool("read", "read")], &["*"]);
    let notes: Vec<String> = contract.notes().iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("every name that begins with `mcp__github__`"), "{notes:?}");
}

#[test]
fn a_role_takes_whole_globs_or_names_with_a_tool_of_their_own() {
    let globs = [tool("mcp__github__*", "read")];
    let faults = faults(&globs, &["mcp__github__get_*"]);
    assert!(faults.contains("expected the whole glob `mcp__github__*`"), "{faults}");
    // A refused part would be left to the glob.
    let with_one = [tool("mcp__github__*", "read"), tool("mcp__github__delete_repo", "destructive")];
    for pattern in ["!mcp__github__delete_*", "!*delete*", "!mcp__github__get_me"] {
        assert!(from_value(&document(&with_one, &["mcp__*", pattern])).is_err(), "{pattern}");
    }
    for pattern in ["!mcp__github__delete_repo", "!mcp__github__*", "!*"] {
        assert!(from_value(&document(&with_one, &["mcp__*", pattern])).is_ok(), "{pattern}");
    }
    let own = [tool("mcp__github__*", "read"), tool("mcp__github__delete_*", "destructive")];
    let contract = contract(&own, &["mcp__*", "!mcp__github__delete_*"]);
    assert_eq!(verdict(&contract, "dev", "mcp__github__delete_branch"), Err(Code::RoleForbidden));
    assert!(verdict(&contract, "dev", "mcp__github__get_me").is_ok());
}

#[test]
fn a_comparison_promises_nothing_if_another_tool_decides_a_name() {
    let wide = contract(&[tool("mcp__*", "read")], &["*"]);
    let narrow = contract(&[tool("mcp__*", "read"), tool("mcp__github__*", "read"), tool("mcp__a", "read")], &["*"]);
    let access = |before: &Contract, after: &Contract| {
        let changes = compare(before, after).into_iter().filter(|change| change.kind == ChangeKind::Access);
        changes.map(|change| (change.tool.unwrap(), change.effect)).collect::<Vec<_>>()
    };
    let both = [("mcp__github__*".to_owned(), ChangeEffect::Unclear), ("mcp__a".to_owned(), ChangeEffect::Unclear)];
    assert_eq!(access(&wide, &narrow), both);
    assert_eq!(access(&narrow, &wide), both);
    let none = contract(&[tool("read", "read")], &["*"]);
    let added = contract(&[tool("read", "read"), tool("mcp__*", "read")], &["*"]);
    assert_eq!(access(&none, &added), [("mcp__*".to_owned(), ChangeEffect::Opens)]);
    assert_eq!(access(&added, &none), [("mcp__*".to_owned(), ChangeEffect::Closes)]);
}

#[test]
fn the_text_of_a_contract_with_globs_reads_as_the_same_contract() {
    let contract = github();
    let again = from_value(&serde_json::from_str(contract.canonical()).unwrap()).unwrap();
    assert_eq!(again.digest(), contract.digest());
    assert_eq!(contract.entry("mcp__github__*").map(|tool| tool.is_glob()), Some(true));
    assert!(contract.entry("mcp__github__x").is_none() && contract.tool("mcp__github__*").is_none());
}
