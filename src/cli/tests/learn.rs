//! `callgate learn`: a proposal that its agent can work with, that explains each role, and that a hostile capture does not widen.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use std::time::{Duration, Instant};

use callgate_contract::Contract;
use serde_json::{Value, json};
use support::decided::{compiled, verdict};
use support::recorded::{self, agents};
use support::{Folder, Output, callgate};

/// Learns from entries, one a line.
fn learn(folder: &Folder, entries: &[Value], more: &[&str]) -> Output {
    let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    let file = folder.write("captured.jsonl", &lines);
    let mut line = vec!["learn", &file, "--out", "-"];
    line.extend(more);
    callgate(&line)
}

/// Returns the text, the compiled contract and the questions.
fn learned(folder: &Folder, entries: &[Value], more: &[&str]) -> (String, Contract, String) {
    let said = learn(folder, entries, more);
    assert_eq!(said.code, 0, "{said:?}");
    let contract = compiled("learned", &said.out);
    (said.out, contract, said.err)
}

fn function(name: &str, properties: Value) -> Value {
    json!({ "type": "function", "function": { "name": name, "parameters": { "type": "object", "properties": properties } } })
}

fn chat(tools: Vec<Value>, calls: &[(&str, Value)]) -> Value {
    let made: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(at, (name, arguments))| json!({ "id": format!("c{at}"), "type": "function", "function": { "name": name, "arguments": arguments.to_string() } }))
        .collect();
    json!({ "method": "POST", "path": "/v1/chat/completions", "headers": {}, "body": {
        "model": "m", "messages": [{ "role": "user", "content": "go" }, { "role": "assistant", "content": null, "tool_calls": made }], "tools": tools } })
}

fn text() -> Value {
    json!({ "type": "string" })
}

/// The tools of a small agent.
fn tools() -> Vec<Value> {
    vec![
        function("bash", json!({ "command": text(), "workdir": text() })),
        function("read_file", json!({ "path": text() })),
        function("write_file", json!({ "path": text(), "content": text() })),
        function("task", json!({ "prompt": text() })),
        function("fetch_page", json!({ "url": text() })),
        function("frobnicate", json!({ "x": text() })),
    ]
}

#[test]
fn each_role_has_the_tools_that_its_profile_explains() {
    let folder = Folder::new("learn-roles");
    let calls = [
        ("bash", json!({ "command": "cat a.txt", "workdir": "/work/app" })),
        ("read_file", json!({ "path": "/work/app/src/a.rs" })),
        ("write_file", json!({ "path": "/work/app/b.rs", "content": "x" })),
    ];
    let (text, contract, questions) = learned(&folder, &[chat(tools(), &calls)], &[]);
    for (role, tool, arguments, expected) in [
        ("read-only", "bash", json!({ "command": "cat a.txt" }), "allow"),
        ("read-only", "bash", json!({ "command": "touch a.txt" }), "argument_forbidden"),
        ("read-only", "bash", json!({ "command": "cat a.txt", "workdir": "/etc" }), "argument_forbidden"),
        ("read-only", "read_file", json!({ "path": "/work/app/x" }), "allow"),
        ("read-only", "read_file", json!({ "path": "/etc/passwd" }), "argument_forbidden"),
        ("read-only", "write_file", json!({ "path": "x", "content": "" }), "role_forbidden"),
        ("edit", "write_file", json!({ "path": "x", "content": "" }), "allow"),
        ("edit", "write_file", json!({ "path": ".git/config", "content": "" }), "argument_forbidden"),
        ("edit", "bash", json!({ "command": "touch a.txt" }), "allow"),
        ("edit", "fetch_page", json!({ "url": "https://docs.rs/x" }), "allow"),
        ("edit", "fetch_page", json!({ "url": "https://evil.example/" }), "argument_forbidden"),
        ("edit", "task", json!({ "prompt": "go" }), "role_forbidden"),
        ("edit", "frobnicate", json!({ "x": "y" }), "role_forbidden"),
        ("full", "task", json!({ "prompt": "go" }), "allow"),
        ("full", "frobnicate", json!({ "x": "y" }), "allow"),
    ] {
        let found = verdict(&contract, role, tool, &arguments);
        assert!(found.starts_with(expected), "{role} {tool} {arguments}: {found}\n{text}");
    }
    assert!(questions.contains("`task`: it starts or steers another agent. Who may?"), "{questions}");
    assert!(questions.contains("`frobnicate`: its name says nothing about its effects. Who may?"), "{questions}");
    assert!(questions.contains("which hosts may they ask?"), "{questions}");
    assert!(
        text.contains("root: \"/work/app\"")
            && questions.contains("`workspace.root` is the directory of the recorded paths"),
        "{text}"
    );
    assert!(text.contains("# /command: a guess from its name"), "{text}");
    for question in questions.lines().skip(1) {
        let words: Vec<&str> = question.split_whitespace().skip(1).collect();
        let head: String = text.lines().filter_map(|line| line.strip_prefix('#')).collect::<Vec<_>>().join(" ");
        let head: Vec<&str> = head.split_whitespace().collect();
        assert!(head.join(" ").contains(&words.join(" ")), "the head of the contract lacks {question}");
    }
}

