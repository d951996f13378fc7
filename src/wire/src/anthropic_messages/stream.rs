//! A streamed answer, event by event.
//!
//! Source: API reference, *Streaming messages*: `message_start`, then blocks, each with a start, deltas and a stop, one after the
//! other, then `message_delta` and `message_stop`; `ping` and `error` anywhere.
//!
//! 1. What is no part of a `tool_use` block goes on at once. Blocks are numbered anew where calls before them were taken out;
//!    where numbers are the same, so are the bytes.
//! 2. Of a `tool_use` block come fragments, and at its stop its end.
//! 3. A text delta that differs from the one before in its text only is read by comparison (`template.rs`).

use callgate_json::{Map, Value};

use super::answer::{NAMES_CALLS, NO_CALLS, Told, says_something};
use super::block::{self, Kind};
use super::open::{Called, Said};
use super::{Answer, error, events};
use crate::framing::{Frame, sse};
use crate::shape::{MAX_CALLS, add, exact_keys, small, text};
use crate::template::{Hole, Template, unescaped};
use crate::{ApiError, Call, Delta, ShapeError, StreamError, raw};

/// Members of an event that are read.
const READ_MEMBERS: [&str; 6] = ["type", "message", "index", "content_block", "delta", "usage"];

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
    called: usize,
    written: usize,
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
        block: Said,
        /// The block's last delta.
        plain: Option<Template<1>>,
    },
    /// Inside of a call.
    Called {
        index: u32,
        call: Called,
    },
    /// The turn has a reason to end.
    Ended,
    Over,
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
        let Phase::Said { block, plain: Some(template), .. } = &mut self.phase else { return None };
        let named = frame.event.as_deref().is_none_or(|name| name == "content_block_delta");
        let data = frame.data.as_deref().filter(|_| named)?;
        let [piece] = template.fill(unpadded(data)?)?;
        block.add(&unescaped(piece)?);
        Some(())
    }

    fn message_start(&mut self, body: &Map<String, Value>) -> Result<(), StreamError> {
        let (Phase::New, Some(Value::Object(message))) = (&self.phase, body.get("message")) else {
            return Err(StreamError::OutOfOrder);
        };
        exact_keys(message, &["content", "usage"])?;
        // Clients begin with what is there already.
        if message.get("content").is_some_and(|content| !content.is_null() && content != &Value::Array(Vec::new())) {
            return Err(ShapeError::StrayCall.into());
        }
        block::no_call(body)?;
        self.phase = Phase::Between;
        self.use_up(message);
        Ok(())
    }

    /// Notes what was used so far: the numbers of later events replace those of earlier ones.
    fn use_up(&mut self, holder: &Map<String, Value>) {
        let Some(Value::Object(usage)) = holder.get("usage") else { return };
        match &mut self.usage {
            Value::Object(known) => {
                known.extend(usage.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())));
            }
            other => *other = Value::Object(usage.clone()),
        }
    }

    fn block_start(&mut self, raw: Raw, mut body: Map<String, Value>) -> Result<Delta, StreamError> {
        let index = index(&body)?;
        let Some(Value::Object(members)) = body.get("content_block") else {
            return Err(ShapeError::Type { at: "content_block", expected: "an object" }.into());
        };
        // A number that came before would be another block to some clients, and the same to others.
        if !matches!(self.phase, Phase::Between) || index < self.next {
            return Err(StreamError::OutOfOrder);
        }
        block::no_call_but(&body, "content_block")?;
        let kind = block::kind(members, &self.provided)?;
        self.next = index.checked_add(1).ok_or(ShapeError::TooMany)?;
        if kind == Kind::Call {
            self.called += 1;
            if self.called > MAX_CALLS {
                return Err(ShapeError::TooMany.into());
            }
            let block = raw::member(&raw.data, "content_block").unwrap_or_default();
            let (call, delta) = Called::start(index, members, block)?;
            self.phase = Phase::Called { index, call };
            return Ok(delta);
        }
        let place = self.place();
        let block = Said::new(kind, members.clone());
        self.phase = Phase::Said { index, place, block, plain: None };
        Ok(raw.numbered(&mut body, index, place))
    }

    fn block_delta(&mut self, raw: Raw, mut body: Map<String, Value>) -> Result<Vec<Delta>, StreamError> {
        let at = index(&body)?;
        block::no_call(&body)?;
        let Some(Value::Object(delta)) = body.get("delta") else {
            return Err(ShapeError::Type { at: "delta", expected: "an object" }.into());
        };
        exact_keys(delta, &["type", "text", "partial_json", "thinking"])?;
        match &mut self.phase {
            Phase::Called { index, call } if *index == at => Ok(call.delta(delta)?.into_iter().collect()),
            Phase::Said { index, place, block, plain } if *index == at => {
                block.delta(delta)?;
                // A delta of another type may have such a member, too, which is not added up.
                let kind = text(delta, "type")?;
                *plain = block
                    .added_up()
                    .filter(|member| index == place && kind.strip_suffix("_delta") == Some(*member))
                    .and_then(|member| Template::learn(unpadded(&raw.data)?, &[(&["delta", member], Hole::Text)]))
                    .filter(|template| template.has(0));
                let place = *place;
                Ok(vec![raw.numbered(&mut body, at, place)])
            }
            _ => Err(StreamError::OutOfOrder),
        }
    }

    fn block_stop(&mut self, raw: Raw, mut body: Map<String, Value>) -> Result<Vec<Delta>, StreamError> {
        let at = index(&body)?;
        block::no_call(&body)?;
        match std::mem::replace(&mut self.phase, Phase::Between) {
            Phase::Called { index, call } if index == at => Ok(call.stop()),
            Phase::Said { index, place, block, .. } if index == at => {
                self.said.push(block.whole());
                Ok(vec![raw.numbered(&mut body, at, place)])
            }
            _ => Err(StreamError::OutOfOrder),
        }
    }

    /// The reason to end comes once, and ends the block that has no end because the turn was cut short in it; what was used may
    /// come before or after.
    fn message_delta(&mut self, raw: Raw, body: &Map<String, Value>) -> Result<Vec<Delta>, StreamError> {
        if matches!(self.phase, Phase::New | Phase::Over) {
            return Err(StreamError::OutOfOrder);
        }
        block::no_call(body)?;
        let reason = match body.get("delta") {
            None | Some(Value::Null) => "",
            Some(Value::Object(delta)) => {
                exact_keys(delta, &["stop_reason", "content"])?;
                text(delta, "stop_reason")?
            }
            Some(_) => return Err(ShapeError::Type { at: "delta", expected: "an object" }.into()),
        };
        self.use_up(body);
        let frame = raw.frame;
        if reason.is_empty() {
            let ended = matches!(self.phase, Phase::Ended);
            return Ok(vec![if ended { Delta::Usage { frame } } else { Delta::Forward { frame } }]);
        }
        let mut deltas = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Called { call, .. } => call.stop(),
            Phase::Said { block, .. } => {
                self.said.push(block.whole());
                Vec::new()
            }
            Phase::Between => Vec::new(),
            Phase::New | Phase::Ended | Phase::Over => return Err(StreamError::OutOfOrder),
        };
        deltas.push(Delta::Finish { choice: 0, frame });
        Ok(deltas)
    }

    /// The number of the next block that goes on.
    fn place(&mut self) -> u32 {
        let place = self.placed;
        self.placed = place.saturating_add(1);
        place
    }
}

