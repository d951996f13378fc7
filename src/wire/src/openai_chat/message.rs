//! The message of a choice of a whole answer: reads and writes its calls.

use callgate_json::{Item, Map, Value};
use serde_json::json;

use super::signature::{self, CallSignatures};
use super::{Choice, calls, checks};
use crate::outlined::text_of;
use crate::{Call, Form, ShapeError};

/// Reads an entry of `choices`; true if its calls are written in another form than received. A missing id is still
/// missing.
pub(super) fn read(position: usize, entry: Item<'_>) -> Result<(Choice, bool), ShapeError> {
    if !entry.is_object() {
        return Err(ShapeError::Type { at: "choices[]", expected: "an object" });
    }
    let [message, index, finish] = checks::members(entry, &["message", "index", "finish_reason"], 1, checks::pass)?;
    let Some(message) = message.filter(|message| message.is_object()) else {
        return Err(ShapeError::Type { at: "choices[].message", expected: "an object" });
    };
    let [tool_calls, function_call, content] =
        checks::members(message, &["tool_calls", "function_call", "content"], 2, checks::pass)?;
    let raw = calls::read(tool_calls, function_call)?;
    let odd = raw.iter().any(|raw| raw.is_stub() || raw.whole || raw.pruned);
    let mut calls = Vec::with_capacity(raw.len());
    calls.extend(raw.into_iter().filter(|raw| !raw.is_stub()).map(calls::RawCall::into_call));
    let mut signatures = CallSignatures::default();
    calls.iter_mut().for_each(|call: &mut Call| signatures.note(&mut call.extra));
    let choice = Choice {
        index: checks::choice_index(index, position)?,
        text: checks::content(content)?.into_owned(),
        calls,
        finish: text_of(finish, "finish_reason")?.into_owned(),
    };
    Ok((choice, odd))
}

/// Writes the calls of a message: each into its old entry, else into a new one.
pub(super) fn write_calls(message: &mut Map<String, Value>, calls: &[Call]) {
    let mut old = match message.get_mut("tool_calls") {
        Some(Value::Array(entries)) => std::mem::take(entries),
        _ => Vec::new(),
    };
    let had_tools = !old.is_empty();
    let mut tools: Vec<Value> =
        calls.iter().filter(|call| call.form != Form::Function).map(|call| entry_for(&mut old, call)).collect();
    let first = calls.iter().find(|call| call.form != Form::Function);
    if let Some((call, entry)) = first.zip(tools.first_mut()) {
        signature::take_over(call, entry);
    }
    if !tools.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(tools));
    } else if had_tools {
        message.shift_remove("tool_calls");
    }
    if let Some(call) = calls.iter().find(|call| call.form == Form::Function) {
        let function = json!({ "name": call.name, "arguments": call.arguments });
        message.insert("function_call".to_owned(), function);
    } else if message.get("function_call").is_some_and(|function| !function.is_null()) {
        message.shift_remove("function_call");
    }
}

/// Returns the old entry of the call with its new arguments, else a new entry.
fn entry_for(old: &mut Vec<Value>, call: &Call) -> Value {
    let text = |value: Option<&Value>, expected: &str| value.and_then(Value::as_str) == Some(expected);
    let is_it = |entry: &Value| {
        let name = entry.get("function").and_then(|function| function.get("name"));
        text(entry.get("id"), &call.id) && text(name, &call.name) && !call.id.is_empty() && call.form == Form::Tool
    };
    if let Some(position) = old.iter().position(is_it) {
        let mut entry = old.remove(position);
        if let Some(Value::Object(function)) = entry.get_mut("function") {
            function.insert("arguments".to_owned(), Value::from(call.arguments.as_str()));
            calls::prune_entry(&mut entry);
            return entry;
        }
    }
    calls::entry(call, None)
}
