//! A streamed answer, event by event.
//!
//! Source: API reference, *Streaming messages*: `message_start`, then blocks, each with a start, deltas and a stop, then
//! `message_delta` and `message_stop`; `ping` and `error` anywhere. `blocks/` says what becomes of other orders.
//!
//! A text delta that differs from the one before in its text only is read by comparison (`template.rs`).

use callgate_json::{Map, Value, span};

use super::block::{self, Kind};
use super::said::Said;
use super::{Answer, error, events};
use crate::blocks::{self, Begun, Content, Event, Format, NAMES_CALLS, NO_CALLS, Start, Step};
use crate::checks::{exact_keys, text};
use crate::framing::Frame;
use crate::unknown;
use crate::{ApiError, Call, ShapeError, StreamError};

/// A stream under way.
pub type Stream = blocks::Stream<Messages>;

/// The reader and writer of this dialect's blocks.
#[derive(Debug)]
pub struct Messages;

/// Members of an event that are read.
const READ_MEMBERS: [&str; 6] = ["type", "message", "index", "content_block", "delta", "usage"];
/// The events of the API.
const EVENTS: [&str; 8] = [
    "ping",
    "error",
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
];

impl Format for Messages {
    type Said = Said;

    const INDEX: &'static str = "index";

    fn read(frame: Frame, provided: &[String]) -> Result<Step<Said>, StreamError> {
        let Frame { raw: frame, event: name, data, .. } = frame;
        let data = data.unwrap_or_default();
        match data.trim_ascii() {
            b"" => return Ok(Step::Pass(frame)),
            // Gateways that know one kind of stream only.
            b"[DONE]" => return Ok(Step::Over(frame)),
            words if unknown::are_words(words) => return Ok(Step::Drop),
            _ => {}
        }
        let is_unknown = name.as_deref().is_some_and(|name| !EVENTS.contains(&name));
        let body = match callgate_json::read_nearest(&data) {
            Ok(Value::Object(body)) => body,
            // No reader finds a call in what is not JSON.
            Err(_) if is_unknown => return Ok(Step::Drop),
            Ok(other) if is_unknown => return Ok(unknown::no_call(&other).map(|()| Step::Drop)?),
            Ok(_) => return Err(ShapeError::Type { at: "data", expected: "an object" }.into()),
            Err(error) => return Err(error.into()),
        };
        exact_keys(&body, &READ_MEMBERS)?;
        let kind = kind(name.as_deref(), text(&body, "type")?)?.to_owned();
        Messages::step(Event { kind, frame, data, body }, provided)
    }

    fn implied(delta: &Map<String, Value>) -> Result<Said, ShapeError> {
        Said::implied(delta)
    }

    fn empty() -> Option<Said> {
        None
    }

    /// A delta of another kind is ignored, as the official SDKs do.
    fn piece(event: &Event, _start: &Start) -> Result<String, ShapeError> {
        let delta = event.delta()?;
        exact_keys(delta, &block::DELTA_MEMBERS)?;
        match text(delta, "type")? {
            "input_json_delta" => match delta.get("partial_json") {
                Some(Value::String(piece)) => Ok(piece.clone()),
                value => {
                    let raw = span::member(&event.data, "delta").and_then(|delta| span::member(delta, "partial_json"));
                    Ok(blocks::input(value, raw).unwrap_or_default())
                }
            },
            kind => unknown::no_part_of_call(kind, delta).map(|()| String::new()),
        }
    }

    fn event(kind: &str, body: &Value) -> Vec<u8> {
        events::event(kind, body)
    }

    fn stop(place: u32) -> Vec<u8> {
        events::stop(place)
    }

    fn resume(place: u32, said: &Said) -> Option<Vec<u8>> {
        said.start().map(|start| events::start(place, &start))
    }

    fn text(place: u32, text: &str) -> Vec<u8> {
        events::text(place, text)
    }

    fn call(place: u32, call: &Call) -> Vec<u8> {
        events::call(place, call)
    }

    fn said(place: u32, block: &Value) -> Option<Vec<u8>> {
        Some(events::said(place, block))
    }

    fn correct(_kind: &str, body: &mut Map<String, Value>, none_left: bool) -> bool {
        match body.get_mut("delta").and_then(|delta| delta.get_mut("stop_reason")) {
            Some(reason) if none_left && reason == NAMES_CALLS => {
                *reason = Value::from(NO_CALLS);
                true
            }
            _ => false,
        }
    }