#[test]
fn every_form_of_declaration_is_learned() {
    let folder = Folder::new("learn-forms");
    let responses = |tools: Value, input: Value| json!({ "path": "/v1/responses", "body": { "model": "m", "tools": tools, "input": input } });
    let schema = json!({ "type": "object", "properties": { "path": text() } });
    for (what, entry, expected) in [
        (
            "function",
            responses(json!([{ "type": "function", "name": "read_a", "parameters": schema }]), json!([])),
            "read_a",
        ),
        (
            "custom",
            responses(json!([{ "type": "custom", "name": "apply_patch", "description": "x" }]), json!([])),
            "apply_patch",
        ),
        (
            "namespace",
            responses(
                json!([{ "type": "namespace", "name": "mcp__x", "tools": [{ "type": "function", "name": "read_b", "parameters": schema }] }]),
                json!([]),
            ),
            "mcp__x__read_b",
        ),
        (
            "additional_tools",
            responses(
                json!([]),
                json!([{ "type": "additional_tools", "role": "developer", "tools": [
                { "type": "namespace", "name": "functions", "tools": [{ "type": "custom", "name": "exec", "description": "x" }] }] }]),
            ),
            "exec",
        ),
        ("local_shell", responses(json!([{ "type": "local_shell" }]), json!([])), "local_shell"),
        (
            "gemini",
            json!({ "path": "/v1beta/models/g:generateContent", "body": { "contents": [], "tools": [{ "functionDeclarations": [{ "name": "read_c", "parameters": schema }] }] } }),
            "read_c",
        ),
        (
            "deferred",
            json!({ "path": "/v1/messages", "body": { "model": "m", "max_tokens": 1, "messages": [],
                "tools": [{ "name": "read_d", "input_schema": schema, "defer_loading": true }] } }),
            "read_d",
        ),
        (
            "typed",
            json!({ "path": "/v1/messages", "body": { "model": "m", "max_tokens": 1, "messages": [], "tools": [{ "type": "bash_20250124", "name": "bash" }] } }),
            "bash",
        ),
        ("mcp", json!({ "result": { "tools": [{ "name": "read_e", "inputSchema": schema }] } }), "read_e"),
    ] {
        let (text, contract, _) = learned(&folder, &[entry], &[]);
        assert!(contract.permit(contract.role("full"), expected).is_ok(), "{what}: {text}");
    }
    // Programs of code mode need the tools that they call.
    let exec = responses(json!([{ "type": "custom", "name": "exec", "description": "x" }]), json!([]));
    let (text, contract, questions) = learned(&folder, &[exec], &["--workspace", "/w"]);
    let program = |line: &str| json!({ "input": format!("const r = await tools.exec_command({{cmd: \"{line}\"}});\ntext(r.output);\n") });
    assert_eq!(verdict(&contract, "edit", "exec", &program("cat a")), "allow", "{text}");
    assert!(
        verdict(&contract, "edit", "exec", &program("curl evil.example")).starts_with("argument_forbidden"),
        "{text}"
    );
    assert!(questions.contains("is Codex the agent?"), "{questions}");
}

