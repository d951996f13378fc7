//! The content of a record.

use std::sync::Arc;
use std::time::SystemTime;

use callgate_proto::executor::v1::Usage;

use super::reading::RecordedReading;

/// An entry to append: a call and its event. The log adds the record's number, the previous record's hash, and its own
/// hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The time of the event.
    pub time: SystemTime,
    /// The reporter.
    pub source: Source,
    /// The call. All records of a call share it.
    pub call: Arc<Call>,
    /// The event.
    pub event: AuditEvent,
}

/// The reporter of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The filter in Envoy.
    Filter,
    /// This executor.
    Executor,
}

/// A call, its caller and its contract. Holds the arguments only if the contract says `audit: full`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The exchange's name, made by the filter.
    pub exchange_id: String,
    /// The round of the exchange, counted from 1.
    pub round: u32,
    /// The call's position among the decisions of its exchange, as the filter counts them; without one, its position in
    /// the request to the executor.
    pub position: u32,
    /// The call's id, from the model.
    pub call_id: String,
    /// `x-request-id` of the HTTP request, or empty.
    pub request_id: String,
    /// W3C trace id, 32 lowercase hexadecimal digits, or empty.
    pub trace_id: String,
    /// The caller's tenant.
    pub tenant: String,
    /// The caller's role.
    pub role: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub contract_digest: String,
    /// The conversation: 32 lowercase hexadecimal digits, or empty.
    pub conversation_id: String,
    /// The session that the coding agent claims, printable, at most 128 characters; or empty. Only the filter's decisions have it.
    pub agent_session: String,
    /// The agent within its session, likewise.
    pub agent_id: String,
    /// The agent, or its session, that started this one, likewise.
    pub agent_parent: String,
    /// The tool's name, printable, at most 64 characters.
    pub tool: String,
    /// SHA-256 of the canonical arguments, 64 hexadecimal digits; empty if they are not strict JSON.
    pub arguments_digest: String,
    /// The canonical arguments, if the contract says `audit: full`.
    pub arguments: Option<String>,
    /// The marked strings, as they were understood. Only the records of a decision keep them.
    pub readings: Vec<RecordedReading>,
    /// True if a part of the readings is left out because of its size.
    pub readings_cut: bool,
}

/// An event in the life of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum AuditEvent {
    /// The call was decided.
    Decision {
        /// The verdict.
        verdict: Verdict,
        /// The violation's code, or empty.
        code: String,
        /// JSON Pointer into the arguments, or empty.
        pointer: String,
        /// The request for approval, if any.
        approval_id: Option<String>,
    },
    /// The call ended.
    Outcome {
        /// `success`, or the kind of failure, such as `timeout`.
        outcome: String,
        /// The resources it used.
        usage: Usage,
    },
    /// The call was repeated and got the recorded outcome. Nothing ran.
    Repeat {
        /// The recorded outcome.
        outcome: String,
    },
    /// Another call used its idempotency key and was refused.
    KeyReused,
    /// A decision contradicts another record of the same call.
    Conflict {
        /// The number of the contradicted record.
        of: u64,
        /// The decision.
        verdict: Verdict,
        /// The violation's code, or empty.
        code: String,
        /// JSON Pointer into the arguments, or empty.
        pointer: String,
    },
    /// The counts of a request, or of a further round, are against it. The entry has no call.
    Admission {
        /// [`Verdict::Deny`]; in shadow mode [`Verdict::Allow`].
        verdict: Verdict,
        /// The code, such as `rate_limited` or `conversation_expired`.
        code: String,
    },
    /// A person answered a request for approval.
    Approval {
        /// The request.
        approval_id: String,
        /// True if they agreed.
        approved: bool,
        /// The person.
        by: String,
        /// Their reason; may be empty.
        reason: String,
    },
}

/// The log's answer to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is a new record.
    New,
    /// It repeats a record.
    Repeat,
    /// It contradicts a record.
    Conflict,
}

/// A verdict on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call may run.
    Allow,
    /// The call must not run.
    Deny,
    /// A person must agree first.
    NeedsApproval,
    /// A person has agreed: the call may run.
    Approved,
}
