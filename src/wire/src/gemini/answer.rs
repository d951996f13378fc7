//! A whole answer: the *GenerateContentResponse*.

use callgate_json::{Map, Outline, Value, span};
use serde_json::json;

use super::message::{self, Candidate, Part, RawCall};
use super::turn::{self, CallReader, WrittenTurn};
use super::usage;
use crate::skeleton::list::{AnswerBody, Settled, settle};
use crate::{AnswerError, Call, ChoiceIndex, Earlier, Fate, ReleasePolicy, ReportedUsage, ShapeError};

const CANDIDATES: &str = "candidates";
const USAGE: &str = "usageMetadata";
/// Repeats the generated tokens.
const LOGPROBS: &str = "logprobsResult";

/// An answer that was read, and perhaps changed since. An answer to a blocked prompt has no candidates.
#[derive(Debug, Clone)]
pub(crate) struct GeminiAnswer {
    body: AnswerBody,
    choices: Vec<AnswerChoice>,
    reported: ReportedUsage,
}

#[derive(Debug, Clone, Default)]
struct AnswerChoice {
    index: ChoiceIndex,
    calls: Vec<Call>,
}

// === impl GeminiAnswer ===

impl GeminiAnswer {
    /// Reads an answer to a request for these `tools` of the provider.
    ///
    /// # Errors
    /// [`AnswerError`] as in [`crate::Dialect::answer`].
    pub(super) fn read(text: &[u8], tools: &[String]) -> Result<GeminiAnswer, AnswerError> {
        GeminiAnswer::of(Outline::read(text)?, tools)
    }

    /// As [`GeminiAnswer::read`], for a body that was read.
    pub(super) fn of(outline: Outline<'_>, tools: &[String]) -> Result<GeminiAnswer, AnswerError> {
        let body = AnswerBody::new(&outline)?;
        let candidates = message::candidates(body.members(), outline.text().as_bytes(), tools)?;
        let choices = candidates.iter().map(choice).collect::<Result<_, ShapeError>>()?;
        let is_known = |part: &Part<'_>| !matches!(part, Part::Unknown);
        let known: Vec<Vec<bool>> =
            candidates.iter().map(|candidate| candidate.parts.iter().map(is_known).collect()).collect();
        let reported = body.usage(USAGE).map(usage::read).unwrap_or_default();
        let mut answer = GeminiAnswer { body, choices, reported };
        answer.keep(&known);
        Ok(answer)
    }

    /// Drops unknown parts.
    fn keep(&mut self, known: &[Vec<bool>]) {
        for (choice, known) in known.iter().enumerate().filter(|(_, known)| known.contains(&false)) {
            if let Some(parts) = self.parts(ChoiceIndex::at(choice)) {
                let mut known = known.iter();
                parts.retain(|_| known.next().is_none_or(|known| *known));
            }
            self.body.edit(CANDIDATES);
        }
    }

    /// The `index` of each candidate.
    pub(super) fn indexes(&self) -> Vec<ChoiceIndex> {
        self.choices.iter().map(|choice| choice.index).collect()
    }

    /// Puts a break before the first text of a candidate if text was forwarded before it.
    pub(super) fn follow_text(&mut self, choice: ChoiceIndex) {
        if let Some(parts) = self.parts(choice) {
            let later = std::mem::take(parts);
            turn::append(parts, true, later);
        }
        self.body.edit(CANDIDATES);
    }

    /// Adds the usage of earlier rounds: each number is summed with its namesake.
    pub(super) fn add_usage(&mut self, earlier: &Value) {
        self.body.add_usage(USAGE, earlier);
    }

    /// The answer in one line.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.body.text().len());
        match serde_json::to_writer(&mut text, self.body.members()) {
            Ok(()) => text,
            Err(_) => Vec::new(),
        }
    }

    fn entry(&mut self, choice: ChoiceIndex) -> Option<&mut Map<String, Value>> {
        self.body.members_mut().get_mut(CANDIDATES)?.get_mut(choice.position())?.as_object_mut()
    }

    /// The parts of a candidate, with a new content if it has none.
    fn parts(&mut self, choice: ChoiceIndex) -> Option<&mut Vec<Value>> {
        let content = self.entry(choice)?.entry("content").or_insert(Value::Null);
        if !content.is_object() {
            *content = json!({ "role": "model" });
        }
        let parts = content.as_object_mut()?.entry("parts").or_insert(Value::Null);
        if !parts.is_array() {
            *parts = Value::Array(Vec::new());
        }
        parts.as_array_mut()
    }
}

impl crate::Answer for GeminiAnswer {
    fn choices(&self) -> usize {
        self.choices.len()
    }

    fn calls_of(&self, choice: ChoiceIndex) -> &[Call] {
        self.choices.get(choice.position()).map_or(&[], |choice| &choice.calls)
    }

