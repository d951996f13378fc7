//! A streamed answer: a model's turn, or the messages of an MCP server.

use crate::gate::Gate;
use crate::mcp::stream::Messages;
use crate::refusal::Refusal;
use crate::stream::{Progress, StreamContext, StreamTurn};

/// The stream under way.
#[derive(Debug)]
pub(in crate::exchange) enum AnswerStream {
    Turn(Box<StreamTurn>),
    Messages(Box<Messages>),
}

// === impl AnswerStream ===

impl AnswerStream {
    /// Returns true for an MCP server's own stream. Nobody waits for its end.
    pub(in crate::exchange) fn is_own(&self) -> bool {
        match self {
            Self::Turn(_) => false,
            Self::Messages(messages) => messages.is_own(),
        }
    }

    /// Returns true if nobody misses more of it.
    pub(in crate::exchange) fn is_over(&self) -> bool {
        match self {
            Self::Turn(turn) => turn.is_over(),
            Self::Messages(messages) => messages.is_own(),
        }
    }

    /// Returns the bytes held.
    pub(in crate::exchange) fn held(&self) -> usize {
        match self {
            Self::Turn(turn) => turn.held(),
            Self::Messages(messages) => messages.held(),
        }
    }

    /// Returns true if the stream is cut after its error: its client would take the end for that of a whole answer, or opens the
    /// server's own stream again only if it is cut.
    pub(in crate::exchange) fn is_cut_after_error(&self) -> bool {
        match self {
            Self::Turn(turn) => turn.stream.is_cut_after_error(),
            Self::Messages(messages) => messages.is_own(),
        }
    }

    /// Writes an error as the last event.
    pub(in crate::exchange) fn error(&mut self, refusal: &Refusal) -> Vec<u8> {
        match self {
            Self::Turn(turn) => turn.stream.error(&refusal.api_error()),
            Self::Messages(messages) => messages.error(refusal),
        }
    }

    /// Takes events of text alone at the start of `chunk`, and returns the number of their bytes, which are forwarded unchanged.
    pub(in crate::exchange) fn replay(&mut self, gate: &Gate, chunk: &[u8]) -> usize {
        match self {
            Self::Turn(turn) => turn.replay(gate, chunk),
            Self::Messages(_) => 0,
        }
    }

    /// Takes bytes.
    pub(in crate::exchange) fn data(
        &mut self,
        context: &mut StreamContext<'_>,
        chunk: &[u8],
    ) -> Result<Progress, Refusal> {
        match self {
            Self::Turn(turn) => turn.data(context, chunk),
            Self::Messages(messages) => messages.data(context, chunk),
        }
    }

    /// Takes the end of the stream.
    pub(in crate::exchange) fn end(&mut self, context: &mut StreamContext<'_>) -> Result<Progress, Refusal> {
        match self {
            Self::Turn(turn) => turn.end(context),
            Self::Messages(messages) => messages.end(context),
        }
    }
}
