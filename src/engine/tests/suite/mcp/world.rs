//! A gate in front of an MCP server, and the host's side of an exchange, played by hand.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callgate_engine::{Effect, Event, Exchange, Gate, GateError, Offer, Paths, Reply, Rules, SealingKeys, lend};
use serde_json::{Value, json};

pub(crate) use crate::common::{NOW, headers};
use crate::common::{feed, gate_over, rules};

/// `spec.mcp` with all that the tests of other rules need.
pub(crate) const EVERYTHING: &str = "  mcp: { resources: [{ uri: \"a:*\" }, { uri: \"notes://**\" }, { uri: \"file:///**\" }], prompts: [{ name: p }], \
                                     elicitation: { maxPerCall: 9 }, sampling: { maxTokens: 99, maxPerCall: 9 }, roots: allow }";

pub(crate) fn gate(on_violation: &str) -> Rc<Gate> {
    gate_with(on_violation, "")
}

/// The same with more lines in `spec`.
pub(crate) fn gate_with(on_violation: &str, lines: &str) -> Rc<Gate> {
    gate_allowing(on_violation, &format!("{EVERYTHING}\n{lines}"))
}

/// The same with these lines in `spec` alone, so that a server may ask a client for what they allow.
pub(crate) fn gate_allowing(on_violation: &str, lines: &str) -> Rc<Gate> {
    gate_over(&contract(on_violation, lines), Offer::Declared)
}

/// The same with a reviewed definition of `set_alarm`.
pub(crate) fn gate_pinned(digest: &str) -> Rc<Gate> {
    let name = "    - name: set_alarm\n";
    let text = contract("refuse", "").replace(name, &format!("{name}      definition: {digest}\n"));
    gate_over(&text, Offer::Declared)
}

/// A gate with these keys for seals, and these lines in `spec`.
pub(crate) fn gate_sealing(on_violation: &str, lines: &str, keys: &[[u8; 32]]) -> Rc<Gate> {
    Rc::new(Arc::new(sealing(&contract(on_violation, lines), keys).unwrap()).gate())
}

/// The same with a changed contract.
pub(crate) fn gate_sealing_changed(lines: &str, keys: &[[u8; 32]], change: &dyn Fn(&str) -> String) -> Rc<Gate> {
    Rc::new(Arc::new(sealing(&change(&contract("refuse", lines)), keys).unwrap()).gate())
}

/// The same without a key.
pub(crate) fn unsealed(lines: &str) -> Result<Rules, GateError> {
    sealing(&contract("refuse", lines), &[])
}

fn sealing(contract: &str, keys: &[[u8; 32]]) -> Result<Rules, GateError> {
    let keys: Vec<String> = keys.iter().map(|key| STANDARD.encode(key)).collect();
    let keys = if keys.is_empty() { None } else { Some(Arc::new(SealingKeys::read(&keys).unwrap())) };
    let paths = HashMap::from([("mcp".to_owned(), vec!["/mcp".to_owned(), "/mcp/other".to_owned()])]);
    rules(contract, Paths::new(&paths, Vec::new()), Offer::Declared, true)?.with_sealing(keys)
}

fn contract(on_violation: &str, lines: &str) -> String {
    let sha256 = "0".repeat(64);
    format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: clock, version: 1.0.0 }}
spec:
  models: ["*"]
  limits: {{ requestBytes: 4KiB, responseBytes: 4KiB, turnTimeout: 30s }}
  onViolation: {on_violation}
{lines}
  roles:
    viewer: {{ tools: ["get_*"] }}
    clerk: {{ tools: ["get_*", set_alarm, lookup] }}
  tools:
    - name: get_time
      description: The time in a zone.
      effects: read
      parameters:
        type: object
        required: [zone]
        additionalProperties: false
        properties: {{ zone: {{ type: string, maxLength: 20 }}, digits: {{ type: integer }} }}
      result: {{ type: object, required: [time], additionalProperties: false, properties: {{ time: {{ type: string }} }} }}
      run: {{ client: {{}} }}
    - name: set_alarm
      effects: write
      parameters: {{ type: object, additionalProperties: false }}
      run: {{ client: {{}} }}
    - name: lookup
      effects: read
      parameters: {{ type: object }}
      run: {{ wasm: {{ module: lookup.wasm, sha256: "{sha256}" }} }}
"#
    )
}

pub(crate) fn request_headers(method: &str, role: &str) -> Vec<(String, Vec<u8>)> {
    headers(&[
        (":method", method),
        (":path", "/mcp"),
        (":authority", "mcp.example"),
        ("accept", "application/json, text/event-stream"),
        ("accept-encoding", "gzip"),
        ("content-type", "application/json"),
        ("mcp-session-id", "s1"),
        ("mcp-protocol-version", "2025-06-18"),
        ("x-tenant", "acme"),
        ("x-role", role),
    ])
}

/// Sends a whole POST; returns the last effect.
pub(crate) fn send(exchange: &mut Exchange, role: &str, body: &[u8]) -> Effect {
    let headers = request_headers("POST", role);
    match exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }) {
        Effect::Hold => exchange.on(Event::RequestData { chunk: body, end: true, now: NOW }),
        effect => effect,
    }
}

/// Sends a clerk's message; returns the exchange and the forwarded message.
pub(crate) fn sent(gate: &Rc<Gate>, message: &Value) -> (Exchange, Value) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    match send(&mut exchange, "clerk", message.to_string().as_bytes()) {
        Effect::Forward(forward) => {
            assert_eq!(forward.remove, ["x-tenant", "x-role", "accept-encoding"]);
            (exchange, serde_json::from_slice(&forward.body).unwrap())
        }
        effect => panic!("the message did not go on: {effect:?}"),
    }
}