    fn answer(provided: &[&str], text: &[u8]) -> Option<(Content, Map<String, Value>)> {
        Answer::read(provided, text).ok().map(Answer::into_parts)
    }

    fn end(closing: &Map<String, Value>, usage: &Value) -> Vec<u8> {
        events::end(closing, usage)
    }

    fn error(error: &ApiError) -> Vec<u8> {
        error::frame(error)
    }
}

// === impl Messages ===

impl Messages {
    fn step(event: Event, provided: &[String]) -> Result<Step<Said>, StreamError> {
        match event.kind.as_str() {
            "content_block_start" => return Messages::start(event, provided),
            kind if !EVENTS.contains(&kind) => {
                unknown::no_call_in(&event.body)?;
                return Ok(Step::Drop);
            }
            _ => block::no_call(&event.body)?,
        }
        Ok(match event.kind.as_str() {
            "message_start" => {
                let usage = begin(&event.body)?;
                Step::Begin(event, usage)
            }
            "content_block_delta" => Step::Delta(event),
            "content_block_stop" => Step::Stop(event),
            "message_delta" => {
                let reason = !reason(&event.body)?.is_empty();
                let usage = event.body.get("usage").cloned().unwrap_or_default();
                Step::Close { event, usage, reason }
            }
            "message_stop" => Step::Over(event.frame),
            "error" => Step::Error(event.frame),
            _ => Step::Pass(event.frame),
        })
    }

    fn start(event: Event, provided: &[String]) -> Result<Step<Said>, StreamError> {
        let Some(Value::Object(members)) = event.body.get("content_block") else {
            return Err(ShapeError::Type { at: "content_block", expected: "an object" }.into());
        };
        block::no_call_but(&event.body, "content_block")?;
        let begun = match block::kind(members, provided)? {
            Kind::Unknown => Begun::Unknown,
            Kind::Call => {
                let named = block::named(members)?;
                let raw = span::member(&event.data, "content_block").and_then(|block| span::member(block, "input"));
                Begun::Call(Start { input: blocks::input(members.get("input"), raw), ..named })
            }
            kind => Begun::Said(Said::new(kind, members.clone())),
        };
        Ok(Step::Start(event, begun))
    }
}

/// The kind of an event by its name and by the `type` in it. Some clients go by one, some by the other, so two that differ are
/// refused if one of them is of the API.
fn kind<'a>(name: Option<&'a str>, kind: &'a str) -> Result<&'a str, StreamError> {
    match (name, kind) {
        // Clients take these two by their name.
        (Some(name @ ("ping" | "error")), "") => Ok(name),
        (None, "") => Err(StreamError::UnknownEvent),
        (None, kind) => Ok(kind),
        (Some(name), kind) if name == kind => Ok(kind),
        (Some(name), kind) if !EVENTS.contains(&name) && !EVENTS.contains(&kind) => Ok(name),
        (Some(_), _) => Err(StreamError::UnknownEvent),
    }
}

/// Checks the message of `message_start`; returns its usage. Clients begin with the content that is there already.
fn begin(body: &Map<String, Value>) -> Result<Value, StreamError> {
    let Some(Value::Object(message)) = body.get("message") else {
        return Err(ShapeError::Type { at: "message", expected: "an object" }.into());
    };
    exact_keys(message, &["content", "usage"])?;
    if message.get("content").is_some_and(|content| !content.is_null() && content != &Value::Array(Vec::new())) {
        return Err(ShapeError::StrayCall.into());
    }
    Ok(message.get("usage").cloned().unwrap_or_default())
}

/// The reason to end in a `message_delta`; empty if it has none.
fn reason(body: &Map<String, Value>) -> Result<&str, ShapeError> {
    match body.get("delta") {
        None | Some(Value::Null) => Ok(""),
        Some(Value::Object(delta)) => {
            exact_keys(delta, &["stop_reason", "content"])?;
            text(delta, "stop_reason")
        }
        Some(_) => Err(ShapeError::Type { at: "delta", expected: "an object" }),
    }
}

/// An event's data without its last brace and the spaces before it, with which the API pads to hide lengths. They stand outside
/// of all strings, as the last brace of an object does.
pub(super) fn unpadded(data: &[u8]) -> Option<&[u8]> {
    let spaces = data.strip_suffix(b"}")?;
    let end = spaces.iter().rposition(|&byte| byte != b' ')?;
    spaces.get(..=end)
}
