//! A streamed answer, event by event.
//!
//! Source: API reference, *ConverseStreamOutput*: `messageStart`, then blocks one after the other, each with a start (texts have
//! none), deltas and a stop, then `messageStop` and `metadata`; an exception anywhere. Nothing marks the end but the end.
//!
//! 1. What is no part of a call goes on at once. Blocks are numbered anew where calls before them were taken out; where numbers
//!    are the same, so are the bytes.
//! 2. Of a call come fragments, and at its stop its end.
//! 3. A text delta that differs from the one before in its text and its padding only is read by comparison (`template.rs`).

use callgate_json::{Map, Value};

use super::answer::{NAMES_CALLS, NO_CALLS, Told};
use super::open::Called;
use super::said::Said;
use super::{Answer, block, error, events};
use crate::framing::Frame;
use crate::framing::event_stream::{self, EXCEPTION};
use crate::shape::{MAX_CALLS, add, exact_keys, small, text};
use crate::template::{Hole, Template, unescaped};
use crate::{ApiError, Call, Delta, ShapeError, StreamError};

/// Members of events that are read.
const READ_MEMBERS: [&str; 6] =
    ["contentBlockIndex", "start", "delta", "stopReason", "usage", "additionalModelResponseFields"];

/// What may differ between two deltas that carry no call: a text, and the padding that hides its length.
const TEXT: [(&[&str], Hole); 2] = [(&["delta", "text"], Hole::Text), PADDING];
const THOUGHT: [(&[&str], Hole); 2] = [(&["delta", "reasoningContent", "text"], Hole::Text), PADDING];
const PADDING: (&[&str], Hole) = (&["p"], Hole::Text);

/// A stream under way.
#[derive(Debug)]
pub struct Stream {
    /// Tools that the provider may run.
    provided: Vec<String>,
    phase: Phase,
    /// The lowest number that the next block may have.
    next: u32,
    /// How many blocks went on.
    placed: u32,
    said: Vec<Value>,
    /// How many calls came, and how many were written.
    called: u32,
    written: u32,
    usage: Value,
}

/// Where a stream stands.
#[derive(Debug)]
enum Phase {
    New,
    /// Between blocks.
    Between,
    /// Inside of a block that is no call; it goes on as number `place`.
    Said {
        index: u32,
        place: u32,
        said: Said,
        /// The block's last delta.
        plain: Option<Plain>,
    },
    /// Inside of a call.
    Called {
        index: u32,
        called: Called,
    },
    /// The turn has a reason to end.
    Ended,
    /// What it used was told.
    Over,
}

/// A delta that carried a text and nothing else.
#[derive(Debug)]
enum Plain {
    Text(Template<2>),
    Thought(Template<2>),
}

/// An event's bytes, and what it carries.
struct Event {
    kind: String,
    frame: Vec<u8>,
    data: Vec<u8>,
    body: Map<String, Value>,
}

// === impl Stream ===

impl Stream {
    /// A stream of which nothing was read, the answer to a request that makes the provider run the tools `provided`.
    #[must_use]
    pub fn new(provided: &[&str]) -> Stream {
        Stream {
            provided: provided.iter().map(|&tool| tool.to_owned()).collect(),
            phase: Phase::New,
            next: 0,
            placed: 0,
            said: Vec::new(),
            called: 0,
            written: 0,
            usage: Value::Null,
        }
    }

    /// Reads a delta that differs from the last one of its block in nothing but text.
    fn plain(&mut self, frame: &Frame) -> Option<()> {
        let Phase::Said { said, plain: Some(plain), .. } = &mut self.phase else { return None };
        let is_delta = frame.event.as_deref() == Some("contentBlockDelta");
        let data = frame.data.as_deref().filter(|_| is_delta)?;
        match plain {
            Plain::Text(template) => said.say(&unescaped(template.fill(data)?[0])?),
            Plain::Thought(template) => said.think(&unescaped(template.fill(data)?[0])?),
        }
        Some(())
    }

