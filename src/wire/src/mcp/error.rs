//! Errors of JSON-RPC: `{"jsonrpc", "id", "error": {"code", "message", "data"}}`; a refused call as a tool's result.
//!
//! `data` has the stable reason `code` as a text; `tool` and `pointer` (JSON Pointer into its arguments) if a call was refused;
//! `param` if a member of the message is at fault.

use callgate_json::Value;
use serde_json::json;

use super::message::{Envelope, Id};
use super::{Era, VERSIONS, event};
use crate::ApiError;
use crate::checks::folds_to;

/// The member of `_meta` of a tool's result with the reason of a refused call.
pub const VIOLATION: &str = "callgate.dev/violation";

/// JSON-RPC 2.0, section 5.1.
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const INTERNAL_ERROR: i32 = -32603;
/// Revision 2026-07-28, *Versioning*; earlier ones ask for no more than status 400.
const UNSUPPORTED_VERSION: i32 = -32022;
/// Revision 2026-07-28, *Streamable HTTP*, Server Validation.
const HEADER_MISMATCH: i32 = -32020;
/// A code of ours, in a range no SDK uses and the specification leaves to implementations (-32000 to -32019).
const REFUSED: i32 = -32010;

/// The body of an error response to the request of this id. `tool` is the tool of a refused call.
#[must_use]
pub fn body(id: Option<&Id>, error: &ApiError, tool: Option<&str>) -> Vec<u8> {
    write(id, code(error), &error.message, &data(error, tool))
}

/// Returns the same as an event.
#[must_use]
pub fn frame(id: Option<&Id>, error: &ApiError) -> Vec<u8> {
    event(&body(id, error, None))
}

/// The error for a revision the gate does not speak, so the client tries another.
#[must_use]
pub fn version(id: Option<&Id>, error: &ApiError, requested: &str) -> Vec<u8> {
    let mut data = data(error, None);
    if let Value::Object(members) = &mut data {
        members.insert("supported".to_owned(), json!(VERSIONS));
        members.insert("requested".to_owned(), json!(requested));
    }
    write(id, UNSUPPORTED_VERSION, &error.message, &data)
}

/// The `result` of a refused call, or of a refused result: JSON text. The model sees the sentence.
#[must_use]
pub fn result(error: &ApiError, tool: &str, era: Era) -> String {
    let mut result = json!({
        "content": [{ "type": "text", "text": error.message }],
        "isError": true,
        "_meta": { VIOLATION: data(error, Some(tool)) },
    });
    if let (Value::Object(members), Era::Stateless) = (&mut result, era) {
        members.insert("resultType".to_owned(), json!("complete"));
    }
    result.to_string()
}

/// Returns a response with this result.
#[must_use]
pub fn told(id: &Id, error: &ApiError, tool: &str, era: Era) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, result(error, tool, era)).into_bytes()
}

/// Returns true if a body is an error response and nothing else: strict JSON, to the request of this id or without one.
#[must_use]
pub fn is_error(body: &[u8], to: Option<&Id>) -> bool {
    let Ok(Value::Object(body)) = callgate_json::read_nearest(body) else { return false };
    let only = body.keys().all(|key| matches!(key.as_str(), "jsonrpc" | "id" | "error"));
    // It asks a person to visit a page, so it is decided as an answer and never forwarded as a mere error.
    if body.get("error").and_then(|error| error.get("code")).and_then(Value::as_i64) == Some(super::PAGES_NEEDED) {
        return false;
    }
    match Envelope::read(&body) {
        Ok(Envelope::Error { id }) => only && id.is_none_or(|id| Some(&id) == to),
        _ => false,
    }
}

/// Returns true if a body is JSON but no JSON-RPC message, such as an OAuth error, and carries no call.
#[must_use]
pub fn is_foreign(body: &[u8]) -> bool {
    const MESSAGE: [&str; 5] = ["jsonrpc", "id", "method", "params", "result"];
    match callgate_json::read_nearest(body) {
        Ok(Value::Object(members)) => {
            let is_message = |key: &String| MESSAGE.iter().any(|known| folds_to(key, known));
            !members.keys().any(is_message) && crate::is_callless(body)
        }
        _ => false,
    }
}

fn data(error: &ApiError, tool: Option<&str>) -> Value {
    let mut data = json!({ "code": error.code });
    if let Value::Object(members) = &mut data {
        members.extend(tool.map(|tool| ("tool".to_owned(), Value::from(tool))));
        let place = if tool.is_some() { "pointer" } else { "param" };
        members.extend(error.param.as_deref().map(|param| (place.to_owned(), Value::from(param))));
    }
    data
}

fn write(id: Option<&Id>, code: i32, message: &str, data: &Value) -> Vec<u8> {
    let id = id.map_or(&Value::Null, Id::value);
    let error = json!({ "code": code, "message": message, "data": data });
    json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string().into_bytes()
}

fn code(error: &ApiError) -> i32 {
    match (error.code.as_str(), error.status) {
        ("request_not_json", _) => PARSE_ERROR,
        ("mcp_header_mismatch", _) => HEADER_MISMATCH,
        ("request_invalid", _) if error.param.as_deref().is_some_and(|param| param.starts_with("params")) => {
            INVALID_PARAMS
        }
        ("mcp_method_forbidden", _) | (_, 405) => METHOD_NOT_FOUND,
        (
            "tool_not_in_contract"
            | "arguments_not_json"
            | "arguments_invalid"
            | "mcp_resource_forbidden"
            | "mcp_prompt_forbidden"
            | "mcp_task_unknown"
            | "mcp_state_invalid",
            _,
        ) => INVALID_PARAMS,
        (_, 400) => INVALID_REQUEST,
        (_, 500..) => INTERNAL_ERROR,
        _ => REFUSED,
    }
}
