//! Calls of OpenAI's computer, which the client runs.

use std::rc::Rc;

use callgate_engine::{Effect, Exchange, Gate, Offer};
use callgate_test_apis::openai_responses::{accumulate, call, message, numbered, response, said, stream_events};
use serde_json::{Value, json};

use crate::at_path;
use crate::common::{answered, finished, gate_over, streamed};

const PATH: &str = "/v1/responses";

fn gate(mode: &str) -> Rc<Gate> {
    let contract = format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["*"]
  onViolation: {mode}
  limits: {{ maxRounds: 3 }}
  roles: {{ dev: {{ tools: ["*"] }}, reader: {{ tools: [wait] }} }}
  results: {{ maxBytes: 1KiB, redact: [{{ kind: credit_card }}] }}
  tools:
    - {{ name: wait, effects: read, parameters: {{ type: object }}, run: {{ client: {{}} }} }}
    - name: computer
      effects: write
      run: {{ client: {{}} }}
      parameters:
        $defs: {{ act: {{ type: object, required: [type], properties: {{ type: {{ enum: [click, screenshot, type] }}, text: {{ maxLength: 9 }} }} }} }}
        type: object
        anyOf:
          - {{ $ref: '#/$defs/act' }}
          - {{ type: object, required: [actions], additionalProperties: false, properties: {{ actions: {{ type: array, maxItems: 3, items: {{ $ref: '#/$defs/act' }} }} }} }}
"#
    );
    gate_over(&contract, Offer::Declared)
}

fn request(tool: Value) -> Value {
    json!({ "model": "m", "input": [{ "role": "user", "content": "hi" }], "tools": [tool] })
}

fn sent(gate: &Rc<Gate>, body: &Value) -> (Exchange, Value) {
    at_path::forwarded(gate, "dev", PATH, body)
}

fn refusal(gate: &Rc<Gate>, role: &str, body: &Value) -> String {
    match at_path::send(gate, role, PATH, body).1 {
        Effect::Reply(reply) => format!("{} {}", reply.status, String::from_utf8(reply.body).unwrap()),
        effect => panic!("{effect:?}"),
    }
}

fn item(says: Value) -> Value {
    let mut item = json!({ "id": "cu_1", "type": "computer_call", "call_id": "c1", "status": "completed",
        "pending_safety_checks": [{ "id": "sc_1", "code": "malicious_instructions", "message": "Look twice." }] });
    item.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
    item
}

#[test]
fn a_computer_is_declared_with_its_documented_members_only() {
    for kind in ["computer", "computer_use_preview"] {
        let tool = json!({ "type": kind, "display_width": 1024, "display_height": 768, "environment": "browser", "description": "POISON" });
        let mut body = request(tool);
        body["tool_choice"] = json!({ "type": kind });
        let (_, forwarded) = sent(&gate("refuse"), &body);
        let written = json!([{ "type": kind, "display_width": 1024, "display_height": 768, "environment": "browser" }]);
        assert_eq!((&forwarded["tools"], &forwarded["tool_choice"]["type"]), (&written, &json!(kind)));
        assert!(refusal(&gate("refuse"), "reader", &body).contains("role_forbidden"));
        for (member, value) in
            [("display_width", json!(0)), ("display_height", json!(99_999)), ("environment", json!("moon"))]
        {
            body["tools"][0][member] = value;
            assert!(refusal(&gate("refuse"), "dev", &body).starts_with("400"), "{member}");
            body["tools"][0][member] = json!("browser");
        }
    }
}

#[test]
fn its_calls_are_decided_by_their_actions_and_keep_their_safety_checks() {
    let allowed = [
        json!({ "action": { "type": "click", "button": "left", "x": 1, "y": 2 } }),
        json!({ "actions": [{ "type": "type", "text": "ok" }, { "type": "screenshot" }] }),
    ];
    let refused = [
        (json!({ "action": { "type": "scroll", "x": 1, "y": 2 } }), "arguments_invalid"),
        (json!({ "action": { "type": "eval", "code": "SECRET" } }), "call_malformed"),
        (json!({ "action": { "type": "type", "text": "SECRET_AND_MORE" } }), "arguments_invalid"),
        (
            json!({ "actions": [{ "type": "screenshot" }, { "type": "type", "text": "SECRET_AND_MORE" }] }),
            "arguments_invalid",
        ),
        (json!({ "actions": [{ "type": "screenshot" }, { "code": "SECRET" }] }), "call_malformed"),
        (json!({ "action": { "type": "click", "actions": [{ "type": "click" }] } }), "call_malformed"),
        (json!({ "action": { "type": "click" }, "actions": [{ "type": "screenshot" }] }), "call_malformed"),
        (json!({}), "call_malformed"),
    ];
    let ask = |stream: bool| {
        let mut body = request(json!({ "type": "computer" }));
        body["stream"] = json!(stream);
        sent(&gate("refuse"), &body).0
    };
    for says in allowed {
        let output = [message("Hi"), item(says)];
        let whole: Value = serde_json::from_slice(&finished(answered(&mut ask(false), &response(&output)))).unwrap();
        assert_eq!(whole["output"], json!(output));
        for chunk in [3, 1000] {
            let (out, other) = streamed(&mut ask(true), numbered(stream_events(&output, 2)).as_bytes(), &[chunk]);
            assert_eq!((accumulate(&out).response["output"].clone(), other), (json!(output), None));
        }
    }
    for (says, code) in refused {
        let output = [message("Hi"), item(says)];
        let whole: Value = serde_json::from_slice(&finished(answered(&mut ask(false), &response(&output)))).unwrap();
        let (text, calls) = said(&whole);
        assert!(text.contains(code) && calls.is_empty() && !whole.to_string().contains("SECRET"), "{code}: {whole}");
        let (out, _) = streamed(&mut ask(true), numbered(stream_events(&output, 2)).as_bytes(), &[50]);
        assert_eq!(accumulate(&out).response["output"], whole["output"]);
    }
}

/// A result is a screenshot, which only the client can take, so the model cannot be told of a refusal.
#[test]
fn with_feedback_a_turn_with_a_computer_call_is_refused_in_words() {
    let output = [item(json!({ "action": { "type": "wait" } })), call("c2", "wait", "{}")];
    let (mut exchange, _) = sent(&gate("feedback"), &request(json!({ "type": "computer" })));
    let whole: Value = serde_json::from_slice(&finished(answered(&mut exchange, &response(&output)))).unwrap();
    let (text, calls) = said(&whole);
    assert!(text.contains("arguments_invalid") && calls.len() == 1, "{whole}");
}

#[test]
fn a_history_with_screenshots_is_read_and_its_screenshots_are_bounded() {
    let screenshot = |bytes: usize| {
        let mut body = request(json!({ "type": "computer" }));
        let output = json!({ "type": "computer_screenshot", "image_url": format!("data:image/png;base64,{}", "A".repeat(bytes)) });
        let call = item(json!({ "action": { "type": "screenshot" } }));
        let acknowledged = call["pending_safety_checks"].clone();
        body["input"].as_array_mut().unwrap().extend([
            call,
            json!({ "type": "computer_call_output", "call_id": "c1", "output": output, "acknowledged_safety_checks": acknowledged }),
        ]);
        body
    };
    let small = screenshot(500);
    assert_eq!(sent(&gate("refuse"), &small).1["input"], small["input"]);
    assert!(refusal(&gate("refuse"), "dev", &screenshot(2000)).contains("result_too_large"));
}