impl crate::Stream for Stream {
    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if self.plain(&frame).is_some() {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        let Frame { raw: frame, event, data, .. } = frame;
        let data = data.unwrap_or_default();
        match data.trim_ascii() {
            b"" => return Ok(vec![Delta::Forward { frame }]),
            // Gateways that know one kind of stream only.
            b"[DONE]" if matches!(self.phase, Phase::Ended | Phase::Over) => return Ok(vec![Delta::Done { frame }]),
            _ => {}
        }
        let Value::Object(body) = callgate_json::read_nearest(&data)? else {
            return Err(ShapeError::Type { at: "data", expected: "an object" }.into());
        };
        exact_keys(&body, &READ_MEMBERS)?;
        let kind = text(&body, "type")?.to_owned();
        // Some clients go by one, some by the other.
        if event.is_some_and(|event| event != kind) {
            return Err(StreamError::UnknownEvent);
        }
        let raw = Raw { frame, data };
        let delta = match kind.as_str() {
            "ping" => {
                block::no_call(&body)?;
                Delta::Forward { frame: raw.frame }
            }
            "error" => {
                block::no_call(&body)?;
                Delta::Error { frame: raw.frame }
            }
            "message_start" => {
                self.message_start(&body)?;
                Delta::Forward { frame: raw.frame }
            }
            "content_block_start" => self.block_start(raw, body)?,
            "content_block_delta" => return self.block_delta(raw, body),
            "content_block_stop" => return self.block_stop(raw, body),
            "message_delta" => return self.message_delta(raw, &body),
            "message_stop" if matches!(self.phase, Phase::Ended) => {
                block::no_call(&body)?;
                self.phase = Phase::Over;
                Delta::Done { frame: raw.frame }
            }
            "message_stop" => return Err(StreamError::OutOfOrder),
            _ => return Err(StreamError::UnknownEvent),
        };
        Ok(vec![delta])
    }

