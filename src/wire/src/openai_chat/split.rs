//! Takes one event apart: what each choice in it says, and the events that say the parts of it.

use std::collections::BTreeMap;

use callgate_json::{Map, Value};

use super::head;
use super::reader::{ChoiceState, ChunkPart};
use super::shape::{self, RawCall};
use crate::framing::Frame;
use crate::{Form, ShapeError};

/// Members of a chunk that go with each part of it, besides `usage`, which goes with the last: others might repeat a call.
const CHUNK: [&str; 8] =
    ["id", "object", "created", "model", "provider", "service_tier", "system_fingerprint", "obfuscation"];
/// Members of a choice that go on when it had fragments of calls: others might repeat them.
const CHOICE: [&str; 3] = ["index", "delta", "finish_reason"];
/// Members of a choice that belong to its finish.
const FINISH: [&str; 6] =
    ["index", "finish_reason", "native_finish_reason", "stop_reason", "matched_stop", "content_filter_results"];

/// What one entry of `choices` says.
pub(super) struct Part<'a> {
    pub(super) index: u32,
    pub(super) text: String,
    pub(super) fragments: Vec<(Form, RawCall<'a>)>,
    /// Empty where the choice goes on.
    pub(super) finish: &'a str,
    choice: &'a Map<String, Value>,
    delta: Option<&'a Map<String, Value>>,
}

/// Reads the entries of `choices`.
pub(super) fn parts(entries: &[Value]) -> Result<Vec<Part<'_>>, ShapeError> {
    entries.iter().enumerate().map(|(position, entry)| Part::read(position, entry)).collect()
}

// === impl Part ===

impl<'a> Part<'a> {
    fn read(position: usize, entry: &'a Value) -> Result<Part<'a>, ShapeError> {
        let Value::Object(choice) = entry else {
            return Err(ShapeError::Type { at: "choices[]", expected: "an object" });
        };
        let delta = match choice.get("delta") {
            None | Some(Value::Null) => None,
            Some(Value::Object(delta)) => Some(delta),
            Some(_) => return Err(ShapeError::Type { at: "choices[].delta", expected: "an object" }),
        };
        // Some servers repeat the delta word for word as `message`; a message of its own may hold no call.
        let repeats = delta.is_some() && choice.get("message") == choice.get("delta");
        shape::no_call_but(choice, if repeats { &["delta", "message"] } else { &["delta"] })?;
        let mut part = Part {
            index: shape::choice_index(choice, position)?,
            text: String::new(),
            fragments: Vec::new(),
            finish: shape::text(choice, "finish_reason")?,
            choice,
            delta,
        };
        if let Some(delta) = delta {
            shape::no_call_but(delta, &["tool_calls", "function_call"])?;
            part.text = shape::content(delta)?;
            for entry in shape::tool_calls(delta)? {
                part.fragments.push((Form::Tool, shape::tool_call(entry)?));
            }
            part.fragments.extend(shape::function_call(delta)?.map(|raw| (Form::Function, raw)));
        }
        Ok(part)
    }

    /// Whether the delta says more than a role and calls.
    pub(super) fn says_something(&self) -> bool {
        self.delta.into_iter().flatten().any(|(key, value)| {
            let empty = match value {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::Object(members) => members.is_empty(),
                Value::Bool(_) | Value::Number(_) => false,
            };
            !empty && !matches!(key.as_str(), "role" | "tool_calls" | "function_call")
        })
    }

    pub(super) fn has_role(&self) -> bool {
        self.delta.is_some_and(|delta| delta.get("role").is_some_and(Value::is_string))
    }
}

/// An event without fragments of calls, with its bytes as they are.
pub(super) fn whole(frame: &Frame, parts: &[Part<'_>], usage: Option<&Value>) -> Vec<ChunkPart> {
    let finish = |part: &Part<'_>, frame: Vec<u8>| ChunkPart::Finish {
        choice: part.index,
        reason: part.finish.to_owned(),
        frame,
        usage: usage.cloned(),
    };
    if let [part] = parts
        && !part.finish.is_empty()
        && !part.says_something()
    {
        return vec![finish(part, frame.raw.clone())];
    }
    let text = parts.iter().filter(|part| !part.text.is_empty()).map(|part| (part.index, part.text.clone())).collect();
    let mut deltas = vec![ChunkPart::Forward { frame: frame.raw.clone(), text }];
    deltas.extend(parts.iter().filter(|part| !part.finish.is_empty()).map(|part| finish(part, Vec::new())));
    deltas
}

/// An event that is told in parts.
pub(super) struct Event<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) body: &'a Map<String, Value>,
    pub(super) usage: Option<&'a Value>,
}

// === impl Event ===

impl Event<'_> {
    /// Appends what the event says besides calls, then the finishes.
    pub(super) fn tell(
        &self,
        parts: &[Part<'_>],
        choices: &mut BTreeMap<u32, ChoiceState>,
        deltas: &mut Vec<ChunkPart>,
    ) {
        for part in parts {
            let state = choices.entry(part.index).or_default();
            let new_role = part.has_role() && !state.role_told;
            // A choice that says nothing at all is told only where the event is its own: it may be a sign of life.
            let plain = part.fragments.is_empty() && part.finish.is_empty();
            if part.says_something() || new_role || plain {
                state.role_told |= part.has_role();
                let text = if part.text.is_empty() { Vec::new() } else { vec![(part.index, part.text.clone())] };
                deltas.push(ChunkPart::Forward { frame: self.write(self.said(part), false), text });
            }
        }
        let last = parts.iter().rposition(|part| !part.finish.is_empty());
        for (position, part) in parts.iter().enumerate().filter(|(_, part)| !part.finish.is_empty()) {
            let with_usage = last == Some(position);
            deltas.push(ChunkPart::Finish {
                choice: part.index,
                reason: part.finish.to_owned(),
                frame: self.write(finish(part), with_usage),
                usage: self.usage.filter(|_| with_usage).cloned(),
            });
        }
    }

    /// The choice without calls and finish.
    fn said(&self, part: &Part<'_>) -> Map<String, Value> {
        let mut choice = part.choice.clone();
        if !part.fragments.is_empty() {
            choice.retain(|key, _| CHOICE.contains(&key.as_str()));
        }
        if let Some(Value::Object(delta)) = choice.get_mut("delta") {
            delta.retain(|key, _| !matches!(key.as_str(), "tool_calls" | "function_call"));
        }
        for key in ["finish_reason", "native_finish_reason"] {
            if let Some(reason) = choice.get_mut(key) {
                *reason = Value::Null;
            }
        }
        choice
    }

    fn write(&self, choice: Map<String, Value>, with_usage: bool) -> Vec<u8> {
        let mut body = Map::new();
        for (key, value) in self.body {
            if key == "usage" {
                body.insert(key.clone(), if with_usage { value.clone() } else { Value::Null });
            } else if CHUNK.contains(&key.as_str()) && head::is_short(value) {
                body.insert(key.clone(), value.clone());
            }
        }
        body.insert("choices".to_owned(), Value::Array(vec![Value::Object(choice)]));
        head::write(self.name, &Value::Object(body))
    }
}

/// The choice with nothing but its finish.
fn finish(part: &Part<'_>) -> Map<String, Value> {
    let mut choice = Map::new();
    choice.insert("index".to_owned(), Value::from(part.index));
    choice.insert("delta".to_owned(), Value::Object(Map::new()));
    choice.extend(
        part.choice
            .iter()
            .filter(|(key, _)| FINISH.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    choice
}
