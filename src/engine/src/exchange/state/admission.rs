//! A request that waits until the executor has counted it.

use std::borrow::Cow;

use callgate_contract::Caller;
use callgate_wire::mcp::McpRequest;

use crate::mcp::Answerer;
use crate::mcp::routing::RoutingHeaders;
use crate::request::CheckedRequest;

/// A whole request, and the headers of its forwarded form.
#[derive(Debug)]
pub(in crate::exchange) struct HeldAdmission {
    pub(in crate::exchange) held: CountedRequest,
    /// Headers not to forward.
    pub(in crate::exchange) remove: Vec<String>,
    /// The body's type as it was read.
    pub(in crate::exchange) content_type: Option<Cow<'static, str>>,
}

/// A request that counts.
#[derive(Debug)]
pub(in crate::exchange) enum CountedRequest {
    /// A request to a model's API, in the form to forward.
    Model(Box<CheckedRequest>),
    /// A message to an MCP server with so many bytes, not yet decided.
    Mcp {
        caller: Caller,
        answerer: Answerer,
        request: Box<McpRequest>,
        routing: Option<Box<RoutingHeaders>>,
        bytes: usize,
    },
}

// === impl HeldAdmission ===

impl HeldAdmission {
    /// Returns the bytes held.
    pub(in crate::exchange) fn bytes(&self) -> usize {
        match &self.held {
            CountedRequest::Model(checked) => checked.request.held(),
            CountedRequest::Mcp { bytes, .. } => *bytes,
        }
    }
}