#[test]
fn an_archive_and_a_log_are_read() {
    let folder = Folder::new("learn-inputs");
    let body = chat(tools(), &[])["body"].to_string();
    let archive = json!({ "log": { "entries": [
        { "request": { "method": "GET", "url": "https://api.example/v1/models" }, "response": { "content": {} } },
        { "request": { "method": "POST", "url": "https://telemetry.example/x", "postData": { "text": "{\"a\":1}" } }, "response": { "content": {} } },
        { "request": { "method": "POST", "url": "https://api.example/v1/chat/completions?x=1", "postData": { "text": body } }, "response": { "content": { "text": "data: x" } } },
    ] } });
    let har = folder.write("session.har", &archive.to_string());
    let said = callgate(&["learn", "--har", &har, "--out", "-"]);
    assert!(said.code == 0 && said.out.contains("- name: write_file"), "{said:?}");
    assert!(said.err.contains("2 entries have no request of a known API"), "{}", said.err);
    let other = callgate(&["learn", "--har", &folder.write("x.har", "{}"), "--out", "-"]);
    assert!(other.code == 1 && other.err.contains("not an HTTP archive"), "{other:?}");

    let record = |seq: u64, tool: &str, verdict: &str, arguments: Value| {
        json!({ "hash": "", "record": { "seq": seq, "kind": "decision", "time": "2026-01-01T00:00:00Z", "executor": "e", "previous": "", "tenant": "t", "role": "r",
            "tool": tool, "verdict": verdict, "arguments": arguments.to_string(), "exchange_id": format!("x{seq}"), "round": 0, "position": 0 } })
    };
    let lines = [
        record(1, "read_file", "allow", json!({ "path": "/srv/app/a", "line": 1 })),
        record(2, "read_file", "allow", json!({ "path": "/srv/app/b" })),
        record(3, "delete_all", "deny", json!({ "path": "/" })),
    ];
    let log = folder.write("log.jsonl", &lines.map(|line| format!("{line}\n")).concat());
    let said = callgate(&["learn", "--from-audit", &log, "--out", "-"]);
    assert_eq!(said.code, 0, "{said:?}");
    let contract = compiled("learned", &said.out);
    assert_eq!(
        verdict(&contract, "read-only", "read_file", &json!({ "path": "/srv/app/c", "line": 3 })),
        "allow",
        "{}",
        said.out
    );
    assert!(
        verdict(&contract, "full", "read_file", &json!({ "path": "/srv/app/c", "mode": 3 }))
            .starts_with("arguments_invalid")
    );
    assert!(contract.permit(contract.role("full"), "delete_all").is_err(), "a refused call teaches nothing");
    assert!(
        said.err.contains("1 calls of the log were refused")
            && said.err.contains("`read_file`: no declaration is known"),
        "{}",
        said.err
    );
}

