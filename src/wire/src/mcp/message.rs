//! The members of every message: JSON-RPC 2.0, sections 4 and 5.

use std::fmt;

use callgate_json::{Map, Value};

use crate::checks::exact_keys;
use crate::{ShapeError, callless};

/// The members of a message the gate decides on.
const MEMBERS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// The most bytes of a text id. Clients count or draw UUIDs; a longer id would be held until its answer.
const ID_LENGTH: usize = 1024;

/// The identifier of a request: a string or a whole number. Shown as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(Value);

/// The kind of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Envelope {
    /// A request, which gets a response.
    Request {
        /// The id, repeated in the response.
        id: Id,
        /// The method.
        method: String,
    },
    /// A notification.
    Notification {
        /// The method.
        method: String,
    },
    /// A response with a result, which is an object.
    Result {
        /// The request's id.
        id: Id,
    },
    /// A response with an error: an object with a whole `code` and a `message`.
    Error {
        /// The request's; none if the request could not be read.
        id: Option<Id>,
    },
}

// === impl Id ===

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Id {
    fn read(value: &Value) -> Result<Id, ShapeError> {
        match value {
            Value::String(text) if text.len() <= ID_LENGTH => Ok(Id(value.clone())),
            Value::Number(number) if number.is_i64() || number.is_u64() => Ok(Id(value.clone())),
            _ => Err(ShapeError::Type { at: "id", expected: "a string of at most 1,024 bytes or a whole number" }),
        }
    }

    /// Returns the id as a member's value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }
}

// === impl Envelope ===

impl Envelope {
    /// Reads the kind of a message. An ambiguous message is an error.
    pub(super) fn read(body: &Map<String, Value>) -> Result<Envelope, ShapeError> {
        exact_keys(body, &MEMBERS)?;
        if body.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(ShapeError::Type { at: "jsonrpc", expected: "`2.0`" });
        }
        params(body)?;
        let id = body.get("id").map(Id::read);
        match (body.get("method"), body.get("result"), body.get("error")) {
            (Some(Value::String(method)), None, None) => Ok(match id.transpose()? {
                Some(id) => Envelope::Request { id, method: method.clone() },
                None => Envelope::Notification { method: method.clone() },
            }),
            (None, Some(Value::Object(_)), None) => {
                let missing = ShapeError::Type { at: "id", expected: "there" };
                Ok(Envelope::Result { id: id.transpose()?.ok_or(missing)? })
            }
            (None, Some(_), None) => Err(ShapeError::Type { at: "result", expected: "an object" }),
            (None, None, Some(error)) => {
                check_error(error)?;
                let id = body.get("id").filter(|id| !id.is_null()).map(Id::read).transpose()?;
                Ok(Envelope::Error { id })
            }
            (Some(_), None, None) => Err(ShapeError::Type { at: "method", expected: "a string" }),
            _ => Err(ShapeError::Type { at: "message", expected: "one request, notification or response" }),
        }
    }

    /// Returns the method of a request or a notification.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match self {
            Envelope::Request { method, .. } | Envelope::Notification { method } => Some(method),
            Envelope::Result { .. } | Envelope::Error { .. } => None,
        }
    }
}

/// Returns `params`, an object in MCP; `null` carries nothing.
pub(super) fn params(body: &Map<String, Value>) -> Result<Option<&Map<String, Value>>, ShapeError> {
    match body.get("params") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(params)) => Ok(Some(params)),
        Some(_) => Err(ShapeError::Type { at: "params", expected: "an object" }),
    }
}

fn check_error(error: &Value) -> Result<(), ShapeError> {
    let Value::Object(error) = error else { return Err(ShapeError::Type { at: "error", expected: "an object" }) };
    if !error.get("code").is_some_and(|code| code.is_i64() || code.is_u64()) {
        return Err(ShapeError::Type { at: "error.code", expected: "a whole number" });
    }
    if !error.get("message").is_some_and(Value::is_string) {
        return Err(ShapeError::Type { at: "error.message", expected: "a string" });
    }
    Ok(())
}

/// The kinds of content a model is only shown. Others (`tool_use`) could be a call.
const SHOWN: [&str; 5] = ["text", "image", "audio", "resource", "resource_link"];

/// Refuses a block of content unless it is only shown.
pub(super) fn shown(block: &Value) -> Result<(), ShapeError> {
    let Value::Object(block) = block else {
        return Err(ShapeError::Type { at: "content", expected: "made of objects" });
    };
    exact_keys(block, &["type"])?;
    match block.get("type").and_then(Value::as_str) {
        Some(kind) if SHOWN.contains(&kind) => Ok(()),
        _ => Err(ShapeError::UnknownPart),
    }
}

/// Refuses a block of a tool's result if it could be a call. An unknown kind without a call is only shown.
pub(super) fn harmless(block: &Value) -> Result<(), ShapeError> {
    match shown(block) {
        Err(ShapeError::UnknownPart) if block.get("type").is_some_and(Value::is_string) => callless::no_call(block),
        result => result,
    }
}

/// As [`shown`], for one block or a list of them.
pub(super) fn all_shown(content: Option<&Value>) -> Result<(), ShapeError> {
    match content {
        Some(Value::Array(blocks)) => blocks.iter().try_for_each(shown),
        Some(block) => shown(block),
        None => Err(ShapeError::Type { at: "content", expected: "there" }),
    }
}
