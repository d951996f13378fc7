//! Errors in Google's shape: `{"error": {"code", "message", "status", "details": [ErrorInfo]}}` (`google.rpc.Status`, AIP-193).

use callgate_json::{Map, Value, splice};
use serde_json::json;

use super::message;
use crate::ApiError;
use crate::checks::is_error_object;
use crate::framing::json_lines;

/// The body of an error response. `google.rpc.ErrorInfo` wants its reason in upper case. The code itself is in its metadata and
/// in the message clients show.
pub(super) fn body(error: &ApiError) -> Vec<u8> {
    let mut metadata = json!({ "code": error.code });
    if let (Some(param), Value::Object(members)) = (&error.param, &mut metadata) {
        members.insert("param".to_owned(), Value::from(param.as_str()));
    }
    let value = json!({
        "error": {
            "code": error.status,
            "message": format!("{}: {}", error.code, error.message),
            "status": status(error.status),
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": error.code.to_ascii_uppercase(),
                "domain": "callgate.dev",
                "metadata": metadata,
            }],
        }
    });
    let mut text = Vec::with_capacity(256 + error.message.len());
    splice::append(&mut text, &value);
    text
}

/// The same inside a stream: bare JSON in a line of its own. Google's servers write it so, and its JavaScript client ignores an
/// error in an event. No empty line follows: read together with earlier bytes, that client would take the line for an event of no
/// meaning.
pub(super) fn frame(error: &ApiError) -> Vec<u8> {
    json_lines::line(&body(error))
}

/// Returns an error of Google's servers in a stream without `data:`, over several lines. Its clients raise it only in this
/// format, so it is written as bare JSON again, in one line.
pub(super) fn bare(strays: &[u8]) -> Option<Vec<u8>> {
    let is_error = strays.trim_ascii_start().starts_with(b"{") && is_error_body(strays);
    is_error.then(|| [json_lines::line(strays.trim_ascii()).as_slice(), b"\n"].concat())
}

/// Returns true if a body is an error and nothing else: a strict JSON object with an error, or an array of such, without
/// `candidates` and without a call anywhere.
pub(super) fn is_error_body(body: &[u8]) -> bool {
    let is_it = |members: &Map<String, Value>| {
        is_error_object(members) && !members.contains_key("candidates") && message::no_call_but(members, &[]).is_ok()
    };
    match callgate_json::read_nearest(body) {
        Ok(Value::Object(members)) => is_it(&members),
        Ok(Value::Array(items)) => !items.is_empty() && items.iter().all(|item| item.as_object().is_some_and(is_it)),
        _ => false,
    }
}

pub(super) fn is_error(body: &Map<String, Value>) -> bool {
    body.get("error").is_some_and(|error| !error.is_null())
}

/// `google.rpc.Code` by HTTP status.
fn status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 | 501 => "UNIMPLEMENTED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        400..=499 => "INVALID_ARGUMENT",
        502 | 503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}
