//! A whole answer: the *chat completion object*.

use callgate_json::{Item, Map, Outline, Value};

use super::calls::{self, own_id};
use super::turn_text::{self, TurnText};
use super::{checks, message, usage};
use crate::checks::{add_paragraph, paragraphs};
use crate::skeleton::outlined_body::OutlinedBody;
use crate::{AnswerError, Call, ChoiceIndex, Earlier, Fate, Form, ReleasePolicy, ReportedUsage, ShapeError};

/// One of the answer's alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its `index`, or its position if it has none.
    pub index: ChoiceIndex,
    /// The text of its `content`.
    pub text: String,
    /// Its calls in order, a legacy `function_call` last.
    pub calls: Vec<Call>,
    /// Its `finish_reason`, empty if it has none.
    pub finish: String,
}

/// The new content of a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The new text; `None` leaves `content` unchanged, `null` included.
    pub text: Option<String>,
    /// The new calls.
    pub calls: Vec<Call>,
}

/// A parsed answer, possibly changed since.
///
/// Numbers beyond a double's precision are tolerated: no decision reads them, and they keep their bytes.
#[derive(Debug, Clone)]
pub struct ChatAnswer {
    pub(super) body: OutlinedBody,
    pub(super) choices: Vec<Choice>,
    /// The entry of the first choice: another than the first if a turn was merged.
    pub(super) base: usize,
}

// === impl ChatAnswer ===

impl ChatAnswer {
    /// Reads an answer.
    ///
    /// A call without an id gets one of ours. Stubs without a call, and members that could repeat a call, are left out. JSON
    /// arguments become text.
    ///
    /// # Errors
    /// [`AnswerError`] if the body is not strict JSON, has no `choices`, has a member of a wrong type, or a call in a wrong
    /// place.
    pub fn read(text: &[u8]) -> Result<ChatAnswer, AnswerError> {
        ChatAnswer::of(Outline::read(text)?, false)
    }

    /// Reads an answer to a request for one choice. It joins choices with nothing but calls to the one with text: GitHub Copilot
    /// splits a turn so.
    ///
    /// # Errors
    /// As [`ChatAnswer::read`].
    pub fn read_one(text: &[u8]) -> Result<ChatAnswer, AnswerError> {
        ChatAnswer::of(Outline::read(text)?, true)
    }

    /// As [`ChatAnswer::read_one`] if `one` is true, else as [`ChatAnswer::read`].
    pub(super) fn of(outline: Outline<'_>, one: bool) -> Result<ChatAnswer, AnswerError> {
        let body = OutlinedBody::new(outline)?;
        let (choices, odd) = choices(body.root())?;
        let mut answer = ChatAnswer { body, choices, base: 0 };
        if !one || !answer.merge() {
            answer.complete(&odd);
        }
        Ok(answer)
    }

    /// Gives calls without an id one of ours, and writes the calls of choices in need of it.
    fn complete(&mut self, odd: &[bool]) {
        for position in 0..self.choices.len() {
            if self.name_calls(position) || odd.get(position) == Some(&true) {
                self.write_calls(position);
            }
        }
    }

    /// Gives the calls of a choice without an id one of ours; false if all have one.
    pub(super) fn name_calls(&mut self, position: usize) -> bool {
        let Some(choice) = self.choices.get_mut(position) else { return false };
        let calls = choice.calls.iter_mut().filter(|call| call.form != Form::Function);
        let mut unnamed = calls.enumerate().filter(|(_, call)| call.id.is_empty()).peekable();
        if unnamed.peek().is_none() {
            return false;
        }
        let response = self.body.root().get("id").and_then(Item::string).unwrap_or_default();
        unnamed.for_each(|(place, call)| call.id = own_id(&response, place));
        true
    }

    /// Replaces the signed thoughts by those of the first round, whose members are `first`.
    pub(super) fn sign_as(&mut self, first: &Map<String, Value>) {
        for position in 0..self.choices.len() {
            let choices = self.body.value("choices").unwrap_or_default();
            let message =
                choices.get(position).and_then(|entry| entry.get("message")).and_then(Value::as_object).cloned();
            let Some(mut message) = message else { continue };
            if turn_text::sign_as(&mut message, first)
                && let Some(Value::Object(entry)) =
                    self.body.edit("choices").get_mut("choices").and_then(|choices| choices.get_mut(position))
            {
                entry.insert("message".to_owned(), Value::Object(message));
            }
        }
    }

    /// Writes the calls of a choice into its message.
    pub(super) fn write_calls(&mut self, position: usize) {
        let Some(choice) = self.choices.get(position) else { return };
        let entry = self.body.edit("choices").get_mut("choices").and_then(|choices| choices.get_mut(position));
        if let Some(Value::Object(message)) = entry.and_then(|entry| entry.get_mut("message")) {
            message::write_calls(message, &choice.calls);
        }
    }

    /// Returns the choices, in the order of the answer.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// The turn's usage, if the answer has it.
    #[must_use]
    pub fn usage(&self) -> Option<Value> {
        self.body.usage("usage")
    }

    /// Adds the usage of earlier rounds: each number is summed with its namesake.
    pub fn add_usage(&mut self, earlier: &Value) {
        self.body.add_usage("usage", earlier);
    }

