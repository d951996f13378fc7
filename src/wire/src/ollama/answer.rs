//! A whole answer: one object with a `message`.

use callgate_json::{Map, Outline, Value, span};

use super::message::{self, Turn};
use super::usage;
use crate::checks::{add, paragraphs};
use crate::skeleton::list::AnswerBody;
use crate::{AnswerError, Call, ChoiceIndex, Earlier, Fate, ReleasePolicy, ReportedUsage, ShapeError};

/// Members of the usage: counts of tokens, and durations in nanoseconds.
const USAGE: [&str; 6] =
    ["total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"];
/// The texts of a message.
const TEXTS: [&str; 2] = ["thinking", "content"];

/// A parsed answer, possibly changed since.
///
/// Outside arguments, numbers beyond a double's precision are tolerated: no decision reads them.
#[derive(Debug, Clone)]
pub(crate) struct OllamaAnswer {
    body: AnswerBody,
    calls: Vec<Call>,
    usage: Option<Value>,
    reported: ReportedUsage,
}

// === impl OllamaAnswer ===

impl OllamaAnswer {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`AnswerError`] as [`crate::Dialect::answer`] says.
    pub(super) fn read(text: &[u8]) -> Result<OllamaAnswer, AnswerError> {
        OllamaAnswer::of(Outline::read(text)?)
    }

    /// As [`OllamaAnswer::read`], for a body that was read.
    pub(super) fn of(outline: Outline<'_>) -> Result<OllamaAnswer, AnswerError> {
        let body = AnswerBody::new(&outline)?;
        let turn = Turn::read(body.members(), outline.text().as_bytes())?;
        if turn.message.is_none() {
            return Err(ShapeError::Type { at: "message", expected: "an object" }.into());
        }
        let calls = turn.calls.iter().zip(0..).map(|(raw, position)| raw.call(position)).collect();
        let usage = usage(body.members());
        let reported = usage.as_ref().map(usage::read).unwrap_or_default();
        Ok(OllamaAnswer { body, calls, usage, reported })
    }

    /// Adds the usage of earlier rounds.
    pub(super) fn add_usage(&mut self, earlier: &Value) {
        for (member, value) in USAGE.iter().filter_map(|member| Some((member, earlier.get(*member)?))) {
            add(self.body.edit(member).entry(*member).or_insert(Value::Null), value);
        }
        self.usage = usage(self.body.members());
    }

    /// Puts a break before each text that follows a forwarded one.
    pub(super) fn follow(&mut self, thinking: bool, content: bool) {
        for (key, follows) in TEXTS.into_iter().zip([thinking, content]) {
            let text = self.text(key);
            if follows && !text.is_empty() {
                self.set_text(key, format!("\n\n{text}"));
            }
        }
    }

    /// The answer as the lines of a stream: its message, and its end.
    pub(super) fn lines(&self) -> [Value; 2] {
        let mut said = self.body.members().clone();
        said.retain(|key, _| !USAGE.contains(&key.as_str()) && key != "done_reason" && key != "logprobs");
        said.insert("done".to_owned(), Value::Bool(false));
        let mut end = self.body.members().clone();
        end.insert("done".to_owned(), Value::Bool(true));
        if let Some(Value::Object(message)) = end.get_mut("message") {
            message.retain(|key, _| key == "role");
            message.insert("content".to_owned(), Value::from(""));
        }
        [Value::Object(said), Value::Object(end)]
    }

    fn message(&mut self) -> Option<&mut Map<String, Value>> {
        self.body.edit("message").get_mut("message").and_then(Value::as_object_mut)
    }

    fn text(&self, key: &str) -> &str {
        self.body
            .members()
            .get("message")
            .and_then(|message| message.get(key))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn set_text(&mut self, key: &str, text: String) {
        if text == self.text(key) {
            return;
        }
        if let Some(message) = self.message() {
            message.insert(key.to_owned(), Value::String(text));
        }
    }
}

