//! Errors: those written in a dialect's own format, and the reasons to refuse a body. They quote nothing but names of members and
//! of declared tools.

use callgate_json::ReadError;
use thiserror::Error;

use crate::checks::ShapeError;

/// An error to be written in a dialect's own shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status; it chooses the dialect's error type.
    pub status: u16,
    /// The stable reason code.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// The request member at fault, if there is one.
    pub param: Option<String>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// Not strict JSON.
    #[error("the request is not strict JSON: {0}")]
    NotJson(#[from] ReadError),
    /// JSON, but no object.
    #[error("the request is not an object")]
    NotAnObject,
    /// A member has another type or value than the API's reference gives it.
    #[error("`{param}` is not {expected}")]
    Invalid {
        /// The member.
        param: &'static str,
        /// The expected value.
        expected: &'static str,
    },
    /// The spelling of a member is such that only readers without regard to case take it for one that is decided on.
    #[error("a member is spelled almost as `{like}`")]
    Ambiguous {
        /// The member of the request, or the one around it.
        param: &'static str,
        /// The member it resembles.
        like: &'static str,
    },
    /// Two tools share a name.
    #[error("the tool `{name}` is declared twice")]
    DeclaredTwice {
        /// The name.
        name: String,
    },
}

/// The reason why a body cannot be decided on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// Not strict JSON.
    #[error("the answer is not strict JSON: {0}")]
    NotJson(#[from] ReadError),
    /// JSON in another format, or with an ambiguous call.
    #[error("the answer has not the shape of its API: {0}")]
    Shape(#[from] ShapeError),
}

/// Why an event of a stream cannot be decided on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StreamError {
    /// The event's data is not strict JSON.
    #[error("an event is not strict JSON: {0}")]
    NotJson(#[from] ReadError),
    /// JSON in another format, or with an ambiguous call.
    #[error("an event has not the shape of its API: {0}")]
    Shape(#[from] ShapeError),
    /// An event of an unknown kind, which could carry a call.
    #[error("an event is of a kind that is not known")]
    UnknownEvent,
    /// An event at a wrong point of a stream.
    #[error("an event came out of order")]
    OutOfOrder,
}

// === impl RequestError ===

impl RequestError {
    pub(crate) fn invalid(param: &'static str, expected: &'static str) -> RequestError {
        RequestError::Invalid { param, expected }
    }

    /// The stable reason code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            RequestError::NotJson(_) => "request_not_json",
            RequestError::NotAnObject | RequestError::Invalid { .. } | RequestError::Ambiguous { .. } => {
                "request_invalid"
            }
            RequestError::DeclaredTwice { .. } => "tool_declared_twice",
        }
    }

    /// The member at fault.
    #[must_use]
    pub fn param(&self) -> Option<&'static str> {
        match self {
            RequestError::NotJson(_) | RequestError::NotAnObject => None,
            RequestError::Invalid { param, .. } | RequestError::Ambiguous { param, .. } => Some(param),
            RequestError::DeclaredTwice { .. } => Some("tools"),
        }
    }
}
