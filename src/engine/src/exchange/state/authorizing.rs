//! A request or a stream that waits for the executor: for rulings, or for the outcome of a call.

use std::borrow::Cow;

use crate::mcp::request::AskedCall;
use crate::mcp::running::RunningCall;
use crate::stream::StreamTurn;

/// A request to an MCP server whose call the executor must release.
#[derive(Debug)]
pub(in crate::exchange) struct HeldRequest {
    pub(in crate::exchange) asked: AskedCall,
    /// Headers not forwarded to the server.
    pub(in crate::exchange) remove: Vec<String>,
    /// The body's type as it was read.
    pub(in crate::exchange) content_type: Option<Cow<'static, str>>,
    /// The bytes of its body.
    pub(in crate::exchange) bytes: usize,
}

/// A request whose call the executor runs.
#[derive(Debug)]
pub(in crate::exchange) struct HeldRun {
    pub(in crate::exchange) call: RunningCall,
    /// The bytes of its body.
    pub(in crate::exchange) bytes: usize,
}

/// A stream with calls that the executor must release.
#[derive(Debug)]
pub(in crate::exchange) struct HeldStream {
    pub(in crate::exchange) turn: Box<StreamTurn>,
    /// Decided bytes, held back with the calls behind them.
    pub(in crate::exchange) unsent: Vec<u8>,
    /// Bytes of the upstream that came since.
    pub(in crate::exchange) unread: Vec<u8>,
    /// More bytes came than the contract allows. They were dropped.
    pub(in crate::exchange) overflow: bool,
    /// The upstream's response has ended.
    pub(in crate::exchange) ended: bool,
}

// === impl HeldStream ===

impl HeldStream {
    /// Returns the bytes held.
    pub(in crate::exchange) fn held(&self) -> usize {
        self.turn.held().saturating_add(self.unsent.capacity()).saturating_add(self.unread.capacity())
    }
}
