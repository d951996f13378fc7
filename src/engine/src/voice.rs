//! In whose words an exchange is answered where it ends in an error.

use callgate_wire::mcp::{self, Id};
use callgate_wire::openai_chat::OpenAiChat;
use callgate_wire::{Api, ApiError, Dialect};

use crate::{Code, Refusal, Reply};

/// What errors are written in.
#[derive(Debug, Clone)]
pub(crate) enum Voice {
    /// An LLM API's own error objects.
    Model(&'static dyn Dialect),
    /// JSON-RPC errors; to the request of that id, once it is known.
    Mcp(Option<Id>),
}

// === impl Voice ===

impl Voice {
    /// That of the API which a request goes to; where it goes to none, of the most widespread.
    pub(crate) fn of(api: Option<Api>) -> Self {
        match api {
            Some(Api::Model(dialect)) => Self::Model(dialect),
            Some(Api::Mcp) => Self::Mcp(None),
            None => Self::Model(&OpenAiChat),
        }
    }

    /// A refusal as the answer to the whole exchange. What is known to answer a JSON-RPC request is an answer as good as any, so
    /// its status is 200: clients find there whom it answers and why, and many do not look into the bodies of others.
    pub(crate) fn reply(&self, refusal: &Refusal) -> Reply {
        let status = match self {
            Self::Model(_) | Self::Mcp(None) => refusal.code.status(),
            Self::Mcp(Some(_)) => 200,
        };
        let body = self.body(refusal, &refusal.api_error());
        Reply { status, body, retry_after: refusal.code.retry_after() }
    }

    fn body(&self, refusal: &Refusal, error: &ApiError) -> Vec<u8> {
        match (self, refusal.code, &refusal.param) {
            (Self::Model(dialect), _, _) => dialect.error(error),
            (Self::Mcp(_), Code::McpVersionUnsupported, Some(requested)) => mcp::error::version(error, requested),
            (Self::Mcp(id), _, _) => mcp::error::body(id.as_ref(), error, None),
        }
    }

    /// Whether a body is an error in these words and nothing else.
    pub(crate) fn is_error(&self, body: &[u8]) -> bool {
        match self {
            Self::Model(dialect) => dialect.is_error(body),
            Self::Mcp(id) => mcp::error::is_error(body, id.as_ref()),
        }
    }
}
