//! Errors in Anthropic's format: `{"type": "error", "error": {"type", "message"}, "request_id"}`.
//!
//! Source: API reference, *Errors*; `APIStatusError` of the official Python SDK. Our code stands in the member the SDK reads the
//! cause from (`details.error_code`), in a member of its own (`code`), and before the message, for every reader.

use callgate_json::{Map, Value, splice};
use serde_json::json;

use super::block::no_call_in;
use super::events;
use crate::ApiError;
use crate::skeleton::blocks::reports_error;

/// The body of an error response.
#[must_use]
pub fn body(error: &ApiError) -> Vec<u8> {
    let mut text = Vec::with_capacity(160 + error.message.len());
    splice::append(&mut text, &value(error));
    text
}

/// The same as an event inside a stream; official clients raise it as an error.
#[must_use]
pub fn frame(error: &ApiError) -> Vec<u8> {
    events::event("error", &value(error))
}

/// Returns true if a body is an error and nothing else: strict JSON, [an error report](reports_error), without `content` and
/// without a call anywhere.
#[must_use]
pub fn is_error_body(body: &[u8]) -> bool {
    callgate_json::read_nearest(body).is_ok_and(|body| reports_error(&body, "content") && no_call_in(&body).is_ok())
}

fn value(error: &ApiError) -> Value {
    let mut members = Map::new();
    members.insert("type".to_owned(), Value::from(kind(error.status)));
    members.insert("message".to_owned(), Value::from(format!("{}: {}", error.code, error.message)));
    members.insert("code".to_owned(), Value::from(error.code.as_str()));
    members.insert("details".to_owned(), json!({ "error_code": error.code }));
    if let Some(param) = &error.param {
        members.insert("param".to_owned(), Value::from(param.as_str()));
    }
    json!({ "type": "error", "error": members, "request_id": null })
}

fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}