    fn settle(&mut self, choice: ChoiceIndex, fates: Vec<Fate>, policy: ReleasePolicy) {
        let Some(calls) = self.choices.get(choice.position()).map(|choice| choice.calls.clone()) else { return };
        let Some(parts) = self.parts(choice) else { return };
        let entries = parts.iter().filter(|part| turn::is_call(part));
        if entries
            .zip(&calls)
            .zip(&fates)
            .all(|((part, call), fate)| matches!(fate, Fate::Keep(kept) if keeps_part(part, call, kept)))
        {
            return;
        }
        let mut old = calls.iter();
        let with_calls = std::mem::take(parts).into_iter().map(|part| {
            let is_call = turn::is_call(&part);
            ((part, if is_call { old.next() } else { None }), is_call)
        });
        let mut settled = SettledParts::default();
        // A kept call stays among the parts, in the order of the turn, whatever the policy.
        for item in settle(with_calls, fates, policy, Settled::is_notice) {
            match item {
                Settled::Other((part, _)) => settled.text_part(part),
                Settled::Kept((part, old), kept) => {
                    let same = old.is_some_and(|old| keeps_part(&part, old, &kept));
                    settled.call(kept, same.then_some(part));
                }
                Settled::Notice(text) => settled.notice(&text),
            }
        }
        *parts = settled.parts;
        let told = settled.told;
        if let Some(choice) = self.choices.get_mut(choice.position()) {
            choice.calls = settled.calls;
        }
        if told && let Some(entry) = self.entry(choice) {
            entry.shift_remove(LOGPROBS);
        }
        self.body.edit(CANDIDATES);
    }

    fn said(&self, choice: ChoiceIndex) -> Vec<Value> {
        let parts = self
            .body
            .members()
            .get(CANDIDATES)
            .and_then(|entries| entries.get(choice.position())?.get("content")?.get("parts"));
        let parts = parts.and_then(Value::as_array).into_iter().flatten();
        parts.filter(|part| !turn::is_call(part) && !message::is_blank(part)).cloned().collect()
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        let mut before = Vec::new();
        for turn in earlier {
            let shows = before.iter().any(|part| !turn::shown(part).is_empty());
            turn::append(&mut before, shows, turn.said.clone());
        }
        let shows = before.iter().any(|part| !turn::shown(part).is_empty());
        for choice in (0..self.choices.len()).map(ChoiceIndex::at) {
            if before.is_empty() {
                break;
            }
            let Some(parts) = self.parts(choice) else { continue };
            let later = std::mem::replace(parts, before.clone());
            turn::append(parts, shows, later);
            self.body.edit(CANDIDATES);
        }
        for usage in earlier.iter().filter_map(|turn| turn.usage.as_ref()) {
            self.add_usage(usage);
        }
    }

    fn usage(&self) -> Option<Value> {
        self.body.usage(USAGE).cloned()
    }

    fn reported_usage(&self) -> ReportedUsage {
        self.reported
    }

    fn write(&self) -> Vec<u8> {
        self.body.write()
    }
}

/// The parts of a candidate as they are settled.
#[derive(Default)]
struct SettledParts {
    written: WrittenTurn,
    parts: Vec<Value>,
    calls: Vec<Call>,
    told: bool,
}

// === impl SettledParts ===

impl SettledParts {
    fn text_part(&mut self, part: Value) {
        if self.written.text(!turn::shown(&part).is_empty()) {
            self.parts.push(turn::paragraph_break());
        }
        self.parts.push(part);
    }

    /// A kept call, with its own part if possible.
    fn call(&mut self, call: Call, as_it_is: Option<Value>) {
        let part = match as_it_is {
            Some(part) if self.written.call_as_it_is(&call) => part,
            _ => self.written.call(&call),
        };
        self.parts.push(part);
        self.calls.push(call);
    }

    fn notice(&mut self, text: &str) {
        let part = self.written.notice(text);
        self.parts.push(part);
        self.told = true;
    }
}

/// Reads the calls of a candidate. Only a stream brings a call in pieces.
fn choice(candidate: &Candidate<'_>) -> Result<AnswerChoice, ShapeError> {
    if candidate.calls().any(RawCall::is_piece) {
        return Err(ShapeError::Type { at: "functionCall", expected: "a whole call" });
    }
    let mut calls = CallReader::default();
    Ok(AnswerChoice {
        index: candidate.index,
        calls: candidate.calls().map(|raw| Ok(calls.read(raw)?.1)).collect::<Result<_, ShapeError>>()?,
    })
}

/// Returns true if a call's part can stay as it is: nothing of the call differs, and nothing unknown stands in it.
fn keeps_part(part: &Value, call: &Call, kept: &Call) -> bool {
    let known = |value: &Value, of: &[&str]| {
        value.as_object().is_some_and(|members| members.keys().all(|key| of.contains(&key.as_str())))
    };
    let plain = part.as_object().is_some_and(|members| {
        members.keys().all(|key| key == "functionCall" || message::BESIDE.contains(&key.as_str()))
    }) && part.get("functionCall").is_some_and(|function| known(function, &["id", "name", "args"]));
    let Call { id, name, arguments, form, extra, .. } = kept;
    plain
        && (id, name, form, extra) == (&call.id, &call.name, &call.form, &call.extra)
        && span::says(&call.arguments, arguments)
}
