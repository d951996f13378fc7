//! The events: an adapter's input to an exchange.

use std::time::Duration;

use callgate_contract::{CallerClaims, Code as CallCode, CountRefusal};
use callgate_limits::Standing;

use crate::headers::Headers;

/// One thing that happened to an exchange. `now` is the time since the Unix epoch.
#[derive(Debug)]
pub enum Event<'a> {
    /// The request's headers arrived.
    RequestHead {
        /// All of them.
        headers: &'a Headers<'a>,
        /// The caller's identity as the host verified it, if it is the gate's source of identity and the host has it.
        verified: Option<Verified>,
        /// The request has no body.
        end: bool,
    },
    /// New bytes of the request's body.
    RequestData {
        /// Those bytes.
        chunk: &'a [u8],
        /// They are the last, and no trailers follow.
        end: bool,
        /// When.
        now: Duration,
    },
    /// The request ended with trailers.
    RequestTrailers {
        /// When.
        now: Duration,
    },
    /// The response's headers arrived.
    ResponseHead {
        /// All of them, `:status` included.
        headers: &'a Headers<'a>,
        /// The response has no body.
        end: bool,
    },
    /// New bytes of the response's body.
    ResponseData {
        /// Those bytes.
        chunk: &'a [u8],
        /// They are the last, and no trailers follow.
        end: bool,
        /// When.
        now: Duration,
    },
    /// The response ended with trailers.
    ResponseTrailers {
        /// True if the host can still write to the body: after trailers, only while it holds the body back.
        writable: bool,
        /// When.
        now: Duration,
    },
    /// The executor answered, or could not be asked.
    CallsRun(Result<Vec<Outcome>, CallFailed>),
    /// The executor ruled on calls that the client runs, or could not be asked.
    Authorized(Result<Vec<Authorization>, CallFailed>),
    /// The executor counted a request or a round, or could not be asked.
    Admitted(Result<AdmissionReply, CallFailed>),
    /// The model answered a further round, or could not be asked.
    ModelAnswered(Result<ModelReply<'a>, CallFailed>),
    /// Time has passed. Hosts send one about twice a second to every exchange.
    Tick {
        /// True if the host holds back bytes of the response, so it can still write to the body.
        writable: bool,
        /// The time now.
        now: Duration,
    },
    /// The exchange is over, or the client or the upstream has gone.
    Cancelled,
}

// === impl Event ===

impl Event<'_> {
    /// Returns the time of the event, if it carries one.
    #[must_use]
    pub fn now(&self) -> Option<Duration> {
        match self {
            Self::RequestData { now, .. }
            | Self::RequestTrailers { now }
            | Self::ResponseData { now, .. }
            | Self::ResponseTrailers { now, .. }
            | Self::Tick { now, .. } => Some(*now),
            Self::RequestHead { .. }
            | Self::ResponseHead { .. }
            | Self::CallsRun(_)
            | Self::Authorized(_)
            | Self::Admitted(_)
            | Self::ModelAnswered(_)
            | Self::Cancelled => None,
        }
    }
}

/// An identity that the host verified. Nothing a client can write gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// Claims of a token.
    Claims {
        /// The tenant.
        tenant: Vec<u8>,
        /// The role.
        role: Vec<u8>,
        /// Further claims by their names in contracts, of any type.
        claims: CallerClaims,
    },
    /// Claims of an access token whose scopes give the role.
    Scopes {
        /// The tenant; empty if the token names none.
        tenant: Vec<u8>,
        /// The scopes.
        scopes: Vec<String>,
        /// Further claims by their names in contracts, of any type.
        claims: CallerClaims,
    },
    /// The client certificate of the connection.
    Certificate {
        /// Its URI SANs, separated by commas if it has several.
        uri: Vec<u8>,
    },
}

/// The outcome of one call at the executor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The id of the call in the batch.
    pub id: String,
    /// The JSON text of the tool's result, or the reason for its absence.
    pub result: Result<String, ToolFailure>,
}

/// A call that was run, or refused by the executor, without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolFailure {
    /// Stable code of the failure, such as `timeout` or `denied`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The pending approval request, if there is one.
    pub approval_id: Option<String>,
}

/// The executor's ruling on one call that the client runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The id of the call in the batch.
    pub id: String,
    /// The ruling.
    pub ruling: CallRuling,
}

/// A ruling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallRuling {
    /// The call is released, once.
    Released,
    /// A person must approve the call first.
    Pending {
        /// The request for approval.
        approval_id: String,
        /// The time for which an answer still counts.
        left: Duration,
    },
    /// The call is denied.
    Denied {
        /// The broken rule.
        code: CallCode,
        /// JSON Pointer into the arguments; empty for the whole.
        pointer: String,
        /// One sentence, without a value of the arguments.
        message: String,
    },
    /// Another call of the batch keeps this one back.
    Withheld,
}

/// The counts of a request or of a further round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdmissionReply {
    /// The state in which the request finds its conversation, if it belongs to one.
    pub standing: Option<Standing>,
    /// The reasons against the request; none if it is counted. Only in shadow mode there may be several.
    pub refusals: Vec<CountRefusal>,
}

/// The reason for a callout without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFailed {
    /// The cluster is unknown, the connection failed, or the answer did not come in time.
    Unreachable,
    /// The other side rejected the request: another contract, a bad request.
    Rejected,
    /// The other side is overloaded; it did nothing.
    Overloaded,
    /// The answer cannot be read.
    Unreadable,
}

/// The answer of the model to a further round.
#[derive(Debug)]
pub struct ModelReply<'a> {
    /// All its headers, `:status` included.
    pub headers: &'a Headers<'a>,
    /// All its body.
    pub body: &'a [u8],
}