impl crate::Answer for OllamaAnswer {
    fn choices(&self) -> usize {
        1
    }

    fn calls_of(&self, choice: ChoiceIndex) -> &[Call] {
        if choice == ChoiceIndex::FIRST { &self.calls } else { &[] }
    }

    /// A message has one text, so texts in place of calls stand after it under each policy.
    fn settle(&mut self, choice: ChoiceIndex, fates: Vec<Fate>, _hold: ReleasePolicy) {
        let stays = |(call, fate): (&Call, &Fate)| match fate {
            Fate::Keep(Call { id, name, arguments, form, extra, .. }) => {
                (id, name, form, extra) == (&call.id, &call.name, &call.form, &call.extra)
                    && !message::is_text(call)
                    && span::says(&call.arguments, arguments)
            }
            Fate::Replace(_) => false,
        };
        if choice != ChoiceIndex::FIRST || self.calls.iter().zip(&fates).all(stays) {
            return;
        }
        let mut content = self.text("content").to_owned();
        let mut kept = Vec::with_capacity(fates.len());
        for fate in fates {
            match fate {
                Fate::Keep(call) => kept.push(call),
                Fate::Replace(notice) => {
                    content.push_str(if content.is_empty() { "" } else { "\n\n" });
                    content.push_str(&notice);
                }
            }
        }
        let told = kept.len() < self.calls.len();
        self.set_text("content", content);
        if let Some(message) = self.message() {
            if kept.is_empty() {
                message.shift_remove("tool_calls");
            } else {
                let entries = kept.iter().zip(0..).map(|(call, position)| message::entry(call, position));
                message.insert("tool_calls".to_owned(), entries.collect());
            }
        }
        if kept.is_empty() && self.body.members().get("done_reason").is_some_and(names_calls) {
            self.body.set("done_reason", Value::from("stop"));
        }
        if told {
            self.body.remove("logprobs");
        }
        self.calls = kept;
    }

    fn said(&self, choice: ChoiceIndex) -> Vec<Value> {
        if choice != ChoiceIndex::FIRST { Vec::new() } else { said(self.text("thinking"), self.text("content")) }
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        for key in TEXTS {
            let texts = earlier.iter().flat_map(|turn| &turn.said).filter_map(|said| said.get(key)?.as_str());
            let before = texts.fold(String::new(), |before, text| paragraphs(&before, text));
            if !before.is_empty() {
                self.set_text(key, paragraphs(&before, self.text(key)));
            }
        }
        for usage in earlier.iter().filter_map(|turn| turn.usage.as_ref()) {
            self.add_usage(usage);
        }
    }

    fn usage(&self) -> Option<Value> {
        self.usage.clone()
    }

    fn reported_usage(&self) -> ReportedUsage {
        self.reported
    }

    fn write(&self) -> Vec<u8> {
        self.body.write()
    }
}

/// The texts of a turn; empty ones are left out.
pub(super) fn said(thinking: &str, content: &str) -> Vec<Value> {
    let texts = TEXTS.into_iter().zip([thinking, content]).filter(|(_, text)| !text.is_empty());
    let said: Map<String, Value> = texts.map(|(key, text)| (key.to_owned(), Value::from(text))).collect();
    if said.is_empty() { Vec::new() } else { vec![Value::Object(said)] }
}

/// The turn's usage, from its last line.
pub(super) fn usage(body: &Map<String, Value>) -> Option<Value> {
    let used = USAGE.iter().filter_map(|member| Some((*member, body.get(*member).filter(|used| used.is_number())?)));
    let usage: Map<String, Value> = used.map(|(member, used)| (member.to_owned(), used.clone())).collect();
    (!usage.is_empty()).then_some(Value::Object(usage))
}

/// Returns true if a reason says the turn ended in calls. Ollama says `stop` of every turn; imitators may not.
pub(super) fn names_calls(reason: &Value) -> bool {
    reason == "tool_calls"
}
