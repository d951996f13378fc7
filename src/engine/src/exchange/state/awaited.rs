//! The body an exchange buffers.

use crate::catalog::SentCatalog;
use crate::mcp::SentMessage;
use crate::request::CheckedRequest;

/// The expected kind of a body.
#[derive(Debug)]
pub(in crate::exchange) enum AwaitedBody {
    /// A model's turn, a count of tokens, a shorter conversation, or an error object.
    Turn(Box<CheckedRequest>),
    /// A model's answer of undeclared type: a stream, or the same as [`AwaitedBody::Turn`].
    Undeclared(Box<CheckedRequest>),
    /// One message of an MCP server.
    Message(SentMessage),
    /// A list of models, or the description of one.
    Catalog(SentCatalog),
    /// An error of the upstream. A compressed one is not readable.
    Error { status: u16, readable: bool },
    /// Nothing: the body is dropped.
    Nothing,
}

// === impl AwaitedBody ===

impl AwaitedBody {
    /// Returns the bytes of the kept request.
    pub(in crate::exchange) fn held(&self) -> usize {
        match self {
            Self::Turn(checked) | Self::Undeclared(checked) => checked.request.held(),
            Self::Message(sent) => sent.bytes(),
            Self::Catalog(_) | Self::Error { .. } | Self::Nothing => 0,
        }
    }
}
