//! A turn that ended in calls, and their results, as messages.

use callgate_json::Value;
use serde_json::json;

use super::super::events::call_members;
use crate::CallResult;
use crate::skeleton::blocks::with_calls;

/// Writes the message of the model: its blocks and calls in their order. The API takes no blank texts back.
pub(super) fn of_assistant(said: &[Value], results: &[CallResult]) -> Value {
    let says_something =
        |block: &Value| !block.get("text").and_then(Value::as_str).is_some_and(|text| text.trim().is_empty());
    let uses = results.iter().map(|CallResult { call, .. }| {
        let input = callgate_json::read(call.arguments.as_bytes()).unwrap_or_else(|_| json!({}));
        let mut used = call_members(call);
        used.insert("input".to_owned(), input);
        json!({ "toolUse": used })
    });
    let content = with_calls(said, uses, |block| Some(block).filter(|block| says_something(block)).cloned());
    json!({ "role": "assistant", "content": content })
}

/// Writes the results. An object is sent as JSON; the API takes no other value in this form.
pub(super) fn of_user(results: &[CallResult]) -> Value {
    let results = results.iter().map(|CallResult { call, content, failed }| {
        let content = match callgate_json::read(content.as_bytes()) {
            Ok(object @ Value::Object(_)) => json!({ "json": object }),
            _ => json!({ "text": content }),
        };
        let mut result = json!({ "toolUseId": call.id, "content": [content] });
        if let (true, Some(members)) = (*failed, result.as_object_mut()) {
            members.insert("status".to_owned(), Value::from("error"));
        }
        json!({ "toolResult": result })
    });
    json!({ "role": "user", "content": results.collect::<Vec<_>>() })
}
