//! Writes events.

use callgate_json::{Map, Value, splice};
use serde_json::json;

use crate::Call;
use crate::framing::sse;

/// One event.
pub(super) fn event(kind: &str, data: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    splice::append(&mut text, data);
    sse::event(Some(kind), &text)
}

/// A whole text block.
pub(super) fn text(index: u32, text: &str) -> Vec<u8> {
    let delta = json!({ "type": "text_delta", "text": text });
    block(index, &json!({ "type": "text", "text": "" }), &[delta])
}

/// A whole call, as the API brings one: the input in deltas.
pub(super) fn call(index: u32, call: &Call) -> Vec<u8> {
    let delta = json!({ "type": "input_json_delta", "partial_json": call.arguments });
    let mut start = json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": {} });
    if let Value::Object(members) = &mut start {
        members.extend(call.extra.clone());
    }
    block(index, &start, &[delta])
}

/// A whole block that is no call, as the API brings one: what clients add up comes in deltas.
pub(super) fn said(index: u32, block_value: &Value) -> Vec<u8> {
    let mut start = block_value.as_object().cloned().unwrap_or_default();
    let mut deltas = Vec::new();
    match start.get("type").and_then(Value::as_str) {
        Some("text") => {
            deltas.push(json!({ "type": "text_delta", "text": take(&mut start, "text", "") }));
            if let Some(Value::Array(citations)) = start.get_mut("citations") {
                let citations = std::mem::take(citations);
                deltas.extend(
                    citations.into_iter().map(|citation| json!({ "type": "citations_delta", "citation": citation })),
                );
            }
        }
        Some("thinking") => {
            deltas.push(json!({ "type": "thinking_delta", "thinking": take(&mut start, "thinking", "") }));
            deltas.push(json!({ "type": "signature_delta", "signature": take(&mut start, "signature", "") }));
        }
        Some("server_tool_use" | "mcp_tool_use") => {
            let input = take(&mut start, "input", Value::Object(Map::new()));
            deltas.push(json!({ "type": "input_json_delta", "partial_json": input.to_string() }));
        }
        _ => {}
    }
    block(index, &Value::Object(start), &deltas)
}

/// The events that end a turn. `closing` has what the whole message would say of its end.
pub(super) fn end(closing: &Map<String, Value>, usage: &Value) -> Vec<u8> {
    let mut delta = Map::new();
    for key in ["stop_reason", "stop_sequence"] {
        delta.insert(key.to_owned(), closing.get(key).cloned().unwrap_or_default());
    }
    for key in ["stop_details", "container"] {
        if let Some(value) = closing.get(key) {
            delta.insert(key.to_owned(), value.clone());
        }
    }
    let mut last = json!({ "type": "message_delta", "delta": delta, "usage": usage });
    if let (Some(value), Some(last)) = (closing.get("context_management"), last.as_object_mut()) {
        last.insert("context_management".to_owned(), value.clone());
    }
    let mut out = event("message_delta", &last);
    out.extend(event("message_stop", &json!({ "type": "message_stop" })));
    out
}

/// The start of a block.
pub(super) fn start(index: u32, start: &Value) -> Vec<u8> {
    let kind = "content_block_start";
    event(kind, &json!({ "type": kind, "index": index, "content_block": start }))
}

/// The stop of a block.
pub(super) fn stop(index: u32) -> Vec<u8> {
    let kind = "content_block_stop";
    event(kind, &json!({ "type": kind, "index": index }))
}

fn block(index: u32, first: &Value, deltas: &[Value]) -> Vec<u8> {
    let mut out = start(index, first);
    for delta in deltas {
        let kind = "content_block_delta";
        out.extend(event(kind, &json!({ "type": kind, "index": index, "delta": delta })));
    }
    out.extend(stop(index));
    out
}

/// Takes a member's value and leaves another; a member that is missing stays so.
fn take(members: &mut Map<String, Value>, key: &str, left: impl Into<Value>) -> Value {
    let left = left.into();
    members.get_mut(key).map_or_else(|| left.clone(), |value| std::mem::replace(value, left.clone()))
}
