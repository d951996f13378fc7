//! A streamed answer: items of the output, event by event, and a last event that repeats them all.
//!
//! 1. Each item has its place (`output_index`). Items other than calls go on as they come; the place and the number of each event
//!    are rewritten so that no gap shows if a call was held back or told differently, or an event was dropped.
//! 2. The events of a call carry no bytes on. When its item is done, the call is complete; if it is released it is told anew,
//!    after whatever went on meanwhile.
//! 3. The last event completes calls whose items never came as a whole. It goes on with an `output` that says what has gone on,
//!    whatever it said of calls.
//! 4. Events and items of unknown kinds are dropped if they can carry no call.
//!
//! What is kept: the items that went on, and of each call what events said of it, to hold later events to it.

mod end;
mod event;
mod item_events;
mod numbering;
mod open_call;
mod output;

use callgate_json::template::Hole;
use callgate_json::{Map, Value, splice};

use super::answer::ResponsesAnswer;
use super::{error, items, kinds};
use crate::checks::text;
use crate::framing::Frame;
use crate::skeleton::fast_path::{FastPath, Holes};
use crate::{ApiError, Call, ChoiceIndex, Delta, End, ShapeError, StreamError, unknown};
use end::ResponseEnd;
use event::{Event, Tells};
use numbering::Numbering;
use output::{Output, Step};

/// What may differ between two deltas of one item: the text, its padding, the event's number.
const HOLES: Holes<3> =
    [(&["delta"], Hole::Text), (&["obfuscation"], Hole::Text), (&["sequence_number"], Hole::Number)];
const NUMBER: usize = 2;

/// A stream under way.
#[derive(Debug)]
pub(crate) struct ResponsesStream {
    /// The tools that the provider may run.
    tools: Vec<String>,
    numbering: Numbering,
    /// The response's id, once an event gave it.
    id: Option<String>,
    output: Output,
    ended: Option<ResponseEnd>,
    learned: Option<FastPath<3>>,
}

// === impl ResponsesStream ===

impl ResponsesStream {
    /// A stream of which nothing was read, in answer to a request that has the provider run `tools`.
    pub(super) fn new(tools: Vec<String>) -> ResponsesStream {
        ResponsesStream {
            tools,
            numbering: Numbering::new(),
            id: None,
            output: Output::default(),
            ended: None,
            learned: None,
        }
    }

    /// Reads an event that is the delta before it with another text. The item it tells of is the same, and still under way, because
    /// every other event ends the fast path.
    fn replay(&mut self, frame: &Frame) -> Option<()> {
        // Once something was written between, events are renumbered.
        let learned = self.learned.as_ref().filter(|_| self.numbering.is_level())?;
        let holes = learned.replay(frame.event.as_deref().unwrap_or_default(), frame.data.as_deref()?)?;
        if learned.has(NUMBER) {
            self.numbering.passed(holes.get(NUMBER).and_then(|number| number.parse().ok()));
        }
        Some(())
    }

