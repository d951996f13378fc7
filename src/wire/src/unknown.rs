//! What is not known: dropped if it can carry no call and trigger none, else an error.
//!
//! What is dropped never reaches a client, so nothing of it can run. The check keeps an answer from losing a call in silence: the
//! names below are those that calls have in the APIs that exist.

use callgate_json::{Map, Value};

use crate::shape::{folds_to, holds_something};

/// Members that only calls have.
const OF_CALLS: [&str; 10] = [
    "call_id",
    "arguments",
    "tool_calls",
    "tool_call",
    "tool_use",
    "toolUse",
    "function_call",
    "functionCall",
    "functionCalls",
    "function",
];
/// Members that calls have too, as objects or lists.
const OF_ACTIONS: [&str; 8] = ["action", "actions", "command", "commands", "operation", "input", "parameters", "args"];

/// Returns true if a value has a member that calls have, at any depth.
pub(crate) fn may_call(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(may_call),
        Value::Object(members) => members_may_call(members),
        _ => false,
    }
}

/// As [`may_call`], for an object.
pub(crate) fn members_may_call(members: &Map<String, Value>) -> bool {
    members.iter().any(|(key, value)| member_may_call(key, value))
}

/// As [`may_call`], for a member.
pub(crate) fn member_may_call(key: &str, value: &Value) -> bool {
    is_of_call(key, value) || may_call(value)
}

/// Returns true if a kind is named as calls and what makes them are.
pub(crate) fn names_a_call(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    ["call", "tool", "function", "action", "command", "shell", "exec", "program", "approval", "invoke"]
        .iter()
        .any(|word| kind.contains(word))
}

fn is_of_call(key: &str, value: &Value) -> bool {
    let is = |names: &[&str]| names.iter().any(|name| folds_to(key, name));
    let kind = |kind: &str| kind.ends_with("_call") || kind.ends_with("_use") || folds_to(kind, "function_call");
    is(&OF_CALLS) && holds_something(value)
        || is(&OF_ACTIONS) && (value.is_object() || value.is_array()) && holds_something(value)
        || folds_to(key, "type") && value.as_str().is_some_and(kind)
}
