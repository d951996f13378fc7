//! The items of an answer: which kinds there are, which of them a tool of the provider makes, and how a call is one.

use std::collections::HashSet;

use callgate_json::{Map, Value};
use serde_json::json;

use crate::shape::{self, MAX_CALLS, exact_keys, folds_to, text};
use crate::{Call, ShapeError};

pub(super) const CALL: &str = "function_call";

/// Kinds of items that say something, and make nothing run.
const SAYING: [&str; 3] = ["message", "reasoning", "compaction"];

/// A kind of item that is there only where the request has a tool for it.
struct Made {
    kind: &'static str,
    /// The tool: its name, or what its name begins with before an underscore (`web_search_preview`, a date).
    by: &'static str,
    /// What the types of events that tell of such an item begin with, after `response.`.
    events: &'static [&'static str],
}

const fn made(kind: &'static str, by: &'static str, events: &'static [&'static str]) -> Made {
    Made { kind, by, events }
}

/// What the provider ran, or lets the client run by another way than functions.
const MADE: [Made; 22] = [
    made("web_search_call", "web_search", &["web_search_call."]),
    made("x_search_call", "x_search", &["x_search_call."]),
    made("file_search_call", "file_search", &["file_search_call."]),
    made("code_interpreter_call", "code_interpreter", &["code_interpreter_call.", "code_interpreter_call_code."]),
    made("image_generation_call", "image_generation", &["image_generation_call."]),
    made("mcp_call", "mcp", &["mcp_call.", "mcp_call_arguments."]),
    made("mcp_list_tools", "mcp", &["mcp_list_tools."]),
    made("mcp_approval_request", "mcp", &[]),
    made("mcp_approval_response", "mcp", &[]),
    made("computer_call", "computer", &[]),
    made("computer_call_output", "computer", &[]),
    made("local_shell_call", "local_shell", &[]),
    made("local_shell_call_output", "local_shell", &[]),
    made("shell_call", "shell", &["shell_call_command."]),
    made("shell_call_output", "shell", &["shell_call_output_content."]),
    made("apply_patch_call", "apply_patch", &["apply_patch_call_operation_diff."]),
    made("apply_patch_call_output", "apply_patch", &[]),
    made("custom_tool_call", "custom", &["custom_tool_call_input."]),
    made("tool_search_call", "tool_search", &[]),
    made("tool_search_output", "tool_search", &[]),
    made("program", "programmatic_tool_calling", &[]),
    made("program_output", "programmatic_tool_calling", &[]),
];

/// Parts of messages and of reasoning.
const PARTS: [&str; 6] = ["output_text", "refusal", "output_audio", "reasoning_text", "summary_text", "text"];

/// Reads an item of an answer to a request that has the provider run `tools`: its kind and, if it is one, the call.
pub(super) fn read<'i>(item: &'i Value, tools: &[String]) -> Result<(&'i str, Option<Call>), ShapeError> {
    let Value::Object(members) = item else {
        return Err(ShapeError::Type { at: "output[]", expected: "an object" });
    };
    exact_keys(members, &["type"])?;
    let kind = text(members, "type")?;
    if kind == CALL {
        return Ok((kind, Some(call(members)?)));
    }
    let made = MADE.iter().find(|made| made.kind == kind);
    if !SAYING.contains(&kind) && !made.is_some_and(|made| tools.iter().any(|tool| is_tool(tool, made.by))) {
        return Err(ShapeError::UnknownPart);
    }
    match kind {
        "message" | "reasoning" => {
            exact_keys(members, &["content", "summary"])?;
            parts(members, "content")?;
            parts(members, "summary")?;
            no_call_but(members, &[])?;
        }
        // Lists of declarations: what is declared there is not called there.
        _ => no_call_but(members, &["tools"])?,
    }
    Ok((kind, None))
}

/// The items of `output`; none where it is missing.
pub(super) fn output(response: &Map<String, Value>) -> Result<&[Value], ShapeError> {
    match response.get("output") {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(ShapeError::Type { at: "output", expected: "an array" }),
    }
}