    fn call(&mut self, _choice: u32, call: &Call) -> Vec<u8> {
        self.written += 1;
        events::call(self.place(), call)
    }

    fn text(&mut self, _choice: u32, text: &str) -> Vec<u8> {
        events::text(self.place(), text)
    }

    fn finish(&mut self, _choice: u32, frame: Vec<u8>) -> Vec<u8> {
        if self.called > 0 && self.written == 0 { without_calls(frame) } else { frame }
    }

    fn choices(&self) -> usize {
        usize::from(!matches!(self.phase, Phase::New))
    }

    fn said(&self, _choice: u32) -> Vec<Value> {
        self.said.iter().filter(|block| says_something(block)).cloned().collect()
    }

    fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Over)
    }

    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let provided: Vec<&str> = self.provided.iter().map(String::as_str).collect();
        let Ok(answer) = Answer::read(&provided, answer) else { return Vec::new() };
        let mut out = Vec::new();
        for told in answer.told() {
            let place = self.place();
            out.extend(match told {
                Told::Said(block) => events::said(place, &block),
                Told::Call(call) => events::call(place, call),
            });
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

/// An event's bytes, and what it carries.
struct Raw {
    frame: Vec<u8>,
    data: Vec<u8>,
}

// === impl Raw ===

impl Raw {
    /// The event with another number where it has to have one.
    fn numbered(self, body: &mut Map<String, Value>, index: u32, place: u32) -> Delta {
        if index == place {
            return Delta::Forward { frame: self.frame };
        }
        body.insert("index".to_owned(), Value::from(place));
        let kind = text(body, "type").unwrap_or_default().to_owned();
        Delta::Forward { frame: events::event(&kind, &Value::Object(std::mem::take(body))) }
    }
}

fn index(body: &Map<String, Value>) -> Result<u32, ShapeError> {
    small(body.get("index").unwrap_or(&Value::Null), "index")
}

/// An event's data without its last brace and the spaces before it, with which the API pads to hide lengths. They stand outside
/// of all strings, as the last brace of an object does.
fn unpadded(data: &[u8]) -> Option<&[u8]> {
    let spaces = data.strip_suffix(b"}")?;
    let end = spaces.iter().rposition(|&byte| byte != b' ')?;
    spaces.get(..=end)
}

/// An event that ends a turn with calls, for a turn without.
fn without_calls(frame: Vec<u8>) -> Vec<u8> {
    let mut decoder = sse::Decoder::new(usize::MAX);
    let mut frames = Vec::new();
    let decoded = decoder.push(&frame, &mut frames);
    frames.extend(decoder.finish());
    let (Ok(()), [only]) = (decoded, frames.as_slice()) else { return frame };
    let Some(Ok(mut body)) = only.data.as_deref().map(callgate_json::read_nearest) else { return frame };
    match body.get_mut("delta").and_then(|delta| delta.get_mut("stop_reason")) {
        Some(reason) if reason == NAMES_CALLS => *reason = Value::from(NO_CALLS),
        _ => return frame,
    }
    events::event("message_delta", &body)
}
