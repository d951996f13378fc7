//! Events, items and parts outside of every reference: dropped if they resemble no call, else an error.
//!
//! A client never sees a dropped one, so nothing of it can run. The check keeps an answer from losing a call in silence, and a
//! new kind of call from passing without a decision. Bodies forwarded unread have a check of their own ([`crate::callless`]), for
//! calls only: an error may echo arguments, and a client finds no call there.

use callgate_json::{Map, Value};

use crate::ShapeError;
use crate::checks::{folds_to, holds_something};

/// Words in the name of a kind that announce a call, its input or its result.
const WORDS: [&str; 14] = [
    "tool", "call", "function", "command", "exec", "invo", "action", "computer", "mcp", "json", "shell", "program",
    "approval", "patch",
];
/// Members only calls have, in one API or another.
const MEMBERS: [&str; 14] = [
    "tool_use",
    "toolUse",
    "tool_call",
    "tool_calls",
    "toolCall",
    "toolCalls",
    "function",
    "function_call",
    "functionCall",
    "functionCalls",
    "function_calls",
    "partial_json",
    "call_id",
    "arguments",
];
/// Members with the arguments of a call whose name is in `name`, or with the action of a part.
const ARGUMENTS: [&str; 9] =
    ["input", "args", "parameters", "action", "actions", "command", "commands", "operation", "patch"];

/// Returns true for data other than JSON that no reader takes for an object: words between events, such as `ping`.
pub(crate) fn are_words(data: &[u8]) -> bool {
    !matches!(data.trim_ascii_start().first(), None | Some(b'{' | b'[')) && callgate_json::read_nearest(data).is_err()
}

/// Refuses anything like a call, at any depth.
pub(crate) fn no_call(value: &Value) -> Result<(), ShapeError> {
    if any(value, resembles_call) { Err(ShapeError::StrayCall) } else { Ok(()) }
}

/// As [`no_call`], for an object.
pub(crate) fn no_call_in(members: &Map<String, Value>) -> Result<(), ShapeError> {
    if any_in(members, resembles_call) { Err(ShapeError::StrayCall) } else { Ok(()) }
}

/// As [`no_call_in`], for a part of the model's turn: its kind may not be named as calls and their makers are, and nothing in it may
/// be named as arguments are.
pub(crate) fn no_part_of_call(kind: &str, members: &Map<String, Value>) -> Result<(), ShapeError> {
    let acts = names_a_call(kind) || has(members, &ARGUMENTS) || any_in(members, resembles_part);
    if acts { Err(ShapeError::UnknownPart) } else { Ok(()) }
}

/// As [`no_part_of_call`], for a part whose kind is the name of its only member.
pub(crate) fn no_member_of_call(kind: &str, value: &Value) -> Result<(), ShapeError> {
    if ARGUMENTS.contains(&kind) {
        return Err(ShapeError::UnknownPart);
    }
    let none = Map::new();
    no_part_of_call(kind, value.as_object().unwrap_or(&none))?;
    if any(value, resembles_part) { Err(ShapeError::UnknownPart) } else { Ok(()) }
}

/// Returns true if a kind has a name like those of calls and their makers.
pub(crate) fn names_a_call(kind: &str) -> bool {
    let kind = kind.to_lowercase();
    WORDS.iter().any(|word| kind.contains(word))
}

fn resembles_call(members: &Map<String, Value>) -> bool {
    let is_kind_of_call = |kind: &str| {
        let kind = kind.to_lowercase();
        kind.ends_with("_call") || kind.ends_with("_use") || kind == "function" || kind == "functioncall"
    };
    let is_typed =
        members.iter().any(|(key, value)| folds_to(key, "type") && value.as_str().is_some_and(is_kind_of_call));
    is_typed || has(members, &MEMBERS) || (has(members, &["name"]) && has(members, &ARGUMENTS))
}

fn resembles_part(members: &Map<String, Value>) -> bool {
    let holds = |value: &Value| (value.is_object() || value.is_array()) && holds_something(value);
    let has_arguments =
        members.iter().any(|(key, value)| holds(value) && ARGUMENTS.iter().any(|known| folds_to(key, known)));
    has_arguments || resembles_call(members)
}

/// Returns true if an object in the value, at any depth, is such.
fn any(value: &Value, is_such: fn(&Map<String, Value>) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| any(item, is_such)),
        Value::Object(members) => any_in(members, is_such),
        _ => false,
    }
}

fn any_in(members: &Map<String, Value>, is_such: fn(&Map<String, Value>) -> bool) -> bool {
    is_such(members) || members.values().any(|value| any(value, is_such))
}

fn has(members: &Map<String, Value>, known: &[&str]) -> bool {
    members.iter().any(|(key, value)| known.iter().any(|known| folds_to(key, known)) && holds_something(value))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: &Value) -> &Map<String, Value> {
        value.as_object().unwrap()
    }

    #[test]
    fn a_report_of_usage_carries_no_call() {
        for event in [
            json!({ "type": "vertex_event", "usage": { "input_tokens": 9, "output_tokens": 2 } }),
            json!({ "type": "vertex_event", "usage": { "server_tool_use": { "web_search_requests": 1 } } }),
            json!({ "type": "status", "name": "queue", "position": 3, "tool_calls": [] }),
            json!({ "function": null, "tool_use": {} }),
            json!({ "type": "codex.rate_limits", "parameters": { "window": 5 } }),
        ] {
            assert_eq!(no_call(&event), Ok(()), "{event}");
        }
    }

    #[test]
    fn a_call_is_seen_however_it_is_nested_or_spelled() {
        for call in [
            json!({ "Type": "TOOL_USE" }),
            json!({ "type": "custom_tool_call" }),
            json!({ "type": "local_shell_call" }),
            json!({ "tool_calls": [{ "id": "a" }] }),
            json!({ "functioncall": { "name": "f" } }),
            json!({ "name": "f", "input": { "x": 1 } }),
            json!({ "Name": "f", "arguments": "{}" }),
            json!({ "call_id": "c" }),
            json!({ "arguments": "{}" }),
        ] {
            for event in [call.clone(), json!({ "a": [0, [{ "b": call }]] })] {
                assert_eq!(no_call(&event), Err(ShapeError::StrayCall), "{event}");
            }
        }
    }

    #[test]
    fn an_unknown_part_is_harmless_if_neither_name_nor_members_announce_a_call() {
        for (kind, part) in [("note", json!({ "text": "x" })), ("image", json!({ "source": { "data": "AA==" } }))] {
            assert_eq!(no_part_of_call(kind, members(&part)), Ok(()), "{kind}");
        }
        for (kind, part) in [
            ("client_tool_request", json!({})),
            ("functionInvocation", json!({})),
            ("apply_patch", json!({})),
            ("note", json!({ "input": { "x": 1 } })),
            ("note", json!({ "action": { "type": "click" } })),
            ("note", json!({ "more": [{ "type": "tool_use" }] })),
        ] {
            assert_eq!(no_part_of_call(kind, members(&part)), Err(ShapeError::UnknownPart), "{kind}");
        }
    }
}
