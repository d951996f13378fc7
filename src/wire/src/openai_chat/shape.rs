//! Reading calls out of answers and events, and finding those that stand where none may.
//!
//! Not covered: calls written as text inside `content` or `reasoning_content`, which no client runs by this dialect.

use callgate_json::{Map, Value};

use crate::ShapeError;
use crate::shape::{self, MAX_CALLS, MAX_CHOICES, holds_something};
pub(super) use crate::shape::{exact_keys, folds_to, small, text};

/// The member of a call that an API wants back with it.
pub(super) const EXTRA: &str = "extra_content";

/// One entry of `tool_calls`, or a `function_call`, whole or a fragment. Empty means missing.
pub(super) struct RawCall<'a> {
    pub(super) index: Option<u32>,
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
    /// `extra_content`, where Gemini's compatible API puts the signature of a thought.
    pub(super) extra: Option<&'a Value>,
}

// === impl RawCall ===

impl RawCall<'_> {
    /// As [`Call::extra`](crate::Call::extra).
    pub(super) fn extra(&self) -> Map<String, Value> {
        self.extra.map(|extra| (EXTRA.to_owned(), extra.clone())).into_iter().collect()
    }
}

/// Refuses calls anywhere in a value.
pub(super) fn no_call(value: &Value) -> Result<(), ShapeError> {
    shape::no_call(value, is_call)
}

/// Refuses calls anywhere in an object but under the members `expected`, which the caller reads.
pub(super) fn no_call_but(members: &Map<String, Value>, expected: &[&str]) -> Result<(), ShapeError> {
    shape::no_call_but(members, expected, is_call)
}

/// The entries of `choices`; `None` where there are none.
pub(super) fn choices(body: &Map<String, Value>) -> Result<Option<&[Value]>, ShapeError> {
    match body.get("choices") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(entries)) if entries.len() > MAX_CHOICES => Err(ShapeError::TooMany),
        Some(Value::Array(entries)) => Ok(Some(entries)),
        Some(_) => Err(ShapeError::Type { at: "choices", expected: "an array" }),
    }
}

/// The entries of `tool_calls`.
pub(super) fn tool_calls(holder: &Map<String, Value>) -> Result<&[Value], ShapeError> {
    match holder.get("tool_calls") {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(entries)) if entries.len() > MAX_CALLS => Err(ShapeError::TooMany),
        Some(Value::Array(entries)) => Ok(entries),
        Some(_) => Err(ShapeError::Type { at: "tool_calls", expected: "an array" }),
    }
}

/// One entry of `tool_calls`.
pub(super) fn tool_call(entry: &Value) -> Result<RawCall<'_>, ShapeError> {
    let Value::Object(members) = entry else {
        return Err(ShapeError::Type { at: "tool_calls[]", expected: "an object" });
    };
    exact_keys(members, &["index", "id", "type", "function", "custom"])?;
    no_call(entry)?;
    match members.get("type") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind.is_empty() || kind == "function" => {}
        Some(_) => return Err(ShapeError::NotAFunction),
    }
    if members.get("custom").is_some_and(|custom| !custom.is_null()) {
        return Err(ShapeError::NotAFunction);
    }
    let index = match members.get("index") {
        None | Some(Value::Null) => None,
        Some(index) => Some(small(index, "tool_calls[].index")?),
    };
    let (name, arguments) = match members.get("function") {
        None | Some(Value::Null) => ("", ""),
        Some(Value::Object(function)) => named(function)?,
        Some(_) => return Err(ShapeError::Type { at: "tool_calls[].function", expected: "an object" }),
    };
    let extra = members.get(EXTRA).filter(|extra| !extra.is_null());
    Ok(RawCall { index, id: text(members, "id")?, name, arguments, extra })
}

/// The legacy `function_call`; an empty object is none.
pub(super) fn function_call(holder: &Map<String, Value>) -> Result<Option<RawCall<'_>>, ShapeError> {
    match holder.get("function_call") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(function)) if function.is_empty() => Ok(None),
        Some(Value::Object(function)) => {
            no_call_but(function, &[])?;
            let (name, arguments) = named(function)?;
            Ok(Some(RawCall { index: None, id: "", name, arguments, extra: None }))
        }
        Some(_) => Err(ShapeError::Type { at: "function_call", expected: "an object" }),
    }
}

fn named(function: &Map<String, Value>) -> Result<(&str, &str), ShapeError> {
    exact_keys(function, &["name", "arguments"])?;
    Ok((text(function, "name")?, text(function, "arguments")?))
}

/// `content` as text: a string, `null`, or parts, of which the text ones count.
///
/// A part of an unknown type could be some API's call, so it is refused.
pub(super) fn content(holder: &Map<String, Value>) -> Result<String, ShapeError> {
    const WRONG: ShapeError = ShapeError::Type { at: "content", expected: "a string or an array of known parts" };
    const OTHER_PARTS: [&str; 7] =
        ["refusal", "thinking", "reasoning", "reference", "image_url", "input_audio", "output_audio"];
    let Some(Value::Array(parts)) = holder.get("content") else { return text(holder, "content").map(str::to_owned) };
    let mut whole = String::new();
    for part in parts {
        let Value::Object(part) = part else { return Err(WRONG) };
        match part.get("type").and_then(Value::as_str) {
            Some("text" | "output_text") => whole.push_str(text(part, "text")?),
            Some(other) if OTHER_PARTS.contains(&other) => {}
            _ => return Err(WRONG),
        }
    }
    Ok(whole)
}

/// The `index` of a choice; `position` where it is missing.
pub(super) fn choice_index(choice: &Map<String, Value>, position: usize) -> Result<u32, ShapeError> {
    match choice.get("index") {
        None | Some(Value::Null) => Ok(u32::try_from(position).unwrap_or(u32::MAX)),
        Some(index) => small(index, "choices[].index"),
    }
}

fn is_call(key: &str, value: &Value) -> bool {
    // The lengths in bytes that can fold to one of the two; nearly every key ends here.
    matches!(key.len(), 10 | 11 | 13)
        && (folds_to(key, "tool_calls") || folds_to(key, "function_call"))
        && holds_something(value)
}