    fn tell(&mut self, frame: &Frame, event: &Event<'_>) -> Result<Vec<Delta>, StreamError> {
        let about = event.about();
        match event.tells() {
            Tells::Error => {
                items::no_call_of_any_kind(event.body)?;
                Ok(vec![Delta::Error { frame: self.numbering.forward(frame, event, Vec::new()) }])
            }
            Tells::Unknown => {
                event.is_harmless()?;
                Ok(self.dropped(event))
            }
            Tells::Aside if self.ended.is_some() => {
                event.says_no_call()?;
                Ok(self.dropped(event))
            }
            _ if self.ended.is_some() => Err(StreamError::OutOfOrder),
            Tells::Begun => {
                let response = event.response()?;
                if !items::output(response)?.is_empty() {
                    return Err(ShapeError::StrayCall.into());
                }
                self.identify(response);
                Ok(self.forward(frame, event, None))
            }
            Tells::Added => match event.body.get("item") {
                // Some servers announce an item without one: clients take no notice.
                None | Some(Value::Null) => Ok(self.dropped(event)),
                Some(item) => {
                    let step = self.output.added(about, item, &self.tools)?;
                    Ok(self.step(frame, event, step))
                }
            },
            Tells::ArgumentsDelta => {
                let (slot, open) = self.output.open(about)?;
                let piece = open.delta(text(event.body, "delta")?)?;
                self.numbering.dropped(event);
                Ok(vec![fragment(slot, piece)])
            }
            Tells::ArgumentsDone => {
                let (slot, open) = self.output.open(about)?;
                let news = open.arguments_done(event.body)?;
                self.numbering.dropped(event);
                Ok(vec![fragment(slot, news)])
            }
            Tells::Done => {
                let item = event.body.get("item").unwrap_or(&Value::Null);
                let step = self.output.done(about, item, &self.tools)?;
                let end = match &step {
                    Step::Call(slot, _) => Some(Delta::CallEnd { choice: ChoiceIndex::FIRST, slot: *slot }),
                    Step::Item(_) | Step::Dropped => None,
                };
                let mut deltas = self.step(frame, event, step);
                deltas.extend(end);
                Ok(deltas)
            }
            Tells::Said(kinds) => {
                event.says_no_call()?;
                let at = self.output.under_way(about, |kind| kinds.contains(&kind)).ok_or(StreamError::OutOfOrder)?;
                let forwarded = self.forward(frame, event, Some(at));
                if event.kind.ends_with(".delta") && self.numbering.is_level() && event.index.map(place) == Some(at) {
                    let name = frame.event.clone().unwrap_or_default();
                    self.learned = frame.data.as_deref().and_then(|data| FastPath::learn(name, data, &HOLES, &[]));
                }
                Ok(forwarded)
            }
            Tells::Made => {
                event.says_no_call()?;
                match self.output.under_way(about, |kind| kinds::tells_of(event.kind, kind)) {
                    Some(at) => Ok(self.forward(frame, event, Some(at))),
                    // Of a call that is held, or of nothing.
                    None => Ok(self.dropped(event)),
                }
            }
            Tells::Aside => {
                event.says_no_call()?;
                Ok(self.forward(frame, event, None))
            }
            Tells::Ended => self.ended(frame, event),
            // Calls that are still held do not go on, so they are not in what ends the stream either.
            Tells::Failed => {
                let response = event.response()?;
                items::calls(items::output(response)?, &self.tools)?;
                let output = end::agreed(frame, response, &self.output, &self.tools);
                let edits = output.into_iter().collect();
                Ok(vec![Delta::Error { frame: self.numbering.forward(frame, event, edits) }])
            }
        }
    }

    fn ended(&mut self, frame: &Frame, event: &Event<'_>) -> Result<Vec<Delta>, StreamError> {
        let response = event.response()?;
        let output = items::output(response)?;
        self.identify(response);
        let mut deltas = Vec::new();
        let is_all = self.output.is_empty() && output.iter().any(|item| items::is_call(item, &self.tools));
        let news = self.output.ended(output, &self.tools)?;
        // A server that streams nothing: what the end says besides calls is told before them.
        let is_told = |item: &&Value| is_all && items::is_said(item, &self.tools);
        let said: Vec<&Value> = output.iter().filter(is_told).collect();
        for item in said {
            deltas.push(Delta::Forward { frame: self.say(item.clone()) });
        }
        for (slot, news) in news {
            deltas.push(fragment(slot, news));
            deltas.push(Delta::CallEnd { choice: ChoiceIndex::FIRST, slot });
        }
        self.ended = Some(ResponseEnd { frame: frame.clone(), body: event.body.clone() });
        deltas.push(Delta::Finish { choice: ChoiceIndex::FIRST, end: End::new(frame.raw.clone()) });
        Ok(deltas)
    }

