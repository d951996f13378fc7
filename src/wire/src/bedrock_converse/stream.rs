//! A streamed answer, event by event.
//!
//! Source: API reference, *ConverseStreamOutput*: `messageStart`, then blocks, each with a start (texts have none), deltas and a
//! stop, then `messageStop` and `metadata`; an exception anywhere. The stream ends without a last event. `skeleton/blocks` has
//! the rules for other orders.

use callgate_json::{Item, Map, Value, span};
use serde_json::json;

use super::text_block::ConverseTextBlock;
use super::{block, error, events, usage};
use crate::checks::{exact_keys, text};
use crate::framing::Frame;
use crate::framing::event_stream::EXCEPTION;
use crate::outlined::{self, text_of};
use crate::skeleton::blocks::{
    BlockEvent, BlockFormat, BlockKind, BlockStart, BlockStream, EventTypes, Meaning, NAMES_CALLS, NO_CALLS, Start,
    USAGE, WholeBlock, read_members,
};
use crate::skeleton::list::{BlockAnswer, input};
use crate::usage::Figures;
use crate::{ApiError, Call, ReportedUsage, ShapeError, StreamError, unknown};

/// A whole answer: the response of *Converse*.
pub type ConverseAnswer = BlockAnswer<Converse>;
/// A stream under way.
pub type ConverseStream = BlockStream<Converse>;

/// The reader and writer of this dialect's blocks.
#[derive(Debug, Clone)]
pub struct Converse;

/// Members the reader reads of events.
const READ_MEMBERS: [&str; 6] =
    ["contentBlockIndex", "start", "delta", "stopReason", "usage", "additionalModelResponseFields"];
/// The events of the API.
const KNOWN_EVENTS: [&str; 6] =
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];

impl BlockFormat for Converse {
    type TextBlock = ConverseTextBlock;

    const ANSWER_MEMBERS: &'static [&'static str] = &["output", "stopReason", USAGE];
    const CONTENT: &'static [&'static str] = &["output", "message", "content"];
    const STOP_REASON: &'static str = "stopReason";
    const REPEATS: &'static [&'static str] = &["additionalModelResponseFields", "trace"];
    const CALL: &'static [&'static str] = &["toolUse"];
    const CALL_ID: &'static str = "toolUseId";
    const INDEX: &'static str = "contentBlockIndex";
    const EVENTS: EventTypes = EventTypes {
        start: "contentBlockStart",
        start_member: "start",
        delta: "contentBlockDelta",
        stop: "contentBlockStop",
    };

    fn content(answer: Item<'_>) -> Result<Item<'_>, ShapeError> {
        let [output, reason] = block::members(answer, &["output", "stopReason"])?;
        text_of(reason, "stopReason")?;
        let [message] = object_of(output, "output", &["message"])?;
        let [content, role] = object_of(message, "output.message", &["content", "role"])?;
        text_of(role, "role")?;
        let not_an_array = ShapeError::Type { at: "output.message.content", expected: "an array" };
        content.filter(|blocks| blocks.is_array()).ok_or(not_an_array)
    }

    fn kind<S: AsRef<str>>(members: &Map<String, Value>, provided: &[S]) -> Result<BlockKind, ShapeError> {
        block::kind(members, provided)
    }

    fn call_in(block: &Map<String, Value>) -> Result<&Map<String, Value>, ShapeError> {
        match block.get("toolUse") {
            Some(Value::Object(call)) => Ok(call),
            _ => Err(ShapeError::Type { at: "content[].toolUse", expected: "an object" }),
        }
    }

    fn call_start(call: &Map<String, Value>) -> Result<Start, ShapeError> {
        Ok(block::read_use::<&str>(call, &[])?.start)
    }

    fn call_members(call: &Call) -> Map<String, Value> {
        events::call_members(call)
    }

    fn keeps_arguments(old: &Call, kept: &Call) -> bool {
        span::says(&old.arguments, &kept.arguments)
    }

    fn is_thought(block: &Value) -> bool {
        block.get("reasoningContent").is_some()
    }

    fn is_signed(block: &Value) -> bool {
        let thought = block.get("reasoningContent");
        let text = thought.and_then(|thought| thought.get("reasoningText")?.get("signature")?.as_str());
        let redacted = thought.and_then(|thought| thought.get("redactedContent"));
        text.is_some_and(|text| !text.is_empty()) || redacted.is_some_and(|redacted| !redacted.is_null())
    }

    fn text_block(text: &str) -> Value {
        json!({ "text": text })
    }

    fn read(frame: Frame, provided: &[String]) -> Result<Meaning<ConverseTextBlock>, StreamError> {
        let Frame { raw: frame, event, data, .. } = frame;
        let (kind, data) = (event.unwrap_or_default(), data.unwrap_or_default());
        let is_exception = kind.starts_with(EXCEPTION);
        let is_unknown = !is_exception && !KNOWN_EVENTS.contains(&kind.as_str());
        let body = match read_members(&data, is_unknown, "payload") {
            // The text of an exception may be in its headers.
            Err(_) if is_exception && data.is_empty() => Map::new(),
            members => match members? {
                Some(body) => body,
                None => return Ok(Meaning::Drop),
            },
        };
        if is_unknown {
            unknown::no_call_in(&body)?;
            return Ok(Meaning::Drop);
        }
        exact_keys(&body, &READ_MEMBERS)?;
        Converse::meaning(BlockEvent { kind, frame, data, body }, is_exception, provided)
    }

    fn implied(delta: &Map<String, Value>) -> Result<ConverseTextBlock, ShapeError> {
        ConverseTextBlock::implied(delta)
    }

    fn empty() -> Option<ConverseTextBlock> {
        Some(ConverseTextBlock::default())
    }

    fn piece(event: &BlockEvent, start: &Start) -> Result<String, ShapeError> {
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
            value => input(value, raw).unwrap_or_default(),
        })
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

    fn numbered(_kind: &str, place: u32) -> Map<String, Value> {
        Map::from_iter([("contentBlockIndex".to_owned(), Value::from(place))])
    }

    fn resume(_place: u32, block: &ConverseTextBlock) -> Option<Vec<u8>> {
        block.may_be_split().then(Vec::new)
    }

    fn split(block: &Value) -> Option<WholeBlock> {
        events::split(block)
    }

    /// Removes members that can repeat the calls in the model's own words: the trace, and the model's additions to its answer.
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

    fn end(closing: &Map<String, Value>, usage: &Value) -> Vec<u8> {
        events::end(closing, usage)
    }

    fn error(error: &ApiError) -> Vec<u8> {
        error::frame(error)
    }
}