#[test]
fn a_hostile_capture_widens_nothing() {
    let folder = Folder::new("learn-hostile");
    let own = json!({ "type": "string", "x-callgate": { "path": "read" } });
    let entries = [
        chat(
            vec![
                function("bash", json!({ "command": text() })),
                function("Bash", json!({ "command": text() })),
                function("write_file", json!({ "path": own, "content": text() })),
                function("tool_call", json!({ "name": text(), "arguments": { "type": "object" } })),
                function("read_x", json!({ "path": { "anyOf": [{ "type": "string" }, { "type": "null" }] } })),
                function("get_y", json!({ "file_path": { "oneOf": [{ "type": "string" }] } })),
                function("mcp__*", json!({})),
                function("a\n  - name: evil", json!({})),
                function("line\u{2028}break\u{202e}", json!({})),
                function("read_q", json!({ "a: b\n# \"x": text(), "${path}": text() })),
                json!({ "type": "function", "function": { "name": "get_z", "description": "x\n    - name: evil # \" \u{202e}\u{0}", "parameters": { "type": "object" } } }),
            ],
            &[
                ("bash", json!({ "command": "$(unreadable" })),
                ("bash", json!({ "command": "cat a", "shell": "/tmp/sh" })),
                ("write_file", json!({ "path": "/etc/passwd", "content": "" })),
                ("write_file", json!({ "path": "/x", "content": "" })),
                ("never_declared", json!({ "command": "id" })),
            ],
        ),
        json!("neither"),
        json!({ "what": 1 }),
    ];
    let (text, contract, questions) = learned(&folder, &entries, &[]);
    for (role, tool, arguments, expected) in [
        // A recorded value removes no mark.
        ("full", "bash", json!({ "command": "$(unreadable" }), "argument_unreadable"),
        ("full", "bash", json!({ "command": "rm -rf /" }), "argument_forbidden"),
        // A mark in a declaration counts for nothing.
        ("full", "write_file", json!({ "path": ".git/config", "content": "" }), "argument_forbidden"),
        ("full", "write_file", json!({ "path": "/etc/x", "content": "" }), "argument_forbidden"),
        ("full", "read_x", json!({ "path": "/etc/passwd" }), "argument_forbidden"),
        ("read-only", "get_y", json!({ "file_path": "/etc/passwd" }), "role_forbidden"),
        // Names that differ in case only are told apart by a person.
        ("edit", "bash", json!({ "command": "ls" }), "role_forbidden"),
        ("edit", "Bash", json!({ "command": "ls" }), "role_forbidden"),
        ("full", "tool_call", json!({ "name": "x", "arguments": {} }), "tool_not_in_contract"),
        ("full", "mcp__x__y", json!({}), "tool_not_in_contract"),
        ("full", "evil", json!({}), "tool_not_in_contract"),
        ("full", "never_declared", json!({ "command": "id" }), "tool_not_in_contract"),
    ] {
        let found = verdict(&contract, role, tool, &arguments);
        assert!(found.starts_with(expected), "{role} {tool} {arguments}: {found}\n{text}");
    }
    assert!(
        text.contains("root: \"/work/project\""),
        "no recorded path makes a system's directory the workspace: {text}"
    );
    for expected in [
        "differs in case only",
        "left out. It calls another tool by name",
        "called, but never declared",
        "cannot be read",
        "No role allows",
    ] {
        assert!(questions.contains(expected), "{expected}: {questions}");
    }
    let hidden = |letter: char| letter.is_control() && letter != '\n' || matches!(letter, '\u{202e}' | '\u{2028}');
    let comments: String = text.lines().filter(|line| line.trim_start().starts_with('#')).collect();
    assert!(!comments.contains(hidden) && !questions.contains(hidden), "{comments}");
    assert!(!questions.contains("\n  - name"), "{questions}");
}

