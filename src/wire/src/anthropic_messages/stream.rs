//! A streamed answer, event by event.
//!
//! Source: API reference, *Streaming messages*: `message_start`, then blocks, each with a start, deltas and a stop, then
//! `message_delta` and `message_stop`; `ping` and `error` anywhere. `skeleton/blocks` has the rules for other orders.

use callgate_json::{Item, Map, Value, span};
use serde_json::json;

use super::block::{self, MessagesBlock};
use super::text_block::{self, MessagesTextBlock};
use super::{error, events, usage};
use crate::checks::{exact_keys, text};
use crate::framing::Frame;
use crate::outlined::text_of;
use crate::skeleton::blocks::{
    BlockEvent, BlockFormat, BlockKind, BlockStart, BlockStream, EventTypes, Meaning, NAMES_CALLS, NO_CALLS, Start,
    USAGE, WholeBlock, read_members, start_event,
};
use crate::skeleton::list::{BlockAnswer, input};
use crate::usage::Figures;
use crate::{ApiError, Call, ReportedUsage, ShapeError, StreamError, unknown};

/// A whole answer: the *message object*.
pub type MessagesAnswer = BlockAnswer<Messages>;
/// A stream under way.
pub type MessagesStream = BlockStream<Messages>;

/// The reader and writer of this dialect's blocks.
#[derive(Debug, Clone)]
pub struct Messages;

/// Members the reader reads of an event.
const READ_MEMBERS: [&str; 6] = ["type", "message", "index", "content_block", "delta", "usage"];
/// The events of the API.
const KNOWN_EVENTS: [&str; 8] = [
    "ping",
    "error",
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
];

impl BlockFormat for Messages {
    type TextBlock = MessagesTextBlock;

