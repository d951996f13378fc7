//! A gate over a small contract, and the host's side of an exchange, played by hand.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use callgate_contract::{Files, load};
use callgate_engine::{
    CallBatch, Effect, Event, Exchange, Gate, GateError, IdentitySource, ModelReply, ModelRequest, Offer, Outcome,
    Paths, Reach, Reply, Rules, lend,
};
use serde_json::{Value, json};

pub(crate) const NOW: Duration = Duration::from_secs(1);

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path}"))
    }
}

pub(crate) fn contract(on_violation: &str) -> String {
    let sha256 = "0".repeat(64);
    format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["gpt-*"]
  limits: {{ maxOutputTokens: 500, maxToolCallsPerTurn: 4, maxRounds: 3, requestBytes: 64KiB, responseBytes: 64KiB, turnTimeout: 30s }}
  onViolation: {on_violation}
  roles:
    viewer: {{ tools: ["get_*"] }}
    clerk: {{ tools: ["get_*", order, lookup] }}
  tools:
    - name: get_weather
      description: The weather of a city.
      effects: read
      parameters:
        type: object
        required: [city]
        additionalProperties: false
        properties: {{ city: {{ type: string, maxLength: 20 }}, days: {{ type: integer, maximum: 7 }} }}
      run: {{ client: {{}} }}
    - name: order
      effects: write
      parameters: {{ type: object, required: [sku], properties: {{ sku: {{ type: string }} }}, additionalProperties: false }}
      run: {{ client: {{}} }}
    - name: lookup
      effects: read
      parameters: {{ type: object, required: [key], properties: {{ key: {{ type: string }} }}, additionalProperties: false }}
      result: {{ type: object, required: [found] }}
      run: {{ wasm: {{ module: lookup.wasm, sha256: "{sha256}" }} }}
"#
    )
}

pub(crate) fn gate(on_violation: &str) -> Rc<Gate> {
    gate_offering(on_violation, Offer::Declared)
}

pub(crate) fn gate_offering(on_violation: &str, offer: Offer) -> Rc<Gate> {
    gate_of(&contract(on_violation), offer, true)
}

pub(crate) fn gate_of(contract: &str, offer: Offer, executor: bool) -> Rc<Gate> {
    let paths = Paths::new(&HashMap::new(), vec!["/v1/models".into(), "/files/*".into()]);
    Rc::new(build(contract, paths, offer, executor).unwrap())
}

/// A gate over a contract, at the APIs' own paths, with an executor.
pub(crate) fn gate_over(contract: &str, offer: Offer) -> Rc<Gate> {
    Rc::new(build(contract, Paths::default(), offer, true).unwrap())
}

/// Builds every gate of these tests.
pub(crate) fn build(contract: &str, paths: Paths, offer: Offer, executor: bool) -> Result<Gate, GateError> {
    Ok(Arc::new(rules(contract, paths, offer, executor)?).gate())
}

/// Reads a contract without files.
pub(crate) fn loaded(contract: &str) -> callgate_contract::Contract {
    load("desk.yaml", contract, &NoFiles).unwrap_or_else(|errors| panic!("{errors}"))
}

pub(crate) fn rules(contract: &str, paths: Paths, offer: Offer, executor: bool) -> Result<Rules, GateError> {
    let contract = loaded(contract);
    let identity = IdentitySource::Header { tenant: "x-tenant".into(), role: "x-role".into() };
    Rules::new(contract, identity, paths, offer, Reach { executor, upstream: true })
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

pub(crate) fn request_headers(role: &str) -> Vec<(String, Vec<u8>)> {
    headers(&[
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        (":authority", "api.example"),
        ("content-type", "application/json"),
        ("authorization", "Bearer key"),
        ("accept-encoding", "gzip"),
        ("x-request-id", "exchange-1"),
        ("x-tenant", "acme"),
        ("x-role", role),
    ])
}

pub(crate) fn request(stream: bool) -> Value {
    json!({
        "model": "gpt-4o", "stream": stream,
        "messages": [{ "role": "user", "content": "hello" }],
        "tools": [tool("get_weather"), tool("order"), tool("lookup")],
    })
}

pub(crate) fn tool(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name, "description": "poisoned", "parameters": {} } })
}