    /// Replaces the text and the calls of the choice at `position` in [`ChatAnswer::choices`].
    ///
    /// A call with the `id` and name of an old one keeps the members beside it. A finish reason that named calls becomes `stop`
    /// if none is left. If a call was removed or the text changed, `logprobs` are removed too: they spell out the old text. If
    /// nothing differs, nothing changes.
    pub fn rewrite(&mut self, position: usize, rewrite: Rewrite) {
        let Some(choice) = self.choices.get_mut(position) else { return };
        let new_text = rewrite.text.filter(|text| *text != choice.text);
        if new_text.is_none() && rewrite.calls == choice.calls {
            return;
        }
        if new_text.is_none() && set_arguments(&mut self.body, position, &choice.calls, &rewrite.calls) {
            choice.calls = rewrite.calls;
            return;
        }
        let Some(Value::Object(entry)) =
            self.body.edit("choices").get_mut("choices").and_then(|choices| choices.get_mut(position))
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
            message::write_calls(message, &rewrite.calls);
            if let Some(text) = new_text {
                message.insert("content".to_owned(), Value::String(text.clone()));
                choice.text = text;
            }
        }
        choice.calls = rewrite.calls;
        if gone {
            // llama.cpp repeats the raw turn here if asked to be verbose.
            self.body.remove("__verbose");
        }
    }

    /// The answer's bytes. Unchanged members keep theirs.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        self.body.write()
    }
}

impl crate::Answer for ChatAnswer {
    fn choices(&self) -> usize {
        self.choices.len()
    }

    fn calls_of(&self, choice: ChoiceIndex) -> &[Call] {
        self.choices.get(choice.position()).map_or(&[], |choice| &choice.calls)
    }

    /// A message has one text, so texts in place of calls stand after it under each policy.
    fn settle(&mut self, choice: ChoiceIndex, fates: Vec<Fate>, _hold: ReleasePolicy) {
        let Some(old) = self.choices.get(choice.position()) else { return };
        let mut text = None;
        let mut calls = Vec::with_capacity(fates.len());
        for fate in fates {
            match fate {
                Fate::Keep(call) => calls.push(call),
                Fate::Replace(notice) => add_paragraph(text.get_or_insert_with(|| old.text.clone()), &notice),
            }
        }
        let text = text.filter(|text| !text.is_empty());
        self.rewrite(choice.position(), Rewrite { text, calls });
    }

    fn said(&self, choice: ChoiceIndex) -> Vec<Value> {
        let Some(read) = self.choices.get(choice.position()) else { return Vec::new() };
        let entry = choice.position() + self.base;
        let message = self.body.root().get("choices").and_then(|entries| entries.items().nth(entry)?.get("message"));
        message.map(|message| TurnText::of(message, &read.text).values()).unwrap_or_default()
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        if let Some(first) = earlier.first() {
            self.sign_as(&turn_text::members(&first.said));
        }
        let before =
            earlier.iter().fold(String::new(), |before, turn| paragraphs(&before, &turn_text::text(&turn.said)));
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

    fn usage(&self) -> Option<Value> {
        self.usage()
    }

    fn reported_usage(&self) -> ReportedUsage {
        self.body.root().get("usage").map(usage::read).unwrap_or_default()
    }

    fn write(&self) -> Vec<u8> {
        self.write()
    }
}

/// Reads the choices; true for each with calls written in another form than received.
fn choices(body: Item<'_>) -> Result<(Vec<Choice>, Vec<bool>), ShapeError> {
    let [choices] = checks::members(body, &["choices"], 1, checks::pass)?;
    let entries = checks::choices(choices)?.ok_or(ShapeError::Type { at: "choices", expected: "an array" })?;
    let count = entries.items().count();
    let (mut choices, mut odd) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (position, entry) in entries.items().enumerate() {
        let (choice, is_odd) = message::read(position, entry)?;
        choices.push(choice);
        odd.push(is_odd);
    }
    Ok((choices, odd))
}

/// Gives the calls of a message other arguments. Returns false, and changes nothing, if anything else differs, or if the calls are
/// written by other rules.
fn set_arguments(body: &mut OutlinedBody, position: usize, old: &[Call], new: &[Call]) -> bool {
    let is_kept = |(old, new): (&Call, &Call)| same(old, new) && new.form == Form::Tool && !new.id.is_empty();
    if body.is_edited("choices") || old.len() != new.len() || !old.iter().zip(new).all(is_kept) {
        return false;
    }
    let message = body.root().get("choices").and_then(|entries| entries.items().nth(position)?.get("message"));
    let Some(message) = message.filter(|message| message.get("function_call").is_none_or(Item::is_null)) else {
        return false;
    };
    let entries = message.get("tool_calls").into_iter().flat_map(Item::items);
    let Some(strings) = entries.map(calls::plain_arguments).collect::<Option<Vec<_>>>() else { return false };
    if strings.len() != new.len() {
        return false;
    }
    let mut changes = body.changes().clone();
    strings.into_iter().zip(new).for_each(|(string, call)| changes.set(string, call.arguments.clone()));
    body.set_changes(changes);
    true
}

fn same(a: &Call, b: &Call) -> bool {
    a.form == b.form && a.id == b.id && a.name == b.name
}

/// Returns true if a finish reason says the turn ended in calls.
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

/// Removes copies of the generated tokens.
fn hide_tokens(entry: &mut Map<String, Value>) {
    if let Some(logprobs) = entry.get_mut("logprobs") {
        *logprobs = Value::Null;
    }
    entry.shift_remove("token_ids");
}
