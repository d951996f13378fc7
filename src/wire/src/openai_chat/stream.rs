//! A streamed answer, read and written: the [`Stream`](crate::Stream) of Chat Completions.

use std::collections::BTreeMap;

use callgate_json::Value;

use super::answer::{names_calls, said};
use super::{Answer, ChunkPart, DONE, StreamReader, error, with_reason};
use crate::framing::Frame;
use crate::shape::paragraphs;
use crate::template::{Hole, Template, unescaped};
use crate::{ApiError, Call, Delta, StreamError};

/// What may differ between two deltas that carry no call: a text, and what this reader takes no notice of.
const TEXT: [(&[&str], Hole); 3] = [(&["choices", "0", "delta", "content"], Hole::Text), PADDING, CREATED];
const REASONING: [(&[&str], Hole); 3] =
    [(&["choices", "0", "delta", "reasoning_content"], Hole::Text), PADDING, CREATED];
const PADDING: (&[&str], Hole) = (&["obfuscation"], Hole::Text);
const CREATED: (&[&str], Hole) = (&["created"], Hole::Number);

/// A stream under way.
#[derive(Debug)]
pub struct Stream {
    reader: StreamReader,
    include_usage: bool,
    choices: BTreeMap<u32, Choice>,
    usage: Option<Value>,
    plain: Option<Plain>,
}

/// The last event that carried no call and no end.
#[derive(Debug)]
enum Plain {
    /// Text of a choice.
    Text(u32, Template<3>),
    /// No text: a piece of reasoning, a sign of life.
    Other(Template<3>),
}

/// What one choice came to so far.
#[derive(Debug, Default)]
struct Choice {
    text: String,
    called: bool,
    /// Calls that were written.
    written: u32,
    /// Its finish reason, once it has one.
    finish: Option<String>,
}

// === impl Stream ===

impl Stream {
    /// A stream of which nothing was read. `include_usage` says whether its end tells what was used.
    #[must_use]
    pub fn new(include_usage: bool) -> Stream {
        Stream { reader: StreamReader::new(), include_usage, choices: BTreeMap::new(), usage: None, plain: None }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        self.choices.entry(index).or_default()
    }

    /// Reads an event that differs from the last such one in nothing but text.
    fn plain(&mut self, frame: &Frame) -> Option<()> {
        let data = frame.data.as_deref().filter(|_| frame.event.is_none())?;
        match self.plain.as_ref()? {
            Plain::Text(choice, template) => {
                let [content, ..] = template.fill(data)?;
                let content = unescaped(content)?;
                self.choices.entry(*choice).or_default().text.push_str(&content);
            }
            Plain::Other(template) => {
                template.fill(data)?;
            }
        }
        Some(())
    }

    /// Learns from an event that carries at most one text, and nothing else that is told.
    fn learn(&mut self, data: Option<Vec<u8>>, parts: &[ChunkPart]) {
        let ([ChunkPart::Forward { text, .. }], Some(data)) = (parts, data) else { return };
        self.plain = match text.as_slice() {
            // The text must be what the hole holds: it is not where it has escapes that no hole takes, nor where it is that of
            // another choice than the first in the event.
            [(choice, text)] => Template::learn(&data, &TEXT)
                .filter(|template| template.fill(&data).and_then(|[hole, ..]| unescaped(hole)).as_ref() == Some(text))
                .map(|template| Plain::Text(*choice, template)),
            [] => Template::learn(&data, &REASONING).map(Plain::Other),
            _ => None,
        };
    }

    fn tell(&mut self, part: ChunkPart, deltas: &mut Vec<Delta>) {
        let delta = match part {
            ChunkPart::Forward { frame, text } => {
                for (choice, text) in text {
                    self.choice(choice).text.push_str(&text);
                }
                Delta::Forward { frame }
            }
            ChunkPart::Fragment { choice, slot, id, name, arguments, form, extra } => {
                self.choice(choice).called = true;
                Delta::Fragment { choice, slot, id, name, arguments, form, extra }
            }
            ChunkPart::Finish { choice, reason, frame, usage } => {
                self.usage = usage.or(self.usage.take());
                self.choice(choice).finish = Some(reason);
                Delta::Finish { choice, frame }
            }
            ChunkPart::Usage { frame, usage } => {
                self.usage = Some(usage);
                Delta::Usage { frame }
            }
            ChunkPart::Error { frame } => Delta::Error { frame },
            ChunkPart::Done { frame } => {
                self.finish_called(deltas);
                Delta::Done { frame }
            }
        };
        deltas.push(delta);
    }

    /// Some APIs never send a finish reason; then `[DONE]` finishes every choice that has calls.
    fn finish_called(&mut self, deltas: &mut Vec<Delta>) {
        let head = self.reader.head().cloned().unwrap_or_default();
        for (index, choice) in self.choices.iter_mut().filter(|(_, choice)| choice.called && choice.finish.is_none()) {
            choice.finish = Some("tool_calls".to_owned());
            deltas.push(Delta::Finish { choice: *index, frame: head.finish(*index, "tool_calls") });
        }
    }
}

impl crate::Stream for Stream {
    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if self.plain(&frame).is_some() {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        let parts = self.reader.read(&frame)?;
        self.learn(frame.data.filter(|_| frame.event.is_none()), &parts);
        let mut deltas = Vec::with_capacity(parts.len());
        for part in parts {
            self.tell(part, &mut deltas);
        }
        Ok(deltas)
    }

    fn call(&mut self, choice: u32, call: &Call) -> Vec<u8> {
        let state = self.choice(choice);
        let position = state.written;
        state.written = position.saturating_add(1);
        self.reader.head().cloned().unwrap_or_default().call(choice, position, call)
    }

    fn text(&mut self, choice: u32, text: &str) -> Vec<u8> {
        let state = self.choice(choice);
        let whole = paragraphs(&state.text, text);
        let told = whole.get(state.text.len()..).unwrap_or_default().to_owned();
        state.text = whole;
        self.reader.head().cloned().unwrap_or_default().text(choice, &told)
    }

    fn finish(&mut self, choice: u32, frame: Vec<u8>) -> Vec<u8> {
        let state = self.choice(choice);
        let left_out = state.called && state.written == 0;
        if left_out && state.finish.as_deref().is_some_and(names_calls) { with_reason(&frame, "stop") } else { frame }
    }

    fn choices(&self) -> usize {
        self.choices.len()
    }

    fn said(&self, choice: u32) -> Vec<Value> {
        said(self.choices.get(&choice).map_or("", |choice| &choice.text))
    }

    fn is_complete(&self) -> bool {
        !self.choices.is_empty() && self.choices.values().all(|choice| choice.finish.is_some())
    }

    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let Ok(mut answer) = Answer::read(answer) else { return Vec::new() };
        if let Some(earlier) = &self.usage {
            answer.add_usage(earlier);
        }
        let head = self.reader.head().cloned().unwrap_or_default();
        let mut out = Vec::new();
        let streamed = self.choices.values().any(|choice| !choice.text.is_empty());
        if streamed && answer.choices().iter().any(|choice| !choice.text.is_empty()) {
            out.extend_from_slice(&head.text(0, "\n\n"));
        }
        out.extend_from_slice(&answer.frames(&head, self.include_usage));
        out.extend_from_slice(DONE);
        out
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        error::frame(error)
    }
}
