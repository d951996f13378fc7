//! A streamed answer: items of the output, event by event, and a last event that repeats them all.
//!
//! 1. Each item has its place (`output_index`). Items other than calls go on as they come; the place and the number of each event
//!    are rewritten so that no gap shows where a call was held back or told differently.
//! 2. The events of a call carry no bytes on. When its item is done, the call is complete; if it is released it is told anew,
//!    after whatever went on meanwhile.
//! 3. The last event must repeat the very calls that were streamed. It goes on with an `output` that says what has gone on.
//!
//! What is kept: the items that went on, and of each call what events said of it, to hold later events to it.

mod call;
mod event;
mod output;
mod pen;
mod tell;

use callgate_json::{Map, Value};

use super::answer::Answer;
use super::{error, items};
use crate::framing::Frame;
use crate::shape::{add, text};
use crate::template::{Hole, Template};
use crate::{ApiError, Call, Delta, ShapeError, StreamError, raw, splice};
use event::{Event, Tells};
use output::{Output, Step};
use pen::Pen;

/// What may differ between two deltas of one item: the text, its padding, the event's number.
const HOLES: [(&[&str], Hole); 3] =
    [(&["delta"], Hole::Text), (&["obfuscation"], Hole::Text), (&["sequence_number"], Hole::Number)];
const NUMBER: usize = 2;

/// A stream under way.
#[derive(Debug)]
pub(super) struct Stream {
    /// What the provider was to run.
    tools: Vec<String>,
    pen: Pen,
    /// The response's id, once an event gave it.
    id: Option<String>,
    output: Output,
    end: Option<End>,
    plain: Option<Plain>,
}

/// The event that ended the response.
#[derive(Debug)]
struct End {
    frame: Frame,
    body: Map<String, Value>,
}

/// The last event, where it was a delta that went on with its bytes.
#[derive(Debug)]
struct Plain {
    name: Option<String>,
    template: Template<3>,
}

// === impl Stream ===

impl Stream {
    /// A stream of which nothing was read, in answer to a request that has the provider run `tools`.
    pub(super) fn new(tools: Vec<String>) -> Stream {
        Stream { tools, pen: Pen::new(), id: None, output: Output::default(), end: None, plain: None }
    }

    /// Whether an event is the delta before it with another text: it goes on as it is. See [`Template`] for why that is sound; the
    /// item that it tells of is the same, and still under way, for every other event ends this.
    fn is_plain(&mut self, frame: &Frame) -> bool {
        // Once something was written between, events are numbered anew.
        let fits = |plain: &&Plain| plain.name == frame.event && self.pen.is_level();
        let Some(plain) = self.plain.as_ref().filter(fits) else { return false };
        let Some(holes) = frame.data.as_deref().and_then(|data| plain.template.fill(data)) else { return false };
        if plain.template.has(NUMBER) {
            self.pen.passed(holes.get(NUMBER).and_then(|number| number.parse().ok()));
        }
        true
    }

