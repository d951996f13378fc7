//! Writes events and blocks.

use callgate_json::{Map, Value, splice};
use serde_json::json;

use super::answer::with;
use crate::Call;
use crate::framing::event_stream;

/// One event.
pub(super) fn event(kind: &str, payload: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    splice::append(&mut text, payload);
    event_stream::event(kind, &text)
}

/// A block with a text.
pub(super) fn text_block(text: &str) -> Value {
    json!({ "text": text })
}

/// A block with a call, whose arguments are JSON.
pub(super) fn call_block(call: &Call) -> String {
    let used = Value::Object(used(call)).to_string();
    with(b"{}", "toolUse", with(used.as_bytes(), "input", call.arguments.clone()))
}

/// A call but for its input.
pub(super) fn used(call: &Call) -> Map<String, Value> {
    let mut used = Map::new();
    used.insert("toolUseId".to_owned(), Value::from(call.id.as_str()));
    used.insert("name".to_owned(), Value::from(call.name.as_str()));
    used.extend(call.extra.clone());
    used
}

/// A whole text block. The API begins such blocks with their first delta.
pub(super) fn text(index: u32, text: &str) -> Vec<u8> {
    block(index, None, &[json!({ "text": text })])
}

/// A whole call.
pub(super) fn call(index: u32, call: &Call) -> Vec<u8> {
    let start = json!({ "toolUse": used(call) });
    block(index, Some(start), &[json!({ "toolUse": { "input": call.arguments } })])
}

/// A whole block that is no call, as the API brings one; nothing of kinds that streams do not have.
pub(super) fn said(index: u32, said: &Value) -> Option<Vec<u8>> {
    let (kind, value) = said.as_object()?.iter().find(|(_, value)| !value.is_null())?;
    let (start, deltas) = match kind.as_str() {
        "text" => (None, vec![json!({ "text": value })]),
        "reasoningContent" => (None, reasoning(value)),
        "citationsContent" => (None, citations(value)),
        "image" => {
            let delta =
                ["source", "error"].into_iter().filter_map(|key| Some((key.to_owned(), value.get(key)?.clone())));
            (
                Some(json!({ "image": { "format": value.get("format") } })),
                vec![json!({ "image": Map::from_iter(delta) })],
            )
        }
        "toolUse" => {
            let (start, input) = without(value, "input");
            (Some(json!({ "toolUse": start })), vec![json!({ "toolUse": { "input": input.to_string() } })])
        }
        "toolResult" => {
            let (start, content) = without(value, "content");
            (Some(json!({ "toolResult": start })), vec![json!({ "toolResult": content })])
        }
        _ => return None,
    };
    Some(block(index, start, &deltas))
}

fn reasoning(value: &Value) -> Vec<Value> {
    let piece = |key: &str, value: Option<&Value>| value.map(|value| json!({ "reasoningContent": { key: value } }));
    let text = value.get("reasoningText");
    [
        piece("text", text.and_then(|text| text.get("text"))),
        piece("signature", text.and_then(|text| text.get("signature"))),
        piece("redactedContent", value.get("redactedContent")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn citations(value: &Value) -> Vec<Value> {
    let list = |key: &str| value.get(key).and_then(Value::as_array).into_iter().flatten();
    let texts = list("content").filter_map(|content| content.get("text")).map(|text| json!({ "text": text }));
    texts.chain(list("citations").map(|citation| json!({ "citation": citation }))).collect()
}

fn without(value: &Value, key: &str) -> (Value, Value) {
    let mut value = value.clone();
    let taken = value.as_object_mut().and_then(|members| members.shift_remove(key)).unwrap_or_default();
    (value, taken)
}

/// The events that end a turn. `closing` has what the whole answer would say beside its output.
pub(super) fn end(closing: &Map<String, Value>, usage: &Value) -> Vec<u8> {
    let (mut stop, mut metadata) = (Map::new(), Map::new());
    for (key, value) in closing {
        let to = if matches!(key.as_str(), "stopReason" | "additionalModelResponseFields") {
            &mut stop
        } else {
            &mut metadata
        };
        to.insert(key.clone(), value.clone());
    }
    metadata.insert("usage".to_owned(), usage.clone());
    let mut out = event("messageStop", &Value::Object(stop));
    out.extend(event("metadata", &Value::Object(metadata)));
    out
}

/// The stop of a block.
pub(super) fn stop(index: u32) -> Vec<u8> {
    event("contentBlockStop", &json!({ "contentBlockIndex": index }))
}

fn block(index: u32, start: Option<Value>, deltas: &[Value]) -> Vec<u8> {
    let mut out = start
        .map(|start| event("contentBlockStart", &json!({ "contentBlockIndex": index, "start": start })))
        .unwrap_or_default();
    for delta in deltas {
        out.extend(event("contentBlockDelta", &json!({ "contentBlockIndex": index, "delta": delta })));
    }
    out.extend(stop(index));
    out
}
