//! The desk of the other tests, as this API speaks to it.

use std::rc::Rc;

use callgate_engine::{Effect, Event, Exchange, Gate, Offer, lend};
use serde_json::{Value, json};

use crate::common::{NOW, contract, gate_over, request_headers};

/// Valid arguments of `get_weather`, in canonical form.
pub(crate) const GOOD: &str = r#"{"city":"Oslo"}"#;

pub(crate) fn gate(on_violation: &str) -> Rc<Gate> {
    gate_with(on_violation, Offer::Declared, "")
}

/// `spec` are more lines of the contract's `spec`.
pub(crate) fn gate_with(on_violation: &str, offer: Offer, spec: &str) -> Rc<Gate> {
    let contract = contract(on_violation).replace("gpt-*", "claude-*").replace("spec:", &format!("spec:{spec}"));
    gate_over(&contract, offer)
}

/// Sends a clerk's whole request; returns the last effect.
pub(crate) fn send(exchange: &mut Exchange, role: &str, path: &str, body: &[u8]) -> Effect {
    let mut headers = request_headers(role);
    for (name, value) in &mut headers {
        if name == ":path" {
            *value = path.as_bytes().to_vec();
        }
    }
    match exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }) {
        Effect::Hold => exchange.on(Event::RequestData { chunk: body, end: true, now: NOW }),
        effect => effect,
    }
}

/// Sends a clerk's request; returns the exchange and the forwarded request.
pub(crate) fn sent(gate: &Rc<Gate>, body: &Value) -> (Exchange, Value) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    match send(&mut exchange, "clerk", "/v1/messages", body.to_string().as_bytes()) {
        Effect::Forward(forward) => (exchange, serde_json::from_slice(&forward.body).unwrap()),
        effect => panic!("the request did not go on: {effect:?}"),
    }
}

/// An exchange of a role without server-run tools: its calls are held one by one.
pub(crate) fn sent_by_viewer(gate: &Rc<Gate>, stream: bool) -> Exchange {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let mut body = request(stream);
    body["tools"] = json!([tool("get_weather")]);
    let effect = send(&mut exchange, "viewer", "/v1/messages", body.to_string().as_bytes());
    assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");
    exchange
}

pub(crate) fn request(stream: bool) -> Value {
    json!({
        "model": "claude-x", "stream": stream, "max_tokens": 100,
        "messages": [{ "role": "user", "content": "hello" }],
        "tools": [tool("get_weather"), tool("order"), tool("lookup")],
    })
}

pub(crate) fn tool(name: &str) -> Value {
    json!({ "name": name, "description": "poisoned", "input_schema": {} })
}

pub(crate) fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

pub(crate) fn thinking(thought: &str) -> Value {
    json!({ "type": "thinking", "thinking": thought, "signature": "SIG==" })
}

pub(crate) fn call(id: &str, name: &str, input: &str) -> Value {
    json!({ "type": "tool_use", "id": id, "name": name, "input": serde_json::from_str::<Value>(input).unwrap() })
}

pub(crate) fn answer(content: &[Value]) -> Value {
    let called = content.iter().any(|block| block["type"] == "tool_use");
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
        "stop_reason": if called { "tool_use" } else { "end_turn" }, "stop_sequence": null,
        "usage": { "input_tokens": 5, "output_tokens": 7 },
    })
}

/// The kinds of a message's blocks.
pub(crate) fn kinds(message: &Value) -> Vec<&str> {
    message["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect()
}
