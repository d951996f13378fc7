//! Requests beside those for a turn: counts of tokens, and shorter conversations.

use std::rc::Rc;

use callgate_engine::{Effect, Event, Exchange, Gate, Offer};
use serde_json::{Value, json};

use crate::at_path;
use crate::common::{NOW, begun, contract, finished, gate_over, refused, request_headers, send_with};

const INPUT_TOKENS: &str = "/v1/responses/input_tokens";
const COMPACT: &str = "/v1/responses/compact";

fn gate() -> Rc<Gate> {
    gate_over(&contract("refuse"), Offer::Declared)
}

fn tool(name: &str) -> Value {
    json!({ "type": "function", "name": name, "description": "poisoned", "parameters": {} })
}

fn request() -> Value {
    json!({ "model": "gpt-5.5", "input": [{ "type": "message", "role": "user", "content": "hello" }],
        "tools": [tool("get_weather"), tool("lookup")] })
}

fn with(member: &str, value: Value) -> Value {
    let mut body = request();
    body[member] = value;
    body
}

fn send(gate: &Rc<Gate>, path: &str, body: &Value) -> (Exchange, Effect) {
    at_path::send(gate, "clerk", path, body)
}

/// Sends a request and gives this answer of the upstream.
fn answered(gate: &Rc<Gate>, path: &str, body: &str) -> Effect {
    let (mut exchange, effect) = send(gate, path, &request());
    assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");
    assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
    exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now: NOW })
}

#[test]
fn a_count_may_name_no_model_and_a_turn_may_not() {
    let mut body = request();
    body.as_object_mut().unwrap().remove("model");
    assert!(matches!(send(&gate(), INPUT_TOKENS, &body).1, Effect::Forward(_)));
    for path in [COMPACT, "/v1/responses"] {
        assert_eq!(refused(send(&gate(), path, &body).1), (400, "request_invalid".to_owned()), "{path}");
    }
}

#[test]
fn a_request_beside_a_turn_has_the_rules_of_a_turn() {
    for path in [INPUT_TOKENS, COMPACT] {
        for (body, code) in [
            (with("model", json!("o9")), "model_not_allowed"),
            (with("tools", json!([tool("rm_rf")])), "tool_not_in_contract"),
            (with("tools", json!([{ "type": "web_search" }])), "provider_tool_forbidden"),
            (with("tools", json!([{ "type": "local_shell" }])), "tool_not_in_contract"),
            (with("tool_choice", json!({ "type": "function", "name": "rm_rf" })), "tool_not_in_contract"),
            (with("previous_response_id", json!("resp_1")), "server_state_forbidden"),
            (with("input", json!([{ "type": "mcp_approval_response" }])), "provider_tool_forbidden"),
            (with("Model", json!("o9")), "request_invalid"),
            (with("background", json!(true)), "request_invalid"),
            (json!([]), "request_invalid"),
        ] {
            assert_eq!(refused(send(&gate(), path, &body).1), (400, code.to_owned()), "{path} {body}");
        }
        let mut headers = request_headers("clerk");
        headers.retain(|(name, _)| name != ":path" && name != "x-role");
        headers.push((":path".to_owned(), path.into()));
        let mut exchange = Exchange::new(gate(), "exchange-1");
        assert_eq!(refused(send_with(&mut exchange, &headers, b"{}")).0, 401, "{path}");
    }
}

#[test]
fn a_request_beside_a_turn_is_rewritten_and_gets_no_limit_of_output() {
    for path in [INPUT_TOKENS, COMPACT] {
        let mut body = with("secret_member", json!(1));
        body["stream"] = json!(true);
        let (_, effect) = send(&gate(), path, &body);
        let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
        let sent: Value = serde_json::from_slice(&forward.body).unwrap();
        assert_eq!(sent["tools"][0]["description"], "The weather of a city.", "{path}");
        assert!(sent.get("max_output_tokens").is_none() && sent.get("secret_member").is_none(), "{path}");
    }
    let injecting = gate_over(&contract("refuse"), Offer::Inject);
    let (_, effect) = send(&injecting, COMPACT, &json!({ "model": "gpt-5.5", "input": [] }));
    let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
    assert!(!String::from_utf8(forward.body).unwrap().contains("lookup"));
}

#[test]
fn a_count_is_forwarded_and_anything_else_is_not() {
    let count = r#"{"object": "response.input_tokens", "input_tokens": 11}"#;
    assert_eq!(finished(answered(&gate(), INPUT_TOKENS, count)), count.as_bytes());
    let long = format!(r#"{{"input_tokens":1,"output":"{}"}}"#, "a".repeat(1000));
    for body in [
        r#"{"input_tokens":1,"output":[{"type":"function_call","name":"rm_rf","arguments":"{}"}]}"#,
        r#"{"id":"resp_1","output":[]}"#,
        "11",
        "[]",
        "",
        &long,
    ] {
        assert_eq!(refused(answered(&gate(), INPUT_TOKENS, body)), (502, "upstream_invalid".to_owned()), "{body}");
    }
}

#[test]
fn a_shorter_conversation_is_forwarded() {
    let items = json!([
        { "id": "msg_1", "type": "message", "status": "completed", "role": "user",
            "content": [{ "type": "input_text", "text": "hello" }, { "type": "input_image", "image_url": "data:," }] },
        { "id": "cmp_1", "type": "compaction", "encrypted_content": "gAAAA" },
    ]);
    let body = json!({ "id": "resp_1", "object": "response.compaction", "created_at": 1, "output": items,
        "usage": { "input_tokens": 139, "output_tokens": 438, "total_tokens": 577 } });
    let text = body.to_string();
    assert_eq!(finished(answered(&gate(), COMPACT, &text)), text.as_bytes());
}

#[test]
fn a_shorter_conversation_with_a_call_is_refused_whatever_the_call_is() {
    let call = |item: Value| json!({ "object": "response.compaction", "output": [item] }).to_string();
    for body in [
        call(
            json!({ "type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{\"city\":\"Oslo\"}" }),
        ),
        call(json!({ "type": "function_call", "call_id": "c", "name": "lookup", "arguments": "{\"key\":\"a\"}" })),
        call(json!({ "type": "function_call", "call_id": "c", "name": "rm_rf", "arguments": "{}" })),
        call(json!({ "type": "custom_tool_call", "call_id": "c", "name": "exec", "input": "rm" })),
        call(json!({ "type": "local_shell_call", "call_id": "c", "action": { "type": "exec", "command": ["rm"] } })),
        call(json!({ "type": "computer_call", "call_id": "c", "action": {} })),
        call(json!({ "type": "message", "content": [{ "type": "tool_call", "name": "f" }] })),
        json!({ "object": "response.compaction", "output": [], "tool_calls": [{}] }).to_string(),
        r#"{"output":[],"output":[]}"#.to_owned(),
        "{}".to_owned(),
    ] {
        for violation in ["refuse", "error", "feedback"] {
            let effect = answered(&gate_over(&contract(violation), Offer::Declared), COMPACT, &body);
            assert_eq!(refused(effect), (502, "upstream_invalid".to_owned()), "{violation} {body}");
        }
    }
}

#[test]
fn a_stream_in_place_of_a_count_or_a_shorter_conversation_is_refused() {
    for path in [INPUT_TOKENS, COMPACT] {
        let (mut exchange, _) = send(&gate(), path, &with("stream", json!(true)));
        assert_eq!(refused(begun(&mut exchange, "text/event-stream")).0, 502, "{path}");
    }
}