/// The calls among items, in order.
pub(super) fn calls(items: &[Value], tools: &[String]) -> Result<Vec<Call>, ShapeError> {
    let mut calls = Vec::new();
    for item in items {
        calls.extend(read(item, tools)?.1);
    }
    if calls.len() > MAX_CALLS { Err(ShapeError::TooMany) } else { Ok(calls) }
}

/// Refuses calls in a response anywhere but in `output`, and keys that could be read as that. What repeats the request (tools,
/// instructions, metadata, the format of texts) is no answer to it.
pub(super) fn no_stray_call(response: &Map<String, Value>) -> Result<(), ShapeError> {
    const REPEATED: [&str; 7] = ["output", "tools", "tool_choice", "instructions", "prompt", "metadata", "text"];
    exact_keys(response, &["output"])?;
    no_call_but(response, &REPEATED)
}

/// Whether an event of this type tells of an item of this kind that a tool made.
pub(super) fn tells_of(event: &str, kind: &str) -> bool {
    let about = event.strip_prefix("response.").unwrap_or_default();
    let made = MADE.iter().filter(|made| made.kind == kind);
    made.flat_map(|made| made.events).any(|stem| about.starts_with(stem))
        || kind == "compaction" && about.starts_with("compaction.")
}

pub(super) fn kind(item: &Value) -> &str {
    item.get("type").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn is_call(item: &Value) -> bool {
    kind(item) == CALL
}

/// Checks the kinds of parts.
fn parts(members: &Map<String, Value>, at: &'static str) -> Result<(), ShapeError> {
    match members.get(at) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(parts)) => parts.iter().try_for_each(part),
        Some(_) => Err(ShapeError::Type { at, expected: "an array of parts" }),
    }
}

/// Checks the kind of one part.
pub(super) fn part(part: &Value) -> Result<(), ShapeError> {
    if PARTS.contains(&kind(part)) { Ok(()) } else { Err(ShapeError::UnknownPart) }
}

/// Refuses calls anywhere in an object but under the members `read`.
pub(super) fn no_call_but(members: &Map<String, Value>, read: &[&str]) -> Result<(), ShapeError> {
    shape::no_call_but(members, read, is_call_member)
}

fn is_call_member(key: &str, value: &Value) -> bool {
    // The lengths in bytes that can fold to one of these; nearly every key ends here.
    match key.len() {
        4 => folds_to(key, "type") && value.as_str().is_some_and(|kind| folds_to(kind, CALL)),
        10 | 11 | 13 => {
            let is_key = folds_to(key, "tool_calls") || folds_to(key, CALL);
            is_key && (value.is_object() || value.as_array().is_some_and(|items| !items.is_empty()))
        }
        _ => false,
    }
}