// === impl Converse ===

impl Converse {
    fn meaning(
        event: BlockEvent,
        is_exception: bool,
        provided: &[String],
    ) -> Result<Meaning<ConverseTextBlock>, StreamError> {
        match event.kind.as_str() {
            "contentBlockStart" => block::no_call_but(&event.body, "start")?,
            "contentBlockDelta" => block::no_call_but(&event.body, "delta")?,
            _ => block::no_call(&event.body)?,
        }
        let usage = event.body.get("usage").cloned().unwrap_or_default();
        Ok(match event.kind.as_str() {
            _ if is_exception => Meaning::Error(event.frame),
            "messageStart" => Meaning::Begin(event, Value::Null),
            "contentBlockStart" => {
                let begun = Converse::begun(&event, provided)?;
                Meaning::Start(event, begun)
            }
            "contentBlockDelta" => Meaning::Delta(event),
            "contentBlockStop" => Meaning::Stop(event),
            "messageStop" => {
                let reason = !text(&event.body, "stopReason")?.is_empty();
                Meaning::Close { event, usage: Value::Null, reason }
            }
            "metadata" => Meaning::Usage(event, usage),
            _ => Meaning::Drop,
        })
    }

    fn begun(event: &BlockEvent, provided: &[String]) -> Result<BlockStart<ConverseTextBlock>, ShapeError> {
        let empty = Map::new();
        let start = match event.body.get("start") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(start)) => start,
            Some(_) => return Err(ShapeError::Type { at: "start", expected: "an object" }),
        };
        Ok(match block::only(start, &["toolUse", "toolResult", "image"])? {
            None => BlockStart::Text(ConverseTextBlock::default()),
            Some(("toolUse", Value::Object(members))) => {
                let used = block::read_use(members, provided)?;
                if used.by_provider {
                    block::no_call(members)?;
                    return Ok(BlockStart::Text(ConverseTextBlock::used(&Value::Object(members.clone()))));
                }
                let raw = ["start", "toolUse", "input"]
                    .iter()
                    .try_fold(&*event.data, |object, key| span::member(object, key));
                BlockStart::Call(Start { input: input(members.get("input"), raw), ..used.start })
            }
            Some(("toolResult", result @ Value::Object(_))) if !provided.is_empty() => {
                block::no_call_in(result)?;
                BlockStart::Text(ConverseTextBlock::result(result))
            }
            Some(("image", image)) => {
                block::no_call_in(image)?;
                BlockStart::Text(ConverseTextBlock::image())
            }
            Some(("toolUse" | "toolResult", _)) => return Err(ShapeError::UnknownPart),
            Some((key, value)) => {
                block::unknown(key, value)?;
                BlockStart::Unknown
            }
        })
    }
}

/// Returns the members of an object with these names. The first has no other spelling, and calls stand in it alone.
fn object_of<'t, const N: usize>(
    value: Option<Item<'t>>,
    at: &'static str,
    names: &[&'static str; N],
) -> Result<[Option<Item<'t>>; N], ShapeError> {
    let object = value.filter(|value| value.is_object()).ok_or(ShapeError::Type { at, expected: "an object" })?;
    outlined::exact_keys(object, names.get(..1).unwrap_or_default())?;
    block::members(object, names)
}