/// An exchange whose client listens to the server's own messages.
pub(crate) fn listening(gate: &Rc<Gate>) -> Exchange {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let headers = request_headers("GET", "viewer");
    let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: true });
    assert_eq!(effect, Effect::PassWithout(vec!["x-tenant".into(), "x-role".into(), "accept-encoding".into()]));
    exchange
}

pub(crate) fn request(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })
}

pub(crate) fn call(name: &str, arguments: Value) -> Value {
    request("tools/call", json!({ "name": name, "arguments": arguments, "_meta": { "progressToken": 7 } }))
}

pub(crate) fn response(result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "result": result })
}

pub(crate) fn notification(method: &str) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": {} })
}

pub(crate) fn begun(exchange: &mut Exchange, status: &str, content_type: &str, end: bool) -> Effect {
    let headers = headers(&[(":status", status), ("content-type", content_type)]);
    exchange.on(Event::ResponseHead { headers: &lend(&headers), end })
}

/// Answers whole, with JSON; the last effect.
pub(crate) fn answered(exchange: &mut Exchange, body: &Value) -> Effect {
    assert_eq!(begun(exchange, "200", "application/json", false), Effect::Hold);
    exchange.on(Event::ResponseData { chunk: body.to_string().as_bytes(), end: true, now: NOW })
}

/// The body of a forwarded answer, or of Callgate's own.
pub(crate) fn body(effect: Effect) -> Value {
    match effect {
        Effect::Finish(body) | Effect::Reply(Reply { body, .. }) => serde_json::from_slice(&body).unwrap(),
        effect => panic!("expected an answer, got {effect:?}"),
    }
}

/// Status and code of an answer of ours.
pub(crate) fn refused(effect: Effect) -> (u16, String) {
    match effect {
        Effect::Reply(Reply { status, body, .. }) => {
            let body: Value = serde_json::from_slice(&body).unwrap();
            (status, body["error"]["data"]["code"].as_str().unwrap().to_owned())
        }
        effect => panic!("expected an answer of ours, got {effect:?}"),
    }
}

pub(crate) fn events(messages: &[Value]) -> Vec<u8> {
    messages
        .iter()
        .map(|message| format!("event: message\nid: 5\ndata: {message}\n\n"))
        .collect::<String>()
        .into_bytes()
}

/// Feeds a stream in chunks of these sizes, then its end. Returns every forwarded byte.
pub(crate) fn streamed(exchange: &mut Exchange, bytes: &[u8], chunks: &[usize]) -> Vec<u8> {
    assert_eq!(begun(exchange, "200", "text/event-stream; charset=utf-8", false), Effect::BeginStream);
    let (out, other) = feed(exchange, bytes, chunks);
    assert!(matches!(other, None | Some(Effect::Reset)), "{other:?}");
    out
}

/// The messages of a stream, as a client reads them.
pub(crate) fn messages(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    assert!(!text.contains("id: 5"), "nobody can resume: {text}");
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// The members of `_meta` that every request of 2026-07-28 has.
pub(crate) fn stated() -> Value {
    json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} })
}

/// A request of 2026-07-28.
pub(crate) fn alone(method: &str, mut params: Value) -> Value {
    params["_meta"] = stated();
    request(method, params)
}

pub(crate) fn call_alone(name: &str, arguments: Value) -> Value {
    alone("tools/call", json!({ "name": name, "arguments": arguments }))
}

/// The headers that a client sends with a message of 2026-07-28.
pub(crate) fn headers_of(message: &Value, role: &str) -> Vec<(String, Vec<u8>)> {
    let mut headers = request_headers("POST", role);
    headers.retain(|(name, _)| !name.starts_with("mcp-"));
    let params = &message["params"];
    let name = ["name", "uri", "taskId"].iter().find_map(|member| params[*member].as_str());
    let values =
        [("mcp-protocol-version", Some("2026-07-28")), ("mcp-method", message["method"].as_str()), ("mcp-name", name)];
    for (header, value) in values {
        headers.extend(value.map(|value| (header.to_owned(), value.as_bytes().to_vec())));
    }
    headers
}

/// Sends a message with these headers; returns the last effect.
pub(crate) fn send_with(exchange: &mut Exchange, headers: &[(String, Vec<u8>)], body: &[u8]) -> Effect {
    match exchange.on(Event::RequestHead { headers: &lend(headers), verified: None, end: false }) {
        Effect::Hold => exchange.on(Event::RequestData { chunk: body, end: true, now: NOW }),
        effect => effect,
    }
}

/// Sends a clerk's message of 2026-07-28; returns the exchange and the last effect.
pub(crate) fn send_alone(gate: &Rc<Gate>, message: &Value) -> (Exchange, Effect) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let effect = send_with(&mut exchange, &headers_of(message, "clerk"), message.to_string().as_bytes());
    (exchange, effect)
}

/// The same for a message that is forwarded.
pub(crate) fn sent_alone(gate: &Rc<Gate>, message: &Value) -> (Exchange, Value) {
    match send_alone(gate, message) {
        (exchange, Effect::Forward(forward)) => (exchange, serde_json::from_slice(&forward.body).unwrap()),
        (_, effect) => panic!("the message was not forwarded: {effect:?}"),
    }
}
