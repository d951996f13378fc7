//! A streamed answer, event by event.
//!
//! Source: API reference, *ConverseStreamOutput*: `messageStart`, then blocks, each with a start (texts have none), deltas and a
//! stop, then `messageStop` and `metadata`; an exception anywhere. Nothing marks the end but the end. `blocks/` says what becomes
//! of other orders.
//!
//! A text delta that differs from the one before in its text and its padding only is read by comparison (`template.rs`).

use callgate_json::{Map, Value, span};

use super::said::Said;
use super::{Answer, block, error, events};
use crate::blocks::{self, Begun, Content, Event, Format, NAMES_CALLS, NO_CALLS, Start, Step};
use crate::checks::{exact_keys, text};
use crate::framing::Frame;
use crate::framing::event_stream::EXCEPTION;
use crate::unknown;
use crate::{ApiError, Call, ShapeError, StreamError};

/// A stream under way.
pub type Stream = blocks::Stream<Converse>;

/// The reader and writer of this dialect's blocks.
#[derive(Debug)]
pub struct Converse;

/// Members of events that are read.
const READ_MEMBERS: [&str; 6] =
    ["contentBlockIndex", "start", "delta", "stopReason", "usage", "additionalModelResponseFields"];
/// The events of the API.
const EVENTS: [&str; 6] =
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];

impl Format for Converse {
    type Said = Said;

    const INDEX: &'static str = "contentBlockIndex";

    fn read(frame: Frame, provided: &[String]) -> Result<Step<Said>, StreamError> {
        let Frame { raw: frame, event, data, .. } = frame;
        let (kind, data) = (event.unwrap_or_default(), data.unwrap_or_default());
        let is_exception = kind.starts_with(EXCEPTION);
        let is_unknown = !is_exception && !EVENTS.contains(&kind.as_str());
        let body = match callgate_json::read_nearest(&data) {
            Ok(Value::Object(body)) => body,
            // The text of an exception may be in its headers.
            Err(_) if is_exception && data.is_empty() => Map::new(),
            // No reader finds a call in what is not JSON.
            Err(_) if is_unknown => return Ok(Step::Drop),
            Ok(other) if is_unknown => return Ok(unknown::no_call(&other).map(|()| Step::Drop)?),
            Ok(_) => return Err(ShapeError::Type { at: "payload", expected: "an object" }.into()),
            Err(error) => return Err(error.into()),
        };
        if is_unknown {
            unknown::no_call_in(&body)?;
            return Ok(Step::Drop);
        }
        exact_keys(&body, &READ_MEMBERS)?;
        Converse::step(Event { kind, frame, data, body }, is_exception, provided)
    }

    fn implied(delta: &Map<String, Value>) -> Result<Said, ShapeError> {
        Said::implied(delta)
    }

    fn empty() -> Option<Said> {
        Some(Said::default())
    }

    fn piece(event: &Event, start: &Start) -> Result<String, ShapeError> {
        let used = match block::only(event.delta()?, &["toolUse"])? {
            None => return Ok(String::new()),
            Some(("toolUse", Value::Object(used))) => used,
            Some(("toolUse", _)) => return Err(ShapeError::Type { at: "delta.toolUse", expected: "an object" }),
            Some((key, value)) => return block::unknown(key, value).map(|()| String::new()),
        };
        exact_keys(used, &["input", "toolUseId", "name"])?;
        block::no_call_but(used, "input")?;
        let differs = |key: &'static str, known: &str| Ok(!matches!(text(used, key)?, "") && text(used, key)? != known);
        if differs("toolUseId", &start.id)? || differs("name", &start.name)? {
            return Err(ShapeError::StrayCall);
        }
        let raw = ["delta", "toolUse", "input"].iter().try_fold(&*event.data, |object, key| span::member(object, key));
        Ok(match used.get("input") {
            Some(Value::String(piece)) => piece.clone(),
            value => blocks::input(value, raw).unwrap_or_default(),
        })
    }

    fn event(kind: &str, body: &Value) -> Vec<u8> {
        events::event(kind, body)
    }

    fn stop(place: u32) -> Vec<u8> {
        events::stop(place)
    }

    fn resume(_place: u32, said: &Said) -> Option<Vec<u8>> {
        said.may_be_split().then(Vec::new)
    }

    fn text(place: u32, text: &str) -> Vec<u8> {
        events::text(place, text)
    }

    fn call(place: u32, call: &Call) -> Vec<u8> {
        events::call(place, call)
    }

    fn said(place: u32, block: &Value) -> Option<Vec<u8>> {
        events::said(place, block)
    }

    /// Removes members that can repeat the calls in the model's own words: a trace, and what the model adds to its answer.
    fn correct(kind: &str, body: &mut Map<String, Value>, none_left: bool) -> bool {
        if kind == "metadata" {
            return body.shift_remove("trace").is_some();
        }
        let mut changed = body.shift_remove("additionalModelResponseFields").is_some();
        if let Some(reason) = body.get_mut("stopReason").filter(|reason| none_left && **reason == NAMES_CALLS) {
            *reason = Value::from(NO_CALLS);
            changed = true;
        }
        changed
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

// === impl Converse ===

impl Converse {
    fn step(event: Event, is_exception: bool, provided: &[String]) -> Result<Step<Said>, StreamError> {
        match event.kind.as_str() {
            "contentBlockStart" => block::no_call_but(&event.body, "start")?,
            "contentBlockDelta" => block::no_call_but(&event.body, "delta")?,
            _ => block::no_call(&event.body)?,
        }
        let usage = event.body.get("usage").cloned().unwrap_or_default();
        Ok(match event.kind.as_str() {
            _ if is_exception => Step::Error(event.frame),
            "messageStart" => Step::Begin(event, Value::Null),
            "contentBlockStart" => {
                let begun = Converse::begun(&event, provided)?;
                Step::Start(event, begun)
            }
            "contentBlockDelta" => Step::Delta(event),
            "contentBlockStop" => Step::Stop(event),
            "messageStop" => {
                let reason = !text(&event.body, "stopReason")?.is_empty();
                Step::Close { event, usage: Value::Null, reason }
            }
            "metadata" => Step::Usage(event, usage),
            _ => Step::Drop,
        })
    }

    fn begun(event: &Event, provided: &[String]) -> Result<Begun<Said>, ShapeError> {
        let empty = Map::new();
        let start = match event.body.get("start") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(start)) => start,
            Some(_) => return Err(ShapeError::Type { at: "start", expected: "an object" }),
        };
        Ok(match block::only(start, &["toolUse", "toolResult", "image"])? {
            None => Begun::Said(Said::default()),
            Some(("toolUse", Value::Object(members))) => {
                let used = block::read_use(members, provided)?;
                if used.by_provider {
                    block::no_call(members)?;
                    return Ok(Begun::Said(Said::used(&Value::Object(members.clone()))));
                }
                let raw = ["start", "toolUse", "input"]
                    .iter()
                    .try_fold(&*event.data, |object, key| span::member(object, key));
                Begun::Call(Start { input: blocks::input(members.get("input"), raw), ..used.start })
            }
            Some(("toolResult", result @ Value::Object(_))) if !provided.is_empty() => {
                block::no_call_in(result)?;
                Begun::Said(Said::result(result))
            }
            Some(("image", image)) => {
                block::no_call_in(image)?;
                Begun::Said(Said::image())
            }
            Some(("toolUse" | "toolResult", _)) => return Err(ShapeError::UnknownPart),
            Some((key, value)) => {
                block::unknown(key, value)?;
                Begun::Unknown
            }
        })
    }
}