    fn step(&mut self, frame: &Frame, event: &Event<'_>, step: Step) -> Vec<Delta> {
        match step {
            Step::Call(slot, news) => {
                self.numbering.dropped(event);
                vec![fragment(slot, news)]
            }
            Step::Item(at) => self.forward(frame, event, Some(at)),
            Step::Dropped => self.dropped(event),
        }
    }

    fn dropped(&mut self, event: &Event<'_>) -> Vec<Delta> {
        self.numbering.dropped(event);
        Vec::new()
    }

    fn identify(&mut self, response: &Map<String, Value>) {
        if self.id.is_none() {
            self.id = response.get("id").and_then(Value::as_str).map(str::to_owned);
        }
    }

    /// An event goes on; `at` is the place of its item among those that went on.
    fn forward(&mut self, frame: &Frame, event: &Event<'_>, at: Option<usize>) -> Vec<Delta> {
        let moved = at.filter(|at| event.index.map(place) != Some(*at));
        let edit = |at: usize| splice::Edit { member: "output_index", text: Some(at.to_string()) };
        vec![Delta::Forward { frame: self.numbering.forward(frame, event, moved.map(edit).into_iter().collect()) }]
    }

    /// Tells a whole item.
    fn say(&mut self, item: Value) -> Vec<u8> {
        let events = item_events::item(&mut self.numbering, self.output.written().len(), &item);
        self.output.write(item);
        events
    }
}

impl crate::Stream for ResponsesStream {
    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if self.replay(&frame).is_some() {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        let data = frame.data.as_deref().unwrap_or_default().trim_ascii();
        if data.is_empty() {
            // An event that carries nothing, such as a last one that was cut off: clients that read it fail on it.
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
        let event = Event::read(&frame, body)?;
        self.numbering.learn(&frame, &event);
        self.tell(&frame, &event)
    }

    fn call(&mut self, _choice: ChoiceIndex, call: &Call) -> Vec<u8> {
        self.say(items::of_call(call))
    }

    fn text(&mut self, _choice: ChoiceIndex, text: &str) -> Vec<u8> {
        let item = items::of_text(text, self.id.as_deref().unwrap_or_default(), self.output.written().len());
        self.say(item)
    }

    fn finish(&mut self, _choice: ChoiceIndex, end: End) -> Vec<u8> {
        let written = self.ended.as_ref().and_then(|end| {
            let event = Event::read(&end.frame, &end.body).ok()?;
            let output =
                event.response().ok().and_then(|response| end::agreed(&end.frame, response, &self.output, &self.tools));
            Some(self.numbering.forward(&end.frame, &event, output.into_iter().collect()))
        });
        written.unwrap_or_else(|| end.into_frame())
    }

    fn choices(&self) -> usize {
        usize::from(self.id.is_some() || !self.output.is_empty())
    }

    fn said(&self, _choice: ChoiceIndex) -> Vec<Value> {
        self.output.written().iter().filter(|item| !items::is_call(item, &self.tools)).cloned().collect()
    }

    fn is_complete(&self) -> bool {
        self.ended.is_some()
    }

    /// The end is that of the streamed response, whose id clients know already, with the status and the error of the last.
    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let Ok(answer) = ResponsesAnswer::read(answer, &self.tools) else { return Vec::new() };
        let Some(end) = self.ended.take() else { return Vec::new() };
        let last = answer.members();
        let response = end.body.get("response").and_then(Value::as_object).cloned().unwrap_or_default();
        let streamed = self.output.in_words_of(items::output(&response).unwrap_or_default(), &self.tools);
        let all = items::joined(streamed.iter().chain(items::output(last).unwrap_or_default()));
        let mut out = Vec::new();
        for item in all.iter().skip(streamed.len()) {
            out.extend(self.say(item.clone()));
        }
        out.extend(end.write(&mut self.numbering, response, all, last));
        out
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        self.numbering.write("error", error::members(error))
    }
}

fn fragment(slot: u32, piece: Call) -> Delta {
    Delta::Fragment { choice: ChoiceIndex::FIRST, slot, call: piece }
}

fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