/// Sends a clerk's request; returns the exchange and the forwarded request.
pub(crate) fn sent(gate: &Rc<Gate>, body: &Value) -> (Exchange, Value) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    match send(&mut exchange, "clerk", body.to_string().as_bytes()) {
        Effect::Forward(forward) => (exchange, serde_json::from_slice(&forward.body).unwrap()),
        effect => panic!("the request did not go on: {effect:?}"),
    }
}

/// Sends a whole request; returns the last effect.
pub(crate) fn send(exchange: &mut Exchange, role: &str, body: &[u8]) -> Effect {
    send_with(exchange, &request_headers(role), body)
}

/// The same with headers of the test's own.
pub(crate) fn send_with(exchange: &mut Exchange, headers: &[(String, Vec<u8>)], body: &[u8]) -> Effect {
    match exchange.on(Event::RequestHead { headers: &lend(headers), verified: None, end: false }) {
        Effect::Hold => exchange.on(Event::RequestData { chunk: body, end: true, now: NOW }),
        effect => effect,
    }
}

/// Begins a response of 200.
pub(crate) fn begun(exchange: &mut Exchange, content_type: &str) -> Effect {
    let headers = headers(&[(":status", "200"), ("content-type", content_type)]);
    exchange.on(Event::ResponseHead { headers: &lend(&headers), end: false })
}

/// Answers whole, with JSON.
pub(crate) fn answered(exchange: &mut Exchange, body: &Value) -> Effect {
    assert_eq!(begun(exchange, "application/json"), Effect::Hold);
    exchange.on(Event::ResponseData { chunk: body.to_string().as_bytes(), end: true, now: NOW })
}

pub(crate) fn ran(exchange: &mut Exchange, batch: &CallBatch, results: &[&str]) -> Effect {
    let outcomes = batch
        .calls
        .iter()
        .zip(results)
        .map(|(call, result)| Outcome { id: call.id.clone(), result: Ok((*result).to_owned()) })
        .collect();
    exchange.on(Event::CallsRun(Ok(outcomes)))
}

pub(crate) fn model_answered(exchange: &mut Exchange, body: &Value) -> Effect {
    let headers = headers(&[(":status", "200"), ("content-type", "application/json")]);
    exchange.on(Event::ModelAnswered(Ok(ModelReply { headers: &lend(&headers), body: body.to_string().as_bytes() })))
}

pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}

pub(crate) fn answer(content: Value, calls: &[Value]) -> Value {
    let mut message = json!({ "role": "assistant", "content": content });
    let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
    if !calls.is_empty() {
        message["tool_calls"] = Value::Array(calls.to_vec());
    }
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o",
        "choices": [{ "index": 0, "message": message, "finish_reason": finish }],
        "usage": { "prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12 },
    })
}

/// A streamed answer: text in pieces, then each call in fragments of `cut` bytes, then the finish.
pub(crate) fn stream(text: &[&str], calls: &[Value], cut: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut event = |delta: Value, finish: Value| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        });
        bytes.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
    };
    event(json!({ "role": "assistant", "content": "" }), Value::Null);
    for piece in text {
        event(json!({ "content": piece }), Value::Null);
    }
    for (index, call) in calls.iter().enumerate() {
        let arguments = call["function"]["arguments"].as_str().unwrap();
        let mut first = call.clone();
        first["index"] = json!(index);
        first["function"]["arguments"] = json!("");
        event(json!({ "tool_calls": [first] }), Value::Null);
        let characters: Vec<char> = arguments.chars().collect();
        for piece in characters.chunks(cut.max(1)) {
            let piece: String = piece.iter().collect();
            event(json!({ "tool_calls": [{ "index": index, "function": { "arguments": piece } }] }), Value::Null);
        }
    }
    event(json!({}), json!(if calls.is_empty() { "stop" } else { "tool_calls" }));
    bytes.extend_from_slice(b"data: [DONE]\n\n");
    bytes
}

/// Feeds a stream in chunks. Returns every forwarded byte, and the effect that was not an emission, if any.
pub(crate) fn streamed(exchange: &mut Exchange, bytes: &[u8], chunks: &[usize]) -> (Vec<u8>, Option<Effect>) {
    assert_eq!(begun(exchange, "text/event-stream"), Effect::BeginStream);
    feed(exchange, bytes, chunks)
}

