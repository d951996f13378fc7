//! Reads the dialect's output and puts it together.

use callgate_wire::framing::Framing;
use callgate_wire::ollama::Ollama;
use callgate_wire::{Answer, AnswerError, Delta, Dialect, Request, RequestError, Stream, StreamError, Target};
use serde_json::{Value, json};

use crate::suite;
pub(crate) use crate::suite::calls;

pub(crate) fn request(body: &str) -> Result<Box<dyn Request>, RequestError> {
    Ollama.request(&Target::new("/api/chat"), body.as_bytes())
}

fn any_request() -> Box<dyn Request> {
    request(r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#).unwrap()
}

pub(crate) fn answer(body: &str) -> Result<Box<dyn Answer>, AnswerError> {
    Ollama.answer(&*any_request(), body.as_bytes())
}

pub(crate) fn stream() -> Box<dyn Stream> {
    Ollama.stream(&*any_request())
}

pub(crate) fn call(name: &str, arguments: Value) -> Value {
    json!({ "function": { "name": name, "arguments": arguments } })
}

/// An answer with this message, or the last line of a stream.
pub(crate) fn done(message: Value) -> Value {
    json!({
        "model": "m", "created_at": "2026-01-01T00:00:00Z", "message": with_role(message), "done": true, "done_reason": "stop",
        "total_duration": 9, "prompt_eval_count": 3, "eval_count": 2,
    })
}

/// A line with a piece of a message.
pub(crate) fn piece(message: Value) -> String {
    let message = with_role(message);
    format!("{}\n", json!({ "model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": false }))
}

fn with_role(message: Value) -> Value {
    let mut whole = json!({ "role": "assistant", "content": "" });
    whole.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
    whole
}

pub(crate) fn last(message: Value) -> String {
    format!("{}\n", done(message))
}

pub(crate) fn deltas(stream: &mut dyn Stream, chunks: &[&[u8]]) -> Result<Vec<Delta>, StreamError> {
    suite::deltas(Framing::JsonLines, stream, chunks)
}

pub(crate) fn shown(deltas: &[Delta]) -> String {
    suite::shown(deltas, str::to_owned)
}

pub(crate) fn passed(deltas: &[Delta]) -> String {
    String::from_utf8(suite::passed(deltas)).unwrap()
}

/// The result of a stream for a client like the official ones: texts added up, calls collected, the rest from the last line.
pub(crate) fn accumulate(lines: &str) -> Value {
    let (mut content, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    let mut end = Value::Null;
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        content.push_str(line["message"]["content"].as_str().unwrap_or_default());
        thinking.push_str(line["message"]["thinking"].as_str().unwrap_or_default());
        calls.extend(line["message"]["tool_calls"].as_array().cloned().unwrap_or_default());
        end = line;
    }
    seen(&end, content, thinking, calls)
}

/// The same of a whole answer.
pub(crate) fn whole(body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap();
    let text = |key: &str| body["message"][key].as_str().unwrap_or_default().to_owned();
    let calls = body["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
    seen(&body, text("content"), text("thinking"), calls)
}

fn seen(end: &Value, content: String, thinking: String, calls: Vec<Value>) -> Value {
    json!({
        "content": content, "thinking": thinking, "calls": calls,
        "done": end["done"], "reason": end["done_reason"], "used": [end["prompt_eval_count"], end["eval_count"]],
    })
}
