//! What an exchange asks of its adapter.

use std::time::Duration;

use crate::Trace;

/// What the host must do about the event that was just told. Every event has exactly one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing goes on yet. The engine has taken the bytes of the event: the host's copy of them is dropped.
    Hold,
    /// What was told goes on as it is.
    Pass,
    /// The request goes on as it is, without these headers.
    PassWithout(Vec<String>),
    /// The request goes on, changed.
    Forward(Forward),
    /// The exchange is answered here; neither the request nor the upstream's response goes on.
    Reply(Reply),
    /// Response headers go on without a length: a stream follows, its bytes given by [`Effect::Emit`].
    BeginStream,
    /// These bytes go on in place of those told. Never empty.
    Emit(Vec<u8>),
    /// Hold everything and have these calls run; tell [`crate::Event::CallsRun`].
    Run(CallBatch),
    /// Hold everything and ask the model again; tell [`crate::Event::ModelAnswered`].
    Ask(ModelRequest),
    /// Release the response with this body in place of all that is held. It is complete; what the upstream still sends is dropped.
    Finish(Vec<u8>),
    /// Reset the response: its end would look like a complete answer, and nothing can be written any more.
    Reset,
}

/// A request that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Its body. `content-length` is its length.
    pub body: Vec<u8>,
    /// Headers that are not forwarded.
    pub remove: Vec<String>,
    /// The body's media type, to be set; `None` if there is no body.
    pub content_type: Option<String>,
}

/// An answer made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
    /// After how long the same request may fare better: `retry-after` (RFC 9110 §10.2.3).
    pub retry_after: Option<Duration>,
}

/// The approved calls of one turn, for one request to the executor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallBatch {
    /// Digest of the contract that approved them.
    pub contract_digest: String,
    /// The caller's tenant.
    pub tenant: String,
    /// The caller's role.
    pub role: String,
    /// The adapter's name of this exchange; with `round` and a call's position, the idempotency key.
    pub exchange_id: String,
    /// What the proxy calls the request; may be empty.
    pub request_id: String,
    /// The trace that goes on with the calls.
    pub trace: Option<Trace>,
    /// Counted from 1.
    pub round: u32,
    /// At least one.
    pub calls: Vec<RunCall>,
}

/// One approved call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCall {
    /// The model's id of the call.
    pub id: String,
    /// A tool of the contract.
    pub tool: String,
    /// RFC 8785 canonical JSON.
    pub arguments: String,
    /// The call's place among the decisions of its exchange; none if decisions are not recorded.
    pub position: Option<u32>,
}

/// A further round of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRequest {
    /// Path and query of the first round's request.
    pub path: String,
    /// Header pairs, credentials of the caller included, no pseudo-headers.
    pub headers: Vec<(String, String)>,
    /// JSON.
    pub body: Vec<u8>,
    /// How long the model may take.
    pub timeout: Duration,
}
