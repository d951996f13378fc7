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
mod pen;
mod tell;

use std::collections::BTreeMap;

use callgate_json::{Map, Value};

use super::answer::Answer;
use super::{error, items};
use crate::framing::Frame;
use crate::shape::{MAX_CALLS, add, text};
use crate::template::{Hole, Template};
use crate::{ApiError, Call, Delta, ShapeError, StreamError, raw, splice};
use call::Open;
use event::{Event, Tells};
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
    /// The items that were read, by the place that the server gave them.
    items: BTreeMap<u32, Item>,
    calls: usize,
    /// The items that went on, in their order.
    written: Vec<Value>,
    end: Option<End>,
    plain: Option<Plain>,
}

/// An item that was read.
#[derive(Debug)]
enum Item {
    /// A call that is not complete.
    Open(Open),
    Call(Call),
    /// Another, which stands at `at` among those that went on.
    Other {
        kind: String,
        at: usize,
        done: bool,
    },
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
        Stream {
            tools,
            pen: Pen::new(),
            id: None,
            items: BTreeMap::new(),
            calls: 0,
            written: Vec::new(),
            end: None,
            plain: None,
        }
    }

    /// Whether an event is the delta before it with another text: it goes on as it is. See [`Template`] for why that is sound; the
    /// item that it tells of is the same, and still under way, for every other event ends this.
    fn is_plain(&mut self, frame: &Frame) -> bool {
        // Once something was written between, events are numbered anew.
        let fits = |plain: &&Plain| plain.name == frame.event && !frame.strays && self.pen.is_level();
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
            Tells::Added => self.added(frame, event),
            Tells::ArgumentsDelta => {
                let piece = self.open(event)?.delta(text(event.body, "delta")?)?;
                self.fragment(event, piece)
            }
            Tells::ArgumentsDone => {
                let news = self.open(event)?.arguments_done(event.body)?;
                self.fragment(event, news)
            }
            Tells::Done => self.done(frame, event),
            Tells::Said(kinds) => {
                event.says_no_call()?;
                let at = self.under_way(event, |kind| kinds.contains(&kind))?;
                let forwarded = self.forward(frame, event, Some(at));
                if event.kind.ends_with(".delta") && self.pen.is_level() && event.index.map(place) == Some(at) {
                    let template = frame.data.as_deref().and_then(|data| Template::learn(data, &HOLES));
                    self.plain = template.map(|template| Plain { name: frame.event.clone(), template });
                }
                Ok(forwarded)
            }
            Tells::Made => {
                event.says_no_call()?;
                let at = self.under_way(event, |kind| items::tells_of(event.kind, kind))?;
                Ok(self.forward(frame, event, Some(at)))
            }
            Tells::Aside => {
                event.says_no_call()?;
                Ok(self.forward(frame, event, None))
            }
            Tells::Ended => {
                let response = event.response()?;
                self.holds_to(response)?;
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

    fn fragment(&mut self, event: &Event<'_>, piece: Call) -> Result<Vec<Delta>, StreamError> {
        let Call { id, name, arguments, form, extra } = piece;
        self.pen.dropped();
        Ok(vec![Delta::Fragment { choice: 0, slot: event.place()?, id, name, arguments, form, extra }])
    }

    /// The call under way that an event tells of.
    fn open(&mut self, event: &Event<'_>) -> Result<&mut Open, StreamError> {
        match self.items.get_mut(&event.place()?) {
            Some(Item::Open(open)) => Ok(open),
            _ => Err(StreamError::OutOfOrder),
        }
    }

    /// The place among those that went on of the item that an event tells of, which must be under way and of a kind that has such
    /// events.
    fn under_way(&self, event: &Event<'_>, fits: impl Fn(&str) -> bool) -> Result<usize, StreamError> {
        let Some(index) = event.index else { return Err(StreamError::UnknownEvent) };
        match self.items.get(&index) {
            Some(Item::Other { kind, at, done: false }) if fits(kind) => Ok(*at),
            Some(Item::Other { done: false, .. }) => Err(StreamError::UnknownEvent),
            _ => Err(StreamError::OutOfOrder),
        }
    }

    fn added(&mut self, frame: &Frame, event: &Event<'_>) -> Result<Vec<Delta>, StreamError> {
        let item = match event.body.get("item") {
            // Some servers announce an item without one: clients take no notice.
            None | Some(Value::Null) => {
                self.pen.dropped();
                return Ok(Vec::new());
            }
            Some(item) => item,
        };
        let index = event.place()?;
        if self.items.contains_key(&index) {
            return Err(StreamError::OutOfOrder);
        }
        let (kind, call) = items::read(item, &self.tools)?;
        let Some(call) = call else {
            let at = self.write(item.clone());
            self.items.insert(index, Item::Other { kind: kind.to_owned(), at, done: false });
            return Ok(self.forward(frame, event, Some(at)));
        };
        self.count()?;
        self.items.insert(index, Item::Open(Open::new(call.clone())));
        self.fragment(event, Call { extra: Map::new(), ..call })
    }

    fn done(&mut self, frame: &Frame, event: &Event<'_>) -> Result<Vec<Delta>, StreamError> {
        let item = event.body.get("item").ok_or(ShapeError::Type { at: "item", expected: "an object" })?;
        let index = event.place()?;
        let (kind, call) = items::read(item, &self.tools)?;
        match (self.items.remove(&index), call) {
            (None, Some(call)) => {
                self.count()?;
                self.call_done(event, Open::default(), call)
            }
            (Some(Item::Open(open)), Some(call)) => self.call_done(event, open, call),
            (None, None) => {
                let at = self.write(item.clone());
                self.items.insert(index, Item::Other { kind: kind.to_owned(), at, done: true });
                Ok(self.forward(frame, event, Some(at)))
            }
            (Some(Item::Other { kind: known, at, done: false }), None) if known == kind => {
                if let Some(written) = self.written.get_mut(at) {
                    *written = item.clone();
                }
                self.items.insert(index, Item::Other { kind: known, at, done: true });
                Ok(self.forward(frame, event, Some(at)))
            }
            _ => Err(StreamError::OutOfOrder),
        }
    }

    fn call_done(&mut self, event: &Event<'_>, open: Open, item: Call) -> Result<Vec<Delta>, StreamError> {
        let slot = event.place()?;
        let (news, call) = open.done(item)?;
        self.items.insert(slot, Item::Call(call));
        let mut deltas = self.fragment(event, news)?;
        deltas.push(Delta::CallEnd { choice: 0, slot });
        Ok(deltas)
    }

    fn count(&mut self) -> Result<(), ShapeError> {
        self.calls = self.calls.saturating_add(1);
        if self.calls > MAX_CALLS { Err(ShapeError::TooMany) } else { Ok(()) }
    }

    /// Holds the end of a response to its events: it has the calls that were streamed, word for word, and no other. Some servers do
    /// not repeat any item there.
    fn holds_to(&self, response: &Map<String, Value>) -> Result<(), StreamError> {
        let repeated = items::output(response)?;
        let calls = items::calls(repeated, &self.tools)?;
        let mut streamed = Vec::new();
        for item in self.items.values() {
            match item {
                Item::Open(_) => return Err(StreamError::OutOfOrder),
                Item::Call(call) => streamed.push(call),
                Item::Other { .. } => {}
            }
        }
        let same = |(a, b): (&Call, &&Call)| a.id == b.id && a.name == b.name && a.arguments == b.arguments;
        let agrees = calls.len() == streamed.len() && calls.iter().zip(&streamed).all(same);
        if agrees || repeated.is_empty() { Ok(()) } else { Err(call::differs("output").into()) }
    }

    /// What has gone on, in the words of an end that repeats it.
    fn output(&self, repeated: &[Value]) -> Vec<Value> {
        let mut output = self.written.clone();
        let others: Vec<&Value> = repeated.iter().filter(|item| !items::is_call(item)).collect();
        let streamed = self.items.values().filter_map(|item| match item {
            Item::Other { kind, at, .. } => Some((kind.as_str(), *at)),
            Item::Open(_) | Item::Call(_) => None,
        });
        if others.iter().map(|item| items::kind(item)).eq(streamed.clone().map(|(kind, _)| kind)) {
            for (item, (_, at)) in others.into_iter().zip(streamed) {
                if let Some(written) = output.get_mut(at) {
                    *written = item.clone();
                }
            }
        }
        output
    }

    /// What must change in an event that ends the response, so that it agrees with what has gone on: nothing where no call was
    /// read, and where the server repeats nothing.
    fn agreed(&self, frame: &Frame, response: &Map<String, Value>) -> Vec<splice::Edit> {
        let repeated = items::output(response).unwrap_or_default();
        let output = self.output(repeated);
        if self.calls == 0 && !repeated.iter().any(items::is_call) || repeated.is_empty() || output == repeated {
            return Vec::new();
        }
        let output = splice::Edit { member: "output", text: Some(Value::Array(output).to_string()) };
        vec![response_with(frame, response, &[output])]
    }

    /// The event that ended the response, as one of this kind and with these edits of the response.
    fn end_as(&mut self, kind: &str, end: End, response: &Map<String, Value>, edits: &[splice::Edit]) -> Vec<u8> {
        let End { mut frame, body } = end;
        let mut changed = vec![response_with(&frame, response, edits)];
        let Ok(event) = Event::read(&frame, &body) else { return Vec::new() };
        if event.kind != kind {
            changed.push(splice::Edit { member: "type", text: Some(Value::from(kind).to_string()) });
            frame.event = frame.event.map(|_| kind.to_owned());
        }
        self.pen.forward(&frame, &event, changed)
    }

    /// An item goes on; its place.
    fn write(&mut self, item: Value) -> usize {
        self.written.push(item);
        self.written.len() - 1
    }

    /// Tells a whole item.
    fn say(&mut self, item: Value) -> Vec<u8> {
        let events = tell::item(&mut self.pen, self.written.len(), &item);
        self.write(item);
        events
    }
}

impl crate::Stream for Stream {
    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if self.is_plain(&frame) {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        if frame.strays {
            return Err(StreamError::NoField);
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
        let item = items::of_text(text, self.id.as_deref().unwrap_or_default(), self.written.len());
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
        usize::from(self.id.is_some() || !self.items.is_empty())
    }

    fn said(&self, _choice: u32) -> Vec<Value> {
        self.written.iter().filter(|item| !items::is_call(item)).cloned().collect()
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
        self.written = self.output(items::output(&response).unwrap_or_default());
        let mut out = Vec::new();
        for item in items::output(last).unwrap_or_default() {
            out.extend(self.say(item.clone()));
        }
        let mut edits = Vec::new();
        for key in ["status", "incomplete_details", "error", "completed_at"] {
            if let Some(value) = last.get(key) {
                response.insert(key.to_owned(), value.clone());
                splice::Edit::value(&mut edits, key);
            }
        }
        if let Some(used) = last.get("usage").filter(|usage| usage.is_object()) {
            add(response.entry("usage").or_insert(Value::Null), used);
            splice::Edit::value(&mut edits, "usage");
        }
        response.insert("output".to_owned(), Value::Array(self.written.clone()));
        splice::Edit::value(&mut edits, "output");
        let kind = match last.get("status").and_then(Value::as_str) {
            Some("incomplete") => "response.incomplete",
            Some("failed") => "response.failed",
            _ => "response.completed",
        };
        out.extend(self.end_as(kind, end, &response, &edits));
        out
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        self.pen.write("error", error::members(error))
    }
}

fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// An edit of the response within an event: members that are not edited keep their bytes.
fn response_with(frame: &Frame, response: &Map<String, Value>, edits: &[splice::Edit]) -> splice::Edit {
    let data = frame.data.as_deref().unwrap_or_default();
    let text = splice::write(raw::member(data, "response").unwrap_or_default(), response, edits);
    splice::Edit { member: "response", text: Some(String::from_utf8_lossy(&text).into_owned()) }
}
