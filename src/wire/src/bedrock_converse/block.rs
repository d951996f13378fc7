//! Blocks of a message: their kinds, and the places a call could hide in.
//!
//! Source: API reference, *ContentBlock*, a union: exactly one member names the kind of a block.

use callgate_json::{Item, Map, Value};

use crate::checks::{self, exact_keys, folds_to, text};
use crate::skeleton::blocks::{BlockKind, NAMES_CALLS, Start};
use crate::{Form, ShapeError};
use crate::{outlined, unknown};

/// The member of a call.
const CALL: &str = "toolUse";
const KINDS: [&str; 9] =
    ["text", "reasoningContent", "citationsContent", "image", "audio", "video", "document", CALL, "toolResult"];

/// Returns the one member of a union with a value other than `null`. Its kind may not be among `known`.
pub(super) fn only<'b>(
    union: &'b Map<String, Value>,
    known: &[&str],
) -> Result<Option<(&'b str, &'b Value)>, ShapeError> {
    exact_keys(union, known)?;
    // AWS' own readers leave `__type` out.
    let mut members = union.iter().filter(|(key, value)| !value.is_null() && key.as_str() != "__type");
    match (members.next(), members.next()) {
        (None, _) => Ok(None),
        (Some((key, value)), None) => Ok(Some((key, value))),
        (Some(_), Some(_)) => Err(ShapeError::UnknownPart),
    }
}

/// Refuses an unknown member of a union if it could be a call.
pub(super) fn unknown(key: &str, value: &Value) -> Result<(), ShapeError> {
    unknown::no_member_of_call(key, value)
}

/// Reads the kind of a block of an answer.
///
/// `provided` are the tools the request makes the provider run. A kind that only such tools make is an error if there are none,
/// and so is a call inside of a block of another kind.
pub(super) fn kind<S: AsRef<str>>(block: &Map<String, Value>, provided: &[S]) -> Result<BlockKind, ShapeError> {
    let (name, value) = only(block, &KINDS)?.ok_or(ShapeError::UnknownPart)?;
    match name {
        CALL => {
            let Value::Object(used) = value else {
                return Err(ShapeError::Type { at: "content[].toolUse", expected: "an object" });
            };
            let ToolUse { by_provider, .. } = read_use(used, provided)?;
            return Ok(if by_provider { BlockKind::Text } else { BlockKind::Call });
        }
        "toolResult" if provided.is_empty() => return Err(ShapeError::UnknownPart),
        "text" => {
            text(block, "text")?;
        }
        name if !KINDS.contains(&name) => return unknown(name, value).map(|()| BlockKind::Unknown),
        _ => {}
    }
    no_call_in(value)?;
    Ok(BlockKind::Text)
}

/// A `toolUse`, whole or its start.
pub(super) struct ToolUse {
    pub(super) start: Start,
    /// The provider has run it; it is one of its tools.
    pub(super) by_provider: bool,
}

/// Reads a `toolUse` but for its input. Claude's calls have the type of the Messages API; one of another type counts as
/// [unknown](Form::Unknown).
pub(super) fn read_use<S: AsRef<str>>(used: &Map<String, Value>, provided: &[S]) -> Result<ToolUse, ShapeError> {
    exact_keys(used, &["toolUseId", "name", "input", "type"])?;
    no_call_but(used, "input")?;
    let (id, name) = (text(used, "toolUseId")?.to_owned(), text(used, "name")?.to_owned());
    let (form, by_provider) = match text(used, "type")? {
        "" | NAMES_CALLS => (Form::Tool, false),
        "server_tool_use" if provided.iter().any(|tool| tool.as_ref() == name) => (Form::Tool, true),
        "server_tool_use" => return Err(ShapeError::UnknownPart),
        _ => (Form::Unknown, false),
    };
    let mut extra: Map<String, Value> = used
        .iter()
        .filter(|(key, value)| !["toolUseId", "name", "input", "type"].contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    unknown::no_call_in(&extra)?;
    if let Some(kind) = used.get("type").filter(|kind| !kind.is_null()) {
        extra.insert("type".to_owned(), kind.clone());
    }
    Ok(ToolUse { start: Start { id, name, form, extra, input: None }, by_provider })
}

/// Refuses calls anywhere in an object.
pub(super) fn no_call(members: &Map<String, Value>) -> Result<(), ShapeError> {
    no_call_but(members, "")
}

/// Refuses calls anywhere in an object but under one member, which the caller reads.
pub(super) fn no_call_but(members: &Map<String, Value>, expected: &str) -> Result<(), ShapeError> {
    checks::no_call_but(members, &[expected], is_call_member)
}

/// Returns the members of an outlined object with these names. It refuses calls anywhere but under the first of them.
pub(super) fn members<'t, const N: usize>(
    object: Item<'t>,
    names: &[&'static str; N],
) -> Result<[Option<Item<'t>>; N], ShapeError> {
    let is_call = |key: Item<'_>, value: Item<'_>| {
        (value.is_object() || value.is_array()) && key.string().is_some_and(|key| folds_to(&key, CALL))
    };
    outlined::members(object, names, 1, is_call, |_, _| Ok(()))
}

pub(super) fn no_call_in(value: &Value) -> Result<(), ShapeError> {
    checks::no_call(value, is_call_member)
}

fn is_call_member(key: &str, value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_)) && folds_to(key, CALL)
}
