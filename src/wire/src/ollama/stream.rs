//! A streamed answer: each line is an object with a piece of the `message`; the last says `done`.

use callgate_json::template::{Hole, unescaped};
use callgate_json::{Map, Value, splice};
use serde_json::json;

use super::answer::{self, OllamaAnswer};
use super::error;
use super::message::{self, Turn};
use super::usage;
use crate::checks::{MAX_CALLS, is_short};
use crate::framing::{Frame, json_lines};
use crate::skeleton::fast_path::{FastPath, Holes};
use crate::{ApiError, Call, ChoiceIndex, Delta, End, ReportedUsage, ShapeError, StreamError, unknown};

/// Members of every line.
const COMMON: [&str; 4] = ["model", "remote_model", "remote_host", "created_at"];

/// The members that may differ between two lines of text. Only the first line's time is kept.
const HOLES: Holes<3> =
    [(&["message", "content"], Hole::Text), (&["message", "thinking"], Hole::Text), (&["created_at"], Hole::Text)];

/// A stream under way. The API has one alternative: choice 0.
#[derive(Debug, Default)]
pub(crate) struct OllamaStream {
    head: Map<String, Value>,
    thinking: String,
    content: String,
    /// The numbers of calls read, and written.
    called: u32,
    written: u32,
    begun: bool,
    done: bool,
    usage: Option<Value>,
    /// The last line without a call, an end and spelled out tokens.
    learned: Option<FastPath<3>>,
}

// === impl OllamaStream ===

impl OllamaStream {
    /// Reads a line that differs from the learned one in text only.
    fn repeat(&mut self, _event: Option<&str>, data: &[u8]) -> Option<()> {
        let [content, thinking, _] = self.learned.as_ref()?.replay("", data)?;
        let (content, thinking) = (unescaped(content)?, unescaped(thinking)?);
        self.content.push_str(&content);
        self.thinking.push_str(&thinking);
        Some(())
    }

    /// Learns from a line forwarded with its bytes. Its content must equal the content of the holes: a text in other
    /// escapes would be the same in every matching line. Spelled-out tokens depend on more than the line.
    fn learn(data: &[u8], body: &Map<String, Value>, turn: &Turn<'_>) -> Option<FastPath<3>> {
        if turn.done || !turn.calls.is_empty() || body.contains_key("logprobs") {
            return None;
        }
        FastPath::learn("", data, &HOLES, &[turn.content, turn.thinking])
    }

    /// A line with this message.
    fn message(&self, message: Value) -> Vec<u8> {
        let mut body = self.head.clone();
        body.insert("message".to_owned(), message);
        body.insert("done".to_owned(), Value::Bool(false));
        write(&Value::Object(body))
    }

    fn fragments(&mut self, turn: &Turn<'_>) -> Result<Vec<Delta>, ShapeError> {
        let mut fragments = Vec::new();
        for raw in &turn.calls {
            let slot = self.called;
            if usize::try_from(slot).is_ok_and(|slot| slot >= MAX_CALLS) {
                return Err(ShapeError::TooMany);
            }
            self.called = slot.saturating_add(1);
            fragments.push(Delta::Fragment { choice: ChoiceIndex::FIRST, slot, call: raw.call(slot) });
        }
        Ok(fragments)
    }

    /// Returns true if a line keeps its bytes: it has no call, does not end a turn with calls and have text too, and does not
    /// spell out tokens beyond its text, which the server takes for those of a call.
    fn keeps_bytes(&self, body: &Map<String, Value>, turn: &Turn<'_>) -> bool {
        let spells = body.contains_key("logprobs") && (self.called > 0 || !turn.says_something());
        turn.calls.is_empty() && !spells && !(turn.done && self.called > 0 && turn.says_something())
    }
}

