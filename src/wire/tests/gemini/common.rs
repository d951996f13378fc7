//! Reads the dialect's output and puts it together.

use callgate_wire::framing::Framing;
use callgate_wire::framing::sse::SseDecoder;
use callgate_wire::gemini::Gemini;
use callgate_wire::{Answer, AnswerError, Delta, Dialect, Request, RequestError, Stream, StreamError, Target};
use serde_json::{Value, json};

use crate::suite;
pub(crate) use crate::suite::{calls, passed};

pub(crate) const WHOLE: &str = "/v1beta/models/gemini-2.5-flash:generateContent";
pub(crate) const STREAM: &str = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";

pub(crate) fn request(target: &str, body: &str) -> Result<Box<dyn Request>, RequestError> {
    Gemini.request(&Target::new(target), body.as_bytes())
}

/// A request for these tools of the provider.
pub(crate) fn asking(target: &str, tools: &[&str]) -> Box<dyn Request> {
    let tools: Vec<Value> = tools.iter().map(|tool| json!({ *tool: {} })).collect();
    request(target, &json!({ "contents": [], "tools": tools }).to_string()).unwrap()
}

pub(crate) fn answer(body: &str) -> Result<Box<dyn Answer>, AnswerError> {
    Gemini.answer(&*asking(WHOLE, &[]), body.as_bytes())
}

pub(crate) fn stream() -> Box<dyn Stream> {
    Gemini.stream(&*asking(STREAM, &[]))
}

/// An answer with one candidate of these parts.
pub(crate) fn of_parts(parts: Value) -> Value {
    json!({
        "candidates": [{ "content": { "parts": parts, "role": "model" }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": { "promptTokenCount": 3, "totalTokenCount": 5 },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    })
}

pub(crate) fn event(body: &Value) -> String {
    format!("data: {body}\r\n\r\n")
}

/// An event of one candidate with these parts and without an end.
pub(crate) fn piece(parts: Value) -> String {
    let candidate = json!({ "content": { "parts": parts, "role": "model" }, "index": 0 });
    event(&json!({ "candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r1" }))
}

/// The last event of a candidate.
pub(crate) fn last(parts: Value) -> String {
    event(&of_parts(parts))
}

pub(crate) fn deltas(stream: &mut dyn Stream, chunks: &[&[u8]]) -> Result<Vec<Delta>, StreamError> {
    suite::deltas(Framing::Sse, stream, chunks)
}

/// As [`deltas`], for a whole stream: with the deltas held until its end.
pub(crate) fn ended(stream: &mut dyn Stream, chunks: &[&[u8]]) -> Result<Vec<Delta>, StreamError> {
    suite::ended(Framing::Sse, stream, chunks)
}

pub(crate) fn shown(deltas: &[Delta]) -> String {
    suite::shown(deltas, str::to_owned)
}

/// The events in some bytes.
pub(crate) fn events(bytes: &[u8]) -> Vec<Value> {
    let mut decoder = SseDecoder::new(1 << 24);
    let mut frames = Vec::new();
    decoder.push(bytes, &mut frames).unwrap();
    assert_eq!(decoder.finish(), None, "every event has its end");
    frames.into_iter().filter_map(|frame| frame.data).map(|data| serde_json::from_slice(&data).unwrap()).collect()
}

/// The result of a stream for a client like `google-genai`: the parts of the first candidate in order, the last finish reason and
/// usage. Texts of one kind are joined, empty ones dropped.
pub(crate) fn accumulate(events: &[Value]) -> Value {
    let mut parts = Vec::new();
    let (mut finish, mut usage) = (Value::Null, Value::Null);
    for event in events {
        let candidate = &event["candidates"][0];
        parts.extend(candidate["content"]["parts"].as_array().cloned().unwrap_or_default());
        if !candidate["finishReason"].is_null() {
            finish = candidate["finishReason"].clone();
        }
        if !event["usageMetadata"].is_null() {
            usage = event["usageMetadata"].clone();
        }
    }
    json!({ "parts": joined(&parts), "finish": finish, "usage": usage })
}

pub(crate) fn joined(parts: &[Value]) -> Vec<Value> {
    let mut whole: Vec<Value> = Vec::new();
    for part in parts.iter().filter(|part| **part != json!({ "text": "" })) {
        let plain = part.as_object().unwrap().keys().all(|key| key == "text" || key == "thought");
        match whole.last_mut() {
            Some(last) if plain && last["text"].is_string() && last["thought"] == part["thought"] => {
                let text = last["text"].as_str().unwrap().to_owned() + part["text"].as_str().unwrap();
                last["text"] = json!(text);
            }
            _ => whole.push(part.clone()),
        }
    }
    whole
}
