//! The checks of JSON in all dialects' readers: types of members, and keys read by some clients only.
//!
//! Keys are also compared as Go's `encoding/json` does, which ignores case: `"Tool_Calls"` is a call to clients in Go and
//! nothing to others, so it is refused.

use callgate_json::{Key, Map, Span, Value};
use thiserror::Error;

use crate::RequestError;

/// The maximum of calls in one choice, and of choices in one answer or event. Far above the limits of APIs (OpenAI: 128 each), they
/// keep the work linear in the size of the text.
pub(crate) const MAX_CALLS: usize = 1024;
pub(crate) const MAX_CHOICES: usize = 128;
/// The characters of a response's id used for the ids of calls and texts of the gate.
pub(crate) const MAX_ID: usize = 256;

/// The fault of an answer or an event in valid JSON. It quotes nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ShapeError {
    /// A member has another type than the API's reference gives it.
    #[error("`{at}` is not {expected}")]
    Type {
        /// The member, without positions.
        at: &'static str,
        /// The expected value.
        expected: &'static str,
    },
    /// A call stands at a place without calls in this dialect, or in a spelling read by some clients only.
    #[error("a call stands where none may")]
    StrayCall,
    /// A call of another type than the dialect's function calls.
    #[error("a call of another type than `function`")]
    NotAFunction,
    /// A part of an answer is of an unknown kind, so it could be a call; or it runs at the provider and the request did not ask
    /// for it.
    #[error("a part of a kind that is not known or was not asked for")]
    UnknownPart,
    /// More than 128 choices, or more than 1,024 calls in one.
    #[error("more choices or calls than any API gives")]
    TooMany,
}

/// Refuses calls anywhere in a value: members for which `is_call` is true, by key and value.
pub(crate) fn no_call(value: &Value, is_call: fn(&str, &Value) -> bool) -> Result<(), ShapeError> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| no_call(item, is_call)),
        Value::Object(members) => no_call_but(members, &[], is_call),
        _ => Ok(()),
    }
}

/// Refuses calls anywhere in an object but under the members `expected`. The caller reads those.
pub(crate) fn no_call_but(
    members: &Map<String, Value>,
    expected: &[&str],
    is_call: fn(&str, &Value) -> bool,
) -> Result<(), ShapeError> {
    members.iter().filter(|(key, _)| !expected.contains(&key.as_str())).try_for_each(|(key, value)| {
        if is_call(key, value) { Err(ShapeError::StrayCall) } else { no_call(value, is_call) }
    })
}

/// Returns true if a value under the name of a call holds one. `null`, `[]` and counters of this name do not.
pub(crate) fn holds_something(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Returns true for a scalar short enough to be repeated in every written event.
pub(crate) fn is_short(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= 1024,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::Array(_) | Value::Object(_) => false,
    }
}

/// Reads a text member. Missing and `null` are the empty text.
pub(crate) fn text<'a>(members: &'a Map<String, Value>, key: &'static str) -> Result<&'a str, ShapeError> {
    match members.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(ShapeError::Type { at: key, expected: "a string" }),
    }
}

/// Reads a position: a whole number of 32 bits.
pub(crate) fn small(value: &Value, at: &'static str) -> Result<u32, ShapeError> {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .ok_or(ShapeError::Type { at, expected: "a small whole number" })
}

/// Refuses keys which equal one of `known` for readers that ignore case, and only for them.
pub(crate) fn exact_keys(members: &Map<String, Value>, known: &[&str]) -> Result<(), ShapeError> {
    let ambiguous = |key: &String| known.iter().any(|known| key != known && folds_to(key, known));
    if members.keys().any(ambiguous) { Err(ShapeError::StrayCall) } else { Ok(()) }
}

/// Does the same as [`exact_keys`], for the object `param` of a request.
pub(crate) fn exact_members(
    members: &Map<String, Value>,
    param: &'static str,
    known: &[&'static str],
) -> Result<(), RequestError> {
    let resembled = |like: &&&'static str| members.keys().any(|key| key != **like && folds_to(key, like));
    known.iter().find(resembled).map_or(Ok(()), |like| Err(RequestError::Ambiguous { param, like }))
}

/// Does the same as [`exact_members`], for an object in a text.
pub(crate) fn exact(object: Span<'_>, param: &'static str, known: &[&'static str]) -> Result<(), RequestError> {
    for (key, _) in object.pairs() {
        if let Some(like) = known.iter().find(|like| is_like(key, like)) {
            return Err(RequestError::Ambiguous { param, like });
        }
    }
    Ok(())
}

/// Returns true if a key equals `known` for a reader that ignores case, and only for such a reader.
pub(crate) fn is_like(key: Key<'_>, known: &str) -> bool {
    !key.is(known) && folds(key, known)
}

/// Returns true if a key equals `known` for a reader that [ignores case](folds_to).
pub(crate) fn folds(key: Key<'_>, known: &str) -> bool {
    key.resembles(known) && folds_to(&key.name(), known)
}

/// Returns true if `key` equals `known` for a reader that ignores case (U+017F is an `s` to it, U+212A a `k`).
pub(crate) fn folds_to(key: &str, known: &str) -> bool {
    if key.is_ascii() && known.is_ascii() {
        return key.eq_ignore_ascii_case(known);
    }
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(known.chars().map(fold))
}

/// Returns true for an object that reports an error, as APIs and the proxies before them write it: an `error`, FastAPI's `detail`,
/// vLLM's and Mistral's `object: "error"`, or the `message` of a gateway.
pub(crate) fn is_error_object(members: &Map<String, Value>) -> bool {
    let says = |key: &str| members.get(key).is_some_and(|value| holds_something(value) || value.is_number());
    ["error", "errors", "detail"].into_iter().any(says)
        || members.get("object").is_some_and(|object| object == "error")
        || members.get("message").is_some_and(|message| message.as_str().is_some_and(|text| !text.is_empty()))
}

/// Adds the usage of a round, `other`, to `sum`: every number is added to its namesake.
pub(crate) fn add(sum: &mut Value, other: &Value) {
    match (&mut *sum, other) {
        (Value::Object(members), Value::Object(others)) => {
            for (key, other) in others {
                add(members.entry(key).or_insert(Value::Null), other);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let whole = a.as_u64().zip(b.as_u64()).and_then(|(a, b)| a.checked_add(b)).map(Value::from);
            let real = a.as_f64().zip(b.as_f64()).map(|(a, b)| Value::from(a + b));
            *sum = whole.or(real).unwrap_or(Value::Null);
        }
        (Value::Null, other) => *sum = other.clone(),
        _ => {}
    }
}

/// Returns two texts as paragraphs.
pub(crate) fn paragraphs(first: &str, then: &str) -> String {
    let mut text = first.to_owned();
    add_paragraph(&mut text, then);
    text
}

/// Adds a paragraph to a text.
pub(crate) fn add_paragraph(text: &mut String, paragraph: &str) {
    if !text.is_empty() && !paragraph.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(paragraph);
}
