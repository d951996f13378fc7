//! Errors in Ollama's format: `{"error": "text"}`. It has no member for a code, so the text begins with ours.

use callgate_json::{Map, Value, splice};
use serde_json::json;

use super::message;
use crate::ApiError;
use crate::checks::is_error_object;

/// Returns the body of an error response.
pub(super) fn body(error: &ApiError) -> Vec<u8> {
    let mut text = Vec::with_capacity(64 + error.message.len());
    splice::append(&mut text, &json!({ "error": format!("{}: {}", error.code, error.message) }));
    text
}

/// Returns true if a body is an error in this dialect and nothing else: a strict JSON object with an error, without a `message`
/// of a model and without a call anywhere.
pub(super) fn is_error_body(body: &[u8]) -> bool {
    match callgate_json::read_nearest(body) {
        Ok(Value::Object(members)) => {
            let is_answer = members.get("message").is_some_and(Value::is_object);
            is_error_object(&members) && !is_answer && message::no_call_but(&members, &[]).is_ok()
        }
        _ => false,
    }
}

/// Clients check if `error` has any content.
pub(super) fn is_error(body: &Map<String, Value>) -> bool {
    body.get("error").is_some_and(|error| !error.is_null() && error != "")
}
