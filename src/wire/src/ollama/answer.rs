//! A whole answer: one object with a `message`.

use callgate_json::{Map, Value, span, splice};

use super::shape::{self, Turn};
use crate::checks::{add, paragraphs};
use crate::{AnswerError, Call, Earlier, Fate, Hold, ShapeError};

/// Members that say what a turn used: counts of tokens, and durations in nanoseconds.
const USAGE: [&str; 6] =
    ["total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"];
/// The texts of a message.
const TEXTS: [&str; 2] = ["thinking", "content"];

/// An answer that was read, and perhaps changed since.
///
/// Numbers that no double holds exactly are tolerated outside of arguments: no decision rests on them.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    text: Vec<u8>,
    body: Map<String, Value>,
    calls: Vec<Call>,
    usage: Option<Value>,
    edits: Vec<splice::Edit>,
}

// === impl Answer ===

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`AnswerError`] as [`crate::Dialect::answer`] says.
    pub(super) fn read(text: &[u8]) -> Result<Answer, AnswerError> {
        let Value::Object(body) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        };
        let turn = Turn::read(&body, text)?;
        if turn.message.is_none() {
            return Err(ShapeError::Type { at: "message", expected: "an object" }.into());
        }
        let calls = turn.calls.iter().zip(0..).map(|(raw, position)| raw.call(position)).collect();
        let usage = usage(&body);
        Ok(Answer { text: text.to_vec(), body, calls, usage, edits: Vec::new() })
    }

    /// Adds what earlier rounds used.
    pub(super) fn add_usage(&mut self, earlier: &Value) {
        for (member, value) in USAGE.iter().filter_map(|member| Some((member, earlier.get(*member)?))) {
            add(self.body.entry(*member).or_insert(Value::Null), value);
            self.edit(member);
        }
        self.usage = usage(&self.body);
    }

    /// Puts a break before the texts that follow such as have gone on already.
    pub(super) fn follow(&mut self, thinking: bool, content: bool) {
        for (key, follows) in TEXTS.into_iter().zip([thinking, content]) {
            let text = self.text(key);
            if follows && !text.is_empty() {
                self.set_text(key, format!("\n\n{text}"));
            }
        }
    }

    /// The answer as the lines of a stream: what it says, and its end.
    pub(super) fn lines(&self) -> [Value; 2] {
        let mut said = self.body.clone();
        said.retain(|key, _| !USAGE.contains(&key.as_str()) && key != "done_reason" && key != "logprobs");
        said.insert("done".to_owned(), Value::Bool(false));
        let mut end = self.body.clone();
        end.insert("done".to_owned(), Value::Bool(true));
        if let Some(Value::Object(message)) = end.get_mut("message") {
            message.retain(|key, _| key == "role");
            message.insert("content".to_owned(), Value::from(""));
        }
        [Value::Object(said), Value::Object(end)]
    }

    fn message(&mut self) -> Option<&mut Map<String, Value>> {
        self.body.get_mut("message").and_then(Value::as_object_mut)
    }

    fn text(&self, key: &str) -> &str {
        self.body.get("message").and_then(|message| message.get(key)).and_then(Value::as_str).unwrap_or_default()
    }

    fn set_text(&mut self, key: &str, text: String) {
        if text == self.text(key) {
            return;
        }
        if let Some(message) = self.message() {
            message.insert(key.to_owned(), Value::String(text));
        }
        self.edit("message");
    }

    fn edit(&mut self, member: &'static str) {
        splice::Edit::value(&mut self.edits, member);
    }
}

impl crate::Answer for Answer {
    fn calls(&self) -> Vec<&[Call]> {
        vec![self.calls.as_slice()]
    }

    /// A message has one text, so what is told instead of calls stands after it, whatever was held.
    fn settle(&mut self, choice: usize, fates: Vec<Fate>, _hold: Hold) {
        let stays = |(call, fate): (&Call, &Fate)| match fate {
            Fate::Keep(Call { id, name, arguments, form, extra }) => {
                (id, name, form, extra) == (&call.id, &call.name, &call.form, &call.extra)
                    && !shape::is_text(call)
                    && span::says(&call.arguments, arguments)
            }
            Fate::Tell(_) => false,
        };
        if choice > 0 || self.calls.iter().zip(&fates).all(stays) {
            return;
        }
        let mut content = self.text("content").to_owned();
        let mut kept = Vec::with_capacity(fates.len());
        for fate in fates {
            match fate {
                Fate::Keep(call) => kept.push(call),
                Fate::Tell(notice) => {
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
                let entries = kept.iter().zip(0..).map(|(call, position)| shape::entry(call, position));
                message.insert("tool_calls".to_owned(), entries.collect());
            }
        }
        self.edit("message");
        if kept.is_empty() && self.body.get("done_reason").is_some_and(names_calls) {
            self.body.insert("done_reason".to_owned(), Value::from("stop"));
            self.edit("done_reason");
        }
        if told && self.body.shift_remove("logprobs").is_some() {
            self.edit("logprobs");
        }
        self.calls = kept;
    }

    fn said(&self, choice: usize) -> Vec<Value> {
        if choice > 0 { Vec::new() } else { said(self.text("thinking"), self.text("content")) }
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

    fn usage(&self) -> Option<&Value> {
        self.usage.as_ref()
    }

    fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &self.body, &self.edits)
    }
}

/// The texts of a turn as what it said; empty ones are nothing.
pub(super) fn said(thinking: &str, content: &str) -> Vec<Value> {
    let texts = TEXTS.into_iter().zip([thinking, content]).filter(|(_, text)| !text.is_empty());
    let said: Map<String, Value> = texts.map(|(key, text)| (key.to_owned(), Value::from(text))).collect();
    if said.is_empty() { Vec::new() } else { vec![Value::Object(said)] }
}

/// What a turn used, from its last line.
pub(super) fn usage(body: &Map<String, Value>) -> Option<Value> {
    let used = USAGE.iter().filter_map(|member| Some((*member, body.get(*member).filter(|used| used.is_number())?)));
    let usage: Map<String, Value> = used.map(|(member, used)| (member.to_owned(), used.clone())).collect();
    (!usage.is_empty()).then_some(Value::Object(usage))
}

/// Whether a reason says that the turn ended in calls. Ollama says `stop`, as to every turn; what imitates it may not.
pub(super) fn names_calls(reason: &Value) -> bool {
    reason == "tool_calls"
}