#[test]
fn ten_thousand_tools_and_deep_schemas_are_bounded() {
    let folder = Folder::new("learn-bounds");
    let many = |from: usize| {
        let tools = (from..from + 5_025).map(|n| function(&format!("read_{n}"), json!({ "path": text() })));
        chat(tools.collect(), &[])
    };
    let start = Instant::now();
    let (_, contract, questions) = learned(&folder, &[many(0), many(5_025)], &[]);
    assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
    assert_eq!(contract.tools().len(), 1_000);
    assert!(
        questions.contains("and 9020 more: left out. A proposal has at most 1,000 tools") && questions.len() < 20_000,
        "{}",
        questions.len()
    );
    let nested =
        |depth: usize| (0..depth).fold(text(), |inner, _| json!({ "type": "object", "properties": { "path": inner } }));
    let deep = json!({ "type": "function", "function": { "name": "read_deep", "parameters": nested(20) } });
    let said = learn(&folder, &[chat(vec![deep], &[])], &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let bottomless = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let said = callgate(&["learn", &folder.write("deep.json", &bottomless), "--out", "-"]);
    assert!(said.code == 1 && said.err.contains("no tool is declared"), "{said:?}");
}

#[test]
fn servers_may_become_globs_of_one_role() {
    let folder = Folder::new("learn-globs");
    let tools = ["mcp__github__get_issue", "mcp__github__delete_repo", "mcp__time__now", "read_file"]
        .map(|name| function(name, json!({})));
    let entries = [chat(tools.to_vec(), &[])];
    let (_, contract, _) = learned(&folder, &entries, &[]);
    assert!(
        contract.permit(contract.role("read-only"), "mcp__github__get_issue").is_err(),
        "a server's tool is in no narrow role"
    );
    assert!(contract.permit(contract.role("full"), "mcp__github__other").is_err());
    let (_, contract, _) = learned(&folder, &entries, &["--mcp-globs"]);
    assert!(contract.permit(contract.role("full"), "mcp__github__other").is_ok());
    assert!(contract.permit(contract.role("read-only"), "mcp__github__get_issue").is_err());
}

#[test]
fn a_file_is_not_overwritten_and_a_wrong_workspace_is_told() {
    let folder = Folder::new("learn-files");
    let file = folder.write("captured.json", &chat(tools(), &[])["body"].to_string());
    let out = folder.write("there.yaml", "mine");
    let said = callgate(&["learn", &file, "--out", &out]);
    assert!(said.code == 1 && said.err.contains("--force"), "{said:?}");
    assert!(callgate(&["learn", &file, "--out", &out, "--force"]).code == 0);
    let said = callgate(&["learn", &file, "--out", "-", "--workspace", "project"]);
    assert!(said.code == 1 && said.err.contains("--workspace project: not an absolute directory"), "{said:?}");
    let header = callgate(&["learn", "--agent", "pi", "--out", "-", "--workspace", "header:x-workspace"]);
    assert!(header.code == 0 && header.out.contains("root: \"header:x-workspace\""), "{header:?}");
    let both = callgate(&["learn", &file, "--agent", "pi", "--out", "-"]);
    assert_eq!(both.code, 1, "{both:?}");
}

#[test]
fn a_recorded_agent_works_under_what_half_of_its_requests_teach() {
    let Some(agents) = agents() else { return };
    let folder = Folder::new("learn-agents");
    for (name, recorded) in &agents {
        let half: Vec<Value> = recorded.requests.iter().step_by(2).cloned().collect();
        let (text, contract, _) = learned(&folder, &half, &["--workspace", "/home/dev/project"]);
        let lint = callgate(&["lint", &folder.write("learned.yaml", &text)]);
        assert_eq!(lint.code, 0, "{name}: {lint:?}");
        assert_eq!(
            learned(&folder, &half, &["--workspace", "/home/dev/project"]).0,
            text,
            "the same files give the same text"
        );
        let mut half_declared = std::collections::BTreeSet::new();
        half.iter().for_each(|request| recorded::declared(&request["body"], &mut half_declared));
        let (mut allowed, mut refused) = (0, Vec::new());
        for (tool, arguments) in &recorded.calls {
            // Claude Code's texts were replaced by their lengths.
            if arguments.to_string().contains("<text of ") {
                continue;
            }
            assert!(half_declared.contains(tool), "{name}: half of the requests do not declare {tool}");
            let found = verdict(&contract, "full", tool, arguments);
            if found == "allow" { allowed += 1 } else { refused.push(format!("{tool} {arguments}: {found}")) }
        }
        assert!(refused.is_empty(), "{name}: {refused:#?}\n{text}");
        assert!(allowed > 0 || name == "claude-code", "{name}");
        // Each declared tool is there, or the first lines say why it is not.
        let head: String = text.lines().filter(|line| line.starts_with('#')).collect();
        let lost: Vec<&String> = half_declared
            .iter()
            .filter(|tool| {
                contract.permit(contract.role("full"), tool).is_err() && !head.contains(&format!("`{tool}`"))
            })
            .collect();
        assert!(lost.is_empty(), "{name}: {lost:?}");
    }
}

/// An agent that can write its own contract would choose its rules at the next rendering.
#[test]
fn a_contract_in_the_workspace_is_pointed_out_and_the_next_commands_fit() {
    let folder = Folder::new("learn-place");
    let root = folder.path("").canonicalize().unwrap();
    let root = root.to_str().unwrap();
    let learned = |name: &str, agent: &str, workspace: &str| {
        let out = folder.path(name);
        let out = out.to_str().unwrap();
        callgate(&["learn", "--agent", agent, "--workspace", workspace, "--out", out, "--force"])
    };
    let inside = learned("inside.yaml", "codex", root);
    assert!(inside.code == 0 && inside.err.contains("is in the workspace, so the agent may change it"), "{inside:?}");
    let outside = learned("outside.yaml", "claude-code", "/work/project");
    assert!(outside.code == 0 && outside.err.is_empty(), "{outside:?}");
    assert!(outside.out.contains("--role edit --upstream api.anthropic.com:443 > "), "{outside:?}");
    let stated = learned("stated.yaml", "codex", "header:x-workspace");
    assert!(stated.out.contains("--role edit --workspace /work/project > "), "{stated:?}");
}
