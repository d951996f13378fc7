//! A whole answer: the *GenerateContentResponse*.

use callgate_json::{Map, Value, span, splice};
use serde_json::json;

use super::shape::{self, Candidate, Part};
use super::turn::{self, Calls, Written};
use crate::checks::add;
use crate::{AnswerError, Call, Earlier, Fate, Hold, ShapeError};

const CANDIDATES: &str = "candidates";
const USAGE: &str = "usageMetadata";
/// Repeats the generated tokens.
const LOGPROBS: &str = "logprobsResult";

/// An answer that was read, and perhaps changed since. An answer to a prompt that was blocked has no candidates.
///
/// Numbers that no double holds exactly are tolerated outside of arguments: no decision rests on them.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    text: Vec<u8>,
    body: Map<String, Value>,
    choices: Vec<Choice>,
    edits: Vec<splice::Edit>,
}

#[derive(Debug, Clone, Default)]
struct Choice {
    index: u32,
    calls: Vec<Call>,
}

// === impl Answer ===

impl Answer {
    /// Reads an answer to a request that has the provider run `tools`.
    ///
    /// # Errors
    /// [`AnswerError`] as [`crate::Dialect::answer`] says.
    pub(super) fn read(text: &[u8], tools: &[String]) -> Result<Answer, AnswerError> {
        let Value::Object(body) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        };
        let candidates = shape::candidates(&body, text, tools)?;
        let choices = candidates.iter().map(choice).collect::<Result<_, ShapeError>>()?;
        let is_known = |part: &Part<'_>| !matches!(part, Part::Unknown);
        let known: Vec<Vec<bool>> =
            candidates.iter().map(|candidate| candidate.parts.iter().map(is_known).collect()).collect();
        let mut answer = Answer { text: text.to_vec(), body, choices, edits: Vec::new() };
        answer.keep(&known);
        Ok(answer)
    }

    /// Drops the parts that are not known.
    fn keep(&mut self, known: &[Vec<bool>]) {
        for (choice, known) in known.iter().enumerate().filter(|(_, known)| known.contains(&false)) {
            if let Some(parts) = self.parts(choice) {
                let mut known = known.iter();
                parts.retain(|_| known.next().is_none_or(|known| *known));
            }
            self.edit(CANDIDATES);
        }
    }

    /// The `index` of each candidate.
    pub(super) fn indexes(&self) -> Vec<u32> {
        self.choices.iter().map(|choice| choice.index).collect()
    }

    /// Puts a break before the first text of a candidate that follows text which has gone on already.
    pub(super) fn follow_text(&mut self, choice: usize) {
        if let Some(parts) = self.parts(choice) {
            let later = std::mem::take(parts);
            turn::append(parts, true, later);
        }
        self.edit(CANDIDATES);
    }

    /// Adds what earlier rounds used: every number is summed with its namesake.
    pub(super) fn add_usage(&mut self, earlier: &Value) {
        if earlier.is_object() {
            add(self.body.entry(USAGE).or_insert(Value::Null), earlier);
            self.edit(USAGE);
        }
    }

    /// The answer in one line.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.text.len());
        match serde_json::to_writer(&mut text, &self.body) {
            Ok(()) => text,
            Err(_) => Vec::new(),
        }
    }

    fn entry(&mut self, choice: usize) -> Option<&mut Map<String, Value>> {
        self.body.get_mut(CANDIDATES)?.get_mut(choice)?.as_object_mut()
    }

    /// The parts of a candidate, which gets a content where it has none.
    fn parts(&mut self, choice: usize) -> Option<&mut Vec<Value>> {
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

    fn edit(&mut self, member: &'static str) {
        splice::Edit::value(&mut self.edits, member);
    }
}

impl crate::Answer for Answer {
    fn calls(&self) -> Vec<&[Call]> {
        self.choices.iter().map(|choice| choice.calls.as_slice()).collect()
    }

