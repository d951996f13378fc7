//! `callgate replay`, run as a person runs it: audit logs and captured traffic under another contract.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use std::path::Path;
use std::time::SystemTime;

use callgate_audit::{AuditEvent, AuditLog, AuditSection, Call, Entry, Source, Verdict};
use callgate_settings::{ConfigFile, read};
use serde_json::{Value, json};
use support::{Folder, Output, callgate, callgate_with};

/// A decision of the gate as `callgate audit export` writes it.
fn decision(position: u32, role: &str, tool: &str, arguments: Option<&str>, verdict: &str, code: &str) -> String {
    let mut record = json!({
        "exchange_id": "exchange-1", "executor": "e", "kind": "decision", "position": position, "previous": "0", "role": role,
        "round": 1, "seq": position + 1, "source": "filter", "tenant": "acme", "time": "2026-11-27T07:00:00.000000000Z",
        "tool": tool, "verdict": verdict,
    });
    if let Some(arguments) = arguments {
        record["arguments"] = json!(arguments);
    }
    if !code.is_empty() {
        record["code"] = json!(code);
    }
    format!("{}\n", json!({ "hash": "0".repeat(64), "record": record }))
}

fn export(records: &[String]) -> String {
    let header = json!({ "executor": "e", "records": records.len(), "head": "0".repeat(64) });
    format!("{header}\n{}", records.concat())
}

fn replay(log: &str, arguments: &[&str]) -> Output {
    callgate_with(&[&["replay", "-"][..], arguments].concat(), log.as_bytes())
}

fn summary(said: &Output) -> Value {
    let last: Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
    last["summary"].clone()
}

