//! A whole answer: the *chat completion object*.

use callgate_json::{Map, Value, span};

use super::calls::{self, own_id};
use super::turn_text::{self, TurnText};
use super::{checks, message};
use crate::checks::{add_paragraph, paragraphs};
use crate::skeleton::list::AnswerBody;
use crate::{AnswerError, Call, ChoiceIndex, Earlier, Fate, Form, ReleasePolicy, ShapeError};

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
    pub(super) body: AnswerBody,
    pub(super) choices: Vec<Choice>,
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
        let (mut answer, odd) = ChatAnswer::parse(text)?;
        answer.complete(&odd);
        Ok(answer)
    }

    /// Reads an answer to a request for one choice. It joins choices with nothing but calls to the one with text: GitHub Copilot
    /// splits a turn so.
    ///
    /// # Errors
    /// As [`ChatAnswer::read`].
    pub fn read_one(text: &[u8]) -> Result<ChatAnswer, AnswerError> {
        let (mut answer, odd) = ChatAnswer::parse(text)?;
        if !answer.merge() {
            answer.complete(&odd);
        }
        Ok(answer)
    }

    /// Reads an answer; true for each choice with calls written in another form than received.
    fn parse(text: &[u8]) -> Result<(ChatAnswer, Vec<bool>), AnswerError> {
        let body = AnswerBody::read(text)?;
        checks::no_call_but(body.members(), &["choices"])?;
        let entries =
            checks::choices(body.members())?.ok_or(ShapeError::Type { at: "choices", expected: "an array" })?;
        let has_json = entries.iter().filter_map(message::of).any(calls::has_json);
        let texts = span::member(text, "choices").filter(|_| has_json).map(span::items).unwrap_or_default();
        let texts = texts.into_iter().chain(std::iter::repeat(&b""[..]));
        let read = entries.iter().zip(texts).enumerate();
        let read = read.map(|(position, (entry, json))| message::read(position, entry, json));
        let (choices, odd) = read.collect::<Result<Vec<_>, ShapeError>>()?.into_iter().unzip();
        Ok((ChatAnswer { body, choices }, odd))
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
        let response = self.body.members().get("id").and_then(Value::as_str).unwrap_or_default();
        let Some(choice) = self.choices.get_mut(position) else { return false };
        let calls = choice.calls.iter_mut().filter(|call| call.form != Form::Function);
        let mut any = false;
        for (place, call) in calls.enumerate().filter(|(_, call)| call.id.is_empty()) {
            call.id = own_id(response, place);
            any = true;
        }
        any
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
    pub fn usage(&self) -> Option<&Value> {
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
        let Some(Value::Object(entry)) =
            self.body.members_mut().get_mut("choices").and_then(|choices| choices.get_mut(position))
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
        self.body.edit("choices");
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
    fn calls(&self) -> Vec<&[Call]> {
        self.choices.iter().map(|choice| choice.calls.as_slice()).collect()
    }

    /// A message has one text, so texts in place of calls stand after it under each policy.
    fn settle(&mut self, choice: ChoiceIndex, fates: Vec<Fate>, _hold: ReleasePolicy) {
        let Some(old) = self.choices.get(choice.position()) else { return };
        let mut text = old.text.clone();
        let mut calls = Vec::with_capacity(fates.len());
        for fate in fates {
            match fate {
                Fate::Keep(call) => calls.push(call),
                Fate::Replace(notice) => add_paragraph(&mut text, &notice),
            }
        }
        let text = Some(text).filter(|text| !text.is_empty());
        self.rewrite(choice.position(), Rewrite { text, calls });
    }

    fn said(&self, choice: ChoiceIndex) -> Vec<Value> {
        let entries = self.body.members().get("choices").and_then(Value::as_array);
        let entry = entries.and_then(|entries| entries.get(choice.position())).and_then(message::of);
        let text = self.choices.get(choice.position()).map_or("", |choice| &choice.text);
        entry.map(|message| TurnText::of(message, text).values()).unwrap_or_default()
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
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

    fn usage(&self) -> Option<&Value> {
        self.usage()
    }

    fn write(&self) -> Vec<u8> {
        self.write()
    }
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
