//! One call: the reader of an entry of `tool_calls` or a `function_call`, and the writer of a call.
//!
//! The reader keeps other members of an entry, such as signatures of thoughts, in [`Call::extra`], and those of `function` under
//! its name. It drops members that could repeat the call or its arguments in another place, because nothing decides on them.

use std::borrow::Cow;

use callgate_json::{Item, Map, Value};
use serde_json::json;

use super::checks::members;
use super::signature;
use crate::call::{arguments_of, input_of};
use crate::checks::{MAX_CALLS, MAX_ID};
use crate::outlined::{exact_key, holds_something, small, text_of};
use crate::{Call, Form, ShapeError};

/// Members the reader reads of an entry.
const ENTRY: [&str; 5] = ["function", "custom", "index", "id", "type"];
/// Members the reader reads of a function.
const FUNCTION: [&str; 2] = ["arguments", "name"];
/// Keys under which some API or server puts a call or its arguments; underscores, hyphens and case do not count.
const CALLS: [&str; 8] = ["toolcall", "toolcalls", "tooluse", "functioncall", "function", "arguments", "args", "input"];
/// Further keys of an entry under which some server repeats the call's name or arguments.
const COPIES: [&str; 6] = ["custom", "name", "parameters", "command", "code", "raw"];

/// One entry of `tool_calls`, or a `function_call`, whole or a fragment. Empty means missing.
#[derive(Debug)]
pub(super) struct RawCall<'a> {
    pub(super) index: Option<u32>,
    pub(super) id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    /// The text of the arguments, or of a custom tool the input. JSON arguments keep their bytes.
    pub(super) arguments: Cow<'a, str>,
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

    pub(super) fn into_call(self) -> Call {
        let is_input = self.form == Form::Custom;
        Call {
            id: self.id.into_owned(),
            name: self.name.into_owned(),
            arguments: if is_input { arguments_of(&self.arguments) } else { self.arguments.into_owned() },
            form: self.form,
            extra: self.extra,
            ..Call::default()
        }
    }
}

/// Reads the calls of a message or a delta, in order, stubs included; a `function_call` is the last.
pub(super) fn read<'a>(
    tool_calls: Option<Item<'a>>,
    function_call: Option<Item<'a>>,
) -> Result<Vec<RawCall<'a>>, ShapeError> {
    let mut calls = Vec::new();
    if let Some(entries) = entries(tool_calls)? {
        calls.reserve_exact(entries.items().count());
        for entry in entries.items() {
            calls.push(tool_call(entry)?);
        }
    }
    calls.extend(legacy_call(function_call)?);
    Ok(calls)
}

