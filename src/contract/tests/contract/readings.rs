//! Readings of bounded size, for the audit log and for the people who approve calls.

use callgate_contract::{Audit, BoundedReadings, Caller, Contract, StringReading, bounded_readings, load, reading_at};
use serde_json::json;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::folder::Folder;
use crate::kinds::text;

const ROOM: &str = "  workspace: { root: /work/project }\n  profiles: { p: { read: [\".\", \"!.git\"], run: [cat, echo, git log], ask: [git push] } }\n  \
                    roles: { r: { tools: [f], profile: p }, bare: { tools: [] } }\n";
const MARKS: &str = "{ type: object, properties: { c: { type: string, x-callgate: { command: { shell: sh } } }, \
                     to: { type: array, maxItems: 9, items: { type: string, x-callgate: { path: read } } }, \
                     \"a/b\": { type: object, properties: { p: { type: string, x-callgate: { path: read } } } } } }";

fn contract() -> Contract {
    load("c.yaml", &text(MARKS, ROOM), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"))
}

fn bounded(role: &str, arguments: &serde_json::Value, audit: Audit) -> BoundedReadings {
    let contract = contract();
    let arguments = callgate_json::read(arguments.to_string().as_bytes()).unwrap();
    bounded_readings(&contract, &Caller::new("acme", role), contract.tool("f").unwrap(), &arguments, audit)
}

#[test]
fn a_reading_names_the_kind_the_profile_and_the_entries_that_decided() {
    let line = "cat README.md && git log | cat; git push";
    let BoundedReadings { list, is_cut } = bounded("r", &json!({ "c": line, "to": ["src/x", "../x"] }), Audit::Full);
    assert!(!is_cut);
    let [command, path, refused] = &list[..] else { panic!("{list:?}") };
    assert_eq!((command.pointer.as_str(), command.kind, command.profile.as_str()), ("/c", "command", "p"));
    assert_eq!(command.rules, ["cat", "git log", "git push"]);
    assert!(command.lines.iter().any(|line| line.contains("read /work/project/README.md")), "{command:?}");
    assert_eq!((path.pointer.as_str(), &path.lines[..]), ("/to/0", &["read /work/project/src/x".to_owned()][..]));
    assert_eq!((refused.pointer.as_str(), refused.lines.len()), ("/to/1", 0));
    assert!(refused.refused.as_ref().unwrap().contains("profile `p`"), "{refused:?}");
}

#[test]
fn without_the_arguments_a_reading_has_no_part_of_them() {
    let secret = "hunter2-hunter2";
    let arguments = json!({
        "c": format!("echo {secret} && cat {secret}/x"),
        "to": [secret, format!("../{secret}"), format!("%2e{secret}\u{7}"), format!(".git/{secret}")],
        "a/b": { "p": format!("/etc/{secret}") },
    });
    let BoundedReadings { list, .. } = bounded("r", &arguments, Audit::Digest);
    assert_eq!(list.len(), 6);
    assert!(!format!("{list:?}").contains("hunter2"), "{list:?}");
    assert_eq!(list[0].rules, ["echo", "cat"]);
    assert!(list.iter().all(|reading| reading.lines.is_empty()));
    let BoundedReadings { list, .. } = bounded("r", &arguments, Audit::Full);
    assert!(list[0].lines.iter().any(|line| line.contains(secret)), "{list:?}");
    for refusal in list.iter().filter_map(|reading| reading.refused.as_ref()) {
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
}

#[test]
fn readings_are_bounded_in_number_and_length_and_say_that_they_are_cut() {
    let long = "x".repeat(5000);
    let many: Vec<String> = (0..20_000).map(|n| format!("f{n}")).collect();
    let operands = many[..3000].join(" ");
    for arguments in [
        json!({ "to": many }),
        json!({ "to": vec!["../x"; 20_000] }),
        json!({ "to": vec![json!(7); 20_000] }),
        json!({ "c": format!("cat {operands}") }),
        json!({ "c": format!("echo {long}") }),
        json!({ "c": format!("echo '{}'", "\u{1f980}".repeat(5000)) }),
        json!({ "c": vec!["cat a"; 2000].join("; ") }),
    ] {
        let BoundedReadings { list, is_cut } = bounded("r", &arguments, Audit::Full);
        let shown = &arguments.to_string()[..40];
        assert!(is_cut, "{shown}");
        assert!(list.len() <= 32, "{shown}: {}", list.len());
        let lines: Vec<&String> = list.iter().flat_map(|reading| &reading.lines).collect();
        assert!(lines.len() <= 64, "{shown}: {}", lines.len());
        let mut texts =
            lines.into_iter().chain(list.iter().flat_map(|reading| reading.refused.iter().chain(&reading.rules)));
        assert!(texts.all(|text| text.chars().count() <= 241), "{shown}");
    }
    let fits = bounded("r", &json!({ "to": vec!["a"; 32] }), Audit::Full);
    assert_eq!((fits.list.len(), fits.is_cut), (32, false));
}

#[test]
fn a_role_without_a_profile_and_arguments_without_marks_have_no_reading() {
    assert_eq!(bounded("bare", &json!({ "c": "cat x" }), Audit::Full), BoundedReadings::default());
    assert_eq!(bounded("nobody", &json!({ "c": "cat x" }), Audit::Full), BoundedReadings::default());
    for arguments in [json!({}), json!({ "c": null, "other": 1 }), json!({ "to": [] })] {
        assert_eq!(bounded("r", &arguments, Audit::Full), BoundedReadings::default(), "{arguments}");
    }
}

#[test]
fn a_decision_without_arguments_names_the_kind_and_the_profile() {
    let contract = contract();
    let tool = contract.tool("f").unwrap();
    let at = |role, code, pointer| reading_at(&contract, role, tool, code, pointer);
    for (code, pointer, kind) in [
        ("argument_forbidden", "/c", Some("command")),
        ("argument_unreadable", "/to/7", Some("path")),
        ("approval_required", "/a~1b/p", Some("path")),
        ("argument_forbidden", "/a/b/p", None),
        ("argument_forbidden", "/to", None),
        ("argument_forbidden", "/to/x", None),
        ("argument_forbidden", "/to/1/2", None),
        ("argument_forbidden", "c", None),
        ("argument_forbidden", "/", None),
        ("argument_forbidden", "", None),
        ("arguments_invalid", "/c", None),
        ("", "/c", None),
    ] {
        let found = at("r", code, pointer);
        assert_eq!(found.as_ref().map(|reading| reading.kind), kind, "{code} {pointer}");
        let Some(StringReading { profile, lines, rules, refused, .. }) = found else { continue };
        assert_eq!((profile.as_str(), lines.len(), rules.len(), refused), ("p", 0, 0, None));
    }
    assert_eq!(at("bare", "argument_forbidden", "/c"), None);
}
