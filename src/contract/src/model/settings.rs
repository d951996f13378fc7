//! Settings of a contract beside roles and tools: limits, and the handling of requests.

use std::time::Duration;

/// Limits of one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Output tokens a caller may ask for; no limit by default.
    pub max_output_tokens: Option<u64>,
    /// Calls in one answer of the model; 8 by default.
    pub max_tool_calls_per_turn: u32,
    /// Calls of the model in one exchange; 4 by default.
    pub max_rounds: u32,
    /// Bytes of a request's body; 8 MiB by default.
    pub request_bytes: u64,
    /// Bytes of a response's body; 4 MiB by default.
    pub response_bytes: u64,
    /// Time for one turn: one answer of the model, from the request for it to its last byte; 10 min by default.
    pub turn_timeout: Duration,
    /// Time in which nothing of a turn arrives: before its first byte, and between two bytes. By default 60 s,
    /// or `turn_timeout` if shorter.
    pub turn_idle_timeout: Duration,
    /// The store of the counts of rates, budgets and conversations; Envoy's by default.
    pub store: CountStore,
    /// The rule for requests and calls if the executor's store does not answer.
    pub store_unavailable: StoreUnavailable,
}

/// The store of the counts of rates, budgets and conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountStore {
    /// Each Envoy counts by itself; the default.
    #[default]
    Envoy,
    /// The executor counts for all Envoys that ask it.
    Executor,
}

/// The rule for requests and calls that cannot be counted, because the executor or its store does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreUnavailable {
    /// They are refused; the default.
    #[default]
    Refuse,
    /// They pass uncounted.
    Allow,
}

/// The answer to a turn with a refused call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnViolation {
    /// A well-formed answer with the refused call and the reason; the default.
    Refuse,
    /// An error in the dialect's own shape.
    Error,
    /// The violation goes back to the model as the tool's result, and it is asked again.
    Feedback,
}

/// The rule for conversations continued from state at the provider, which the gate cannot see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// Every request carries its whole conversation; the default.
    Refused,
    /// A request may name an earlier answer or a conversation instead.
    Allowed,
}

/// The rule for a declared or chosen tool missing from the contract or the caller's role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UndeclaredTools {
    /// The request is refused; the default.
    #[default]
    Refuse,
    /// The tool is left out of the request; the model never learns of it.
    Drop,
}

/// The rules for members of a request unknown to the gate's tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestMembers {
    /// The rule for members not in `allow`.
    pub unknown: UnknownMembers,
    /// Forwarded members, by the name of the top-level member or as a dotted path (`extra_body.store_hint`).
    pub allow: Vec<String>,
}

/// The rule for an unknown member. It never reaches the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownMembers {
    /// The member is left out of the request; the default.
    #[default]
    Drop,
    /// The request is refused.
    Refuse,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_output_tokens: None,
            max_tool_calls_per_turn: 8,
            max_rounds: 4,
            request_bytes: 8 << 20,
            response_bytes: 4 << 20,
            turn_timeout: Duration::from_secs(600),
            turn_idle_timeout: Duration::from_secs(60),
            store: CountStore::Envoy,
            store_unavailable: StoreUnavailable::Refuse,
        }
    }
}
