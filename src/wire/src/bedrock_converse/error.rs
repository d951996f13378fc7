//! Errors in AWS' format: `{"__type", "message"}`, and exceptions in streams.
//!
//! SDKs choose the class of an exception by `__type`. A member `code` would take precedence, so the body has none of that name. They show nothing
//! of the body but the message, so the message begins with our code and the member at fault: `CODE at PARAM: MESSAGE`.

use callgate_json::splice;
use serde_json::json;

use super::block;
use crate::ApiError;
use crate::framing::event_stream;
use crate::skeleton::blocks::reports_error;

/// The body of an error response.
#[must_use]
pub fn body(error: &ApiError) -> Vec<u8> {
    let value = json!({ "__type": kind(error.status), "message": message(error) });
    let mut text = Vec::with_capacity(128 + error.message.len());
    splice::append(&mut text, &value);
    text
}

/// The same as an exception inside a stream, which has one of the few types of this API's streams.
#[must_use]
pub fn frame(error: &ApiError) -> Vec<u8> {
    let kind = match error.status {
        429 => "throttlingException",
        400..=499 => "validationException",
        503 => "serviceUnavailableException",
        502 | 504 => "modelStreamErrorException",
        _ => "internalServerException",
    };
    let mut text = Vec::with_capacity(128 + error.message.len());
    splice::append(&mut text, &json!({ "message": message(error) }));
    event_stream::exception(kind, &text)
}

/// Returns true if a body is an error and nothing else: strict JSON, [an error report](reports_error), without `output` and
/// without a call anywhere.
#[must_use]
pub fn is_error_body(body: &[u8]) -> bool {
    callgate_json::read_nearest(body)
        .is_ok_and(|body| reports_error(&body, "output") && block::no_call_in(&body).is_ok())
}

fn message(error: &ApiError) -> String {
    match &error.param {
        Some(param) => format!("{} at {param}: {}", error.code, error.message),
        None => format!("{}: {}", error.code, error.message),
    }
}

fn kind(status: u16) -> &'static str {
    match status {
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 | 504 => "ModelTimeoutException",
        429 => "ThrottlingException",
        400..=499 => "ValidationException",
        502 => "ModelErrorException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}
