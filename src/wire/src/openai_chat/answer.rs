//! A whole answer: the *chat completion object*.

use callgate_json::{Map, Value};
use serde_json::json;

use super::shape::{self, RawCall};
use crate::shape::{add, paragraphs};
use crate::{AnswerError, Call, Earlier, Fate, Form, Hold, ShapeError, splice};

/// One of the answer's alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its `index`, its position where that is missing.
    pub index: u32,
    /// The text of its `content`.
    pub text: String,
    /// Its calls in order, a legacy `function_call` last.
    pub calls: Vec<Call>,
    /// Its `finish_reason`, empty where that is missing.
    pub finish: String,
}

/// What becomes of a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The text instead of the one it had; `None` leaves `content` as it is, `null` included.
    pub text: Option<String>,
    /// The calls instead of those it had.
    pub calls: Vec<Call>,
}

/// An answer that was read, and perhaps changed since.
///
/// Numbers that no double holds exactly are tolerated: no decision rests on them, and they are passed on as they came.
#[derive(Debug, Clone)]
pub struct Answer {
    text: Vec<u8>,
    pub(super) body: Map<String, Value>,
    choices: Vec<Choice>,
    edits: Vec<splice::Edit>,
}

// === impl Answer ===

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`AnswerError`] if the body is not strict JSON, has no `choices`, has a member of a wrong type, or a call that is no
    /// function call or stands where none may.
    pub fn read(text: &[u8]) -> Result<Answer, AnswerError> {
        let Value::Object(body) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        };
        shape::no_call_but(&body, &["choices"])?;
        let entries = shape::choices(&body)?.ok_or(ShapeError::Type { at: "choices", expected: "an array" })?;
        let choices = entries
            .iter()
            .enumerate()
            .map(|(position, entry)| read_choice(position, entry))
            .collect::<Result<Vec<_>, ShapeError>>()?;
        Ok(Answer { text: text.to_vec(), body, choices, edits: Vec::new() })
    }

    /// The choices, in the order of the answer.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// What the turn used, if the answer says so.
    #[must_use]
    pub fn usage(&self) -> Option<&Value> {
        self.body.get("usage").filter(|usage| usage.is_object())
    }

    /// Adds what earlier rounds used: every number is summed with its namesake.
    pub fn add_usage(&mut self, earlier: &Value) {
        if !earlier.is_object() {
            return;
        }
        let usage = self.body.entry("usage").or_insert(Value::Null);
        add(usage, earlier);
        self.edit("usage");
    }

    /// Replaces the text and the calls of the choice at `position` in [`Answer::choices`].
    ///
    /// A call that has the `id` and name of one that was there keeps what else stood beside that one. A finish reason that named
    /// calls becomes `stop` when none is left. Where a call went or the text changed, `logprobs` go too: they spell out what was
    /// there. Nothing happens where nothing differs.
    pub fn rewrite(&mut self, position: usize, rewrite: Rewrite) {
        let Some(choice) = self.choices.get_mut(position) else { return };
        let new_text = rewrite.text.filter(|text| *text != choice.text);
        if new_text.is_none() && rewrite.calls == choice.calls {
            return;
        }
        let Some(Value::Object(entry)) = self.body.get_mut("choices").and_then(|choices| choices.get_mut(position))
        else {
            return;
        };
        let gone = choice.calls.iter().any(|call| !rewrite.calls.iter().any(|kept| same(kept, call)));
        if gone || new_text.is_some() {
            hide_tokens(entry);
        }
        if rewrite.calls.is_empty() && names_calls(&choice.finish) {
            "stop".clone_into(&mut choice.finish);
            stop(entry);
        }
        if let Some(Value::Object(message)) = entry.get_mut("message") {
            write_calls(message, &rewrite.calls);
            if let Some(text) = new_text {
                message.insert("content".to_owned(), Value::String(text.clone()));
                choice.text = text;
            }
        }
        choice.calls = rewrite.calls;
        self.edit("choices");
        if gone && self.body.shift_remove("__verbose").is_some() {
            // llama.cpp repeats the raw turn there when it is asked to be verbose.
            self.edit("__verbose");
        }
    }

    /// The answer's bytes: those that were read where nothing was rewritten, else members that were not touched keep theirs.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &self.body, &self.edits)
    }

    fn edit(&mut self, member: &'static str) {
        splice::Edit::value(&mut self.edits, member);
    }
}

impl crate::Answer for Answer {
    fn calls(&self) -> Vec<&[Call]> {
        self.choices.iter().map(|choice| choice.calls.as_slice()).collect()
    }

    /// A message has one text, so what is told instead of calls stands after it, whatever was held.
    fn settle(&mut self, choice: usize, fates: Vec<Fate>, _hold: Hold) {
        let Some(old) = self.choices.get(choice) else { return };
        let mut text = old.text.clone();
        let mut calls = Vec::with_capacity(fates.len());
        for fate in fates {
            match fate {
                Fate::Keep(call) => calls.push(call),
                Fate::Tell(notice) => text = paragraphs(&text, &notice),
            }
        }
        let text = Some(text).filter(|text| !text.is_empty());
        self.rewrite(choice, Rewrite { text, calls });
    }