fn entries(tool_calls: Option<Item<'_>>) -> Result<Option<Item<'_>>, ShapeError> {
    match tool_calls {
        Some(entries) if entries.is_array() && entries.items().nth(MAX_CALLS).is_some() => Err(ShapeError::TooMany),
        Some(entries) if entries.is_array() => Ok(Some(entries)),
        Some(value) if holds_something(value) => Err(ShapeError::Type { at: "tool_calls", expected: "an array" }),
        None | Some(_) => Ok(None),
    }
}

fn tool_call(entry: Item<'_>) -> Result<RawCall<'_>, ShapeError> {
    if entry.is_null() {
        return Ok(blank(Form::Tool));
    }
    if !entry.is_object() {
        return Err(ShapeError::Type { at: "tool_calls[]", expected: "an object" });
    }
    let mut extra = Map::new();
    let [function, custom, index, id, kind] =
        members(entry, &ENTRY, 2, |key, value| other(&mut extra, &ENTRY, key, value))?;
    let mut pruned = prune(&mut extra, &[]);
    let kind = text_of(kind, "type").map_err(|_| ShapeError::NotAFunction)?;
    let mut inside = Map::new();
    let function = match object(function, "tool_calls[].function")? {
        Some(function) => named(function, &mut inside)?,
        None => Said::default(),
    };
    pruned |= prune(&mut inside, &[]);
    if !inside.is_empty() {
        extra.insert("function".to_owned(), Value::Object(inside));
    }
    let custom = object(custom, "tool_calls[].custom")?.map(input).transpose()?.unwrap_or_default();
    let known = matches!(kind.as_ref(), "" | "function" | "custom");
    let form = match (function.says_something(), custom.says_something(), kind.as_ref()) {
        (_, false, "" | "function") => Form::Tool,
        (false, _, "custom") | (false, true, "") => Form::Custom,
        (true, true, _) | (true, _, "custom") | (_, true, "function") => Form::Unclear,
        _ => Form::Unknown,
    };
    let Said { name, arguments, whole } = match (function.says_something(), custom.says_something()) {
        (true, _) => function,
        (false, true) => custom,
        // An unknown kind of call gives the call its name.
        (false, false) => Said { name: if known { Cow::Borrowed("") } else { kind }, ..Said::default() },
    };
    let index = match index.filter(|index| !index.is_null()) {
        None => None,
        Some(index) => Some(small(index, "tool_calls[].index")?),
    };
    Ok(RawCall { index, id: text_of(id, "id")?, name, arguments, whole, form, extra, pruned })
}

fn legacy_call(function_call: Option<Item<'_>>) -> Result<Option<RawCall<'_>>, ShapeError> {
    // An empty object is a stub: clients read it as a call without a name.
    let Some(function) = object(function_call, "function_call")? else { return Ok(None) };
    let Said { name, arguments, whole } = named(function, &mut Map::new())?;
    Ok(Some(RawCall { name, arguments, whole, ..blank(Form::Function) }))
}

fn blank<'a>(form: Form) -> RawCall<'a> {
    let nothing = Cow::Borrowed("");
    let (id, name, arguments) = (nothing.clone(), nothing.clone(), nothing);
    RawCall { index: None, id, name, arguments, whole: false, form, extra: Map::new(), pruned: false }
}

/// The name and the arguments of a function or a custom tool.
#[derive(Default)]
struct Said<'a> {
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
    /// As [`RawCall::whole`].
    whole: bool,
}

// === impl Said ===

impl Said<'_> {
    fn says_something(&self) -> bool {
        !self.name.is_empty() || !self.arguments.is_empty()
    }
}

fn object<'a>(value: Option<Item<'a>>, at: &'static str) -> Result<Option<Item<'a>>, ShapeError> {
    match value {
        Some(object) if object.is_object() => Ok(Some(object)),
        Some(value) if holds_something(value) => Err(ShapeError::Type { at, expected: "an object" }),
        None | Some(_) => Ok(None),
    }
}

/// Reads a function: its name, its arguments, and true if those are JSON. Its other members go into `inside`.
fn named<'a>(function: Item<'a>, inside: &mut Map<String, Value>) -> Result<Said<'a>, ShapeError> {
    let [arguments, name] = members(function, &FUNCTION, 1, |key, value| other(inside, &FUNCTION, key, value))?;
    let name = text_of(name, "name")?;
    match arguments.filter(|arguments| !arguments.is_null()) {
        None => Ok(Said { name, ..Said::default() }),
        Some(arguments) => match arguments.string() {
            Some(arguments) => Ok(Said { name, arguments, whole: false }),
            None => Ok(Said { name, arguments: Cow::Borrowed(arguments.text()), whole: true }),
        },
    }
}

/// Reads a custom tool: its name and its input.
fn input(custom: Item<'_>) -> Result<Said<'_>, ShapeError> {
    const CUSTOM: [&str; 2] = ["name", "input"];
    let [name, input] = members(custom, &CUSTOM, 0, |key, _| exact_key(key, &CUSTOM))?;
    Ok(Said { name: text_of(name, "name")?, arguments: text_of(input, "input")?, whole: false })
}

/// Keeps a member that is not read, unless it is read by clients that ignore case.
fn other(others: &mut Map<String, Value>, known: &[&str], key: Item<'_>, value: Item<'_>) -> Result<(), ShapeError> {
    exact_key(key, known)?;
    if !value.is_null() {
        others.insert(key.string().unwrap_or_default().into_owned(), value.value());
    }
    Ok(())
}

/// Returns the string with the arguments of an entry that has no member but those the reader reads.
pub(super) fn plain_arguments(entry: Item<'_>) -> Option<Item<'_>> {
    let [function, ..] = only(entry, &ENTRY)?;
    let [arguments, _] = only(function?, &FUNCTION)?;
    arguments.filter(|arguments| arguments.is_string())
}

/// Returns the members of an object with these names, unless it has another.
fn only<'t, const N: usize>(object: Item<'t>, names: &[&str; N]) -> Option<[Option<Item<'t>>; N]> {
    let mut members = [None; N];
    for (key, value) in object.pairs() {
        let (member, _) = members.iter_mut().zip(names).find(|(_, name)| key.is(name))?;
        *member = Some(value);
    }
    Some(members)
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
    let others = || {
        let others = call.extra.iter().filter(|(key, _)| key.as_str() != "function" && !signature::is_ours(key));
        others.map(|(key, value)| (key.clone(), value.clone()))
    };
    if call.form == Form::Custom {
        entry.insert("type".to_owned(), Value::from("custom"));
        entry.insert("custom".to_owned(), json!({ "name": call.name, "input": input_of(&call.arguments) }));
        entry.extend(others());
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
    entry.extend(others());
    Value::Object(entry)
}

/// Returns the id of a call without one, from its position and the response's id. Clients send it back with the call's result,
/// and APIs take up to 40 characters.
pub(super) fn own_id(response: &str, position: usize) -> String {
    let last = response.chars().rev().take(MAX_ID).filter(char::is_ascii_alphanumeric).take(20);
    let tail: String = last.collect::<Vec<_>>().iter().rev().collect();
    format!("call_callgate_{position}_{tail}")
}