    fn settle(&mut self, choice: usize, fates: Vec<Fate>, hold: Hold) {
        let Some(calls) = self.choices.get(choice).map(|choice| choice.calls.clone()) else { return };
        let Some(parts) = self.parts(choice) else { return };
        let entries = parts.iter().filter(|part| turn::is_call(part));
        if entries.zip(&calls).zip(&fates).all(|((part, call), fate)| stays(part, call, fate)) {
            return;
        }
        let mut of_calls = calls.iter().zip(fates);
        let mut settled = Settled::default();
        let mut at_end = Vec::new();
        for part in std::mem::take(parts) {
            if !turn::is_call(&part) {
                settled.said(part);
                continue;
            }
            let Some((call, fate)) = of_calls.next() else { continue };
            let same = stays(&part, call, &fate);
            match fate {
                Fate::Keep(call) => settled.call(call, same.then_some(part)),
                Fate::Tell(text) if hold == Hold::Turn => at_end.push(text),
                Fate::Tell(text) => settled.notice(&text),
            }
        }
        at_end.iter().for_each(|text| settled.notice(text));
        *parts = settled.parts;
        let told = settled.told;
        if let Some(choice) = self.choices.get_mut(choice) {
            choice.calls = settled.calls;
        }
        if told && let Some(entry) = self.entry(choice) {
            entry.shift_remove(LOGPROBS);
        }
        self.edit(CANDIDATES);
    }

    fn said(&self, choice: usize) -> Vec<Value> {
        let parts = self.body.get(CANDIDATES).and_then(|entries| entries.get(choice)?.get("content")?.get("parts"));
        let parts = parts.and_then(Value::as_array).into_iter().flatten();
        parts.filter(|part| !turn::is_call(part) && !shape::is_blank(part)).cloned().collect()
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        let mut before = Vec::new();
        for turn in earlier {
            let shows = before.iter().any(|part| !turn::shown(part).is_empty());
            turn::append(&mut before, shows, turn.said.clone());
        }
        let shows = before.iter().any(|part| !turn::shown(part).is_empty());
        for choice in 0..self.choices.len() {
            if before.is_empty() {
                break;
            }
            let Some(parts) = self.parts(choice) else { continue };
            let later = std::mem::replace(parts, before.clone());
            turn::append(parts, shows, later);
            self.edit(CANDIDATES);
        }
        for usage in earlier.iter().filter_map(|turn| turn.usage.as_ref()) {
            self.add_usage(usage);
        }
    }

    fn usage(&self) -> Option<&Value> {
        self.body.get(USAGE).filter(|usage| usage.is_object())
    }

    fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &self.body, &self.edits)
    }
}

/// The parts of a candidate as they are settled.
#[derive(Default)]
struct Settled {
    written: Written,
    parts: Vec<Value>,
    calls: Vec<Call>,
    told: bool,
}

// === impl Settled ===

impl Settled {
    fn said(&mut self, part: Value) {
        if self.written.text(!turn::shown(&part).is_empty()) {
            self.parts.push(turn::paragraph_break());
        }
        self.parts.push(part);
    }

    /// A call that goes on: as it is, where it can.
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

fn choice(candidate: &Candidate<'_>) -> Result<Choice, ShapeError> {
    let mut calls = Calls::default();
    Ok(Choice {
        index: candidate.index,
        calls: candidate.calls().map(|raw| Ok(calls.read(raw)?.1)).collect::<Result<_, ShapeError>>()?,
    })
}

/// Whether a call's part can stay as it is: nothing of the call differs, and nothing unknown stands in it.
fn stays(part: &Value, call: &Call, fate: &Fate) -> bool {
    let Fate::Keep(kept) = fate else { return false };
    let known = |value: &Value, of: &[&str]| {
        value.as_object().is_some_and(|members| members.keys().all(|key| of.contains(&key.as_str())))
    };
    let plain = part.as_object().is_some_and(|members| {
        members.keys().all(|key| key == "functionCall" || shape::BESIDE.contains(&key.as_str()))
    }) && part.get("functionCall").is_some_and(|function| known(function, &["id", "name", "args"]));
    let Call { id, name, arguments, form, extra } = kept;
    plain
        && (id, name, form, extra) == (&call.id, &call.name, &call.form, &call.extra)
        && span::says(&call.arguments, arguments)
}