#[test]
fn records_are_decided_again_and_differences_have_both_codes() {
    let folder = Folder::new("replay-audit");
    let records = [
        decision(0, "clerk", "create_order", Some(r#"{"quantity":1,"sku":"A"}"#), "allow", ""),
        decision(1, "clerk", "create_order", Some(r#"{"quantity":101,"sku":"A"}"#), "allow", ""),
        decision(2, "viewer", "create_order", None, "deny", "role_forbidden"),
        decision(3, "viewer", "create_order", None, "allow", ""),
        decision(4, "clerk", "create_order", None, "allow", ""),
        // The executor decided the same call again.
        decision(4, "clerk", "create_order", None, "allow", ""),
    ];
    let said = replay(&export(&records), &[&folder.contract()]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(
        said.out,
        "record 2: create_order for clerk: allow → arguments_invalid at /quantity\n\
         record 4: create_order for viewer: allow → role_forbidden\n\
         calls        4\n\
         same         2\n\
         different    2\n\
         \u{20}        1  create_order: allow → arguments_invalid\n\
         \u{20}        1  create_order: allow → role_forbidden\n\
         not decided  1\n\
         \u{20}        1  the record has no arguments\n"
    );
}

#[test]
fn a_log_without_differences_exits_with_0() {
    let folder = Folder::new("replay-same");
    let records = [decision(0, "clerk", "create_order", Some(r#"{"quantity":1,"sku":"A"}"#), "allow", "")];
    let said = replay(&export(&records), &[&folder.contract(), "--format", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(summary(&said)["same"], 1);
}

#[test]
fn the_turn_limit_counts_the_earlier_calls_of_the_turn() {
    let folder = Folder::new("replay-limit");
    let text = folder.text().replace("  roles:", "  limits: { maxToolCallsPerTurn: 2 }\n  roles:");
    let candidate = folder.write("candidate.yaml", &text);
    let arguments = Some(r#"{"quantity":1,"sku":"A"}"#);
    let records: Vec<String> = (0..3).map(|at| decision(at, "clerk", "create_order", arguments, "allow", "")).collect();
    let said = replay(&export(&records), &[&candidate, "--format", "json"]);
    let first: Value = serde_json::from_str(said.out.lines().next().unwrap()).unwrap();
    assert_eq!((&first["at"], &first["after"]), (&json!("record 3"), &json!("limit_exceeded")), "{said:?}");
    assert_eq!(summary(&said)["different"], 1);
}

#[test]
fn calls_whose_rules_read_the_conversation_are_not_decided() {
    let folder = Folder::new("replay-facts");
    let text = folder.text().replace("effects: write", "effects: write\n      when: \"!conversation.tainted\"");
    let candidate = folder.write("candidate.yaml", &text);
    let records = [decision(0, "clerk", "create_order", Some(r#"{"quantity":1,"sku":"A"}"#), "allow", "")];
    let said = replay(&export(&records), &[&candidate]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("not decided  1\n"), "{said:?}");
}

#[test]
fn long_logs_are_counted_whole_and_listed_up_to_the_limit() {
    let folder = Folder::new("replay-long");
    let one = decision(0, "viewer", "create_order", None, "allow", "");
    let records: Vec<String> =
        (0..20_000).map(|number| one.replace("exchange-1", &format!("exchange-{number}"))).collect();
    let said = replay(&export(&records), &[&folder.contract(), "--format", "json", "--limit", "3"]);
    assert_eq!(said.out.lines().count(), 4);
    assert_eq!(summary(&said)["different"], 20_000);
}

#[test]
fn a_state_directory_is_a_log() {
    let folder = Folder::new("replay-state");
    let state = folder.path("state");
    let place = ConfigFile { file: "executor.yaml", folder: Path::new(".") };
    let settings = read::<AuditSection>(place.file, "{}").unwrap().resolve(&place).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = AuditLog::open(&state, &settings).unwrap();
        for position in 0..3 {
            let call = Call {
                exchange_id: "exchange-1".into(),
                round: 1,
                position,
                role: "clerk".into(),
                tool: "create_order".into(),
                arguments: Some(format!(r#"{{"quantity":{},"sku":"A"}}"#, position * 100)),
                ..Call::default()
            };
            let decided = |verdict, code: &str| AuditEvent::Decision {
                verdict,
                code: code.into(),
                pointer: String::new(),
                approval_id: None,
            };
            let event =
                if position == 0 { decided(Verdict::Deny, "arguments_invalid") } else { decided(Verdict::Allow, "") };
            log.append(Entry { time: SystemTime::now(), source: Source::Filter, call: call.into(), event })
                .await
                .unwrap();
        }
        log.close().await;
    });
    let said = callgate(&["replay", &state.display().to_string(), &folder.contract(), "--format", "json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let found = summary(&said);
    assert_eq!((&found["calls"], &found["different"]), (&json!(3), &json!(1)), "{said:?}");
}

/// A chat completion with one call, captured.
fn captured(arguments: &str) -> Value {
    let call =
        json!({ "id": "call_1", "type": "function", "function": { "name": "create_order", "arguments": arguments } });
    json!({
        "path": "/v1/chat/completions",
        "request": {
            "model": "gpt-4o",
            "messages": [{ "role": "user", "content": "Order." }],
            "tools": [{ "type": "function", "function": { "name": "create_order" } }],
        },
        "status": 200,
        "response_headers": { "content-type": ["application/json"] },
        "response_body": {
            "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o",
            "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": { "role": "assistant", "content": null, "tool_calls": [call] } }],
        },
    })
}

#[test]
fn captured_exchanges_are_played_through_the_gate() {
    let folder = Folder::new("replay-traffic");
    let good = captured(r#"{"sku":"A","quantity":2}"#);
    let bad = captured(r#"{"sku":"A","quantity":200}"#);
    let mut undeclared = captured("{}");
    undeclared["request"]["tools"][0]["function"]["name"] = json!("drop_table");
    let log = format!("{good}\n{bad}\n\n{undeclared}\n");
    let said = replay(&log, &[&folder.contract(), "--role", "clerk"]);
    assert_eq!(said.code, 1, "{said:?}");
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "line 2: create_order for clerk: allow → arguments_invalid at /quantity",
            "line 4: the exchange for clerk: pass → error:tool_not_in_contract",
        ],
        "{said:?}"
    );
    assert!(said.out.contains("exchanges    3\ncalls        2\n"), "{said:?}");

    let same = replay(&log, &[&folder.contract(), "--role", "clerk", "--active", &folder.contract()]);
    assert_eq!(same.code, 0, "{same:?}");
    let wider = folder.write("wider.yaml", &folder.text().replace("maximum: 100", "maximum: 1000"));
    let wider = replay(&log, &[&wider, "--role", "clerk", "--active", &folder.contract()]);
    assert!(wider.out.starts_with("line 2: create_order for clerk: arguments_invalid → allow\n"), "{wider:?}");
}

#[test]
fn a_stated_workspace_decides_calls_with_paths() {
    let folder = Folder::new("replay-workspace");
    let contract = folder.write("workspace.yaml", &folder.with_workspace());
    let (inside, outside) = (r#"{"sku":"/work/a/x","quantity":2}"#, r#"{"sku":"/work/b/x","quantity":2}"#);
    let mut own = captured(outside);
    own["workspace"] = json!("/work/b");
    let log = format!("{}\n{}\n{own}\n", captured(inside), captured(outside));
    let given = [contract.as_str(), "--role", "clerk", "--workspace", "/work/a"];
    let said = replay(&log, &given);
    let expected = "line 2: create_order for clerk: allow → argument_forbidden at /sku\n";
    assert!(said.code == 1 && said.out.starts_with(expected) && !said.out.contains("line 3"), "{said:?}");
    let said = replay(&log, &given[..3]);
    assert!(said.out.contains("line 1: create_order for clerk: allow → argument_unreadable"), "{said:?}");

    let records = [inside, outside].map(|arguments| decision(0, "clerk", "create_order", Some(arguments), "allow", ""));
    let [inside, outside] = records.map(|record| export(&[record]));
    let given = [contract.as_str(), "--workspace", "/work/a"];
    assert_eq!(replay(&inside, &given).code, 0);
    assert!(replay(&outside, &given).out.contains("argument_forbidden at /sku"));
    let said = replay(&inside, &given[..1]);
    assert!(said.out.contains("give --workspace"), "{said:?}");

    let said = replay(&log, &[&folder.contract(), "--role", "clerk", "--workspace", "/work/a"]);
    assert!(said.code == 2 && said.err.contains("no contract reads a header"), "{said:?}");
}

#[test]
fn a_request_that_only_the_candidate_refuses_is_a_difference() {
    let folder = Folder::new("replay-model");
    let candidate = folder.write("candidate.yaml", &folder.text().replace("gpt-4o*", "other"));
    let said = replay(&format!("{}\n", captured("{}")), &[&candidate, "--role", "clerk"]);
    assert_eq!(
        said.out.lines().next(),
        Some("line 1: the exchange for clerk: pass → error:model_not_allowed"),
        "{said:?}"
    );
}

#[test]
fn streamed_captures_are_read_by_the_same_reader() {
    let folder = Folder::new("replay-streamed");
    let mut exchange = captured("{}");
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        let event = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": [choice] });
        format!("data: {event}\n\n")
    };
    let call = json!({ "index": 0, "id": "call_1", "type": "function", "function": { "name": "create_order", "arguments": "{\"sku\":1}" } });
    let stream = format!(
        "{}{}data: [DONE]\n\n",
        chunk(json!({ "role": "assistant", "tool_calls": [call] }), Value::Null),
        chunk(json!({}), json!("tool_calls"))
    );
    exchange["request"]["stream"] = json!(true);
    exchange["response_headers"] = json!({ "Content-Type": "text/event-stream" });
    exchange["response_body"] = json!(stream);
    exchange["role"] = json!("clerk");
    let said = replay(&format!("{exchange}\n"), &[&folder.contract()]);
    assert!(said.out.starts_with("line 1: create_order for clerk: allow → arguments_invalid"), "{said:?}");
}

#[test]
fn an_unknown_line_exits_with_2_and_names_the_line() {
    let folder = Folder::new("replay-unknown");
    let said = replay("{\"a\": 1}\n", &[&folder.contract()]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.starts_with("-, line 1: is neither an audit record nor a captured exchange: "), "{said:?}");
    let said = callgate(&["replay", "no/such.db", &folder.contract()]);
    assert_eq!(said.code, 2, "{said:?}");
}