    fn said(&self, choice: usize) -> Vec<Value> {
        said(self.choices.get(choice).map_or("", |choice| &choice.text))
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        let before = earlier.iter().fold(String::new(), |before, turn| paragraphs(&before, &spoken(&turn.said)));
        if !before.is_empty() {
            for position in 0..self.choices.len() {
                let Some(choice) = self.choices.get(position) else { continue };
                let text = Some(paragraphs(&before, &choice.text));
                let calls = choice.calls.clone();
                self.rewrite(position, Rewrite { text, calls });
            }
        }
        for usage in earlier.iter().filter_map(|turn| turn.usage.as_ref()) {
            self.add_usage(usage);
        }
    }

    fn usage(&self) -> Option<&Value> {
        self.usage()
    }

    fn write(&self) -> Vec<u8> {
        self.write()
    }
}

/// A text as what a turn said; an empty one is nothing.
pub(super) fn said(text: &str) -> Vec<Value> {
    if text.is_empty() { Vec::new() } else { vec![Value::from(text)] }
}

/// The text of what a turn said.
pub(super) fn spoken(said: &[Value]) -> String {
    said.iter().filter_map(Value::as_str).collect()
}

fn read_choice(position: usize, entry: &Value) -> Result<Choice, ShapeError> {
    let Value::Object(entry) = entry else {
        return Err(ShapeError::Type { at: "choices[]", expected: "an object" });
    };
    shape::no_call_but(entry, &["message"])?;
    let Some(Value::Object(message)) = entry.get("message") else {
        return Err(ShapeError::Type { at: "choices[].message", expected: "an object" });
    };
    shape::no_call_but(message, &["tool_calls", "function_call"])?;
    let tools = shape::tool_calls(message)?.iter().map(|entry| Ok(call(Form::Tool, &shape::tool_call(entry)?)));
    let function = shape::function_call(message)?.map(|raw| Ok(call(Form::Function, &raw)));
    Ok(Choice {
        index: shape::choice_index(entry, position)?,
        text: shape::content(message)?,
        calls: tools.chain(function).collect::<Result<_, ShapeError>>()?,
        finish: shape::text(entry, "finish_reason")?.to_owned(),
    })
}

fn call(form: Form, raw: &RawCall<'_>) -> Call {
    Call {
        id: raw.id.to_owned(),
        name: raw.name.to_owned(),
        arguments: raw.arguments.to_owned(),
        form,
        extra: raw.extra(),
    }
}

fn same(a: &Call, b: &Call) -> bool {
    a.form == b.form && a.id == b.id && a.name == b.name
}

/// Whether a finish reason says that the turn ended in calls.
pub(super) fn names_calls(reason: &str) -> bool {
    matches!(reason, "tool_calls" | "function_call")
}

fn stop(entry: &mut Map<String, Value>) {
    for key in ["finish_reason", "native_finish_reason"] {
        if let Some(reason) = entry.get_mut(key)
            && reason.as_str().is_some_and(names_calls)
        {
            *reason = Value::from("stop");
        }
    }
}

/// Takes away what repeats the generated tokens.
fn hide_tokens(entry: &mut Map<String, Value>) {
    if let Some(logprobs) = entry.get_mut("logprobs") {
        *logprobs = Value::Null;
    }
    entry.shift_remove("token_ids");
}

fn write_calls(message: &mut Map<String, Value>, calls: &[Call]) {
    let mut old = match message.get_mut("tool_calls") {
        Some(Value::Array(entries)) => std::mem::take(entries),
        _ => Vec::new(),
    };
    let had_tools = !old.is_empty();
    let tools: Vec<Value> =
        calls.iter().filter(|call| call.form == Form::Tool).map(|call| entry_for(&mut old, call)).collect();
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

/// The old entry of the call with its new arguments, else a new entry.
fn entry_for(old: &mut Vec<Value>, call: &Call) -> Value {
    let is_it = |entry: &Value| {
        shape::tool_call(entry).is_ok_and(|raw| raw.id == call.id && raw.name == call.name && !raw.name.is_empty())
    };
    if let Some(position) = old.iter().position(is_it) {
        let mut entry = old.remove(position);
        if let Some(Value::Object(function)) = entry.get_mut("function") {
            function.insert("arguments".to_owned(), Value::from(call.arguments.as_str()));
            return entry;
        }
    }
    new_entry(call)
}

/// A call as an entry of `tool_calls`.
pub(super) fn new_entry(call: &Call) -> Value {
    let function = json!({ "name": call.name, "arguments": call.arguments });
    let mut entry = json!({ "id": call.id, "type": "function", "function": function });
    if let Value::Object(members) = &mut entry {
        members.extend(call.extra.clone());
    }
    entry
}
