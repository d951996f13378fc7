//! Writes events.

use callgate_json::{Map, Value, splice};
use serde_json::json;

use crate::framing::sse;
use crate::skeleton::blocks::WholeBlock;

/// One event.
pub(super) fn event(kind: &str, data: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    splice::append(&mut text, data);
    sse::event(Some(kind), &text)
}

/// Splits a block as the API does: text and input come in deltas.
pub(super) fn split(block: &Value) -> WholeBlock {
    let mut start = block.as_object().cloned().unwrap_or_default();
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
            deltas.push(input_delta(&input.to_string()));
        }
        _ => {}
    }
    WholeBlock { start: Some(Value::Object(start)), deltas }
}

/// A delta of a call's input.
pub(super) fn input_delta(arguments: &str) -> Value {
    json!({ "type": "input_json_delta", "partial_json": arguments })
}

/// The events that end a turn. `closing` has the whole message's members.
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

/// Takes a member's value and leaves another. A missing member stays missing.
fn take(members: &mut Map<String, Value>, key: &str, left: impl Into<Value>) -> Value {
    let left = left.into();
    members.get_mut(key).map_or_else(|| left.clone(), |value| std::mem::replace(value, left.clone()))
}