fn is_tool(name: &str, tool: &str) -> bool {
    name.strip_prefix(tool).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Reads an item that is a call; what it has besides is its [`Call::extra`].
fn call(members: &Map<String, Value>) -> Result<Call, ShapeError> {
    const READ: [&str; 5] = ["type", "call_id", "name", "arguments", "namespace"];
    exact_keys(members, &READ)?;
    no_call_but(members, &READ)?;
    // The name of a function in a namespace is no name of the contract's; a nested function would be another call.
    let other = |key: &str| members.get(key).is_some_and(|value| !value.is_null());
    if other("namespace") || other("function") {
        return Err(ShapeError::NotAFunction);
    }
    let extra = members.iter().filter(|(key, _)| !READ.contains(&key.as_str()));
    Ok(Call {
        id: text(members, "call_id")?.to_owned(),
        name: text(members, "name")?.to_owned(),
        arguments: text(members, "arguments")?.to_owned(),
        extra: extra.map(|(key, value)| (key.clone(), value.clone())).collect(),
        ..Call::default()
    })
}

/// A call as an item of an answer.
pub(super) fn of_call(call: &Call) -> Value {
    let mut item = json!({ "type": CALL, "call_id": call.id, "name": call.name, "arguments": call.arguments });
    if let Value::Object(members) = &mut item {
        members.extend(call.extra.clone());
    }
    item
}

/// What stands in every id that is made here.
const OURS: &str = "_callgate_";

/// Returns true for an id that was made here. The provider knows no such item, so a reference to it must not reach it.
#[allow(dead_code, reason = "the request's reader is to use it")]
pub(super) fn is_ours(id: &str) -> bool {
    id.contains(OURS)
}

/// A text of ours as an item: a message of the assistant. Its id is made of its place and of the response's, for it must differ from
/// all others of a conversation, and be no longer than the 64 characters that the API takes.
pub(super) fn of_text(text: &str, response: &str, place: usize) -> Value {
    let unprefixed = response.strip_prefix("resp_").unwrap_or(response);
    let fit = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    let tail: String = unprefixed.chars().filter(fit).take(40).collect();
    json!({
        "id": format!("msg{OURS}{place}_{tail}"), "type": "message", "status": "completed", "role": "assistant",
        "content": [{ "type": "output_text", "annotations": [], "logprobs": [], "text": text }],
    })
}

/// Puts items of several turns into one answer. Ids tell items apart, and official clients give up where two are the same: where a
/// server gives those of each turn the same ones, a later item gets its place added to its id.
pub(super) fn joined<'i>(items: impl Iterator<Item = &'i Value>) -> Vec<Value> {
    let mut ids = HashSet::new();
    let apart = |(place, item): (usize, &'i Value)| {
        let mut item = item.clone();
        if let Some(id) = item.get("id").and_then(Value::as_str).map(str::to_owned)
            && !ids.insert(id.clone())
            && let Value::Object(members) = &mut item
        {
            members.insert("id".to_owned(), Value::from(format!("{id}{OURS}{place}")));
        }
        item
    };
    items.enumerate().map(apart).collect()
}

/// Gives a response another output; the members that changed. Some servers repeat all texts beside it, as official clients do for
/// themselves.
pub(super) fn set_output(response: &mut Map<String, Value>, output: Vec<Value>) -> Vec<&'static str> {
    let mut changed = vec!["output"];
    if response.get("output_text").is_some_and(Value::is_string) {
        let text: String = output.iter().map(shown).collect();
        response.insert("output_text".to_owned(), Value::from(text));
        changed.push("output_text");
    }
    response.insert("output".to_owned(), Value::Array(output));
    changed
}

/// The text that an item shows.
fn shown(item: &Value) -> String {
    let parts = item.get("content").filter(|_| kind(item) == "message").and_then(Value::as_array);
    let texts = parts.into_iter().flatten().filter(|part| kind(part) == "output_text");
    texts.filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
}

/// What of an item of an answer can be sent back as input; `stored` says whether the provider keeps the answer.
///
/// Reasoning is sent back by its id, which the provider must know, or encrypted; what cannot be is left out.
pub(super) fn as_input(item: &Value, stored: bool) -> Option<Value> {
    const REASONING: [&str; 5] = ["id", "type", "summary", "content", "encrypted_content"];
    let Value::Object(members) = item else { return None };
    let mut members = members.clone();
    match kind(item) {
        "reasoning" => {
            let encrypted = item.get("encrypted_content").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
            members.retain(|key, value| REASONING.contains(&key.as_str()) && !value.is_null());
            members.entry("summary").or_insert_with(|| json!([]));
            (stored || encrypted).then_some(Value::Object(members))
        }
        "message" => {
            members.retain(|_, value| !value.is_null());
            Some(Value::Object(members))
        }
        _ => Some(Value::Object(members)),
    }
}

/// A call as an item of input: of what stood beside it, what the API takes back.
pub(super) fn call_as_input(call: &Call) -> Value {
    const TAKEN: [&str; 4] = ["id", "status", "caller", "async"];
    let mut call = call.clone();
    call.extra.retain(|key, value| TAKEN.contains(&key.as_str()) && !value.is_null());
    of_call(&call)
}
