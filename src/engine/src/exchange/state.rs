//! The states of an exchange. Each owns what it needs.

use callgate_wire::Wants;

use super::answering::Answering;
use super::body::Awaited;
use super::clock::Bounds;
use super::rounds::Looping;
use crate::head::ApiHead;
use crate::mcp::{self, McpHead};
use crate::refusal::Refusal;
use crate::request;

/// A state.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing has happened yet.
    New,
    /// Everything passes unread: a path that is not read, or a response without a body.
    Open,
    /// The headers refuse the request; its body, `size` bytes so far, is read to its end and dropped.
    Refusing { refusal: Refusal, size: usize },
    /// The request's body is being gathered.
    Gathering { reader: Reader, body: Vec<u8> },
    /// The request was forwarded; its answer is awaited.
    Sent(Forwarded),
    /// The request was answered here. Nothing of it is forwarded; the response is our own.
    Refused,
    /// A body is being gathered, to be decided when it is whole.
    Body { awaited: Awaited, body: Vec<u8> },
    /// A streamed answer is under way.
    Streaming(Answering),
    /// The model's turn led to further rounds; the response is held back meanwhile.
    Looping(Box<Looping>),
    /// The answer is complete, or ended in an error. What the upstream still sends is dropped.
    Closed,
    /// The answer ended in an error, and the response is reset as soon as its last bytes have left.
    Cut,
    /// The response was replaced or reset, or has ended. Nothing more of it is forwarded.
    Ended,
}

/// The API whose request is gathered.
#[derive(Debug)]
pub(super) enum Reader {
    Model(Box<ApiHead>),
    Mcp(McpHead),
}

/// A request that was forwarded, as far as its answer depends on it.
#[derive(Debug)]
pub(super) enum Forwarded {
    Model(Box<request::Asked>),
    Mcp(mcp::Asked),
}

// === impl State ===

impl State {
    /// Returns which limits on time hold.
    pub(super) fn bounds(&self) -> Bounds {
        match self {
            Self::New | Self::Open | Self::Refused | Self::Ended | Self::Cut => Bounds::NONE,
            Self::Refusing { .. } | Self::Gathering { .. } | Self::Closed => Bounds::BOTH,
            Self::Sent(Forwarded::Model(asked)) if asked.request.wants() == Wants::Stream => Bounds::BOTH,
            Self::Sent(Forwarded::Mcp(mcp::Asked::Listening)) => Bounds::NONE,
            // A whole answer is silent until the model has thought or the tool has run.
            Self::Sent(_) | Self::Looping(_) => Bounds::TURN,
            Self::Body { body, .. } if body.is_empty() => Bounds::TURN,
            Self::Body { .. } => Bounds::BOTH,
            Self::Streaming(answering) if answering.is_own() => Bounds::NONE,
            Self::Streaming(_) => Bounds::BOTH,
        }
    }

    /// Returns the bytes that it holds.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::New | Self::Open | Self::Refusing { .. } | Self::Refused => 0,
            Self::Closed | Self::Cut | Self::Ended => 0,
            Self::Gathering { body, .. } => body.capacity(),
            Self::Sent(Forwarded::Model(asked)) => asked.request.held(),
            Self::Sent(Forwarded::Mcp(_)) => 0,
            Self::Body { awaited, body } => body.capacity().saturating_add(awaited.held()),
            Self::Streaming(answering) => answering.held(),
            Self::Looping(looping) => looping.held(),
        }
    }

    /// Returns whether an end at this point breaks the exchange.
    pub(super) fn is_unfinished(&self) -> bool {
        match self {
            Self::Refusing { .. } | Self::Gathering { .. } | Self::Sent(_) | Self::Body { .. } | Self::Looping(_) => {
                true
            }
            Self::Streaming(answering) => !answering.is_own(),
            Self::New | Self::Open | Self::Refused | Self::Closed | Self::Cut | Self::Ended => false,
        }
    }
}
