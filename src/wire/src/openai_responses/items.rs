//! The items of an answer: which of them are calls, and how a call is one.

use std::collections::HashSet;

use callgate_json::{Item as Outlined, Map, Value, splice};
use serde_json::json;

use super::call_items::{self, ItemCall};
use super::kinds::{self, CALL};
use crate::checks::{self, MAX_CALLS, MAX_ID, exact_keys, folds_to, text};
use crate::{Call, ShapeError, outlined, unknown};

pub(super) use super::call_items::of_call;

/// Parts of messages and of reasoning.
const PARTS: [&str; 6] = ["output_text", "refusal", "output_audio", "reasoning_text", "summary_text", "text"];

/// The kinds of items.
#[derive(Debug)]
pub(super) enum Item {
    Call(Box<ItemCall>),
    /// A text, or the report of a tool of the provider the request asked for.
    Said,
    /// An unknown kind without a call: it is dropped.
    Unknown,
}

/// Reads an item of an answer to a request for these `tools` of the provider: its kind, and its meaning.
pub(super) fn read<'i>(item: &'i Value, tools: &[String]) -> Result<(&'i str, Item), ShapeError> {
    let Value::Object(members) = item else {
        return Err(ShapeError::Type { at: "output[]", expected: "an object" });
    };
    exact_keys(members, &["type"])?;
    let kind = text(members, "type")?;
    if let Some(call) = kinds::call_of(members, tools) {
        return Ok((kind, Item::Call(Box::new(call_items::read(call, members)?))));
    }
    if !kinds::says(kind) && !kinds::is_made(kind, tools) {
        if kind.is_empty() || kinds::is_known(kind) {
            return Err(ShapeError::UnknownPart);
        }
        return unknown::no_part_of_call(kind, members).map(|()| (kind, Item::Unknown));
    }
    match kind {
        "message" | "reasoning" => {
            exact_keys(members, &["content", "summary"])?;
            parts(members, "content")?;
            parts(members, "summary")?;
            no_call_but(members, &[])?;
        }
        // Lists of declarations, which are no calls. Some kinds of calls run at the provider.
        _ => no_call_but(members, &["type", "tools"])?,
    }
    Ok((kind, Item::Said))
}

/// The items of `output`; none if it is missing.
pub(super) fn output(response: &Map<String, Value>) -> Result<&[Value], ShapeError> {
    match response.get("output") {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(ShapeError::Type { at: "output", expected: "an array" }),
    }
}

/// The calls among items, in order. One without an id is named after its position.
pub(super) fn calls(items: &[Value], tools: &[String]) -> Result<Vec<Call>, ShapeError> {
    Ok(item_calls(items, tools)?.into_iter().map(|item| item.call).collect())
}

/// As [`calls`], with the forms of their kinds.
pub(super) fn item_calls(items: &[Value], tools: &[String]) -> Result<Vec<ItemCall>, ShapeError> {
    let mut calls = Vec::new();
    for item in items {
        if let (_, Item::Call(item)) = read(item, tools)? {
            let ItemCall { base, call } = *item;
            calls.push(ItemCall { base, call: with_id(call, calls.len()) });
        }
    }
    if calls.len() > MAX_CALLS { Err(ShapeError::TooMany) } else { Ok(calls) }
}

/// A call with an id: one of ours, made of its position among the calls of its turn, if it has none.
pub(super) fn with_id(call: Call, position: usize) -> Call {
    if call.id.is_empty() { Call { id: format!("call_{position}"), ..call } } else { call }
}

/// Refuses calls in a response anywhere but in `output`, and keys with a spelling like it. Copies of the request (tools,
/// instructions, metadata, the format of texts) are not part of the answer.
pub(super) fn no_stray_call(response: &Map<String, Value>) -> Result<(), ShapeError> {
    exact_keys(response, &["output"])?;
    no_call_but(response, &REPEATED)
}

/// The members of a response in which calls do not count: the output, and copies of the request.
const REPEATED: [&str; 7] = ["output", "tools", "tool_choice", "instructions", "prompt", "metadata", "text"];

