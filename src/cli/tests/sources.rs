//! `check --conversation` and `lint --suggest`, run as a person runs them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use serde_json::{Value, json};
use support::{Folder, Output, callgate};

const CHAPTER: &str = include_str!("../../../docs/guides/provenance.md");

/// Returns the first block of the chapter in a language.
fn block(language: &str) -> &'static str {
    let start = CHAPTER.split_once(&format!("```{language}\n")).unwrap().1;
    start.split_once("```").unwrap().0
}

/// Files of the chapter's contract and of a request.
fn files(folder: &Folder, request: &str) -> (String, String) {
    (folder.write("desk.yaml", block("yaml")), folder.write("request.json", request))
}

fn check(files: &(String, String), api: &str, tool: &str, arguments: &str, more: &[&str]) -> Output {
    let (contract, request) = files;
    let mut line = vec!["check", contract, "--role", "agent", "--tool", tool, "--arguments", arguments];
    line.extend(["--conversation", request, "--api", api]);
    line.extend(more);
    callgate(&line)
}

#[test]
fn a_call_is_decided_inside_of_a_captured_request() {
    let folder = Folder::new("sources-chat");
    let files = files(&folder, block("json"));
    let said = check(&files, "chatCompletions", "send_mail", r#"{"to":["ann@example.org","bob@shop.example"]}"#, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    for line in [
        "  sources    /to/0: from `user` or `tool:get_customer#/email`",
        "             the user's text (part 1)",
        "             the result of `get_customer` (part 5): the whole value at `#/email`, attributed",
    ] {
        assert!(said.out.contains(line), "{line}\n{}", said.out);
    }
    let said = check(&files, "chatCompletions", "send_mail", r#"{"to":["eve@evil.example"]}"#, &[]);
    assert_eq!(said.code, 0);
    for line in [
        "needs approval: send_mail",
        "because    origin_foreign at /to/0",
        "the result of `read_page`",
        "inside of the value at `#`, untrusted",
    ] {
        assert!(said.out.contains(line), "{line}\n{}", said.out);
    }
    let said = check(&files, "chatCompletions", "send_mail", r#"{"to":["frank@shop.example"]}"#, &[]);
    assert_eq!(said.code, 2);
    assert!(said.out.contains("origin_missing") && said.out.contains("nowhere in the conversation"), "{}", said.out);
    let said = check(&files, "chatCompletions", "delete_customer", r#"{"id":42}"#, &["--json"]);
    let shown: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(shown["verdict"], "needs_approval");
    let found = "the result of `get_customer` (part 5): the whole value at `#/id`, trusted";
    assert_eq!(shown["sources"], json!([{"pointer": "/id", "rule": "from `tool:get_customer#/id`", "found": [found]}]));
}

#[test]
fn requests_of_other_apis_are_read() {
    let folder = Folder::new("sources-apis");
    let ask = "Write to ann@example.org";
    for (api, request) in [
        ("responses", json!({"model": "m", "input": ask})),
        ("messages", json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": ask}]})),
        ("gemini", json!({"contents": [{"role": "user", "parts": [{"text": ask}]}]})),
        ("ollama", json!({"model": "m", "messages": [{"role": "user", "content": ask}]})),
        ("converse", json!({"messages": [{"role": "user", "content": [{"text": ask}]}]})),
    ] {
        let files = files(&folder, &request.to_string());
        let said = check(&files, api, "send_mail", r#"{"to":["ann@example.org"]}"#, &[]);
        assert!(said.code == 0 && said.out.contains("the user's text (part 0)"), "{api}: {said:?}");
    }
    let files = files(&folder, "[]");
    for (api, told) in
        [("chatCompletions", "not a request of this API"), ("chat", "unknown API; known: chatCompletions")]
    {
        let said = check(&files, api, "send_mail", "{}", &[]);
        assert!(said.code == 1 && said.err.contains(told), "{api}: {said:?}");
    }
}

#[test]
fn lint_warns_of_weak_rules_and_proposes_missing_ones() {
    let folder = Folder::new("sources-lint");
    let (contract, _) = files(&folder, "{}");
    let said = callgate(&["lint", &contract]);
    assert_eq!(said.code, 0);
    assert!(
        said.out.contains("warning: spec.tools[3] (send_mail): `origin` of `/to` names an attributed field"),
        "{said:?}"
    );
    assert!(!said.out.contains("suggestion"), "{said:?}");
    let said = callgate(&["lint", "--suggest", &contract]);
    assert!(said.out.contains("suggestion: spec.tools[1] (read_page): `/url` is an address"), "{said:?}");
    assert!(said.out.contains("\n      egress: true\n"), "{said:?}");
}
