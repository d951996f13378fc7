//! The effects: an exchange's orders to its adapter.

use std::borrow::Cow;
use std::time::Duration;

use callgate_contract::{CallerClaims, ConversationFacts, Violation};

use crate::{Challenge, Trace};

/// The host's next action. Every event has exactly one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Forward nothing yet. The engine has the bytes of the event; the host drops its copy.
    Hold,
    /// Forward the event unchanged: its headers, or its bytes without a copy.
    Pass,
    /// Forward the request unchanged, without these headers.
    PassWithout(Vec<String>),
    /// Forward the request, changed.
    Forward(Forward),
    /// Answer here. Forward neither the request nor the upstream's response.
    Reply(Reply),
    /// Forward the response headers without a length. A stream follows, in [`Effect::Emit`].
    BeginStream,
    /// Forward these bytes in place of those of the event. Never empty, and never the event's own.
    Emit(Vec<u8>),
    /// Hold everything and send these calls to the executor; [`crate::Event::CallsRun`] answers. If the request is held,
    /// [`Effect::Reply`] follows the answer.
    Run(CallBatch),
    /// Hold everything and ask the executor about calls that the client runs; [`crate::Event::Authorized`] answers. If the request is held,
    /// [`Effect::Forward`] or [`Effect::Reply`] follows the answer.
    Authorize(AuthorizeBatch),
    /// Hold everything and ask the executor to count the request, or a further round; [`crate::Event::Admitted`] answers. If the request is
    /// held, [`Effect::Forward`] or [`Effect::Reply`] follows the answer, or [`Effect::Authorize`] before them.
    Admit(AdmissionRequest),
    /// Hold everything and ask the model again; [`crate::Event::ModelAnswered`] answers.
    Ask(ModelRequest),
    /// Release the response with this body in place of everything held. It is complete; later bytes of the upstream are dropped.
    Finish(Vec<u8>),
    /// Reset the response: its end would look like a complete answer, and nothing can be written any more.
    Reset,
}

/// A request to forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Its body. `content-length` is its length.
    pub body: Vec<u8>,
    /// Headers not to forward.
    pub remove: Vec<String>,
    /// Headers to set: names in lower case, and values of printable ASCII.
    pub set: Vec<(String, String)>,
    /// The body's media type, to be set; `None` for an empty body.
    pub content_type: Option<Cow<'static, str>>,
}

/// An answer made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
    /// The time to wait before retrying: `retry-after` (RFC 9110 §10.2.3).
    pub retry_after: Option<Duration>,
    /// The reason why the caller's token does not suffice: `www-authenticate` (RFC 9110 §11.6.1).
    pub challenge: Option<Challenge>,
}

// === impl Reply ===

impl Reply {
    /// Makes an answer without further headers.
    #[must_use]
    pub fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, body, retry_after: None, challenge: None }
    }
}

/// The approved calls of one turn, for one request to the executor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallBatch {
    /// Digest of the approving contract.
    pub contract_digest: String,
    /// The caller's tenant.
    pub tenant: String,
    /// The caller's role.
    pub role: String,
    /// The caller's claims that the contract declares.
    pub claims: CallerClaims,
    /// The workspace that the request states, if the contract names a header for it.
    pub workspace: Option<String>,
    /// The adapter's name of this exchange; with `round` and a call's position, the idempotency key.
    pub exchange_id: String,
    /// The proxy's name of the request; may be empty.
    pub request_id: String,
    /// The trace of the request, for the calls.
    pub trace: Option<Trace>,
    /// The conversation, if the contract has a rule for it: 32 hexadecimal digits, a hash of tenant, role and id.
    pub conversation_id: Option<String>,
    /// Counted from 1.
    pub round: u32,
    /// The model of the request, if a condition of the contract reads it.
    pub model: Option<String>,
    /// The facts before the turn, if a condition of the contract reads them.
    pub conversation: Option<ConversationFacts>,
    /// At least one.
    pub calls: Vec<RunCall>,
}

/// The calls of one turn that the client runs and the executor must release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeBatch {
    /// The calls.
    pub batch: CallBatch,
    /// Their dependence on each other.
    pub release: ReleaseRule,
}

/// A request, or a further round of one, that the executor counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionRequest {
    /// Digest of the contract with the limits.
    pub contract_digest: String,
    /// The caller's tenant.
    pub tenant: String,
    /// The caller's role.
    pub role: String,
    /// The adapter's name of this exchange. With `round` it names the count, which is made once.
    pub exchange_id: String,
    /// The proxy's name of the request; may be empty.
    pub request_id: String,
    /// The trace of the request.
    pub trace: Option<Trace>,
    /// 1 for the request, and the number of the round for each further one.
    pub round: u32,
    /// The name of the conversation, if the contract has a rule for it: 32 hexadecimal digits.
    pub conversation_id: Option<String>,
    /// The time limit for the answer.
    pub timeout: Duration,
}

/// The tokens and the cost of an exchange that has ended, for the executor to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageCharge {
    /// Digest of the contract with the limits.
    pub contract_digest: String,
    /// The caller's tenant.
    pub tenant: String,
    /// The caller's role.
    pub role: String,
    /// The adapter's name of this exchange. It is charged once.
    pub exchange_id: String,
    /// Tokens of input and output.
    pub tokens: u64,
    /// The cost in millionths of the unit of the contract's currency.
    pub cost_micros: u64,
}

/// The dependence of the calls of a batch on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseRule {
    /// Each call is released by itself.
    Each,
    /// No call is released if one is denied: the model is asked again.
    NoneIfDenied,
    /// No call is released if one is denied or waits for a person: the exchange ends in an error.
    AllOrNone,
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
    /// True if a person must approve it.
    pub needs_approval: bool,
    /// The decision on the rules about the sources of the call's values, if the tool has any.
    pub sources: Option<SourceRuling>,
    /// True if the executor is asked only because it counts the call.
    pub only_counted: bool,
}

/// The gate's decision on the rules about the sources of a call's values. The executor cannot see the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRuling {
    /// The broken rule because of which a person must approve the call; `None` if all hold.
    pub held: Option<Violation>,
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
    /// The time limit for the model's answer.
    pub timeout: Duration,
}
