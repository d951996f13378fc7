//! Errors in OpenAI's shape, as in Chat Completions; in a stream an event of the type `error`.

use callgate_json::{Map, Value};

use super::items;
use crate::ApiError;
use crate::checks::{folds_to, is_error_object};
pub(super) use crate::openai_chat::error::body;
use crate::openai_chat::error::object;

/// The members of an `error` event beside type and number: `code`, `message` and `param` as in the reference, and the same as
/// `error`, the member by which official clients raise it.
pub(super) fn members(error: &ApiError) -> Map<String, Value> {
    let object = object(error);
    let mut members: Map<String, Value> = ["code", "message", "param"]
        .into_iter()
        .map(|key| (key.to_owned(), object.get(key).cloned().unwrap_or_default()))
        .collect();
    members.insert("error".to_owned(), object);
    members
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
