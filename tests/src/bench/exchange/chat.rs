//! Builds bodies of Chat Completions.

use serde_json::{Value, json};

use super::travel::{ANSWER, REQUEST};

/// Identity of every answer.
const ID: &str = "chatcmpl-Bx0123456789abcdefghijklm";
const MODEL: &str = "gpt-4o-mini-2024-07-18";

/// Returns the usual request as a tree.
pub(super) fn usual() -> Value {
    serde_json::from_str(REQUEST).unwrap_or_default()
}

/// Returns the usual request with other tools.
pub(super) fn request(tools: &[Value]) -> Value {
    let mut request = usual();
    request.as_object_mut().map(|members| members.insert("tools".into(), json!(tools)));
    request
}

/// Declares a tool.
pub(super) fn tool(name: &str, description: &str, parameters: &Value) -> Value {
    json!({"type": "function", "function": {"name": name, "description": description, "parameters": parameters}})
}

/// Returns one call.
pub(super) fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// Returns an answer with these calls.
pub(super) fn calling(calls: &[Value]) -> String {
    let mut answer: Value = serde_json::from_str(ANSWER).unwrap_or_default();
    if let Some(message) = answer.pointer_mut("/choices/0/message").and_then(Value::as_object_mut) {
        message.insert("tool_calls".into(), json!(calls));
    }
    answer.to_string()
}

/// Returns an answer of text.
pub(super) fn saying(text: &str) -> String {
    let mut answer: Value = serde_json::from_str(ANSWER).unwrap_or_default();
    if let Some(choice) = answer.pointer_mut("/choices/0").and_then(Value::as_object_mut) {
        choice.insert("finish_reason".into(), json!("stop"));
        choice.insert(
            "message".into(),
            json!({"role": "assistant", "content": text, "refusal": null, "annotations": []}),
        );
    }
    answer.to_string()
}

/// Returns one event of a stream. `delta` and `finish` are JSON.
pub(super) fn event(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"{ID}\",\"object\":\"chat.completion.chunk\",\"created\":1750000000,\"model\":\"{MODEL}\",\
         \"service_tier\":\"default\",\"system_fingerprint\":\"fp_0123456789\",\
         \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
    )
}

/// Returns the last events of a stream.
pub(super) fn end(finish: &str) -> String {
    event("{}", finish) + "data: [DONE]\n\n"
}