    const ANSWER_MEMBERS: &'static [&'static str] = &["type", "content", "stop_reason", USAGE];
    const CONTENT: &'static [&'static str] = &["content"];
    const STOP_REASON: &'static str = "stop_reason";
    const REPEATS: &'static [&'static str] = &[];
    const CALL: &'static [&'static str] = &[];
    const CALL_ID: &'static str = "id";
    const INDEX: &'static str = "index";
    const EVENTS: EventTypes = EventTypes {
        start: "content_block_start",
        start_member: "content_block",
        delta: "content_block_delta",
        stop: "content_block_stop",
    };

    fn content(answer: Item<'_>) -> Result<Item<'_>, ShapeError> {
        if answer.get("type").is_some_and(|kind| !kind.is("message")) {
            return Err(ShapeError::Type { at: "type", expected: "`message`" });
        }
        let [content, reason] = block::members(answer, &["content", "stop_reason"])?;
        text_of(reason, "stop_reason")?;
        content.filter(|blocks| blocks.is_array()).ok_or(ShapeError::Type { at: "content", expected: "an array" })
    }

    fn kind<S: AsRef<str>>(members: &Map<String, Value>, provided: &[S]) -> Result<BlockKind, ShapeError> {
        Ok(match block::kind(members, provided)? {
            MessagesBlock::Call => BlockKind::Call,
            MessagesBlock::Unknown => BlockKind::Unknown,
            MessagesBlock::Text
            | MessagesBlock::Thinking
            | MessagesBlock::Provided
            | MessagesBlock::Compaction
            | MessagesBlock::Whole => BlockKind::Text,
        })
    }

    fn call_in(block: &Map<String, Value>) -> Result<&Map<String, Value>, ShapeError> {
        Ok(block)
    }

    fn call_start(call: &Map<String, Value>) -> Result<Start, ShapeError> {
        block::named(call)
    }

    fn call_members(call: &Call) -> Map<String, Value> {
        block::call_members(call)
    }

    fn keeps_arguments(old: &Call, kept: &Call) -> bool {
        old == kept
    }

    fn text_block(text: &str) -> Value {
        json!({ "type": "text", "text": text })
    }

    fn is_thought(block: &Value) -> bool {
        text_block::is_thought(block)
    }

    fn is_signed(block: &Value) -> bool {
        let has = |member: &str| block.get(member).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        text_block::is_thought(block) && (has("signature") || has("data"))
    }

    fn says_something(block: &Value) -> bool {
        text_block::says_something(block)
    }

    fn read(frame: Frame, provided: &[String]) -> Result<Meaning<MessagesTextBlock>, StreamError> {
        let Frame { raw: frame, event: name, data, .. } = frame;
        let data = data.unwrap_or_default();
        match data.trim_ascii() {
            b"" => return Ok(Meaning::Pass(frame)),
            // Gateways with one kind of stream only send this.
            b"[DONE]" => return Ok(Meaning::Over(frame)),
            words if unknown::are_words(words) => return Ok(Meaning::Drop),
            _ => {}
        }
        let is_unknown = name.as_deref().is_some_and(|name| !KNOWN_EVENTS.contains(&name));
        let Some(body) = read_members(&data, is_unknown, "data")? else { return Ok(Meaning::Drop) };
        exact_keys(&body, &READ_MEMBERS)?;
        let kind = kind(name.as_deref(), text(&body, "type")?)?.to_owned();
        Messages::meaning(BlockEvent { kind, frame, data, body }, provided)
    }

    fn implied(delta: &Map<String, Value>) -> Result<MessagesTextBlock, ShapeError> {
        MessagesTextBlock::implied(delta)
    }

    fn empty() -> Option<MessagesTextBlock> {
        None
    }

    /// A delta of another kind is ignored, as the official SDKs do.
    fn piece(event: &BlockEvent, _start: &Start) -> Result<String, ShapeError> {
        let delta = event.delta()?;
        exact_keys(delta, &block::DELTA_MEMBERS)?;
        match text(delta, "type")? {
            "input_json_delta" => match delta.get("partial_json") {
                Some(Value::String(piece)) => Ok(piece.clone()),
                value => {
                    let raw = span::member(&event.data, "delta").and_then(|delta| span::member(delta, "partial_json"));
                    Ok(input(value, raw).unwrap_or_default())
                }
            },
            kind => unknown::no_part_of_call(kind, delta).map(|()| String::new()),
        }
    }

    fn input_delta(arguments: &str) -> Value {
        events::input_delta(arguments)
    }

    fn usage(usage: impl Figures) -> ReportedUsage {
        usage::read(usage)
    }

    fn event(kind: &str, body: &Value) -> Vec<u8> {
        events::event(kind, body)
    }

    fn numbered(kind: &str, place: u32) -> Map<String, Value> {
        Map::from_iter([("type".to_owned(), Value::from(kind)), ("index".to_owned(), Value::from(place))])
    }

    fn resume(place: u32, block: &MessagesTextBlock) -> Option<Vec<u8>> {
        block.start().map(|start| start_event::<Messages>(place, start))
    }

    fn split(block: &Value) -> Option<WholeBlock> {
        Some(events::split(block))
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

    fn end(closing: &Map<String, Value>, usage: &Value) -> Vec<u8> {
        events::end(closing, usage)
    }

    fn error(error: &ApiError) -> Vec<u8> {
        error::frame(error)
    }
}

// === impl Messages ===

impl Messages {
    fn meaning(event: BlockEvent, provided: &[String]) -> Result<Meaning<MessagesTextBlock>, StreamError> {
        match event.kind.as_str() {
            "content_block_start" => return Messages::start(event, provided),
            kind if !KNOWN_EVENTS.contains(&kind) => {
                unknown::no_call_in(&event.body)?;
                return Ok(Meaning::Drop);
            }
            _ => block::no_call(&event.body)?,
        }
        Ok(match event.kind.as_str() {
            "message_start" => {
                let usage = begin(&event.body)?;
                Meaning::Begin(event, usage)
            }
            "content_block_delta" => Meaning::Delta(event),
            "content_block_stop" => Meaning::Stop(event),
            "message_delta" => {
                let reason = !reason(&event.body)?.is_empty();
                let usage = event.body.get("usage").cloned().unwrap_or_default();
                Meaning::Close { event, usage, reason }
            }
            "message_stop" => Meaning::Over(event.frame),
            "error" => Meaning::Error(event.frame),
            _ => Meaning::Pass(event.frame),
        })
    }

    fn start(event: BlockEvent, provided: &[String]) -> Result<Meaning<MessagesTextBlock>, StreamError> {
        let Some(Value::Object(members)) = event.body.get("content_block") else {
            return Err(ShapeError::Type { at: "content_block", expected: "an object" }.into());
        };
        block::no_call_but(&event.body, "content_block")?;
        let begun = match block::kind(members, provided)? {
            MessagesBlock::Unknown => BlockStart::Unknown,
            MessagesBlock::Call => {
                let named = block::named(members)?;
                let raw = span::member(&event.data, "content_block").and_then(|block| span::member(block, "input"));
                BlockStart::Call(Start { input: input(members.get("input"), raw), ..named })
            }
            kind => BlockStart::Text(MessagesTextBlock::new(kind, members.clone())),
        };
        Ok(Meaning::Start(event, begun))
    }
}

/// Returns the kind of an event by its name and by its `type`. Some clients go by one, some by the other: if they differ and one
/// is of the API, the event is refused.
fn kind<'a>(name: Option<&'a str>, kind: &'a str) -> Result<&'a str, StreamError> {
    match (name, kind) {
        // Clients take these two by their name.
        (Some(name @ ("ping" | "error")), "") => Ok(name),
        (None, "") => Err(StreamError::UnknownEvent),
        (None, kind) => Ok(kind),
        (Some(name), kind) if name == kind => Ok(kind),
        (Some(name), kind) if !KNOWN_EVENTS.contains(&name) && !KNOWN_EVENTS.contains(&kind) => Ok(name),
        (Some(_), _) => Err(StreamError::UnknownEvent),
    }
}

/// Checks the message of `message_start` and returns its usage. Clients begin with the content in it, so it has to be empty.
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