/// Feeds a chunk of a stream. A chunk that passes counts as an emission of the same bytes.
pub(crate) fn told(exchange: &mut Exchange, chunk: &[u8]) -> Effect {
    match exchange.on(Event::ResponseData { chunk, end: false, now: NOW }) {
        Effect::Pass => Effect::Emit(chunk.to_vec()),
        effect => effect,
    }
}

/// The same for a stream that has begun.
pub(crate) fn feed(exchange: &mut Exchange, bytes: &[u8], chunks: &[usize]) -> (Vec<u8>, Option<Effect>) {
    let mut out = Vec::new();
    let mut other = None;
    let mut rest = bytes;
    let mut sizes = chunks.iter().copied().filter(|size| *size > 0).cycle();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
        rest = after;
        match told(exchange, chunk) {
            Effect::Hold => {}
            Effect::Emit(more) => out.extend(more),
            effect => other = Some(effect),
        }
    }
    if other.is_none() {
        match exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW }) {
            Effect::Finish(more) => out.extend(more),
            effect => other = Some(effect),
        }
    }
    (out, other)
}

/// A client's view of a stream: its content, its calls, its finish reason, its error code.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) content: String,
    pub(crate) calls: Vec<(String, String, String)>,
    pub(crate) finish: String,
    pub(crate) error: String,
    pub(crate) done: bool,
}

pub(crate) fn accumulate(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    for line in std::str::from_utf8(bytes).unwrap().lines() {
        let Some(data) = line.strip_prefix("data: ") else { continue };
        if data == "[DONE]" {
            seen.done = true;
            continue;
        }
        let event: Value = serde_json::from_str(data).unwrap();
        if let Some(code) = event["error"]["code"].as_str() {
            seen.error = code.to_owned();
        }
        for choice in event["choices"].as_array().into_iter().flatten() {
            seen.content.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                if seen.calls.len() <= index {
                    seen.calls.resize(index + 1, Default::default());
                }
                let (id, name, arguments) = &mut seen.calls[index];
                id.push_str(call["id"].as_str().unwrap_or_default());
                name.push_str(call["function"]["name"].as_str().unwrap_or_default());
                arguments.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
            }
            seen.finish.push_str(choice["finish_reason"].as_str().unwrap_or_default());
        }
    }
    seen
}

/// The same of a whole answer.
pub(crate) fn seen(body: &[u8]) -> Seen {
    let body: Value = serde_json::from_slice(body).unwrap();
    let choice = &body["choices"][0];
    let calls = choice["message"]["tool_calls"].as_array().into_iter().flatten().map(|call| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&call["id"]), text(&call["function"]["name"]), text(&call["function"]["arguments"]))
    });
    Seen {
        content: choice["message"]["content"].as_str().unwrap_or_default().to_owned(),
        calls: calls.collect(),
        finish: choice["finish_reason"].as_str().unwrap_or_default().to_owned(),
        error: body["error"]["code"].as_str().unwrap_or_default().to_owned(),
        done: true,
    }
}

pub(crate) fn finished(effect: Effect) -> Vec<u8> {
    match effect {
        Effect::Finish(bytes) => bytes,
        effect => panic!("expected the end of the response, got {effect:?}"),
    }
}

pub(crate) fn batch(effect: Effect) -> CallBatch {
    match effect {
        Effect::Run(batch) => batch,
        effect => panic!("expected calls to run, got {effect:?}"),
    }
}

pub(crate) fn model_request(effect: Effect) -> ModelRequest {
    match effect {
        Effect::Ask(request) => request,
        effect => panic!("expected a further round, got {effect:?}"),
    }
}

pub(crate) fn refused(effect: Effect) -> (u16, String) {
    match effect {
        Effect::Reply(Reply { status, body, .. }) => {
            let body: Value = serde_json::from_slice(&body).unwrap();
            (status, body["error"]["code"].as_str().unwrap().to_owned())
        }
        effect => panic!("expected an answer of ours, got {effect:?}"),
    }
}
