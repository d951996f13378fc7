//! One call: the reader of an entry of `tool_calls` or a `function_call`, and the writer of a call.
//!
//! The reader keeps other members of an entry, such as signatures of thoughts, in [`Call::extra`], and those of `function` under
//! its name. It drops members that could repeat the call or its arguments in another place, because nothing decides on them.

use callgate_json::{Map, Value, span};
use serde_json::json;

use super::checks::{exact_keys, no_call_but, small, text};
use crate::checks::{MAX_CALLS, MAX_ID, holds_something};
use crate::{Call, Form, ShapeError};

/// Members the reader reads of an entry.
const ENTRY: [&str; 5] = ["index", "id", "type", "function", "custom"];
/// Members the reader reads of a function.
const FUNCTION: [&str; 2] = ["name", "arguments"];
/// Keys under which some API or server puts a call or its arguments; underscores, hyphens and case do not count.
const CALLS: [&str; 8] = ["toolcall", "toolcalls", "tooluse", "functioncall", "function", "arguments", "args", "input"];
/// Further keys of an entry under which some server repeats the call's name or arguments.
const COPIES: [&str; 6] = ["custom", "name", "parameters", "command", "code", "raw"];

/// One entry of `tool_calls`, or a `function_call`, whole or a fragment. Empty means missing.
#[derive(Debug)]
pub(super) struct RawCall<'a> {
    pub(super) index: Option<u32>,
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    /// The text of the arguments. JSON arguments keep their bytes.
    pub(super) arguments: &'a str,
    /// True if the arguments are JSON, so nothing can follow them.
    pub(super) whole: bool,
    pub(super) form: Form,
    /// As [`Call::extra`].
    pub(super) extra: Map<String, Value>,
    /// True if members were dropped.
    pub(super) pruned: bool,
}

// === impl RawCall ===

impl RawCall<'_> {
    /// Returns true for a call without a name and arguments. Some servers fill every message with such stubs.
    pub(super) fn is_stub(&self) -> bool {
        self.name.is_empty() && self.arguments.is_empty()
    }

    /// Returns true if it has no id and no other member either.
    pub(super) fn says_nothing(&self) -> bool {
        self.is_stub() && self.id.is_empty() && self.extra.is_empty()
    }

    pub(super) fn call(&self) -> Call {
        Call {
            id: self.id.to_owned(),
            name: self.name.to_owned(),
            arguments: self.arguments.to_owned(),
            form: self.form,
            extra: self.extra.clone(),
        }
    }
}

/// Reads the calls of a message or a delta, in order, stubs included; a `function_call` is the last. `json` are the bytes of
/// `holder`, and may be empty if no call [has JSON for arguments](has_json).
pub(super) fn read<'a>(holder: &'a Map<String, Value>, json: &'a [u8]) -> Result<Vec<RawCall<'a>>, ShapeError> {
    let entries = entries(holder)?;
    let texts = span::member(json, "tool_calls").map(span::items).unwrap_or_default();
    let texts = texts.into_iter().chain(std::iter::repeat(&b""[..]));
    let mut calls =
        entries.iter().zip(texts).map(|(entry, json)| tool_call(entry, json)).collect::<Result<Vec<_>, _>>()?;
    calls.extend(function_call(holder, span::member(json, "function_call").unwrap_or_default())?);
    Ok(calls)
}

/// Returns true if a call has JSON and not text for arguments.
pub(super) fn has_json(holder: &Map<String, Value>) -> bool {
    let is_json =
        |function: &Value| function.get("arguments").is_some_and(|value| !value.is_string() && !value.is_null());
    let tools = holder.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    let functions = tools.filter_map(|entry| entry.get("function")).chain(holder.get("function_call"));
    functions.into_iter().any(is_json)
}

fn entries(holder: &Map<String, Value>) -> Result<&[Value], ShapeError> {
    match holder.get("tool_calls") {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(entries)) if entries.len() > MAX_CALLS => Err(ShapeError::TooMany),
        Some(Value::Array(entries)) => Ok(entries),
        Some(value) if !holds_something(value) => Ok(&[]),
        Some(_) => Err(ShapeError::Type { at: "tool_calls", expected: "an array" }),
    }
}