/// As [`no_stray_call`], for a response without a tree. Returns its output.
pub(super) fn outlined_output(response: Outlined<'_>) -> Result<Option<Outlined<'_>>, ShapeError> {
    outlined::exact_keys(response, &["output"])?;
    let is_call = |key: Outlined<'_>, value: Outlined<'_>| {
        // As for trees: the keys have at least 4 bytes, and two quotes.
        key.raw().len() >= 6 && key.string().is_some_and(|key| is_outlined_call(&key, value))
    };
    let [output, ..] = outlined::members(response, &REPEATED, REPEATED.len(), is_call, |_, _| Ok(()))?;
    Ok(output)
}

fn is_outlined_call(key: &str, value: Outlined<'_>) -> bool {
    match key.len() {
        4 => folds_to(key, "type") && value.string().is_some_and(|kind| names_call(&kind)),
        10 | 11 | 13 => {
            let holds = value.is_object() || (value.is_array() && !value.is_empty());
            holds && (folds_to(key, "tool_calls") || folds_to(key, CALL))
        }
        _ => false,
    }
}

fn names_call(kind: &str) -> bool {
    // Most kinds end here.
    kind.len() >= "shell_call".len() && kinds::is_of_call(&folded(kind))
}

/// Returns a kind as a reader takes it that ignores case.
fn folded(kind: &str) -> String {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    kind.chars().map(fold).collect()
}

pub(super) fn kind(item: &Value) -> &str {
    item.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Returns true for an item with a call, in an answer to a request for these `tools` of the provider.
pub(super) fn is_call(item: &Value, tools: &[String]) -> bool {
    item.as_object().is_some_and(|members| kinds::call_of(members, tools).is_some())
}

/// Returns true for an item the stream forwards unchanged.
pub(super) fn is_said(item: &Value, tools: &[String]) -> bool {
    matches!(read(item, tools), Ok((_, Item::Said)))
}

/// Returns true for an item the stream drops.
pub(super) fn is_unknown(item: &Value, tools: &[String]) -> bool {
    matches!(read(item, tools), Ok((_, Item::Unknown)))
}

/// Checks the kinds of parts.
fn parts(members: &Map<String, Value>, at: &'static str) -> Result<(), ShapeError> {
    match members.get(at) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(parts)) => parts.iter().try_for_each(part),
        Some(_) => Err(ShapeError::Type { at, expected: "an array of parts" }),
    }
}

/// Checks the kind of one part. An unknown kind without a call passes: no client runs a part of a text.
pub(super) fn part(part: &Value) -> Result<(), ShapeError> {
    let kind = kind(part);
    match part.as_object() {
        Some(_) if PARTS.contains(&kind) => Ok(()),
        Some(members) if !kind.is_empty() => unknown::no_part_of_call(kind, members),
        _ => Err(ShapeError::UnknownPart),
    }
}

/// Refuses calls anywhere in an object but under the members `read`.
pub(super) fn no_call_but(members: &Map<String, Value>, read: &[&str]) -> Result<(), ShapeError> {
    checks::no_call_but(members, read, is_call_member)
}

/// Refuses calls anywhere in an object outside of turns.
pub(super) fn no_call_of_any_kind(members: &Map<String, Value>) -> Result<(), ShapeError> {
    no_call_but(members, &[])
}

fn is_call_member(key: &str, value: &Value) -> bool {
    // The lengths in bytes of keys that can fold to one of these; nearly every key ends here.
    match key.len() {
        4 => folds_to(key, "type") && value.as_str().is_some_and(names_call),
        10 | 11 | 13 => {
            let is_key = folds_to(key, "tool_calls") || folds_to(key, CALL);
            is_key && (value.is_object() || value.as_array().is_some_and(|items| !items.is_empty()))
        }
        _ => false,
    }
}

/// A part of every id of the gate.
const OURS: &str = "_callgate_";

/// Returns true for an id of the gate. The provider knows no such item, so it must not get a reference to it.
pub(super) fn is_ours(id: &str) -> bool {
    id.contains(OURS)
}

/// Returns true for a JSON text with an id of the gate, as clients write it.
pub(super) fn has_ours(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.contains(OURS))
}

/// A text of ours as an item: a message of the assistant. Its id is made of its place and the response's id. It has to differ
/// from all others of a conversation, and have no more than the API's 64 characters.
pub(super) fn of_text(text: &str, response: &str, place: usize) -> Value {
    let unprefixed = response.strip_prefix("resp_").unwrap_or(response);
    let fit = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    let tail: String = unprefixed.chars().take(MAX_ID).filter(fit).take(40).collect();
    json!({
        "id": format!("msg{OURS}{place}_{tail}"), "type": "message", "status": "completed", "role": "assistant",
        "content": [{ "type": "output_text", "annotations": [], "logprobs": [], "text": text }],
    })
}

/// Puts items of several turns into one answer. Official clients identify items by their ids and fail if two are the same. If a
/// server gives the items of each turn the same ids, a later item's id gets its place added.
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

/// Gives a response another output. Returns the changed members. Some servers repeat all texts beside it, as official clients do
/// for themselves.
pub(super) fn set_output(response: &mut Map<String, Value>, output: Vec<Value>) -> Vec<&'static str> {
    let mut changed = vec!["output"];
    if response.get("output_text").is_some_and(Value::is_string) {
        response.insert("output_text".to_owned(), Value::from(texts(&output)));
        changed.push("output_text");
    }
    response.insert("output".to_owned(), Value::Array(output));
    changed
}

/// The texts of an output, as some servers repeat them beside it.
pub(super) fn texts(output: &[Value]) -> String {
    output.iter().map(shown).collect()
}

/// Appends an output as JSON text.
pub(super) fn write(out: &mut Vec<u8>, output: &[Value]) {
    out.push(b'[');
    for (position, item) in output.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        splice::append(out, item);
    }
    out.push(b']');
}

/// The text an item shows.
fn shown(item: &Value) -> String {
    let parts = item.get("content").filter(|_| kind(item) == "message").and_then(Value::as_array);
    let texts = parts.into_iter().flatten().filter(|part| kind(part) == "output_text");
    texts.filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
}

/// Returns an item of an answer as input, if it can be sent back; `stored` is true if the provider keeps the answer.
///
/// Reasoning is sent back by its id, which the provider must know, or encrypted; other reasoning is left out.
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
