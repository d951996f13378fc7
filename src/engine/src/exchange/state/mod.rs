//! The states of an exchange. Each owns the data it needs.

pub(super) mod admission;
pub(super) mod answer_stream;
pub(super) mod authorizing;
pub(super) mod awaited;
pub(super) mod request_body;
pub(super) mod rounds;

use callgate_wire::mcp::McpRequest;
use callgate_wire::{RequestScan, Wants};

use super::clock::TimeLimits;
use crate::catalog::{CatalogHead, SentCatalog};
use crate::head::ApiHead;
use crate::mcp::{self, McpHead, Verb};
use crate::refusal::Refusal;
use crate::request;
use admission::HeldAdmission;
use answer_stream::AnswerStream;
use authorizing::{HeldRequest, HeldRun, HeldStream};
use awaited::AwaitedBody;
use request_body::RequestBody;
use rounds::Rounds;

/// A state.
#[derive(Debug)]
pub(super) enum ExchangeState {
    /// Nothing has happened yet.
    New,
    /// Everything passes unread: a passthrough path, or a response without a body.
    Open,
    /// The headers refuse the request; its body, `size` bytes so far, is read to its end and dropped.
    Refusing { refusal: Refusal, size: usize },
    /// The request's body is being gathered.
    Gathering { reader: RequestReader, body: RequestBody },
    /// The executor counts a whole request.
    Admitting(Box<HeldAdmission>),
    /// A whole request makes a call on which the executor must rule first.
    AskingForRequest(Box<HeldRequest>),
    /// A whole request makes a call that the executor runs. Nothing of it is forwarded.
    RunningForRequest(Box<HeldRun>),
    /// The request was forwarded; its answer is awaited.
    Sent(Forwarded),
    /// The request was answered here. Nothing of it is forwarded; the response is our own.
    Refused,
    /// A body is being gathered, to be decided when it is whole.
    Body { awaited: AwaitedBody, body: Vec<u8> },
    /// A streamed answer is under way.
    Streaming(AnswerStream),
    /// A streamed answer has calls on which the executor must rule first.
    AskingForStream(Box<HeldStream>),
    /// The model's turn led to further rounds; the response is held back meanwhile.
    BetweenRounds(Box<Rounds>),
    /// The answer is complete, or ended in an error. Later bytes of the upstream are dropped.
    Closed,
    /// The answer ended in an error, and the response is reset as soon as its last bytes have left.
    Cut,
    /// The response was replaced or reset, or has ended. Nothing more of it is forwarded.
    Ended,
}

/// The API whose request is gathered.
#[derive(Debug)]
pub(super) enum RequestReader {
    Model(Box<ApiHead>),
    Mcp(McpHead),
    Catalog(CatalogHead),
}

/// The data of a forwarded request on which its answer depends.
#[derive(Debug)]
pub(super) enum Forwarded {
    Model(Box<request::CheckedRequest>),
    Mcp(mcp::SentMessage),
    Catalog(SentCatalog),
}

// === impl RequestReader ===

impl RequestReader {
    /// Begins the check of a body while it arrives, unless any body is refused.
    pub(super) fn scan(&self) -> Option<RequestScan> {
        match self {
            Self::Model(head) => Some(head.dialect.scan_request()),
            Self::Mcp(head) => (head.verb == Verb::Send).then(McpRequest::scan),
            Self::Catalog(_) => None,
        }
    }

    /// Returns the bytes held of headers that the body is compared with.
    fn held(&self) -> usize {
        match self {
            Self::Model(_) | Self::Catalog(_) => 0,
            Self::Mcp(head) => head.routing.as_ref().map_or(0, |routing| routing.bytes()),
        }
    }
}

// === impl ExchangeState ===

impl ExchangeState {
    /// Returns the limits on time.
    pub(super) fn bounds(&self) -> TimeLimits {
        match self {
            Self::New | Self::Open | Self::Refused | Self::Ended | Self::Cut => TimeLimits::NONE,
            Self::Refusing { .. } | Self::Gathering { .. } | Self::Closed => TimeLimits::BOTH,
            Self::Sent(Forwarded::Model(checked)) if checked.request.wants() == Wants::Stream => TimeLimits::BOTH,
            Self::Sent(Forwarded::Mcp(sent)) if sent.is_endless() => TimeLimits::NONE,
            // A whole answer is silent until the model has thought or the tool has run.
            Self::Sent(_) | Self::BetweenRounds(_) => TimeLimits::TURN,
            Self::Admitting(_) | Self::AskingForRequest(_) => TimeLimits::TURN,
            Self::RunningForRequest(_) | Self::AskingForStream(_) => TimeLimits::TURN,
            Self::Body { body, .. } if body.is_empty() => TimeLimits::TURN,
            Self::Body { .. } => TimeLimits::BOTH,
            Self::Streaming(answer_stream) if answer_stream.is_own() => TimeLimits::NONE,
            Self::Streaming(_) => TimeLimits::BOTH,
        }
    }

    /// Returns the bytes held.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::New | Self::Open | Self::Refusing { .. } | Self::Refused => 0,
            Self::Closed | Self::Cut | Self::Ended => 0,
            Self::Gathering { reader, body } => body.held().saturating_add(reader.held()),
            Self::Sent(Forwarded::Model(checked)) => checked.request.held(),
            Self::Sent(Forwarded::Mcp(sent)) => sent.bytes(),
            Self::Sent(Forwarded::Catalog(_)) => 0,
            Self::Body { awaited, body } => body.capacity().saturating_add(awaited.held()),
            Self::Streaming(answer_stream) => answer_stream.held(),
            Self::Admitting(held) => held.bytes(),
            Self::AskingForRequest(held) => held.bytes,
            Self::RunningForRequest(held) => held.bytes,
            Self::AskingForStream(held) => held.held(),
            Self::BetweenRounds(rounds) => rounds.held(),
        }
    }

    /// Returns true if an end at this point breaks the exchange.
    pub(super) fn is_unfinished(&self) -> bool {
        match self {
            Self::Refusing { .. }
            | Self::Gathering { .. }
            | Self::Sent(_)
            | Self::Body { .. }
            | Self::Admitting(_)
            | Self::AskingForRequest(_)
            | Self::RunningForRequest(_)
            | Self::AskingForStream(_)
            | Self::BetweenRounds(_) => true,
            Self::Streaming(answer_stream) => !answer_stream.is_over(),
            Self::New | Self::Open | Self::Refused | Self::Closed | Self::Cut | Self::Ended => false,
        }
    }
}
