//! What a record tells.

use std::time::SystemTime;

use callgate_proto::executor::v1::Usage;

/// What is appended: a call, and what happened to it. The log adds its own number, the hash of the record before, and its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it happened.
    pub time: SystemTime,
    /// Who tells of it.
    pub source: Source,
    /// The call.
    pub call: Call,
    /// What happened to it.
    pub event: Event,
}

/// Who tells of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The filter in Envoy.
    Filter,
    /// This executor.
    Executor,
}

/// Which call, of whom, under which contract. Never the arguments themselves, but where the contract says `audit: full`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Names the exchange; made up by the filter.
    pub exchange_id: String,
    /// Which round of the exchange, counted from 1.
    pub round: u32,
    /// The call's place among the decisions of its exchange, as the filter counts them; if the filter did not say, its place in
    /// the request to the executor.
    pub position: u32,
    /// The call's id as the model gave it.
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
    /// The tool's name, printable, at most 64 characters.
    pub tool: String,
    /// SHA-256 of the canonical arguments, 64 hexadecimal digits; empty where they are no strict JSON.
    pub arguments_digest: String,
    /// The canonical arguments, where the contract says `audit: full`.
    pub arguments: Option<String>,
}

/// What happened to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It was decided.
    Decision {
        /// How.
        verdict: Verdict,
        /// The violation's code; empty where there is none.
        code: String,
        /// JSON Pointer into the arguments; empty where there is none.
        pointer: String,
        /// Names the request for approval, where there is one.
        approval_id: Option<String>,
    },
    /// It ended.
    Outcome {
        /// `success`, or the kind of failure, such as `timeout`.
        outcome: String,
        /// What it used.
        usage: Usage,
    },
    /// It came again, and was told how it had ended. Nothing ran.
    Repeat {
        /// The outcome that was told.
        outcome: String,
    },
    /// Another call came under its name, and was refused.
    KeyReused,
    /// A decision contradicts another record of the same call.
    Conflict {
        /// The number of that record.
        of: u64,
        /// The decision.
        verdict: Verdict,
        /// The violation's code; empty where there is none.
        code: String,
        /// JSON Pointer into the arguments; empty where there is none.
        pointer: String,
    },
    /// A person answered a request for approval.
    Approval {
        /// Names the request.
        approval_id: String,
        /// Whether they agreed.
        approved: bool,
        /// Who answered.
        by: String,
        /// Why, in their words; may be empty.
        reason: String,
    },
}

/// The way in which an entry was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// As a new record.
    New,
    /// As a repeat of one that was there.
    Repeat,
    /// As a contradiction to one that was there.
    Conflict,
}

/// A verdict on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may run.
    Allow,
    /// It may not.
    Deny,
    /// A person must agree first.
    NeedsApproval,
    /// A person has agreed: it may run.
    Approved,
}
