//! Reading calls out of answers and events, and finding those that stand where none may.
//!
//! Keys are also compared as Go's `encoding/json` does, which ignores case: `"Tool_Calls"` is a call to clients in Go and
//! nothing to others, so it is refused.
//!
//! Not covered: calls written as text inside `content` or `reasoning_content`, which no client runs by this dialect.

use callgate_json::{Map, Value};
use thiserror::Error;

/// Calls in one choice, and choices in one answer or event. Far above what APIs give (OpenAI: 128 each), they keep the work
/// linear in the size of what was read.
pub(super) const MAX_CALLS: usize = 1024;
const MAX_CHOICES: usize = 128;

/// What is wrong with an answer or an event that is JSON. It quotes nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ShapeError {
    /// A member has another type than the API's reference gives it.
    #[error("`{at}` is not {expected}")]
    Type {
        /// The member, without positions.
        at: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// `tool_calls` or `function_call` stands where this dialect has none, or is spelled so that only some clients read it.
    #[error("a call stands where none may")]
    StrayCall,
    /// A call of another type than `function`.
    #[error("a call of another type than `function`")]
    NotAFunction,
    /// More than 128 choices, or more than 1,024 calls in one.
    #[error("more choices or calls than any API gives")]
    TooMany,
}

/// One entry of `tool_calls`, or a `function_call`, whole or a fragment. Empty means missing.
pub(super) struct RawCall<'a> {
    pub(super) index: Option<u32>,
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
}

/// Refuses calls anywhere in a value.
pub(super) fn no_call(value: &Value) -> Result<(), ShapeError> {
    match value {
        Value::Array(items) => items.iter().try_for_each(no_call),
        Value::Object(members) => no_call_but(members, &[]),
        _ => Ok(()),
    }
}

/// Refuses calls anywhere in an object but under the members `expected`, which the caller reads.
pub(super) fn no_call_but(members: &Map<String, Value>, expected: &[&str]) -> Result<(), ShapeError> {
    for (key, value) in members {
        if expected.contains(&key.as_str()) {
            continue;
        }
        if is_call_key(key) && could_be_call(value) {
            return Err(ShapeError::StrayCall);
        }
        no_call(value)?;
    }
    Ok(())
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
    Ok(RawCall { index, id: text(members, "id")?, name, arguments })
}

/// The legacy `function_call`; an empty object is none.
pub(super) fn function_call(holder: &Map<String, Value>) -> Result<Option<RawCall<'_>>, ShapeError> {
    match holder.get("function_call") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(function)) if function.is_empty() => Ok(None),
        Some(Value::Object(function)) => {
            no_call_but(function, &[])?;
            let (name, arguments) = named(function)?;
            Ok(Some(RawCall { index: None, id: "", name, arguments }))
        }
        Some(_) => Err(ShapeError::Type { at: "function_call", expected: "an object" }),
    }
}

fn named(function: &Map<String, Value>) -> Result<(&str, &str), ShapeError> {
    exact_keys(function, &["name", "arguments"])?;
    Ok((text(function, "name")?, text(function, "arguments")?))
}

/// A text member; missing and `null` are the empty text.
pub(super) fn text<'a>(members: &'a Map<String, Value>, key: &'static str) -> Result<&'a str, ShapeError> {
    match members.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(ShapeError::Type { at: key, expected: "a string" }),
    }
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

/// A position: a whole number that fits.
pub(super) fn small(value: &Value, at: &'static str) -> Result<u32, ShapeError> {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .ok_or(ShapeError::Type { at, expected: "a small whole number" })
}

/// The `index` of a choice; `position` where it is missing.
pub(super) fn choice_index(choice: &Map<String, Value>, position: usize) -> Result<u32, ShapeError> {
    match choice.get("index") {
        None | Some(Value::Null) => Ok(u32::try_from(position).unwrap_or(u32::MAX)),
        Some(index) => small(index, "choices[].index"),
    }
}

/// Refuses keys that only a reader that ignores case takes for one of `known`.
pub(super) fn exact_keys(members: &Map<String, Value>, known: &[&str]) -> Result<(), ShapeError> {
    let ambiguous = |key: &String| known.iter().any(|known| key != known && folds_to(key, known));
    if members.keys().any(ambiguous) { Err(ShapeError::StrayCall) } else { Ok(()) }
}

/// Whether `key` is `known` to a reader that ignores case (U+017F is an `s` to it, U+212A a `k`).
pub(super) fn folds_to(key: &str, known: &str) -> bool {
    let folded = key.chars().map(|letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    folded.eq(known.chars())
}

fn is_call_key(key: &str) -> bool {
    // The lengths in bytes that can fold to one of the two; nearly every key ends here.
    matches!(key.len(), 10 | 11 | 13) && (folds_to(key, "tool_calls") || folds_to(key, "function_call"))
}

/// `null`, `[]`, and counters that happen to be named so are no calls.
fn could_be_call(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
