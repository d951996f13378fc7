//! Reads the message of an answer or a line, and finds calls in wrong places.

use callgate_json::{Map, Value, span};

use crate::checks::{self, MAX_CALLS, exact_keys, folds_to, holds_something, small, text};
use crate::{Call, Form, ShapeError};

/// Members of [`Call::extra`]: the call had an id; its `type`; it had an index.
const WITH_ID: &str = "id";
const TYPE: &str = "type";
const INDEX: &str = "index";
/// Member of [`Call::extra`]: the arguments were a text, as imitators write them.
const TEXT: &str = "text";

/// An answer, or one line of a stream.
pub(super) struct Turn<'a> {
    /// `message`; `None` if it is missing.
    pub(super) message: Option<&'a Map<String, Value>>,
    pub(super) content: &'a str,
    pub(super) thinking: &'a str,
    pub(super) calls: Vec<RawCall<'a>>,
    pub(super) done: bool,
}

/// One entry of `tool_calls`; empty means missing.
pub(super) struct RawCall<'a> {
    id: &'a str,
    name: &'a str,
    /// The text of `arguments` as it came, `{}` if there are none.
    arguments: &'a str,
    form: Form,
    extra: Map<String, Value>,
}

// === impl Turn ===

impl<'a> Turn<'a> {
    /// Reads the JSON object `body`, whose text is `json`.
    pub(super) fn read(body: &'a Map<String, Value>, json: &'a [u8]) -> Result<Turn<'a>, ShapeError> {
        no_call_but(body, &["message"])?;
        let done = match body.get("done") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(done)) => *done,
            Some(_) => return Err(ShapeError::Type { at: "done", expected: "true or false" }),
        };
        let message = match body.get("message") {
            None | Some(Value::Null) => None,
            Some(Value::Object(message)) => Some(message),
            Some(_) => return Err(ShapeError::Type { at: "message", expected: "an object" }),
        };
        text(body, "done_reason")?;
        let mut turn = Turn { message, content: "", thinking: "", calls: Vec::new(), done };
        if let Some(message) = message {
            no_call_but(message, &["tool_calls"])?;
            turn.content = text(message, "content")?;
            turn.thinking = text(message, "thinking")?;
            turn.calls = calls(message, json)?;
        }
        Ok(turn)
    }

    /// Returns true if it has text.
    pub(super) fn says_something(&self) -> bool {
        !self.content.is_empty() || !self.thinking.is_empty()
    }
}

// === impl RawCall ===

impl RawCall<'_> {
    /// The call at this position of its turn. A call without an id is named after the position.
    pub(super) fn call(&self, position: u32) -> Call {
        let id = if self.id.is_empty() { format!("call_{position}") } else { self.id.to_owned() };
        let (name, arguments) = (self.name.to_owned(), self.arguments.to_owned());
        Call { id, name, arguments, form: self.form, extra: self.extra.clone(), ..Call::default() }
    }
}

fn calls<'a>(message: &'a Map<String, Value>, json: &'a [u8]) -> Result<Vec<RawCall<'a>>, ShapeError> {
    let entries = match message.get("tool_calls") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) if entries.is_empty() => return Ok(Vec::new()),
        Some(Value::Array(entries)) if entries.len() > MAX_CALLS => return Err(ShapeError::TooMany),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(ShapeError::Type { at: "tool_calls", expected: "an array" }),
    };
    let texts = span::member(json, "message").and_then(|message| span::member(message, "tool_calls"));
    let texts = span::items(texts.unwrap_or_default());
    entries.iter().zip(texts).map(|(entry, json)| call(entry, json)).collect()
}

