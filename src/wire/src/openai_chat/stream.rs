//! A streamed answer, read and written: the [`ChatStream`](crate::Stream) of Chat Completions.

use std::collections::BTreeMap;

use callgate_json::{Map, Value};

use super::answer::names_calls;
use super::choice::StreamChoice;
use super::head::with_reason;
use super::{ChatAnswer, DONE, StreamHead, error, hidden};
use crate::checks::add_paragraph;
use crate::framing::Frame;
use crate::skeleton::fast_path::FastPath;
use crate::{ApiError, Call, ChoiceIndex, Delta, End, ReportedUsage, StreamError};

/// A stream under way.
#[derive(Debug)]
pub struct ChatStream {
    pub(super) head: Option<StreamHead>,
    include_usage: bool,
    /// True if the request asked for one choice.
    pub(super) one_choice: bool,
    /// The choice of the first event with one.
    pub(super) first: Option<ChoiceIndex>,
    pub(super) choices: BTreeMap<ChoiceIndex, StreamChoice>,
    pub(super) usage: Option<Value>,
    pub(super) reported: ReportedUsage,
    /// The gate alone asked for the usage.
    pub(super) hides_usage: bool,
    /// The last event without a call and without an end, and its choice.
    pub(super) learned: Option<(ChoiceIndex, FastPath<5>)>,
}

// === impl ChatStream ===

impl ChatStream {
    /// A new stream. `include_usage` is true if it ends with the usage; `choices` is the number of choices in the request.
    #[must_use]
    pub fn new(include_usage: bool, choices: u64) -> ChatStream {
        ChatStream {
            head: None,
            include_usage,
            one_choice: choices == 1,
            first: None,
            choices: BTreeMap::new(),
            usage: None,
            reported: ReportedUsage::default(),
            hides_usage: false,
            learned: None,
        }
    }

    /// The same stream, which leaves the usage out if `hides` is true: the client has not asked for it.
    #[must_use]
    pub fn hiding_usage(self, hides: bool) -> ChatStream {
        ChatStream { hides_usage: hides, ..self }
    }

    /// Returns the stream's identity, once an event with a choice has been read.
    #[must_use]
    pub fn head(&self) -> Option<&StreamHead> {
        self.head.as_ref()
    }

    pub(super) fn choice(&mut self, index: ChoiceIndex) -> &mut StreamChoice {
        self.choices.entry(index).or_default()
    }
}

impl crate::Stream for ChatStream {
    fn replay(&mut self, event: Option<&str>, data: &[u8]) -> bool {
        // An event of a hidden usage may need other bytes.
        !self.hides_usage && self.repeat(event, data).is_some()
    }

    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        let frame = if self.hides_usage { hidden::without_null_usage(frame) } else { frame };
        if let Some(data) = &frame.data
            && self.repeat(frame.event.as_deref(), data).is_some()
        {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        self.parse(&frame)
    }

    fn end(&mut self) -> Result<Vec<Delta>, StreamError> {
        Ok(self.last_finishes(false))
    }

    fn call(&mut self, choice: ChoiceIndex, call: &Call) -> Vec<u8> {
        let state = self.choice(choice);
        let position = state.written;
        state.written = position.saturating_add(1);
        self.head.clone().unwrap_or_default().call(choice, position, call)
    }

    fn text(&mut self, choice: ChoiceIndex, text: &str) -> Vec<u8> {
        let said = &mut self.choice(choice).said;
        let before = said.text.len();
        add_paragraph(&mut said.text, text);
        let told = said.text.get(before..).unwrap_or_default().to_owned();
        self.head.clone().unwrap_or_default().text(choice, &told)
    }

    fn finish(&mut self, choice: ChoiceIndex, end: End) -> Vec<u8> {
        let state = self.choice(choice);
        let left_out = state.slots.any() && state.written == 0;
        let names_them = left_out && state.finish.as_deref().is_some_and(names_calls);
        let end = if names_them { with_reason(end, "stop") } else { end };
        end.into_frame()
    }

    fn choices(&self) -> usize {
        self.choices.len()
    }

    fn said(&self, choice: ChoiceIndex) -> Vec<Value> {
        self.choices.get(&choice).map(|choice| choice.said.values()).unwrap_or_default()
    }

    fn reported_usage(&self) -> ReportedUsage {
        self.reported
    }

    fn is_complete(&self) -> bool {
        !self.choices.is_empty() && self.choices.values().all(|choice| choice.finish.is_some())
    }

    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let Ok(mut answer) = ChatAnswer::read(answer) else { return Vec::new() };
        answer.sign_as(&Map::new());
        if let Some(earlier) = &self.usage {
            answer.add_usage(earlier);
        }
        let head = self.head.clone().unwrap_or_default();
        let mut out = Vec::new();
        let streamed = self.choices.values().any(|choice| !choice.said.text.is_empty());
        if streamed && answer.choices().iter().any(|choice| !choice.text.is_empty()) {
            out.extend_from_slice(&head.text(ChoiceIndex::FIRST, "\n\n"));
        }
        out.extend_from_slice(&answer.frames(&head, self.include_usage));
        out.extend_from_slice(DONE);
        out
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        error::frame(error)
    }
}
