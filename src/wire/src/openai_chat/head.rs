//! The members that all chunks of one stream share, and the chunks of ours with them.

use callgate_json::{Item, Map, Value, splice};
use serde_json::json;

use super::{calls, signature};
use crate::framing::sse;
use crate::outlined::is_short;
use crate::{Call, ChoiceIndex, End, Form};

/// The last event of a stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Members of every chunk of a stream. Long values identify nothing and are not repeated.
const COMMON: [&str; 7] = ["id", "object", "created", "model", "provider", "service_tier", "system_fingerprint"];

/// The identity of a stream: `id`, `created`, `model` and so on. It writes chunks with this identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamHead {
    common: Map<String, Value>,
}

// === impl StreamHead ===

impl StreamHead {
    /// The head of `body`, a chunk or an answer.
    pub(super) fn of(body: Item<'_>) -> StreamHead {
        let mut common: Map<String, Value> = body
            .members()
            .filter(|(key, value)| COMMON.contains(&key.as_ref()) && !value.is_null() && is_short(*value))
            .map(|(key, value)| (key.into_owned(), value.value()))
            .collect();
        common.insert("object".to_owned(), Value::from("chat.completion.chunk"));
        StreamHead { common }
    }

    /// Returns the response's id; empty if it has none.
    pub(super) fn id(&self) -> &str {
        self.common.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns a chunk with text of the model.
    #[must_use]
    pub fn text(&self, choice: ChoiceIndex, text: &str) -> Vec<u8> {
        self.delta(choice, json!({ "content": text }))
    }

    /// Returns a chunk with one whole call. `index` is its position among the choice's calls; [`Form::Function`] has
    /// none.
    #[must_use]
    pub fn call(&self, choice: ChoiceIndex, index: u32, call: &Call) -> Vec<u8> {
        let delta = match call.form {
            Form::Function => json!({ "function_call": { "name": call.name, "arguments": call.arguments } }),
            Form::Tool | Form::Custom | Form::Native(_) | Form::Unknown | Form::Unclear => {
                let mut entry = calls::entry(call, Some(index));
                if index == 0 {
                    signature::take_over(call, &mut entry);
                }
                json!({ "tool_calls": [entry] })
            }
        };
        self.delta(choice, delta)
    }

    /// The end of a choice, as a chunk.
    #[must_use]
    pub fn finish(&self, choice: ChoiceIndex, reason: &str) -> Vec<u8> {
        self.end(choice, reason).into_frame()
    }

    /// The end of a choice whose server sends none.
    pub(super) fn end(&self, choice: ChoiceIndex, reason: &str) -> End {
        let choice = json!({ "index": choice.get(), "delta": {}, "logprobs": null, "finish_reason": reason });
        let body = self.body(&[choice], None);
        End::parsed(write(None, &body), None, body)
    }

    /// The usage, as a chunk without choices.
    #[must_use]
    pub fn usage(&self, usage: &Value) -> Vec<u8> {
        self.chunk(&[], Some(usage))
    }

    fn delta(&self, choice: ChoiceIndex, delta: Value) -> Vec<u8> {
        self.choice(json!({ "index": choice.get(), "delta": delta, "logprobs": null, "finish_reason": null }))
    }

    pub(super) fn choice(&self, choice: Value) -> Vec<u8> {
        self.chunk(&[choice], None)
    }

    fn chunk(&self, choices: &[Value], usage: Option<&Value>) -> Vec<u8> {
        write(None, &self.body(choices, usage))
    }

    fn body(&self, choices: &[Value], usage: Option<&Value>) -> Value {
        let mut body = self.common.clone();
        body.insert("choices".to_owned(), Value::from(choices));
        if let Some(usage) = usage {
            body.insert("usage".to_owned(), usage.clone());
        }
        Value::Object(body)
    }
}

/// Writes a chunk as an event.
pub(super) fn write(event: Option<&str>, chunk: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    splice::append(&mut text, chunk);
    sse::event(event, &text)
}

/// Returns the event of a finish with another finish reason; other events unchanged.
pub(super) fn with_reason(end: End, reason: &str) -> End {
    let correct = |_: &str, body: &mut Map<String, Value>| {
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
        changed
    };
    end.corrected(correct, write)
}
