//! Checks answers and events, and finds calls in wrong places.
//!
//! Not covered: calls as text inside `content` or `reasoning_content`, which no client of this dialect runs.

use callgate_json::{Map, Value};

use super::calls::is_call_like;
use crate::checks::{self, MAX_CHOICES, holds_something};
pub(super) use crate::checks::{exact_keys, folds_to, small, text};
use crate::{ChoiceIndex, ShapeError};

/// Refuses calls anywhere in a value.
pub(super) fn no_call(value: &Value) -> Result<(), ShapeError> {
    checks::no_call(value, is_call)
}

/// Refuses calls anywhere in an object except under the members `expected`, which the caller reads.
pub(super) fn no_call_but(members: &Map<String, Value>, expected: &[&str]) -> Result<(), ShapeError> {
    checks::no_call_but(members, expected, is_call)
}

/// The entries of `choices`; `None` if there are none.
pub(super) fn choices(body: &Map<String, Value>) -> Result<Option<&[Value]>, ShapeError> {
    match body.get("choices") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(entries)) if entries.len() > MAX_CHOICES => Err(ShapeError::TooMany),
        Some(Value::Array(entries)) => Ok(Some(entries)),
        Some(_) => Err(ShapeError::Type { at: "choices", expected: "an array" }),
    }
}

/// Returns true if a message or delta says more than a role and calls.
pub(super) fn says_something(holder: &Map<String, Value>) -> bool {
    holder.iter().any(|(key, value)| {
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

/// Returns `content` as text: a string, `null`, or parts, of which the text ones count.
///
/// A part of an unknown type passes if it can neither carry nor trigger a call.
pub(super) fn content(holder: &Map<String, Value>) -> Result<String, ShapeError> {
    const WRONG: ShapeError = ShapeError::Type { at: "content", expected: "a string or an array of parts" };
    let Some(Value::Array(parts)) = holder.get("content") else { return text(holder, "content").map(str::to_owned) };
    let mut whole = String::new();
    for part in parts {
        let Value::Object(members) = part else { return Err(WRONG) };
        exact_keys(members, &["type"])?;
        match text(members, "type")? {
            "text" | "output_text" => whole.push_str(text(members, "text")?),
            kind if names_action(kind) || holds_call_like(part) => return Err(ShapeError::UnknownPart),
            _ => {}
        }
    }
    Ok(whole)
}

/// Returns true if the type of a part names an action.
fn names_action(kind: &str) -> bool {
    const ACTIONS: [&str; 9] = ["tool", "call", "function", "exec", "shell", "command", "computer", "custom", "action"];
    let kind = kind.to_lowercase();
    ACTIONS.iter().any(|action| kind.contains(action))
}

fn holds_call_like(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_call_like),
        Value::Object(members) => members.iter().any(|(key, value)| is_call_like(key) || holds_call_like(value)),
        _ => false,
    }
}

/// The `index` of a choice; `position` if it has none.
pub(super) fn choice_index(choice: &Map<String, Value>, position: usize) -> Result<ChoiceIndex, ShapeError> {
    match choice.get("index") {
        None | Some(Value::Null) => Ok(ChoiceIndex::at(position)),
        Some(index) => small(index, "choices[].index").map(ChoiceIndex::new),
    }
}

fn is_call(key: &str, value: &Value) -> bool {
    // The lengths in bytes of keys that can fold to one of the two; nearly every key ends here.
    matches!(key.len(), 10 | 11 | 13)
        && (folds_to(key, "tool_calls") || folds_to(key, "function_call"))
        && holds_something(value)
}
