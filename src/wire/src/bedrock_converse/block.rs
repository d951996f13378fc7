//! Blocks of a message: which kinds there are, and where a call could hide.
//!
//! Source: API reference, *ContentBlock*, a union: exactly one member says what a block is.

use callgate_json::{Map, Value};

use crate::ShapeError;
use crate::shape::{self, exact_keys, folds_to, text};

/// The kind of block that is a call.
const CALL: &str = "toolUse";
const KINDS: [&str; 9] =
    ["text", "reasoningContent", "citationsContent", "image", "audio", "video", "document", CALL, "toolResult"];

/// The one member that is not `null`, and its value.
pub(super) fn only<'b>(
    union: &'b Map<String, Value>,
    known: &[&str],
) -> Result<Option<(&'b str, &'b Value)>, ShapeError> {
    exact_keys(union, known)?;
    // AWS' own readers leave `__type` out.
    let mut members = union.iter().filter(|(key, value)| !value.is_null() && key.as_str() != "__type");
    match (members.next(), members.next()) {
        (None, _) => Ok(None),
        (Some((key, value)), None) if known.contains(&key.as_str()) => Ok(Some((key, value))),
        (Some(_), _) => Err(ShapeError::UnknownPart),
    }
}

/// Whether a block of an answer is a call, which the client runs.
///
/// `provided` are the tools that the request makes the provider run. Kinds that are not known, and those that only come of such
/// tools where there are none, are errors, and so is a call inside of a block that is none.
pub(super) fn is_call<S: AsRef<str>>(block: &Map<String, Value>, provided: &[S]) -> Result<bool, ShapeError> {
    let (name, value) = only(block, &KINDS)?.ok_or(ShapeError::UnknownPart)?;
    match name {
        CALL => {
            let Value::Object(used) = value else {
                return Err(ShapeError::Type { at: "content[].toolUse", expected: "an object" });
            };
            return Ok(!read_use(used, provided)?.by_provider);
        }
        "toolResult" if provided.is_empty() => return Err(ShapeError::UnknownPart),
        "text" => {
            text(block, "text")?;
        }
        _ => {}
    }
    no_call_in(value)?;
    Ok(false)
}

/// A `toolUse`, whole or its start. Empty texts are missing ones.
pub(super) struct Use<'b> {
    pub(super) id: &'b str,
    pub(super) name: &'b str,
    /// The provider has run it; it is one of its tools.
    pub(super) by_provider: bool,
}

/// Reads a `toolUse` but for its input.
pub(super) fn read_use<'b, S: AsRef<str>>(used: &'b Map<String, Value>, provided: &[S]) -> Result<Use<'b>, ShapeError> {
    exact_keys(used, &["toolUseId", "name", "input", "type"])?;
    no_call_but(used, "input")?;
    let (id, name) = (text(used, "toolUseId")?, text(used, "name")?);
    let by_provider = match text(used, "type")? {
        "" => false,
        "server_tool_use" if provided.iter().any(|tool| tool.as_ref() == name) => true,
        "server_tool_use" => return Err(ShapeError::UnknownPart),
        _ => return Err(ShapeError::NotAFunction),
    };
    Ok(Use { id, name, by_provider })
}

/// Refuses calls anywhere in an object.
pub(super) fn no_call(members: &Map<String, Value>) -> Result<(), ShapeError> {
    no_call_but(members, "")
}

/// Refuses calls anywhere in an object but under one member, which the caller reads.
pub(super) fn no_call_but(members: &Map<String, Value>, expected: &str) -> Result<(), ShapeError> {
    shape::no_call_but(members, &[expected], is_call_member)
}

pub(super) fn no_call_in(value: &Value) -> Result<(), ShapeError> {
    shape::no_call(value, is_call_member)
}

fn is_call_member(key: &str, value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_)) && folds_to(key, CALL)
}
