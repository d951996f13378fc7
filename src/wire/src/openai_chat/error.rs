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
    Outline::read(body).is_ok_and(|outline| is_error(outline.root()))
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
    let mut found = Report::default();
    for (key, member) in value.members() {
        let is_there = !member.is_null();
        match key.as_ref() {
            // As in the official SDKs, an empty or false `error` of a chunk does not count.
            "error" if whole => found.named |= is_there,
            "error" => found.named |= holds_something(member) || member.is_number() || member.is_true(),
            "object" => found.named |= member.is("error"),
            "detail" => found.detailed = is_there,
            "errors" => found.listed = member.is_array() && !member.is_empty(),
            "choices" => found.chosen = is_there && !(member.is_array() && member.is_empty()),
            "message" => found.told = member.is_string(),
            "code" | "status" | "statusCode" | "status_code" | "type" => found.coded |= is_there,
            _ => {}
        }
    }
    let Report { named, detailed, listed, chosen, told, coded } = found;
    if whole { !chosen && (named || detailed || listed || (told && coded)) } else { named }
}

/// The members of an object that reports an error.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each kind of member; they combine freely")]
struct Report {
    /// It has an error, or calls itself one.
    named: bool,
    detailed: bool,
    /// It has a list of errors.
    listed: bool,
    /// It has choices, so it is an answer.
    chosen: bool,
    /// It has a message.
    told: bool,
    /// It has a code.
    coded: bool,
}

fn kind(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}
