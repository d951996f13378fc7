//! Turns, and the decisions on their calls.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use callgate_protect::{CallDecision, Decided, Judge, Turn};
use serde_json::json;

const CONTRACT: &str = r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: { name: desk, version: 1.0.0 }
spec:
  models: ["m"]
  roles: { assistant: { tools: [read] } }
  tools:
    - { name: read, effects: read, parameters: { type: object }, run: { client: {} } }
    - { name: write, effects: write, parameters: { type: object }, run: { client: {} } }
"#;

fn decided(model: &str, tool: &str) -> Decided {
    let call = json!({ "id": "call_1", "type": "function", "function": { "name": tool, "arguments": "{}" } });
    let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
    let answer = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": message }],
    });
    let request = json!({ "model": model, "messages": [{ "role": "user", "content": "go" }] });
    let turn = Turn {
        path: "/v1/chat/completions".to_owned(),
        role: "assistant".to_owned(),
        request: request.to_string(),
        answer: answer.to_string(),
        streamed: false,
    };
    Judge::new("desk", CONTRACT).unwrap().decide(&turn)
}

fn one(tool: &str, verdict: &'static str, code: &str) -> Decided {
    let call = CallDecision { tool: tool.to_owned(), verdict, code: code.to_owned(), pointer: String::new() };
    Decided { calls: vec![call], error: None }
}

#[test]
fn the_decision_is_that_of_the_engine() {
    assert_eq!(decided("m", "read"), one("read", "allowed", ""));
    assert_eq!(decided("m", "write"), one("write", "refused", "role_forbidden"));
}

#[test]
fn a_refused_request_is_an_error() {
    let decided = decided("other", "read");
    assert!(decided.calls.is_empty());
    assert!(decided.error.unwrap().contains("model"));
}

#[test]
fn a_faulty_contract_is_an_error() {
    assert!(Judge::new("desk", "kind: Contract").is_err());
}
