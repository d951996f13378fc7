//! A whole answer as the chunks of a stream, for rounds the client does not see as streams.

use std::collections::BTreeSet;

use callgate_json::{Map, Value};

use super::{ChatAnswer, Choice, StreamHead};
use crate::ChoiceIndex;

impl ChatAnswer {
    /// Writes this answer as the chunks of a stream with this `head`: of each choice its message, its calls one a chunk, and its
    /// finish; then, if `include_usage`, the usage. It writes neither a `role` nor [`DONE`](super::DONE): clients add up repeated
    /// roles as text, and the caller knows if the stream ends here.
    ///
    /// Choices with the same `index` are numbered by their positions.
    #[must_use]
    pub fn frames(&self, head: &StreamHead, include_usage: bool) -> Vec<u8> {
        let unique = self.choices().iter().map(|choice| choice.index).collect::<BTreeSet<_>>().len();
        let unique = unique == self.choices().len();
        let mut out = Vec::new();
        let entries = self.body.value("choices").unwrap_or_default();
        for (position, choice) in self.choices().iter().enumerate() {
            let index = if unique { choice.index } else { ChoiceIndex::at(position) };
            let entry = entries.get(position).and_then(Value::as_object);
            choice_frames(&mut out, head, choice, entry, index);
        }
        if include_usage && let Some(usage) = self.usage() {
            out.extend_from_slice(&head.usage(&usage));
        }
        out
    }
}

fn choice_frames(
    out: &mut Vec<u8>,
    head: &StreamHead,
    choice: &Choice,
    entry: Option<&Map<String, Value>>,
    index: ChoiceIndex,
) {
    if let Some(said) = entry.and_then(|entry| said(entry, index)) {
        out.extend_from_slice(&head.choice(said));
    }
    for (call, slot) in choice.calls.iter().zip(0..) {
        out.extend_from_slice(&head.call(index, slot, call));
    }
    let reason = if choice.finish.is_empty() { "stop" } else { &choice.finish };
    out.extend_from_slice(&head.finish(index, reason));
}

/// The message of a chunk's choice without its role and calls, if there is more.
fn said(entry: &Map<String, Value>, index: ChoiceIndex) -> Option<Value> {
    let mut delta = entry.get("message")?.as_object()?.clone();
    delta.retain(|key, value| {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value == "";
        !empty && !matches!(key.as_str(), "role" | "tool_calls" | "function_call")
    });
    if delta.is_empty() {
        return None;
    }
    let mut choice = Map::new();
    choice.insert("index".to_owned(), Value::from(index.get()));
    choice.insert("delta".to_owned(), Value::Object(delta));
    choice.insert("logprobs".to_owned(), entry.get("logprobs").cloned().unwrap_or(Value::Null));
    choice.insert("finish_reason".to_owned(), Value::Null);
    Some(Value::Object(choice))
}
