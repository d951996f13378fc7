//! Events, blocks and deltas that no reference describes.
//!
//! They are dropped, so nothing in them can run at a client. They are refused if they resemble a call all the same: a call that
//! is lost without a word would be a wrong answer, and a new kind of call needs a decision.

use callgate_json::{Map, Value};

use crate::ShapeError;
use crate::shape::{folds_to, holds_something};

/// Words in the name of a kind that announce a call, its input or its result.
const WORDS: [&str; 10] =
    ["tool", "call", "function", "command", "exec", "invoke", "action", "computer", "mcp", "json"];
/// Members that hold a call in one API or another.
const MEMBERS: [&str; 10] = [
    "tool_use",
    "toolUse",
    "tool_call",
    "tool_calls",
    "toolCall",
    "toolCalls",
    "function",
    "function_call",
    "functionCall",
    "partial_json",
];
/// Types of calls.
const TYPES: [&str; 6] = ["tool_use", "tool_call", "function", "function_call", "custom_tool_call", "mcp_tool_use"];
/// Members that hold the arguments of a call. The name is in `name`.
const ARGUMENTS: [&str; 4] = ["input", "arguments", "args", "parameters"];

/// Refuses calls anywhere in what is about to be dropped.
pub(crate) fn no_call(members: &Map<String, Value>) -> Result<(), ShapeError> {
    if resembles_call(members) {
        return Err(ShapeError::StrayCall);
    }
    members.values().try_for_each(no_call_in)
}

/// As [`no_call`], for any value.
pub(crate) fn no_call_in(value: &Value) -> Result<(), ShapeError> {
    match value {
        Value::Array(items) => items.iter().try_for_each(no_call_in),
        Value::Object(members) => no_call(members),
        _ => Ok(()),
    }
}

/// As [`no_call`], for a part of the model's turn: neither may its kind have the name of one that calls, nor may it have members
/// of a call.
pub(crate) fn no_part_of_call(kind: &str, members: &Map<String, Value>) -> Result<(), ShapeError> {
    let lower = kind.to_lowercase();
    let has_arguments =
        members.iter().any(|(key, value)| ARGUMENTS.iter().any(|known| folds_to(key, known)) && holds_something(value));
    if has_arguments || WORDS.iter().any(|word| lower.contains(word)) {
        return Err(ShapeError::UnknownPart);
    }
    no_call(members).map_err(|_| ShapeError::UnknownPart)
}

fn resembles_call(members: &Map<String, Value>) -> bool {
    let has = |known: &[&str]| {
        members.iter().any(|(key, value)| known.iter().any(|known| folds_to(key, known)) && holds_something(value))
    };
    let is_typed = members.iter().any(|(key, value)| {
        folds_to(key, "type") && value.as_str().is_some_and(|kind| TYPES.iter().any(|known| folds_to(kind, known)))
    });
    is_typed || has(&MEMBERS) || (has(&["name"]) && has(&ARGUMENTS))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: &Value) -> &Map<String, Value> {
        value.as_object().unwrap()
    }

    #[test]
    fn a_report_of_usage_carries_no_call() {
        for event in [
            json!({ "type": "vertex_event", "usage": { "input_tokens": 9, "server_tool_use": { "web_search_requests": 1 } } }),
            json!({ "type": "status", "name": "queue", "position": 3, "tool_calls": [] }),
            json!({ "function": null, "tool_use": {} }),
        ] {
            assert_eq!(no_call(members(&event)), Ok(()), "{event}");
        }
    }

    #[test]
    fn a_call_is_seen_however_it_is_nested_or_spelled() {
        for call in [
            json!({ "Type": "TOOL_USE" }),
            json!({ "tool_calls": [{ "id": "a" }] }),
            json!({ "functioncall": { "name": "f" } }),
            json!({ "name": "f", "input": { "x": 1 } }),
            json!({ "Name": "f", "arguments": "{}" }),
        ] {
            for event in [call.clone(), json!({ "a": [0, [{ "b": call }]] })] {
                assert_eq!(no_call(members(&event)), Err(ShapeError::StrayCall), "{event}");
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
            ("note", json!({ "input": { "x": 1 } })),
            ("note", json!({ "more": [{ "type": "tool_use" }] })),
        ] {
            assert_eq!(no_part_of_call(kind, members(&part)), Err(ShapeError::UnknownPart), "{kind}");
        }
    }
}
