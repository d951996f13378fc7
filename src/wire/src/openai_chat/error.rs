//! Errors in OpenAI's format: `{"error": {"message", "type", "param", "code"}}`.

use callgate_json::{Value, splice};
use serde_json::json;

use super::checks;
use crate::ApiError;
use crate::checks::holds_something;
use crate::framing::sse;

/// Returns the body of an error response.
#[must_use]
pub fn body(error: &ApiError) -> Vec<u8> {
    let mut text = Vec::with_capacity(128 + error.message.len());
    splice::append(&mut text, &json!({ "error": object(error) }));
    text
}

/// Returns the error object.
pub(crate) fn object(error: &ApiError) -> Value {
    json!({
        "message": error.message,
        "type": kind(error.status),
        "param": error.param,
        "code": error.code,
    })
}

/// Returns the same as an event inside a stream; official clients raise it as an error.
#[must_use]
pub fn frame(error: &ApiError) -> Vec<u8> {
    sse::event(None, &body(error))
}

/// Returns true if a body is an error and nothing else: strict JSON with an error, without a choice and without a call anywhere.
#[must_use]
pub fn is_error_body(body: &[u8]) -> bool {
    callgate_json::read_nearest(body).is_ok_and(|value| reports(&value, true) && checks::no_call(&value).is_ok())
}

/// Returns true if an event reports an error, in a way no chunk has.
pub(super) fn is_error_value(value: &Value) -> bool {
    reports(value, false)
}

/// Returns true if a value reports an error. Imitators have formats of their own: an array of one (Gemini), `detail` (FastAPI,
/// Mistral), `object: "error"` (vLLM), `errors` (Cloudflare), a `message` with a code (gateways). `whole` marks a body.
fn reports(value: &Value, whole: bool) -> bool {
    match value {
        Value::Array(items) => !items.is_empty() && items.iter().all(|item| item.is_object() && reports(item, whole)),
        Value::Object(members) => {
            let has = |key: &str| members.get(key).is_some_and(|value| !value.is_null());
            // As in the official SDKs, an empty or false `error` of a chunk does not count.
            let is_one = |error: &Value| holds_something(error) || error.is_number() || *error == true;
            let is_said = |error: &Value| if whole { !error.is_null() } else { is_one(error) };
            let named =
                members.get("error").is_some_and(is_said) || members.get("object").is_some_and(|kind| kind == "error");
            if !whole {
                return named;
            }
            let has_code = ["code", "status", "statusCode", "status_code", "type"].iter().any(|key| has(key));
            let listed = members.get("errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty());
            let chosen =
                has("choices") && members.get("choices").and_then(Value::as_array).is_none_or(|all| !all.is_empty());
            let told = members.get("message").is_some_and(Value::is_string) && has_code;
            !chosen && (named || has("detail") || listed || told)
        }
        _ => false,
    }
}

fn kind(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}
