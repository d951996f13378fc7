//! Errors in OpenAI's format: `{"error": {"message", "type", "param", "code"}}`.

use callgate_json::{Item, Outline, Value, splice};
use serde_json::json;

use super::checks;
use crate::ApiError;
use crate::framing::sse;
use crate::outlined::holds_something;

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
    Outline::read(body).is_ok_and(|outline| is_error(outline.root(body)))
}

/// As [`is_error_body`], for a body that was read.
pub(super) fn is_error(body: Item<'_>) -> bool {
    reports(body, true) && checks::no_call(body).is_ok()
}

/// Returns true if an event reports an error, in a way no chunk has.
pub(super) fn is_error_value(value: Item<'_>) -> bool {
    reports(value, false)
}

/// Returns true if a value reports an error. Imitators have formats of their own: an array of one (Gemini), `detail` (FastAPI,
/// Mistral), `object: "error"` (vLLM), `errors` (Cloudflare), a `message` with a code (gateways). `whole` marks a body.
fn reports(value: Item<'_>, whole: bool) -> bool {
    if value.is_array() {
        return !value.is_empty() && value.items().all(|item| item.is_object() && reports(item, whole));
    }
    let has = |key: &str| value.get(key).is_some_and(|value| !value.is_null());
    // As in the official SDKs, an empty or false `error` of a chunk does not count.
    let is_one = |error: Item<'_>| holds_something(error) || error.is_number() || error.is_true();
    let is_said = |error: Item<'_>| if whole { !error.is_null() } else { is_one(error) };
    let named = value.get("error").is_some_and(is_said) || value.get("object").is_some_and(|kind| kind.is("error"));
    if !whole {
        return named;
    }
    let has_code = || ["code", "status", "statusCode", "status_code", "type"].iter().any(|key| has(key));
    let listed = || value.get("errors").is_some_and(|errors| errors.is_array() && !errors.is_empty());
    let chosen = value.get("choices").is_some_and(|all| !all.is_null() && !(all.is_array() && all.is_empty()));
    let told = || value.get("message").is_some_and(Item::is_string) && has_code();
    !chosen && (named || has("detail") || listed() || told())
}

fn kind(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}