impl crate::Stream for OllamaStream {
    fn replay(&mut self, event: Option<&str>, data: &[u8]) -> bool {
        self.repeat(event, data).is_some()
    }

    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if let Some(data) = &frame.data
            && self.replay(frame.event.as_deref(), data)
        {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        let Some(data) = frame.data.as_deref() else {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        };
        let value = callgate_json::read_nearest(data)?;
        let Value::Object(body) = &value else {
            return Err(ShapeError::Type { at: "line", expected: "an object" }.into());
        };
        if error::is_error(body) {
            message::no_call(&value)?;
            return Ok(vec![Delta::Error { frame: frame.raw }]);
        }
        let turn = Turn::read(body, data)?;
        if turn.message.is_none() && !turn.done {
            // A line of an unknown kind is dropped if it can carry no call.
            return unknown::no_call(&value).map(|()| Vec::new()).map_err(|_| StreamError::UnknownEvent);
        }
        if !self.begun {
            self.begun = true;
            self.head = common(body);
        }
        self.thinking.push_str(turn.thinking);
        self.content.push_str(turn.content);
        let mut deltas = self.fragments(&turn)?;
        let keeps_bytes = self.keeps_bytes(body, &turn);
        self.learned = OllamaStream::learn(data, body, &turn);
        let is_end_only = turn.done && !turn.says_something();
        if keeps_bytes && !is_end_only {
            deltas.push(Delta::Forward { frame: frame.raw.clone() });
        } else if turn.says_something() {
            deltas.push(Delta::Forward { frame: write(&said(body, &turn)) });
        }
        if turn.done {
            self.done = true;
            self.usage = answer::usage(body);
            let end = match (keeps_bytes, is_end_only) {
                (true, true) if self.called > 0 => End::parsed(frame.raw.clone(), None, Value::Object(body.clone())),
                (true, true) => End::new(frame.raw.clone()),
                (true, false) => End::default(),
                (false, _) => {
                    let end = finish(body, &turn);
                    End::parsed(write(&end), None, end)
                }
            };
            deltas.push(Delta::Finish { choice: ChoiceIndex::FIRST, end });
            deltas.push(Delta::Done { frame: Vec::new() });
        }
        Ok(deltas)
    }

    fn call(&mut self, _choice: ChoiceIndex, call: &Call) -> Vec<u8> {
        let position = self.written;
        self.written = position.saturating_add(1);
        let entry = message::entry(call, position);
        self.message(json!({ "role": "assistant", "content": "", "tool_calls": [entry] }))
    }

    fn text(&mut self, _choice: ChoiceIndex, text: &str) -> Vec<u8> {
        let told = format!("{}{text}", if self.content.is_empty() { "" } else { "\n\n" });
        self.content.push_str(&told);
        self.message(json!({ "role": "assistant", "content": told }))
    }

    fn finish(&mut self, _choice: ChoiceIndex, end: End) -> Vec<u8> {
        if self.called == 0 || self.written > 0 {
            return end.into_frame();
        }
        let correct = |_: &str, body: &mut Map<String, Value>| match body.get_mut("done_reason") {
            Some(reason) if answer::names_calls(reason) => {
                *reason = Value::from("stop");
                true
            }
            _ => false,
        };
        end.corrected(correct, |_, body| write(body)).into_frame()
    }

    fn choices(&self) -> usize {
        usize::from(self.begun)
    }

    fn said(&self, _choice: ChoiceIndex) -> Vec<Value> {
        answer::said(&self.thinking, &self.content)
    }

    fn reported_usage(&self) -> ReportedUsage {
        self.usage.as_ref().map(usage::read).unwrap_or_default()
    }

    fn is_complete(&self) -> bool {
        self.done
    }

    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let Ok(mut answer) = OllamaAnswer::read(answer) else { return Vec::new() };
        answer.follow(!self.thinking.is_empty(), !self.content.is_empty());
        if let Some(earlier) = &self.usage {
            answer.add_usage(earlier);
        }
        answer.lines().iter().flat_map(write).collect()
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        json_lines::line(&error::body(error))
    }
}

/// The text of a line, without calls and its end.
fn said(body: &Map<String, Value>, turn: &Turn<'_>) -> Value {
    let mut said = common(body);
    let mut message = turn.message.cloned().unwrap_or_default();
    message.shift_remove("tool_calls");
    said.insert("message".to_owned(), Value::Object(message));
    said.insert("done".to_owned(), Value::Bool(false));
    Value::Object(said)
}

/// The end in a line, without its text.
fn finish(body: &Map<String, Value>, turn: &Turn<'_>) -> Value {
    let mut finish = body.clone();
    finish.shift_remove("logprobs");
    let role = turn.message.and_then(|message| message.get("role")).cloned();
    let message = json!({ "role": role.unwrap_or_else(|| Value::from("assistant")), "content": "" });
    finish.insert("message".to_owned(), message);
    Value::Object(finish)
}

fn common(body: &Map<String, Value>) -> Map<String, Value> {
    body.iter()
        .filter(|(key, value)| COMMON.contains(&key.as_str()) && value.is_string() && is_short(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn write(line: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    splice::append(&mut text, line);
    json_lines::line(&text)
}
