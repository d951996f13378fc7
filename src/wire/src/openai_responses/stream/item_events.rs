//! An item told as the events of a stream.

use callgate_json::{Map, Value};
use serde_json::json;

use super::numbering::Numbering;
use crate::openai_responses::{items, kinds};

/// The events of one whole item, which stands at `place` in the output.
pub(super) fn item(numbering: &mut Numbering, place: usize, item: &Value) -> Vec<u8> {
    let mut events = ItemEvents { numbering, place, id: id(item), out: Vec::new() };
    events.event("response.output_item.added", false, json!({ "item": begun(item) }));
    match items::kind(item) {
        kinds::CALL => {
            let arguments = item.get("arguments").cloned().unwrap_or_default();
            events.event("response.function_call_arguments.delta", true, json!({ "delta": arguments }));
            events.event("response.function_call_arguments.done", true, json!({ "arguments": arguments }));
        }
        kinds::CUSTOM => {
            let input = item.get("input").cloned().unwrap_or_default();
            events.event("response.custom_tool_call_input.delta", true, json!({ "delta": input }));
            events.event("response.custom_tool_call_input.done", true, json!({ "input": input }));
        }
        "message" => list(item, "content").for_each(|(at, part)| events.content(at, part)),
        "reasoning" => {
            list(item, "summary").for_each(|(at, part)| events.summary(at, part));
            list(item, "content").for_each(|(at, part)| events.content(at, part));
        }
        _ => {}
    }
    events.event("response.output_item.done", false, json!({ "item": item }));
    events.out
}

struct ItemEvents<'p> {
    numbering: &'p mut Numbering,
    place: usize,
    id: Value,
    out: Vec<u8>,
}

// === impl ItemEvents ===

impl ItemEvents<'_> {
    /// An event of the item; `inside` says whether of a part of it.
    fn event(&mut self, kind: &str, inside: bool, says: Value) {
        let mut members = Map::new();
        if inside {
            members.insert("item_id".to_owned(), self.id.clone());
        }
        members.insert("output_index".to_owned(), Value::from(self.place));
        if let Value::Object(says) = says {
            members.extend(says);
        }
        let event = self.numbering.write(kind, members);
        self.out.extend_from_slice(&event);
    }

    /// A part of `content`: text of the answer, a refusal, text of reasoning.
    fn content(&mut self, at: usize, part: &Value) {
        let (stem, key) = match items::kind(part) {
            "refusal" => ("response.refusal", "refusal"),
            "output_text" => ("response.output_text", "text"),
            _ => ("response.reasoning_text", "text"),
        };
        let text = part.get(key).cloned().unwrap_or_default();
        self.event("response.content_part.added", true, json!({ "content_index": at, "part": emptied(part, key) }));
        let mut delta = json!({ "content_index": at, "delta": text });
        let mut done = json!({ "content_index": at, key: text });
        if stem == "response.output_text" {
            let logprobs = part.get("logprobs").filter(|logprobs| logprobs.is_array()).cloned();
            let logprobs = logprobs.unwrap_or_else(|| json!([]));
            for event in [&mut delta, &mut done].into_iter().filter_map(Value::as_object_mut) {
                event.insert("logprobs".to_owned(), logprobs.clone());
            }
        }
        self.event(&format!("{stem}.delta"), true, delta);
        for (number, annotation) in list(part, "annotations") {
            let annotation = json!({ "content_index": at, "annotation_index": number, "annotation": annotation });
            self.event("response.output_text.annotation.added", true, annotation);
        }
        self.event(&format!("{stem}.done"), true, done);
        self.event("response.content_part.done", true, json!({ "content_index": at, "part": part }));
    }

    /// A part of `summary`.
    fn summary(&mut self, at: usize, part: &Value) {
        let text = part.get("text").cloned().unwrap_or_default();
        let added = json!({ "summary_index": at, "part": emptied(part, "text") });
        self.event("response.reasoning_summary_part.added", true, added);
        self.event("response.reasoning_summary_text.delta", true, json!({ "summary_index": at, "delta": text }));
        self.event("response.reasoning_summary_text.done", true, json!({ "summary_index": at, "text": text }));
        self.event("response.reasoning_summary_part.done", true, json!({ "summary_index": at, "part": part }));
    }
}

/// The id of an item in events; a call without one has its own.
fn id(item: &Value) -> Value {
    let known = ["id", "call_id"].into_iter().filter_map(|key| item.get(key)).find(|id| id.is_string());
    known.cloned().unwrap_or_else(|| Value::from(""))
}

/// An item at its start, without its text. A tool's item comes whole.
fn begun(item: &Value) -> Value {
    let mut item = item.clone();
    let kind = items::kind(&item).to_owned();
    if let Value::Object(members) = &mut item
        && matches!(kind.as_str(), kinds::CALL | kinds::CUSTOM | "message" | "reasoning")
    {
        for key in ["content", "summary"] {
            if let Some(Value::Array(parts)) = members.get_mut(key) {
                parts.clear();
            }
        }
        for (of, text) in [(kinds::CALL, "arguments"), (kinds::CUSTOM, "input")] {
            if kind == of {
                members.insert(text.to_owned(), Value::from(""));
            }
        }
        if let Some(status) = members.get_mut("status").filter(|status| status.is_string()) {
            *status = Value::from("in_progress");
        }
    }
    item
}

/// A part at its start.
fn emptied(part: &Value, text: &str) -> Value {
    let mut part = part.clone();
    if let Value::Object(members) = &mut part {
        members.insert(text.to_owned(), Value::from(""));
        for key in ["annotations", "logprobs"] {
            if let Some(Value::Array(items)) = members.get_mut(key) {
                items.clear();
            }
        }
    }
    part
}

fn list<'v>(holder: &'v Value, key: &str) -> impl Iterator<Item = (usize, &'v Value)> {
    holder.get(key).and_then(Value::as_array).into_iter().flatten().enumerate()
}
