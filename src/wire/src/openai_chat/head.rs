//! What the chunks of one stream have in common, so that more of them can be written.

use callgate_json::{Map, Value, splice};
use serde_json::json;

use super::calls;
use crate::checks::is_short;
use crate::framing::sse;
use crate::{Call, Form};

/// The event that ends a stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Members that every chunk of a stream repeats. Those that are no short scalars identify nothing and are not repeated.
const COMMON: [&str; 7] = ["id", "object", "created", "model", "provider", "service_tier", "system_fingerprint"];

/// The identity of a stream: `id`, `created`, `model` and so on. Writes chunks that belong to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamHead {
    common: Map<String, Value>,
}

// === impl StreamHead ===

impl StreamHead {
    /// The head that `body`, a chunk or an answer, has.
    pub(super) fn of(body: &Map<String, Value>) -> StreamHead {
        let mut common: Map<String, Value> = body
            .iter()
            .filter(|(key, value)| COMMON.contains(&key.as_str()) && !value.is_null() && is_short(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        common.insert("object".to_owned(), Value::from("chat.completion.chunk"));
        StreamHead { common }
    }

    /// The response's id; empty if it has none.
    pub(super) fn id(&self) -> &str {
        self.common.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    /// A chunk with text of the model.
    #[must_use]
    pub fn text(&self, choice: u32, text: &str) -> Vec<u8> {
        self.delta(choice, json!({ "content": text }))
    }

    /// A chunk with one whole call. `index` is its position among the choice's calls; [`Form::Function`] has none.
    #[must_use]
    pub fn call(&self, choice: u32, index: u32, call: &Call) -> Vec<u8> {
        let delta = match call.form {
            Form::Function => json!({ "function_call": { "name": call.name, "arguments": call.arguments } }),
            Form::Tool | Form::Custom | Form::Unclear => json!({ "tool_calls": [calls::entry(call, Some(index))] }),
        };
        self.delta(choice, delta)
    }

    /// The chunk that ends a choice.
    #[must_use]
    pub fn finish(&self, choice: u32, reason: &str) -> Vec<u8> {
        self.choice(json!({ "index": choice, "delta": {}, "logprobs": null, "finish_reason": reason }))
    }

    /// The chunk that tells what the turn used: no choices.
    #[must_use]
    pub fn usage(&self, usage: &Value) -> Vec<u8> {
        self.chunk(&[], Some(usage))
    }

    fn delta(&self, choice: u32, delta: Value) -> Vec<u8> {
        self.choice(json!({ "index": choice, "delta": delta, "logprobs": null, "finish_reason": null }))
    }

    pub(super) fn choice(&self, choice: Value) -> Vec<u8> {
        self.chunk(&[choice], None)
    }

    fn chunk(&self, choices: &[Value], usage: Option<&Value>) -> Vec<u8> {
        let mut body = self.common.clone();
        body.insert("choices".to_owned(), Value::from(choices));
        if let Some(usage) = usage {
            body.insert("usage".to_owned(), usage.clone());
        }
        write(None, &Value::Object(body))
    }
}

/// Writes a chunk as an event.
pub(super) fn write(event: Option<&str>, chunk: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    splice::append(&mut text, chunk);
    sse::event(event, &text)
}

/// The event of a finish with another finish reason; other events as they are.
#[must_use]
pub fn with_reason(frame: &[u8], reason: &str) -> Vec<u8> {
    let mut decoder = sse::Decoder::new(usize::MAX);
    let mut frames = Vec::new();
    let decoded = decoder.push(frame, &mut frames);
    frames.extend(decoder.finish());
    let (Ok(()), [only]) = (decoded, frames.as_slice()) else { return frame.to_vec() };
    let Some(Ok(mut body)) = only.data.as_deref().map(callgate_json::read_nearest) else { return frame.to_vec() };
    let mut changed = false;
    for choice in body.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten() {
        for key in ["finish_reason", "native_finish_reason"] {
            if let Some(old) = choice.get_mut(key)
                && old.as_str().is_some_and(|old| old != reason)
            {
                *old = Value::from(reason);
                changed = true;
            }
        }
    }
    if changed { write(only.event.as_deref(), &body) } else { frame.to_vec() }
}