fn tool_call<'a>(entry: &'a Value, json: &'a [u8]) -> Result<RawCall<'a>, ShapeError> {
    let members = match entry {
        Value::Object(members) => members,
        Value::Null => return Ok(blank(Form::Tool)),
        _ => return Err(ShapeError::Type { at: "tool_calls[]", expected: "an object" }),
    };
    exact_keys(members, &ENTRY)?;
    no_call_but(members, &["function", "custom"])?;
    let kind = match members.get("type") {
        None | Some(Value::Null) => "",
        Some(Value::String(kind)) => kind.as_str(),
        Some(_) => return Err(ShapeError::NotAFunction),
    };
    let function = match object(members, "function", "tool_calls[].function")? {
        Some(function) => named(function, span::member(json, "function").unwrap_or_default())?,
        None => ("", "", false),
    };
    let custom = match object(members, "custom", "tool_calls[].custom")? {
        Some(custom) => input(custom)?,
        None => ("", ""),
    };
    let says_function = !function.0.is_empty() || !function.1.is_empty();
    let says_custom = !custom.0.is_empty() || !custom.1.is_empty();
    let known = matches!(kind, "" | "function" | "custom");
    let form = match (says_function, says_custom) {
        (true, true) => Form::Unclear,
        (false, true) => Form::Custom,
        (_, false) if matches!(kind, "" | "function") => Form::Tool,
        (_, false) => Form::Custom,
    };
    let (name, arguments, whole) = match (says_function, says_custom) {
        (true, _) => function,
        (false, true) => (custom.0, custom.1, false),
        // An unknown kind of call gives the call its name.
        (false, false) => (if known { "" } else { kind }, "", false),
    };
    let (extra, pruned) = extra(members);
    let index = match members.get("index") {
        None | Some(Value::Null) => None,
        Some(index) => Some(small(index, "tool_calls[].index")?),
    };
    Ok(RawCall { index, id: text(members, "id")?, name, arguments, whole, form, extra, pruned })
}

fn function_call<'a>(holder: &'a Map<String, Value>, json: &'a [u8]) -> Result<Option<RawCall<'a>>, ShapeError> {
    let Some(function) = object(holder, "function_call", "function_call")?.filter(|function| !function.is_empty())
    else {
        return Ok(None);
    };
    let (name, arguments, whole) = named(function, json)?;
    Ok(Some(RawCall { name, arguments, whole, ..blank(Form::Function) }))
}

fn blank<'a>(form: Form) -> RawCall<'a> {
    RawCall { index: None, id: "", name: "", arguments: "", whole: false, form, extra: Map::new(), pruned: false }
}

fn object<'a>(
    members: &'a Map<String, Value>,
    key: &str,
    at: &'static str,
) -> Result<Option<&'a Map<String, Value>>, ShapeError> {
    match members.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(value) if !holds_something(value) => Ok(None),
        Some(_) => Err(ShapeError::Type { at, expected: "an object" }),
    }
}

/// Reads a function: its name, its arguments, and true if those are JSON.
fn named<'a>(function: &'a Map<String, Value>, json: &'a [u8]) -> Result<(&'a str, &'a str, bool), ShapeError> {
    exact_keys(function, &FUNCTION)?;
    no_call_but(function, &["arguments"])?;
    let name = text(function, "name")?;
    match function.get("arguments") {
        None | Some(Value::Null) => Ok((name, "", false)),
        Some(Value::String(arguments)) => Ok((name, arguments, false)),
        Some(_) => {
            let text = span::member(json, "arguments").and_then(|text| std::str::from_utf8(text).ok());
            let text = text.ok_or(ShapeError::Type { at: "arguments", expected: "a string" })?;
            Ok((name, text, true))
        }
    }
}

/// Reads a custom tool: its name and its input.
fn input(custom: &Map<String, Value>) -> Result<(&str, &str), ShapeError> {
    exact_keys(custom, &["name", "input"])?;
    no_call_but(custom, &[])?;
    Ok((text(custom, "name")?, text(custom, "input")?))
}