    fn block_start(&mut self, event: Event) -> Result<Delta, StreamError> {
        block::no_call_but(&event.body, "start")?;
        let index = self.begins(&event)?;
        let empty = Map::new();
        let start = match event.body.get("start") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(start)) => start,
            Some(_) => return Err(ShapeError::Type { at: "start", expected: "an object" }.into()),
        };
        let said = match block::only(start, &["toolUse", "toolResult", "image"])? {
            None => Said::default(),
            Some(("toolUse", Value::Object(members))) => {
                let used = block::read_use(members, &self.provided)?;
                if !used.by_provider {
                    // An input comes in deltas; one that came here too could be read in two ways.
                    if members.get("input").is_some_and(|input| !input.is_null()) {
                        return Err(ShapeError::StrayCall.into());
                    }
                    return self.call_start(index, &used);
                }
                block::no_call(members)?;
                Said::used(&Value::Object(members.clone()))
            }
            Some(("toolResult", result @ Value::Object(_))) if !self.provided.is_empty() => {
                block::no_call_in(result)?;
                Said::result(result)
            }
            Some(("image", image)) => {
                block::no_call_in(image)?;
                Said::image()
            }
            Some(_) => return Err(ShapeError::UnknownPart.into()),
        };
        let place = self.place();
        self.phase = Phase::Said { index, place, said, plain: None };
        Ok(event.numbered(index, place))
    }

    fn call_start(&mut self, index: u32, used: &block::Use<'_>) -> Result<Delta, StreamError> {
        let slot = self.called;
        self.called = slot.saturating_add(1);
        if usize::try_from(slot).is_ok_and(|slot| slot >= MAX_CALLS) {
            return Err(ShapeError::TooMany.into());
        }
        let (called, delta) = Called::start(slot, used);
        self.phase = Phase::Called { index, called };
        Ok(delta)
    }

    fn block_delta(&mut self, event: Event) -> Result<Option<Delta>, StreamError> {
        block::no_call_but(&event.body, "delta")?;
        if matches!(self.phase, Phase::Between) {
            // Texts have no start.
            let index = self.begins(&event)?;
            let place = self.place();
            self.phase = Phase::Said { index, place, said: Said::default(), plain: None };
        }
        let at = event.index()?;
        let Some(Value::Object(delta)) = event.body.get("delta") else {
            return Err(ShapeError::Type { at: "delta", expected: "an object" }.into());
        };
        match &mut self.phase {
            Phase::Called { index, called } if *index == at => Ok(called.delta(delta)?),
            Phase::Said { index, place, said, plain } if *index == at => {
                said.delta(delta)?;
                let place = *place;
                *plain = (at == place).then(|| Plain::learn(&event.data)).flatten();
                Ok(Some(event.numbered(at, place)))
            }
            _ => Err(StreamError::OutOfOrder),
        }
    }

    fn block_stop(&mut self, event: Event) -> Result<Vec<Delta>, StreamError> {
        block::no_call(&event.body)?;
        let at = event.index()?;
        if matches!(self.phase, Phase::Between) {
            // An empty text: neither start nor deltas.
            let index = self.begins(&event)?;
            let place = self.place();
            return Ok(vec![event.numbered(index, place)]);
        }
        match std::mem::replace(&mut self.phase, Phase::Between) {
            Phase::Called { index, called } if index == at => Ok(called.stop()),
            Phase::Said { index, place, said, .. } if index == at => {
                self.said.extend(said.whole());
                Ok(vec![event.numbered(at, place)])
            }
            _ => Err(StreamError::OutOfOrder),
        }
    }

    fn message_stop(&mut self, event: Event) -> Result<Delta, StreamError> {
        block::no_call(&event.body)?;
        if !matches!(self.phase, Phase::Between) || text(&event.body, "stopReason")?.is_empty() {
            return Err(StreamError::OutOfOrder);
        }
        self.phase = Phase::Ended;
        Ok(Delta::Finish { choice: 0, frame: event.frame })
    }

    fn metadata(&mut self, event: Event) -> Result<Delta, StreamError> {
        block::no_call(&event.body)?;
        if !matches!(self.phase, Phase::Ended) {
            return Err(StreamError::OutOfOrder);
        }
        self.phase = Phase::Over;
        self.usage = event.body.get("usage").cloned().unwrap_or_default();
        // A trace can repeat what the model wrote.
        let frame = if self.left_out() { event.without(&["trace"]) } else { event.frame };
        Ok(Delta::Usage { frame })
    }

    /// The number of the block that an event begins.
    fn begins(&mut self, event: &Event) -> Result<u32, StreamError> {
        let index = event.index()?;
        if !matches!(self.phase, Phase::Between) || index < self.next {
            return Err(StreamError::OutOfOrder);
        }
        self.next = index.saturating_add(1);
        Ok(index)
    }

    /// The number of the next block that goes on.
    fn place(&mut self) -> u32 {
        let place = self.placed;
        self.placed = place.saturating_add(1);
        place
    }

    /// Whether a call came that did not go on.
    fn left_out(&self) -> bool {
        self.written < self.called
    }
}

