//! `callgate diff`, run as a person runs it: output and exit code.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests: a failed step is a failed test")]

mod support;

use serde_json::{Value, json};
use support::{Folder, callgate};

#[test]
fn equal_contracts_exit_with_0() {
    let folder = Folder::new("diff-same");
    let again = folder.write("again.yaml", &folder.text().replace("effects: write", "effects:   write # the same"));
    let said = callgate(&["diff", &folder.contract(), &again]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.ends_with("\nno difference\n"), "{said:?}");
}

#[test]
fn differences_exit_with_1_and_name_effect_tool_roles_and_values() {
    let folder = Folder::new("diff-text");
    let after = folder
        .text()
        .replace("viewer: { tools: [\"get_*\"] }", "viewer: { tools: [\"*\"] }")
        .replace("maximum: 100", "maximum: 50")
        .replace("effects: read", "effects: write")
        .replace("version: 1.2.3", "version: 2.0.0");
    let after = folder.write("after.yaml", &after);
    let said = callgate(&["diff", &folder.contract(), &after]);
    assert_eq!(said.code, 1, "{said:?}");
    let lines: Vec<&str> = said.out.lines().skip(2).collect();
    assert_eq!(
        lines,
        [
            "",
            "becomes possible",
            "  create_order for viewer: the role gains the tool",
            "",
            "stops",
            "  create_order for clerk: parameters/properties/quantity/maximum: 100 → 50",
            "",
            "unclear, look at it",
            "  get_order for clerk, viewer: effects: \"read\" → \"write\"",
            "",
            "decides no call",
            "  every role: /metadata/version: \"1.2.3\" → \"2.0.0\"",
        ],
        "{said:?}"
    );
}

#[test]
fn the_json_form_has_every_change_with_its_values() {
    let folder = Folder::new("diff-json");
    let after = folder.write("after.yaml", &folder.text().replace("maximum: 100", "maximum: 101"));
    let said = callgate(&["diff", &folder.contract(), &after, "--format", "json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let found: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(found["before"]["digest"], callgate(&["digest", &folder.contract()]).out.trim());
    assert_eq!(
        found["changes"],
        json!([{
            "effect": "opens",
            "kind": "field",
            "tool": "create_order",
            "roles": ["clerk"],
            "pointer": "/spec/tools/create_order/parameters/properties/quantity/maximum",
            "before": 100,
            "after": 101,
        }])
    );
}

#[test]
fn an_unreadable_contract_exits_with_2() {
    let folder = Folder::new("diff-error");
    let said = callgate(&["diff", &folder.contract(), "no/such.yaml"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.starts_with("no/such.yaml: cannot be read: "), "{said:?}");
}