    fn tell(&mut self, frame: &Frame, event: &Event<'_>) -> Result<Vec<Delta>, StreamError> {
        match event.tells() {
            Tells::Error => {
                items::no_call_but(event.body, &[])?;
                Ok(vec![Delta::Error { frame: self.pen.forward(frame, event, Vec::new()) }])
            }
            _ if self.end.is_some() => Err(StreamError::OutOfOrder),
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
                None | Some(Value::Null) => {
                    self.pen.dropped();
                    Ok(Vec::new())
                }
                Some(item) => match self.output.added(event.place()?, item, &self.tools)? {
                    Step::Call(news) => Ok(vec![self.fragment(event.place()?, news)]),
                    Step::Item(at) => Ok(self.forward(frame, event, Some(at))),
                },
            },
            Tells::ArgumentsDelta => {
                let piece = self.output.open(event.place()?)?.delta(text(event.body, "delta")?)?;
                Ok(vec![self.fragment(event.place()?, piece)])
            }
            Tells::ArgumentsDone => {
                let news = self.output.open(event.place()?)?.arguments_done(event.body)?;
                Ok(vec![self.fragment(event.place()?, news)])
            }
            Tells::Done => {
                let slot = event.place()?;
                let item = event.body.get("item").unwrap_or(&Value::Null);
                match self.output.done(slot, item, &self.tools)? {
                    Step::Call(news) => Ok(vec![self.fragment(slot, news), Delta::CallEnd { choice: 0, slot }]),
                    Step::Item(at) => Ok(self.forward(frame, event, Some(at))),
                }
            }
            Tells::Said(kinds) => {
                event.says_no_call()?;
                let at = self.output.under_way(event.index, |kind| kinds.contains(&kind))?;
                let forwarded = self.forward(frame, event, Some(at));
                if event.kind.ends_with(".delta") && self.pen.is_level() && event.index.map(place) == Some(at) {
                    let template = frame.data.as_deref().and_then(|data| Template::learn(data, &HOLES));
                    self.plain = template.map(|template| Plain { name: frame.event.clone(), template });
                }
                Ok(forwarded)
            }
            Tells::Made => {
                event.says_no_call()?;
                let at = self.output.under_way(event.index, |kind| items::tells_of(event.kind, kind))?;
                Ok(self.forward(frame, event, Some(at)))
            }
            Tells::Aside => {
                event.says_no_call()?;
                Ok(self.forward(frame, event, None))
            }
            Tells::Ended => {
                let response = event.response()?;
                self.output.holds(items::output(response)?, &self.tools)?;
                self.identify(response);
                self.end = Some(End { frame: frame.clone(), body: event.body.clone() });
                Ok(vec![Delta::Finish { choice: 0, frame: frame.raw.clone() }])
            }
            // Calls that are still held do not go on, so they are not in what ends the stream either.
            Tells::Failed => {
                let response = event.response()?;
                items::calls(items::output(response)?, &self.tools)?;
                let edits = self.agreed(frame, response);
                Ok(vec![Delta::Error { frame: self.pen.forward(frame, event, edits) }])
            }
        }
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
        vec![Delta::Forward { frame: self.pen.forward(frame, event, moved.map(edit).into_iter().collect()) }]
    }

    fn fragment(&mut self, slot: u32, piece: Call) -> Delta {
        let Call { id, name, arguments, form, extra } = piece;
        self.pen.dropped();
        Delta::Fragment { choice: 0, slot, id, name, arguments, form, extra }
    }

    /// What must change in an event that ends the response, so that it agrees with what has gone on.
    fn agreed(&self, frame: &Frame, response: &Map<String, Value>) -> Vec<splice::Edit> {
        let Some(output) = self.output.instead_of(items::output(response).unwrap_or_default()) else {
            return Vec::new();
        };
        let mut response = response.clone();
        let changed = items::set_output(&mut response, output);
        vec![response_with(frame, &response, &changed)]
    }

    /// The event that ended the response, as one of this kind and with these members of the response changed.
    fn end_as(&mut self, kind: &str, end: End, response: &Map<String, Value>, changed: &[&'static str]) -> Vec<u8> {
        let End { mut frame, body } = end;
        let mut edits = vec![response_with(&frame, response, changed)];
        let Ok(event) = Event::read(&frame, &body) else { return Vec::new() };
        if event.kind != kind {
            edits.push(splice::Edit { member: "type", text: Some(Value::from(kind).to_string()) });
            frame.event = frame.event.map(|_| kind.to_owned());
        }
        self.pen.forward(&frame, &event, edits)
    }

    /// Tells a whole item.
    fn say(&mut self, item: Value) -> Vec<u8> {
        let events = tell::item(&mut self.pen, self.output.written().len(), &item);
        self.output.write(item);
        events
    }
}