impl crate::Stream for Stream {
    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if self.plain(&frame).is_some() {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        let Frame { raw: frame, event, data, .. } = frame;
        let (kind, data) = (event.unwrap_or_default(), data.unwrap_or_default());
        let is_exception = kind.starts_with(EXCEPTION);
        let body = match callgate_json::read_nearest(&data) {
            Ok(Value::Object(body)) => body,
            // What an exception says may be in its headers.
            Err(_) if is_exception && data.is_empty() => Map::new(),
            Ok(_) => return Err(ShapeError::Type { at: "payload", expected: "an object" }.into()),
            Err(error) => return Err(error.into()),
        };
        exact_keys(&body, &READ_MEMBERS)?;
        let event = Event { kind, frame, data, body };
        let delta = match event.kind.as_str() {
            _ if is_exception => {
                block::no_call(&event.body)?;
                Delta::Error { frame: event.frame }
            }
            "messageStart" => {
                block::no_call(&event.body)?;
                if !matches!(self.phase, Phase::New) {
                    return Err(StreamError::OutOfOrder);
                }
                self.phase = Phase::Between;
                Delta::Forward { frame: event.frame }
            }
            "contentBlockStart" => self.block_start(event)?,
            "contentBlockDelta" => return Ok(self.block_delta(event)?.into_iter().collect()),
            "contentBlockStop" => return self.block_stop(event),
            "messageStop" => self.message_stop(event)?,
            "metadata" => self.metadata(event)?,
            _ => return Err(StreamError::UnknownEvent),
        };
        Ok(vec![delta])
    }

    fn call(&mut self, _choice: u32, call: &Call) -> Vec<u8> {
        self.written = self.written.saturating_add(1);
        events::call(self.place(), call)
    }

    fn text(&mut self, _choice: u32, text: &str) -> Vec<u8> {
        events::text(self.place(), text)
    }

    fn finish(&mut self, _choice: u32, frame: Vec<u8>) -> Vec<u8> {
        if !self.left_out() {
            return frame;
        }
        let Some(mut event) = Event::of(&frame) else { return frame };
        if self.written == 0
            && let Some(reason) = event.body.get_mut("stopReason")
            && reason == NAMES_CALLS
        {
            *reason = Value::from(NO_CALLS);
        }
        event.body.shift_remove("additionalModelResponseFields");
        events::event(&event.kind, &Value::Object(event.body))
    }

    fn choices(&self) -> usize {
        usize::from(!matches!(self.phase, Phase::New))
    }

    fn said(&self, _choice: u32) -> Vec<Value> {
        self.said.clone()
    }

    fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Over)
    }

    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let provided: Vec<&str> = self.provided.iter().map(String::as_str).collect();
        let Ok(answer) = Answer::read(&provided, answer) else { return Vec::new() };
        let mut out = Vec::new();
        for told in answer.told() {
            let bytes = match told {
                Told::Said(said) => events::said(self.placed, &said),
                Told::Call(call) => Some(events::call(self.placed, call)),
            };
            if let Some(bytes) = bytes {
                self.place();
                out.extend(bytes);
            }
        }
        let mut usage = answer.body().get("usage").cloned().unwrap_or_default();
        add(&mut usage, &self.usage);
        out.extend(events::end(answer.body(), &usage));
        out
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        error::frame(error)
    }
}

// === impl Plain ===

impl Plain {
    /// Learns from a delta that was read; `None` where it has no such text.
    fn learn(data: &[u8]) -> Option<Plain> {
        let learn = |holes| Template::learn(data, holes).filter(|template| template.has(0));
        learn(&TEXT).map(Plain::Text).or_else(|| learn(&THOUGHT).map(Plain::Thought))
    }
}

// === impl Event ===

impl Event {
    /// The event that a frame is.
    fn of(frame: &[u8]) -> Option<Event> {
        let mut frames = Vec::new();
        event_stream::Decoder::new(usize::MAX).push(frame, &mut frames).ok()?;
        let Frame { raw, event, data, .. } = frames.pop()?;
        let data = data?;
        match callgate_json::read_nearest(&data).ok()? {
            Value::Object(body) => Some(Event { kind: event?, frame: raw, data, body }),
            _ => None,
        }
    }

    fn index(&self) -> Result<u32, ShapeError> {
        small(self.body.get("contentBlockIndex").unwrap_or(&Value::Null), "contentBlockIndex")
    }

    /// The event with another number where it has to have one.
    fn numbered(mut self, index: u32, place: u32) -> Delta {
        if index == place {
            return Delta::Forward { frame: self.frame };
        }
        self.body.insert("contentBlockIndex".to_owned(), Value::from(place));
        Delta::Forward { frame: events::event(&self.kind, &Value::Object(self.body)) }
    }

    /// The event's bytes without these members.
    fn without(mut self, members: &[&str]) -> Vec<u8> {
        let before = self.body.len();
        self.body.retain(|key, _| !members.contains(&key.as_str()));
        if self.body.len() == before { self.frame } else { events::event(&self.kind, &Value::Object(self.body)) }
    }
}
