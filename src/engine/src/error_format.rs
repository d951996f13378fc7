//! The format of errors: an API's own error objects, so that every SDK shows them as its own.

use callgate_wire::mcp::{self, Era, Id};
use callgate_wire::openai_chat::OpenAiChat;
use callgate_wire::{Api, ApiError, Dialect, is_callless};

use crate::{Code, Refusal, Reply};

/// The maximum number of characters kept of an upstream's error text.
const TEXT_LENGTH: usize = 2048;

/// The format of errors.
#[derive(Debug, Clone)]
pub(crate) enum ErrorFormat {
    /// An LLM API's own error objects.
    Model(&'static dyn Dialect),
    /// JSON-RPC errors. The id is the request's, once it is known.
    Mcp(Option<Id>, Era),
}

// === impl ErrorFormat ===

impl ErrorFormat {
    /// Returns the API's error format; OpenAI's if no API matches the path.
    pub(crate) fn of(api: Option<Api>) -> Self {
        match api {
            Some(Api::Model(dialect)) => Self::Model(dialect),
            Some(Api::Mcp | Api::McpMerged) => Self::Mcp(None, Era::Sessions),
            Some(Api::Catalog | Api::Hello) | None => Self::Model(&OpenAiChat),
        }
    }

    /// Names the other side, for a sentence.
    pub(crate) fn peer(&self) -> &'static str {
        match self {
            Self::Model(_) => "model's API",
            Self::Mcp(..) => "MCP server",
        }
    }

    /// Writes a refusal as the answer to the whole exchange. An answer to a known JSON-RPC request has status 200: clients find
    /// there which request it answers and why, and many do not read the bodies of other statuses. A challenge
    /// keeps its status, by which clients find it.
    pub(crate) fn reply(&self, refusal: &Refusal) -> Reply {
        let status = match self {
            Self::Mcp(Some(_), era) if refusal.challenge.is_none() => match (era, refusal.code) {
                // Revision 2026-07-28, *Streamable HTTP*: the status tells its clients that the server is not an older one.
                (Era::Stateless, Code::McpMethodForbidden) => 404,
                (Era::Stateless, Code::RequestInvalid) | (_, Code::McpHeaderMismatch) => 400,
                _ => 200,
            },
            Self::Model(_) | Self::Mcp(..) => refusal.status(),
        };
        let body = self.body(refusal, &refusal.api_error());
        Reply { status, body, retry_after: refusal.retry_after(), challenge: refusal.challenge.clone() }
    }

    fn body(&self, refusal: &Refusal, error: &ApiError) -> Vec<u8> {
        match (self, refusal.code, &refusal.param) {
            (Self::Model(dialect), _, _) => dialect.error(error),
            (Self::Mcp(id, _), Code::McpVersionUnsupported, Some(requested)) => {
                mcp::error::version(id.as_ref(), error, requested)
            }
            (Self::Mcp(id, _), _, _) => mcp::error::body(id.as_ref(), error, None),
        }
    }

    /// Returns true for a body that is an error in this format and nothing else.
    pub(crate) fn is_error(&self, body: &[u8]) -> bool {
        match self {
            Self::Model(dialect) => dialect.is_error(body),
            Self::Mcp(id, _) => mcp::error::is_error(body, id.as_ref()),
        }
    }

    /// Returns the body of an upstream's error: its own JSON if it carries no call, else Callgate's error object, which quotes the
    /// beginning of its text. `None` is an unread body.
    pub(crate) fn upstream_error(&self, status: u16, body: Option<&[u8]>) -> Vec<u8> {
        if let Some(body) = body
            && (self.is_error(body) || self.is_plain(body))
        {
            return body.to_vec();
        }
        let error = ApiError {
            status,
            code: Code::UpstreamError.as_str().to_owned(),
            message: failure(self.peer(), status, body),
            param: None,
        };
        match self {
            Self::Model(dialect) => dialect.error(&error),
            Self::Mcp(id, _) => mcp::error::body(id.as_ref(), &error, None),
        }
    }

    /// Returns true for JSON that no client can take for an answer.
    fn is_plain(&self, body: &[u8]) -> bool {
        match self {
            Self::Model(_) => is_callless(body),
            Self::Mcp(..) => mcp::error::is_foreign(body),
        }
    }
}

/// Describes an upstream's error and quotes the beginning of its text. JSON that could hold a call is not quoted.
pub(crate) fn failure(peer: &str, status: u16, body: Option<&[u8]>) -> String {
    let body = body.unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "a quotation for a person; nothing decides by it")]
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || (text.starts_with(['{', '[']) && !is_callless(body)) {
        return format!("The {peer} answered with status {status} and no error that can be forwarded.");
    }
    let text: String = text.chars().take(TEXT_LENGTH).collect();
    format!("The {peer} answered with status {status}: {text}")
}
