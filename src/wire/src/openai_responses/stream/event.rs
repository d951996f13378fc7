//! One event, before its meaning is known.

use callgate_json::{Map, Value};

use crate::checks::{exact_keys, small, text};
use crate::framing::Frame;
use crate::openai_responses::{error, items, kinds};
use crate::{ShapeError, StreamError, unknown};

/// The members the reader reads of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseEvent<'b> {
    pub(super) kind: &'b str,
    pub(super) number: Option<u64>,
    /// The place of its item in the output.
    pub(super) index: Option<u32>,
    pub(super) body: &'b Map<String, Value>,
}

/// The meaning of an event, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    /// The response has begun.
    Begun,
    Added,
    Done,
    ArgumentsDelta,
    ArgumentsDone,
    /// A piece of the text of a custom call.
    InputDelta,
    InputDone,
    /// A piece of a message or of reasoning.
    Said(&'static [&'static str]),
    /// No item: sound, a sign of life.
    Aside,
    /// The response is complete, or as complete as it will be.
    Ended,
    Failed,
    Error,
    /// An item of a tool of the provider, perhaps.
    Made,
    /// Unknown.
    Unknown,
}

/// An event's words about its item.
#[derive(Debug, Clone, Copy)]
pub(super) struct ItemRef<'b> {
    /// Its place in the output.
    pub(super) index: Option<u32>,
    /// Its id, or the call's; may be empty.
    pub(super) id: &'b str,
}

const MESSAGE: &[&str] = &["message"];
const REASONING: &[&str] = &["reasoning"];
const EITHER: &[&str] = &["message", "reasoning"];

// === impl ResponseEvent ===

impl<'b> ResponseEvent<'b> {
    /// Reads the members of every event.
    ///
    /// The type stands in the data, and again in the `event:` line. Clients read either, so they must agree.
    pub(super) fn read(frame: &'b Frame, body: &'b Map<String, Value>) -> Result<ResponseEvent<'b>, StreamError> {
        const READ: [&str; 11] = [
            "type",
            "response",
            "item",
            "item_id",
            "output_index",
            "sequence_number",
            "delta",
            "arguments",
            "input",
            "name",
            "part",
        ];
        exact_keys(body, &READ)?;
        let name = frame.event.as_deref().unwrap_or_default();
        let kind = match text(body, "type")? {
            "" if error::is_error(body) => "error",
            "" => name,
            kind => kind,
        };
        if !name.is_empty() && name != kind && (by_kind(name) != Tells::Unknown || by_kind(kind) != Tells::Unknown) {
            return Err(ShapeError::Type { at: "event", expected: "the `type` of its data" }.into());
        }
        let number = match body.get("sequence_number") {
            None | Some(Value::Null) => None,
            Some(number) => {
                Some(number.as_u64().ok_or(ShapeError::Type { at: "sequence_number", expected: "a whole number" })?)
            }
        };
        let index = match body.get("output_index") {
            None | Some(Value::Null) => None,
            Some(index) => Some(small(index, "output_index")?),
        };
        Ok(ResponseEvent { kind, number, index, body })
    }

    /// Some clients read the type and no `error` beside it, so the type of a known event decides.
    pub(super) fn tells(&self) -> Tells {
        let is_error = error::is_error(self.body);
        match by_kind(self.kind) {
            Tells::Unknown if is_error => Tells::Error,
            Tells::Failed if is_error && !self.body.contains_key("response") => Tells::Error,
            tells => tells,
        }
    }

    /// The event's reference to its item.
    pub(super) fn about(&self) -> ItemRef<'b> {
        let text =
            |holder: Option<&'b Value>, key: &str| holder.and_then(|holder| holder.get(key)).and_then(Value::as_str);
        let item = self.body.get("item");
        let id = self.body.get("item_id").and_then(Value::as_str);
        let id = id.or_else(|| text(item, "id")).filter(|id| !id.is_empty()).or_else(|| text(item, "call_id"));
        ItemRef { index: self.index, id: id.unwrap_or_default() }
    }

    /// The response object.
    pub(super) fn response(&self) -> Result<&'b Map<String, Value>, ShapeError> {
        let response = self.body.get("response").and_then(Value::as_object);
        let response = response.ok_or(ShapeError::Type { at: "response", expected: "an object" })?;
        items::no_stray_call(response)?;
        Ok(response)
    }

    /// Refuses an event of an unknown kind if it could carry a call.
    pub(super) fn is_harmless(&self) -> Result<(), StreamError> {
        unknown::no_call_in(self.body).map_err(|_| StreamError::UnknownEvent)
    }

    /// Refuses a call in an event without one, and parts of unknown kinds.
    pub(super) fn says_no_call(&self) -> Result<(), ShapeError> {
        if let Some(part) = self.body.get("part") {
            items::part(part)?;
        }
        items::no_call_but(self.body, &[])
    }
}

fn by_kind(kind: &str) -> Tells {
    match kind {
        "error" => Tells::Error,
        "response.created" | "response.queued" | "response.in_progress" => Tells::Begun,
        "response.output_item.added" => Tells::Added,
        "response.output_item.done" => Tells::Done,
        "response.function_call_arguments.delta" => Tells::ArgumentsDelta,
        "response.function_call_arguments.done" => Tells::ArgumentsDone,
        "response.custom_tool_call_input.delta" => Tells::InputDelta,
        "response.custom_tool_call_input.done" => Tells::InputDone,
        "response.completed" | "response.incomplete" => Tells::Ended,
        "response.failed" | "response.cancelled" => Tells::Failed,
        "response.content_part.added" | "response.content_part.done" => Tells::Said(EITHER),
        "response.output_text.delta"
        | "response.output_text.done"
        | "response.output_text.annotation.added"
        | "response.refusal.delta"
        | "response.refusal.done" => Tells::Said(MESSAGE),
        "response.reasoning_text.delta"
        | "response.reasoning_text.done"
        | "response.reasoning_part.added"
        | "response.reasoning_part.done"
        | "response.reasoning_summary_part.added"
        | "response.reasoning_summary_part.done"
        | "response.reasoning_summary_text.delta"
        | "response.reasoning_summary_text.done" => Tells::Said(REASONING),
        "keepalive"
        | "response.audio.delta"
        | "response.audio.done"
        | "response.audio.transcript.delta"
        | "response.audio.transcript.done" => Tells::Aside,
        _ if kinds::is_told_of(kind) => Tells::Made,
        _ => Tells::Unknown,
    }
}
