//! Errors in OpenAI's format, as in Chat Completions. In a stream the event `response.failed`: some clients ignore the event `error`.

use callgate_json::{Map, Value};
use serde_json::json;

use super::items;
use super::stream::Begun;
use crate::ApiError;
use crate::checks::{folds_to, is_error_object};
pub(super) use crate::openai_chat::error::body;
use crate::openai_chat::error::object;

/// The type of the event that ends a stream in an error.
pub(super) const FAILED: &str = "response.failed";

/// The members of the event `response.failed` beside type and number: `response`, which has failed, and `error`, by which official
/// clients raise it. Without an id in `begun` the stream had not begun.
pub(super) fn members(error: &ApiError, begun: &Begun, output: &[Value]) -> Map<String, Value> {
    let response = json!({
        "id": begun.id.as_deref().unwrap_or_default(),
        "object": "response",
        "created_at": begun.created_at,
        "status": "failed",
        "error": { "code": reason(error.status), "message": format!("{}: {}", error.code, error.message) },
        "incomplete_details": null,
        "instructions": null,
        "metadata": {},
        "model": begun.model.as_deref().unwrap_or_default(),
        "output": output,
        "parallel_tool_calls": true,
        "temperature": null,
        "tool_choice": "auto",
        "tools": [],
        "top_p": null,
        "usage": null,
    });
    [("response".to_owned(), response), ("error".to_owned(), object(error))].into_iter().collect()
}

/// The code of a failed response, one that the API's reference lists. Clients repeat a request after every code but
/// `invalid_prompt`, and a contract refuses it again.
fn reason(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_exceeded",
        400..=499 => "invalid_prompt",
        _ => "server_error",
    }
}

/// Returns true if a body is an error and nothing else: a strict JSON object with an error, without `output` and without a call
/// anywhere.
pub(super) fn is_error_body(body: &[u8]) -> bool {
    match callgate_json::read_nearest(body) {
        Ok(Value::Object(members)) => {
            let is_turn = members.keys().any(|key| folds_to(key, "output"));
            is_error_object(&members) && !is_turn && items::no_call_of_any_kind(&members).is_ok()
        }
        _ => false,
    }
}

pub(super) fn is_error(body: &Map<String, Value>) -> bool {
    body.get("error").is_some_and(|error| !error.is_null())
}
