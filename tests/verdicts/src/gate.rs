//! The engine, with a Chat Completions answer that makes the call: whole, or as a stream in small chunks.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use callgate_contract::Contract;
use callgate_engine::{Effect, Event, Exchange, Gate, IdentitySource, Offer, Paths, Reach, lend};
use serde_json::{Value, json};

use crate::{BEFORE, Case, Found};

const NOW: Duration = Duration::from_secs(1);

/// Bytes of one chunk of a stream.
const CHUNK: usize = 7;

/// A gate driven by hand. Its contract must set `onViolation: error`, so that an error names code and pointer.
#[derive(Debug)]
pub struct Played {
    gate: Rc<Gate>,
}

impl Played {
    /// Makes a gate over a contract whose tools all run at the client.
    ///
    /// # Errors
    /// The reason why the gate cannot be built.
    pub fn new(contract: Contract) -> Result<Self, String> {
        let identity = IdentitySource::Header { tenant: "x-tenant".to_owned(), role: "x-role".to_owned() };
        let paths = Paths::new(&HashMap::new(), Vec::new());
        let reach = Reach { executor: false, upstream: false };
        let gate = Gate::new(contract, identity, paths, Offer::Declared, reach).map_err(|error| error.to_string())?;
        Ok(Self { gate: Rc::new(gate) })
    }

    /// Returns the verdict on a call in a whole answer.
    #[must_use]
    pub fn whole(&self, case: &Case) -> Found {
        let mut exchange = match self.sent(case, false) {
            Ok(exchange) => exchange,
            Err(found) => return found,
        };
        begun(&mut exchange, "application/json");
        let body = json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "finish_reason": "tool_calls",
                "message": { "role": "assistant", "content": null, "tool_calls": calls(case) } }],
        });
        match exchange.on(Event::ResponseData { chunk: body.to_string().as_bytes(), end: true, now: NOW }) {
            Effect::Finish(bytes) => of_answer(&bytes),
            effect => of_effect(&effect),
        }
    }

    /// Returns the verdict on a call in a stream.
    #[must_use]
    pub fn streamed(&self, case: &Case) -> Found {
        let mut exchange = match self.sent(case, true) {
            Ok(exchange) => exchange,
            Err(found) => return found,
        };
        begun(&mut exchange, "text/event-stream");
        let mut out = Vec::new();
        let text = stream(case);
        let chunks = text.as_bytes().chunks(CHUNK).map(|chunk| (chunk, false)).chain([(&b""[..], true)]);
        for (chunk, end) in chunks {
            match exchange.on(Event::ResponseData { chunk, end, now: NOW }) {
                Effect::Hold => {}
                Effect::Pass => out.extend(chunk),
                Effect::Emit(bytes) => out.extend(bytes),
                Effect::Finish(bytes) => {
                    out.extend(bytes);
                    break;
                }
                effect => return of_effect(&effect),
            }
        }
        of_stream(&String::from_utf8_lossy(&out))
    }

    /// Returns an exchange whose request was forwarded. A role without tools declares none.
    fn sent(&self, case: &Case, stream: bool) -> Result<Exchange, Found> {
        let mut exchange = Exchange::new(Rc::clone(&self.gate), "exchange");
        let headers = headers(&[
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            (":authority", "api.example"),
            ("content-type", "application/json"),
            ("x-tenant", "acme"),
            ("x-role", &case.role),
        ]);
        let body = json!({ "model": "m", "stream": stream, "messages": [{ "role": "user", "content": "go" }] });
        match exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }) {
            Effect::Hold => {}
            effect => return Err(of_effect(&effect)),
        }
        match exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW }) {
            Effect::Forward(_) => Ok(exchange),
            effect => Err(of_effect(&effect)),
        }
    }
}

/// Returns the calls of the turn; the case's call is the last.
fn calls(case: &Case) -> Vec<Value> {
    let call = |index: u32, name: &str, arguments: &str| {
        json!({
            "id": format!("call_{index}"), "type": "function", "function": { "name": name, "arguments": arguments },
        })
    };
    let before = (0..case.before).map(|index| call(index, BEFORE, "{}"));
    before.chain([call(case.before, &case.tool, &case.arguments)]).collect()
}

fn stream(case: &Case) -> String {
    let chunk = |delta: Value, finish: Value| {
        let body = json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        });
        format!("data: {body}\n\n")
    };
    let mut text = chunk(json!({ "role": "assistant", "content": "" }), Value::Null);
    for (index, mut call) in calls(case).into_iter().enumerate() {
        let arguments = call.pointer_mut("/function/arguments").map(Value::take).unwrap_or_default();
        if let Some(members) = call.as_object_mut() {
            members.insert("index".to_owned(), json!(index));
        }
        if let Some(members) = call.pointer_mut("/function").and_then(Value::as_object_mut) {
            members.insert("arguments".to_owned(), json!(""));
        }
        text.push_str(&chunk(json!({ "tool_calls": [call] }), Value::Null));
        let characters: Vec<char> = arguments.as_str().unwrap_or_default().chars().collect();
        for piece in characters.chunks(CHUNK) {
            let piece: String = piece.iter().collect();
            let fragment = json!({ "tool_calls": [{ "index": index, "function": { "arguments": piece } }] });
            text.push_str(&chunk(fragment, Value::Null));
        }
    }
    text.push_str(&chunk(json!({}), json!("tool_calls")));
    text.push_str("data: [DONE]\n\n");
    text
}

fn begun(exchange: &mut Exchange, content_type: &str) {
    let headers = headers(&[(":status", "200"), ("content-type", content_type)]);
    exchange.on(Event::ResponseHead { headers: &lend(&headers), end: false });
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

fn of_effect(effect: &Effect) -> Found {
    match effect {
        Effect::Reply(reply) => of_answer(&reply.body),
        effect => Found::refused(&format!("{effect:?}"), ""),
    }
}

fn of_answer(body: &[u8]) -> Found {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(found) = of_error(&body) {
        return found;
    }
    let calls = body.pointer("/choices/0/message/tool_calls").and_then(Value::as_array);
    match calls.and_then(|calls| calls.last()?.pointer("/function/arguments")?.as_str()) {
        Some(arguments) => Found::allowed(Some(arguments.to_owned())),
        None => Found::refused("no call", ""),
    }
}

/// Returns the verdict of an error object in OpenAI's form.
fn of_error(body: &Value) -> Option<Found> {
    let error = body.get("error")?;
    Some(Found::refused(error.get("code")?.as_str()?, error.get("param").and_then(Value::as_str).unwrap_or_default()))
}

fn of_stream(text: &str) -> Found {
    let mut arguments: Option<String> = None;
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let Ok(event) = serde_json::from_str::<Value>(data) else { continue };
        if let Some(found) = of_error(&event) {
            return found;
        }
        let calls = event.pointer("/choices/0/delta/tool_calls").and_then(Value::as_array);
        for call in calls.into_iter().flatten() {
            if call.get("id").is_some() {
                arguments = Some(String::new());
            }
            let piece = call.pointer("/function/arguments").and_then(Value::as_str).unwrap_or_default();
            arguments.get_or_insert_default().push_str(piece);
        }
    }
    match arguments {
        Some(arguments) => Found::allowed(Some(arguments)),
        None => Found::refused("no call", ""),
    }
}