/// Returns the other members of an entry, and true if some were dropped.
fn extra(members: &Map<String, Value>) -> (Map<String, Value>, bool) {
    let others = |members: &Map<String, Value>, read: &[&str]| -> Map<String, Value> {
        let unread = members.iter().filter(|(key, value)| !read.contains(&key.as_str()) && !value.is_null());
        unread.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let mut extra = others(members, &ENTRY);
    let mut pruned = prune(&mut extra, &[]);
    if let Some(Value::Object(function)) = members.get("function") {
        let mut inside = others(function, &FUNCTION);
        pruned |= prune(&mut inside, &[]);
        if !inside.is_empty() {
            extra.insert("function".to_owned(), Value::Object(inside));
        }
    }
    (extra, pruned)
}

/// Drops members of an entry of `tool_calls` that could repeat the call in another place.
pub(super) fn prune_entry(entry: &mut Value) {
    let Value::Object(members) = entry else { return };
    prune(members, &ENTRY);
    if let Some(Value::Object(function)) = members.get_mut("function") {
        prune(function, &FUNCTION);
    }
}

/// Drops members with call-like keys but `read`, at any depth; returns true if there were any.
fn prune(members: &mut Map<String, Value>, read: &[&str]) -> bool {
    let before = members.len();
    let repeats = |key: &str| is_one_of(key, &CALLS) || is_one_of(key, &COPIES);
    members.retain(|key, _| read.contains(&key.as_str()) || !repeats(key));
    let mut pruned = members.len() < before;
    for (_, value) in members.iter_mut().filter(|(key, _)| !read.contains(&key.as_str())) {
        pruned |= prune_value(value);
    }
    pruned
}

fn prune_value(value: &mut Value) -> bool {
    match value {
        Value::Object(members) => prune(members, &[]),
        Value::Array(items) => items.iter_mut().map(prune_value).filter(|pruned| *pruned).count() > 0,
        _ => false,
    }
}

/// Returns true for a key under which a call or its arguments could stand.
pub(super) fn is_call_like(key: &str) -> bool {
    is_one_of(key, &CALLS)
}

fn is_one_of(key: &str, keys: &[&str]) -> bool {
    let letters = key.chars().filter(|letter| !matches!(letter, '_' | '-'));
    let folded: String = letters.flat_map(char::to_lowercase).collect();
    keys.contains(&folded.as_str())
}

/// Writes a call as an entry of `tool_calls`; `index` is its position in a stream.
pub(super) fn entry(call: &Call, index: Option<u32>) -> Value {
    let mut entry = Map::new();
    entry.extend(index.map(|index| ("index".to_owned(), Value::from(index))));
    entry.insert("id".to_owned(), Value::from(call.id.as_str()));
    if call.form == Form::Custom {
        entry.insert("type".to_owned(), Value::from("custom"));
        entry.insert("custom".to_owned(), json!({ "name": call.name, "input": call.arguments }));
        return Value::Object(entry);
    }
    let mut function = Map::new();
    function.insert("name".to_owned(), Value::from(call.name.as_str()));
    function.insert("arguments".to_owned(), Value::from(call.arguments.as_str()));
    if let Some(Value::Object(inside)) = call.extra.get("function") {
        function.extend(inside.clone());
    }
    entry.insert("type".to_owned(), Value::from("function"));
    entry.insert("function".to_owned(), Value::Object(function));
    let others = call.extra.iter().filter(|(key, _)| key.as_str() != "function");
    entry.extend(others.map(|(key, value)| (key.clone(), value.clone())));
    Value::Object(entry)
}

/// Returns the id of a call without one, from its position and the response's id. Clients send it back with the call's result,
/// and APIs take up to 40 characters.
pub(super) fn own_id(response: &str, position: usize) -> String {
    let last = response.chars().rev().take(MAX_ID).filter(char::is_ascii_alphanumeric).take(20);
    let tail: String = last.collect::<Vec<_>>().iter().rev().collect();
    format!("call_callgate_{position}_{tail}")
}
