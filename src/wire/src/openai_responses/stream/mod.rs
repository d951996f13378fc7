//! A streamed answer: items of the output, event by event, and a last event with all of them.
//!
//! 1. Each item has its place (`output_index`). Items other than calls are forwarded as they come. Place and number of each event
//!    are rewritten without a gap if a call was held or written differently, or an event was dropped.
//! 2. The events of a call carry no bytes. If its item is done, the call is complete. If it is released, the stream writes it
//!    again, after everything forwarded in the meantime.
//! 3. The last event completes calls whose items never came as a whole. Its `output` has the forwarded items, whatever it said of
//!    calls.
//! 4. Events and items of unknown kinds are dropped if they can carry no call.
//!
//! The stream keeps the forwarded items, and of each call the news so far, to compare later events with it.

mod end;
mod event;
mod item_events;
mod numbering;
mod open_call;
mod output;
mod reader;

use callgate_json::Value;
use callgate_json::template::Hole;

use super::answer::ResponsesAnswer;
use super::{error, items};
use crate::framing::Frame;
use crate::skeleton::fast_path::{FastPath, Holes};
use crate::usage::word_bytes;
use crate::{ApiError, Call, ChoiceIndex, Delta, End, ReportedUsage, ShapeError, StreamError, unknown};
use end::ResponseEnd;
use event::ResponseEvent;
use numbering::Numbering;
use output::StreamedOutput;

/// The members that may differ between two deltas of one item: the text, its padding, the event's number.
const HOLES: Holes<3> =
    [(&["delta"], Hole::Text), (&["obfuscation"], Hole::Text), (&["sequence_number"], Hole::Number)];
const NUMBER: usize = 2;

/// The members of a response that its first event gave.
#[derive(Debug, Default)]
pub(super) struct Begun {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    /// Seconds since 1970.
    pub(super) created_at: u64,
}

/// A stream under way.
#[derive(Debug)]
pub(crate) struct ResponsesStream {
    /// The provider's tools of the request.
    tools: Vec<String>,
    numbering: Numbering,
    begun: Begun,
    output: StreamedOutput,
    ended: Option<ResponseEnd>,
    reported: ReportedUsage,
    /// The bytes of all deltas of text.
    delta_bytes: usize,
    learned: Option<FastPath<3>>,
}

// === impl ResponsesStream ===

impl ResponsesStream {
    /// A new stream in answer to a request for these `tools` of the provider.
    pub(super) fn new(tools: Vec<String>) -> ResponsesStream {
        ResponsesStream {
            tools,
            numbering: Numbering::new(),
            begun: Begun::default(),
            output: StreamedOutput::default(),
            ended: None,
            reported: ReportedUsage::default(),
            delta_bytes: 0,
            learned: None,
        }
    }

    /// Reads an event that is the delta before it with another text. Its item is the same and still under way, because every
    /// other event ends the fast path.
    fn repeat(&mut self, event: Option<&str>, data: &[u8]) -> Option<()> {
        // Once something was written between, events are renumbered.
        let learned = self.learned.as_ref().filter(|_| self.numbering.is_level())?;
        let holes = learned.replay(event.unwrap_or_default(), data)?;
        self.delta_bytes = self.delta_bytes.saturating_add(holes.first().map_or(0, |text| text.len()));
        if learned.has(NUMBER) {
            self.numbering.passed(holes.get(NUMBER).and_then(|number| number.parse().ok()));
        }
        Some(())
    }

    /// Tells a whole item.
    fn say(&mut self, item: Value) -> Vec<u8> {
        let events = item_events::item(&mut self.numbering, self.output.written().len(), &item);
        self.output.write(item);
        events
    }
}

impl crate::Stream for ResponsesStream {
    fn replay(&mut self, event: Option<&str>, data: &[u8]) -> bool {
        self.repeat(event, data).is_some()
    }

    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if let Some(data) = &frame.data
            && self.replay(frame.event.as_deref(), data)
        {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        let data = frame.data.as_deref().unwrap_or_default().trim_ascii();
        if data.is_empty() {
            // An event without data, such as a cut last one: clients that read it fail on it.
            let is_event = frame.event.is_some() || frame.data.is_some();
            return Ok(if is_event { Vec::new() } else { vec![Delta::Forward { frame: frame.raw }] });
        }
        self.learned = None;
        if data == b"[DONE]" {
            let ended = self.ended.is_some();
            return if ended { Ok(vec![Delta::Done { frame: frame.raw }]) } else { Err(StreamError::OutOfOrder) };
        }
        if unknown::are_words(data) {
            return Ok(Vec::new());
        }
        let value = callgate_json::read_nearest(data)?;
        let Value::Object(body) = &value else {
            let harmless = unknown::no_call(&value).is_ok();
            let error = ShapeError::Type { at: "data", expected: "an object" };
            return if harmless { Ok(Vec::new()) } else { Err(error.into()) };
        };
        let event = ResponseEvent::read(&frame, body)?;
        self.numbering.learn(&frame, &event);
        self.read_event(&frame, &event)
    }

    fn call(&mut self, _choice: ChoiceIndex, call: &Call) -> Vec<u8> {
        self.say(items::of_call(call))
    }

    fn text(&mut self, _choice: ChoiceIndex, text: &str) -> Vec<u8> {
        let item = items::of_text(text, self.begun.id.as_deref().unwrap_or_default(), self.output.written().len());
        self.say(item)
    }

    fn finish(&mut self, _choice: ChoiceIndex, end: End) -> Vec<u8> {
        let written = self.ended.as_ref().and_then(|end| {
            let event = ResponseEvent::read(&end.frame, &end.body).ok()?;
            let output =
                event.response().ok().and_then(|response| end::agreed(&end.frame, response, &self.output, &self.tools));
            Some(self.numbering.forward(&end.frame, &event, output.into_iter().collect()))
        });
        written.unwrap_or_else(|| end.into_frame())
    }

    fn choices(&self) -> usize {
        usize::from(self.begun.id.is_some() || !self.output.is_empty())
    }

    fn said(&self, _choice: ChoiceIndex) -> Vec<Value> {
        self.output.written().iter().filter(|item| !items::is_call(item, &self.tools)).cloned().collect()
    }

    fn turn(&self, _choice: ChoiceIndex) -> Vec<Value> {
        self.output.turn()
    }

    fn reported_usage(&self) -> ReportedUsage {
        self.reported
    }

    /// An item under way is known by its deltas only.
    fn said_bytes(&self) -> usize {
        let said = self.said(ChoiceIndex::FIRST);
        said.iter().fold(0, |sum: usize, item| sum.saturating_add(word_bytes(item))).max(self.delta_bytes)
    }

    fn is_complete(&self) -> bool {
        self.ended.is_some()
    }

    /// The end is the streamed response's, whose id clients know already, with the status and the error of the last.
    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let Ok(answer) = ResponsesAnswer::read(answer, &self.tools) else { return Vec::new() };
        let Some(end) = self.ended.take() else { return Vec::new() };
        let last = answer.others();
        let response = end.body.get("response").and_then(Value::as_object).cloned().unwrap_or_default();
        let streamed = self.output.in_words_of(items::output(&response).unwrap_or_default(), &self.tools);
        let all = items::joined(streamed.iter().chain(answer.items()));
        let mut out = Vec::new();
        for item in all.iter().skip(streamed.len()) {
            out.extend(self.say(item.clone()));
        }
        out.extend(end.write(&mut self.numbering, response, all, &last));
        out
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        let members = error::members(error, &self.begun, self.output.written());
        self.numbering.write(error::FAILED, members)
    }
}
