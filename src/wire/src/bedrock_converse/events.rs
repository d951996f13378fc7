//! Writes events and blocks.

use callgate_json::{Map, Value, splice};
use serde_json::json;

use crate::Call;
use crate::framing::event_stream;
use crate::skeleton::blocks::WholeBlock;

/// One event.
pub(super) fn event(kind: &str, payload: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    splice::append(&mut text, payload);
    event_stream::event(kind, &text)
}

/// The members of a call, without its input.
pub(super) fn call_members(call: &Call) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("toolUseId".to_owned(), Value::from(call.id.as_str()));
    members.insert("name".to_owned(), Value::from(call.name.as_str()));
    members.extend(call.extra.clone());
    members
}

/// Splits a block as the API does; `None` for kinds streams do not have. Texts have no start.
pub(super) fn split(block: &Value) -> Option<WholeBlock> {
    let (kind, value) = block.as_object()?.iter().find(|(_, value)| !value.is_null())?;
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
            (Some(json!({ "toolUse": start })), vec![input_delta(&input.to_string())])
        }
        "toolResult" => {
            let (start, content) = without(value, "content");
            (Some(json!({ "toolResult": start })), vec![json!({ "toolResult": content })])
        }
        _ => return None,
    };
    Some(WholeBlock { start, deltas })
}

/// A delta of a call's input.
pub(super) fn input_delta(arguments: &str) -> Value {
    json!({ "toolUse": { "input": arguments } })
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

/// The events that end a turn. `closing` has the whole answer's members beside its output.
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
