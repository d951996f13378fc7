//! Errors in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`.

use callgate_json::{Map, Value};
use serde_json::json;

use super::shape;
use crate::framing::sse;
use crate::{ApiError, splice};

/// The body of an error response.
#[must_use]
pub fn body(error: &ApiError) -> Vec<u8> {
    let mut text = Vec::with_capacity(128 + error.message.len());
    splice::append(&mut text, &json!({ "error": object(error) }));
    text
}

/// The error object.
pub(crate) fn object(error: &ApiError) -> Value {
    json!({
        "message": error.message,
        "type": kind(error.status),
        "param": error.param,
        "code": error.code,
    })
}

/// The same as an event inside a stream; official clients raise it as an error.
#[must_use]
pub fn frame(error: &ApiError) -> Vec<u8> {
    sse::event(None, &body(error))
}

/// Whether a body is an error in this dialect and nothing else: a strict JSON object with an `error` that is not null, without
/// `choices` and without a call anywhere.
#[must_use]
pub fn is_error_body(body: &[u8]) -> bool {
    match callgate_json::read_nearest(body) {
        Ok(Value::Object(members)) => {
            is_error(&members) && !members.contains_key("choices") && shape::no_call_but(&members, &[]).is_ok()
        }
        _ => false,
    }
}

pub(super) fn is_error(body: &Map<String, Value>) -> bool {
    body.get("error").is_some_and(|error| !error.is_null())
}

fn kind(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}
