//! Reads and puts together what the dialect gives out.

use callgate_wire::framing::json_lines::Decoder;
use callgate_wire::ollama::Ollama;
use callgate_wire::{Answer, AnswerError, Call, Delta, Dialect, Request, RequestError, Stream, StreamError, Target};
use serde_json::{Value, json};

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
    let mut decoder = Decoder::new(1 << 24);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, &mut frames).unwrap();
    }
    frames.extend(decoder.finish());
    let mut deltas = Vec::new();
    for frame in frames {
        deltas.extend(stream.read(frame)?);
    }
    Ok(deltas)
}

/// One line a delta.
pub(crate) fn shown(deltas: &[Delta]) -> String {
    let text = |frame: &[u8]| String::from_utf8(frame.to_vec()).unwrap().trim_end().to_owned();
    let line = |delta: &Delta| match delta {
        Delta::Forward { frame } => format!("forward {}", text(frame)),
        Delta::Fragment { choice, slot, call: Call { id, name, arguments, extra, .. } } => {
            format!("fragment {choice}/{slot} id={id} name={name} arguments={arguments} extra={}", json!(extra))
        }
        Delta::CallEnd { choice, slot } => format!("call end {choice}/{slot}"),
        Delta::Finish { choice, end } => format!("finish {choice} {}", text(end.frame())),
        Delta::Usage { frame } => format!("usage {}", text(frame)),
        Delta::Error { frame } => format!("error {}", text(frame)),
        Delta::Done { frame } => format!("done {}", text(frame)),
    };
    deltas.iter().map(|delta| line(delta).trim_end().to_owned() + "\n").collect()
}

/// Everything in the deltas that could go on.
pub(crate) fn passed(deltas: &[Delta]) -> String {
    let bytes = deltas.iter().flat_map(|delta| match delta {
        Delta::Forward { frame } | Delta::Usage { frame } | Delta::Error { frame } | Delta::Done { frame } => {
            frame.clone()
        }
        Delta::Finish { end, .. } => end.frame().to_vec(),
        Delta::Fragment { .. } | Delta::CallEnd { .. } => Vec::new(),
    });
    String::from_utf8(bytes.collect()).unwrap()
}

pub(crate) fn calls(deltas: &[Delta]) -> Vec<Call> {
    let call = |delta: &Delta| match delta.clone() {
        Delta::Fragment { call: Call { id, name, arguments, form, extra }, .. } => {
            Some(Call { id, name, arguments, form, extra })
        }
        _ => None,
    };
    deltas.iter().filter_map(call).collect()
}

/// What a client makes of a stream, as the official ones do: texts added up, calls collected, the rest from the last line.
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