impl crate::Stream for Stream {
    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if self.is_plain(&frame) {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        let data = frame.data.as_deref().unwrap_or_default().trim_ascii();
        if data.is_empty() {
            // An event that carries nothing, such as a last one that was cut off: clients that read it fail on it.
            let is_event = frame.event.is_some() || frame.data.is_some();
            return Ok(if is_event { Vec::new() } else { vec![Delta::Forward { frame: frame.raw }] });
        }
        self.plain = None;
        if data == b"[DONE]" {
            let ended = self.end.is_some();
            return if ended { Ok(vec![Delta::Done { frame: frame.raw }]) } else { Err(StreamError::OutOfOrder) };
        }
        let value = callgate_json::read_nearest(data)?;
        let Value::Object(body) = &value else {
            return Err(ShapeError::Type { at: "data", expected: "an object" }.into());
        };
        let event = Event::read(&frame, body)?;
        self.pen.learn(&frame, &event);
        self.tell(&frame, &event)
    }

    fn call(&mut self, _choice: u32, call: &Call) -> Vec<u8> {
        self.say(items::of_call(call))
    }

    fn text(&mut self, _choice: u32, text: &str) -> Vec<u8> {
        let item = items::of_text(text, self.id.as_deref().unwrap_or_default(), self.output.written().len());
        self.say(item)
    }

    fn finish(&mut self, _choice: u32, frame: Vec<u8>) -> Vec<u8> {
        let Some(End { frame: read, body }) = self.end.take() else { return frame };
        let written = match Event::read(&read, &body) {
            Ok(event) => {
                let edits = event.response().map(|response| self.agreed(&read, response)).unwrap_or_default();
                self.pen.forward(&read, &event, edits)
            }
            Err(_) => frame,
        };
        self.end = Some(End { frame: read, body });
        written
    }

    fn choices(&self) -> usize {
        usize::from(self.id.is_some() || !self.output.is_empty())
    }

    fn said(&self, _choice: u32) -> Vec<Value> {
        self.output.written().iter().filter(|item| !items::is_call(item)).cloned().collect()
    }

    fn is_complete(&self) -> bool {
        self.end.is_some()
    }

    /// The end is that of the streamed response, whose id clients know already, with the status and the error of the last.
    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let Ok(answer) = Answer::read(answer, &self.tools) else { return Vec::new() };
        let Some(end) = self.end.take() else { return Vec::new() };
        let last = answer.body();
        let mut response = end.body.get("response").and_then(Value::as_object).cloned().unwrap_or_default();
        let streamed = self.output.in_words_of(items::output(&response).unwrap_or_default());
        let all = items::joined(streamed.iter().chain(items::output(last).unwrap_or_default()));
        let mut out = Vec::new();
        for item in all.iter().skip(streamed.len()) {
            out.extend(self.say(item.clone()));
        }
        let mut changed = items::set_output(&mut response, all);
        for key in ["status", "incomplete_details", "error", "completed_at"] {
            if let Some(value) = last.get(key) {
                response.insert(key.to_owned(), value.clone());
                changed.push(key);
            }
        }
        if let Some(used) = last.get("usage").filter(|usage| usage.is_object()) {
            add(response.entry("usage").or_insert(Value::Null), used);
            changed.push("usage");
        }
        let kind = match last.get("status").and_then(Value::as_str) {
            Some("incomplete") => "response.incomplete",
            Some("failed") => "response.failed",
            _ => "response.completed",
        };
        out.extend(self.end_as(kind, end, &response, &changed));
        out
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        self.pen.write("error", error::members(error))
    }
}

fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// The edit of an event in which these members of its response changed: the others keep their bytes.
fn response_with(frame: &Frame, response: &Map<String, Value>, changed: &[&'static str]) -> splice::Edit {
    let mut edits = Vec::new();
    changed.iter().for_each(|member| splice::Edit::value(&mut edits, member));
    let text = raw::member(frame.data.as_deref().unwrap_or_default(), "response").unwrap_or_default();
    let text = splice::write(text, response, &edits);
    splice::Edit { member: "response", text: Some(String::from_utf8_lossy(&text).into_owned()) }
}