fn call<'a>(entry: &'a Value, json: &'a [u8]) -> Result<RawCall<'a>, ShapeError> {
    let Value::Object(members) = entry else {
        return Err(ShapeError::Type { at: "tool_calls[]", expected: "an object" });
    };
    exact_keys(members, &["id", "type", "function"])?;
    no_call_but(members, &["function"])?;
    let kind = text(members, TYPE)?;
    if !matches!(kind, "" | "function") {
        // A call outside of every contract: the engine refuses it.
        let named = members.get(kind).and_then(|call| call.get("name")).or_else(|| members.get("name"));
        let name = named.and_then(Value::as_str).unwrap_or(kind);
        return Ok(RawCall { id: text(members, "id")?, name, arguments: "{}", form: Form::Unknown, extra: Map::new() });
    }
    let Some(Value::Object(function)) = members.get("function") else {
        return Err(ShapeError::Type { at: "tool_calls[].function", expected: "an object" });
    };
    exact_keys(function, &[INDEX, "name", "arguments"])?;
    no_call_but(function, &["arguments"])?;
    let as_text = match function.get("arguments") {
        None | Some(Value::Null | Value::Object(_)) => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => return Err(ShapeError::Type { at: "tool_calls[].function.arguments", expected: "an object" }),
    };
    let arguments = span::member(json, "function").and_then(|function| span::member(function, "arguments"));
    let arguments = arguments.and_then(|text| std::str::from_utf8(text).ok()).filter(|text| *text != "null");
    let id = text(members, "id")?;
    let mut extra = Map::new();
    if !id.is_empty() {
        extra.insert(WITH_ID.to_owned(), Value::Bool(true));
    }
    if !kind.is_empty() {
        extra.insert(TYPE.to_owned(), Value::from(kind));
    }
    if let Some(index) = function.get(INDEX).filter(|index| !index.is_null()) {
        small(index, "tool_calls[].function.index")?;
        extra.insert(INDEX.to_owned(), Value::Bool(true));
    }
    if as_text.is_some() {
        extra.insert(TEXT.to_owned(), Value::Bool(true));
    }
    let arguments = as_text.or(arguments).unwrap_or("{}");
    Ok(RawCall { id, name: text(function, "name")?, arguments, form: Form::Tool, extra })
}

/// A call as an entry of `tool_calls`, at this position of the list.
pub(super) fn entry(call: &Call, position: u32) -> Value {
    let mut members = Map::new();
    if has_id(call) {
        members.insert("id".to_owned(), Value::from(call.id.as_str()));
    }
    members.extend(call.extra.get(TYPE).map(|kind| (TYPE.to_owned(), kind.clone())));
    let mut function = Map::new();
    if call.extra.contains_key(INDEX) {
        function.insert(INDEX.to_owned(), Value::from(position));
    }
    function.insert("name".to_owned(), Value::from(call.name.as_str()));
    let arguments = callgate_json::read(call.arguments.as_bytes()).ok().filter(Value::is_object);
    function.insert("arguments".to_owned(), arguments.unwrap_or_else(|| Value::Object(Map::new())));
    members.insert("function".to_owned(), Value::Object(function));
    Value::Object(members)
}

/// Returns true if a call came with its id; else the id is ours and is not written.
pub(super) fn has_id(call: &Call) -> bool {
    call.extra.contains_key(WITH_ID)
}

/// Returns true if the call's arguments were a text: they are written as an object.
pub(super) fn is_text(call: &Call) -> bool {
    call.extra.contains_key(TEXT)
}

/// Refuses calls anywhere in a value.
pub(super) fn no_call(value: &Value) -> Result<(), ShapeError> {
    checks::no_call(value, is_call)
}

/// Refuses calls anywhere in an object except under the members `expected`, which the caller reads. Ollama's own client
/// ignores the case of keys.
pub(super) fn no_call_but(members: &Map<String, Value>, expected: &[&str]) -> Result<(), ShapeError> {
    checks::no_call_but(members, expected, is_call)
}

fn is_call(key: &str, value: &Value) -> bool {
    // The lengths in bytes of keys that can fold to one of the two; nearly every key ends here.
    matches!(key.len(), 10 | 11 | 13)
        && (folds_to(key, "tool_calls") || folds_to(key, "function_call"))
        && holds_something(value)
}
