//! Refusals of a whole exchange: stable codes and their HTTP statuses.

use std::time::Duration;

use callgate_contract::{Code as CallCode, Violation};
use callgate_wire::ApiError;

use crate::scopes::Challenge;

/// An executor's queue moves within this time. Its own hint (`google.rpc.RetryInfo`) does not reach a proxy-wasm filter.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The stable code of an exchange ended by an error. A refused call has a `callgate_contract::Code` instead; with
/// `onViolation: error` the error object has this code ([`Code::Call`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The path is neither a dialect's nor passed through.
    PathNotAllowed,
    /// The path takes POST only.
    MethodNotAllowed,
    /// A request to change the protocol, such as to a WebSocket.
    UpgradeRefused,
    /// The request does not identify the caller.
    CallerUnknown,
    /// The token lacks a scope, and another one would do.
    InsufficientScope,
    /// No contract of the configuration is for the caller, the host and the path.
    ContractUnmatched,
    /// The caller's role is not in the contract, or may not use the tool.
    RoleForbidden,
    /// The body is compressed or not `application/json`.
    RequestEncoded,
    /// The body made no progress.
    RequestTimeout,
    /// The body is larger than `limits.requestBytes`.
    RequestTooLarge,
    /// The body is not strict JSON.
    RequestNotJson,
    /// The body is JSON but not a request of the dialect, or the gate cannot decide on it.
    RequestInvalid,
    /// The request has an unknown member, and the contract has `requestMembers: { unknown: refuse }`.
    RequestMemberUnknown,
    /// A tool is declared twice.
    ToolDeclaredTwice,
    /// A declared or chosen tool is not in the contract.
    ToolNotInContract,
    /// The model is not in the contract.
    ModelNotAllowed,
    /// The model has no price in the contract, and a rule needs one.
    ModelNotPriced,
    /// A provider-run tool is not in the contract.
    ProviderToolForbidden,
    /// The conversation continues from state at the provider, and the contract does not allow it.
    ServerStateForbidden,
    /// The upstream's response is compressed.
    UpstreamEncoded,
    /// The upstream's response is unreadable, or of a kind the gate cannot decide on.
    UpstreamInvalid,
    /// The upstream's response ended early.
    UpstreamTruncated,
    /// The upstream answered with an error of another format, or was unreachable.
    UpstreamError,
    /// The result of an MCP server's tool does not fit the contract.
    OutputInvalid,
    /// A tool's result is larger than `results.maxBytes`.
    ResultTooLarge,
    /// A tool's result matches a pattern of `results.deny`.
    ResultDenied,
    /// The text of a user matches a pattern of `results.deny`.
    TextDenied,
    /// The method of an MCP message is not forwarded.
    McpMethodForbidden,
    /// The revision of MCP is not supported.
    McpVersionUnsupported,
    /// A header of MCP is missing, or differs from the message.
    McpHeaderMismatch,
    /// The contract does not let an MCP server ask a client for this.
    McpInputForbidden,
    /// The contract lists no such resource of an MCP server, or its URI cannot be read for certain.
    McpResourceForbidden,
    /// The contract lists no such prompt of an MCP server.
    McpPromptForbidden,
    /// The result of an MCP server is a task that nobody allows, or of an unknown kind.
    McpResultUnsupported,
    /// The handle of a task is not one that the gate gave this caller, or it is too old.
    McpTaskUnknown,
    /// The state of a retry is not the one that the gate gave this caller for this request.
    McpStateInvalid,
    /// The response is larger than `limits.responseBytes`.
    ResponseTooLarge,
    /// A limit of the contract on time, rounds or calls was reached.
    LimitExceeded,
    /// The role has used up its requests or tokens of a minute, or its requests of a day.
    RateLimited,
    /// The role has used up its tokens or its money of a day.
    BudgetExceeded,
    /// The request does not name its conversation.
    ConversationUnknown,
    /// The conversation is older than `conversation.lifetime`.
    ConversationExpired,
    /// The conversation has as many turns as `conversation.maxTurns`.
    ConversationLimit,
    /// The counters of limits cannot be used.
    LimitsUnavailable,
    /// The worker's memory budget is used up, in all or for the tenant.
    GateOverloaded,
    /// The executor could not be reached in time.
    ExecutorUnavailable,
    /// The executor is overloaded. The calls of the turn did not run.
    ExecutorOverloaded,
    /// The executor refused the request, or its answer cannot be read.
    ExecutorRejected,
    /// An event came out of order: a defect of the adapter. Nothing is forwarded.
    OutOfOrder,
    /// A call was refused and the contract says `onViolation: error`.
    Call(callgate_contract::Code),
}

impl Code {
    /// Every code but [`Code::Call`].
    const OWN: [Self; 49] = [
        Self::PathNotAllowed,
        Self::MethodNotAllowed,
        Self::UpgradeRefused,
        Self::CallerUnknown,
        Self::InsufficientScope,
        Self::ContractUnmatched,
        Self::RoleForbidden,
        Self::RequestEncoded,
        Self::RequestTimeout,
        Self::RequestTooLarge,
        Self::RequestNotJson,
        Self::RequestInvalid,
        Self::RequestMemberUnknown,
        Self::ToolDeclaredTwice,
        Self::ToolNotInContract,
        Self::ModelNotAllowed,
        Self::ModelNotPriced,
        Self::ProviderToolForbidden,
        Self::ServerStateForbidden,
        Self::UpstreamEncoded,
        Self::UpstreamInvalid,
        Self::UpstreamTruncated,
        Self::UpstreamError,
        Self::OutputInvalid,
        Self::ResultTooLarge,
        Self::ResultDenied,
        Self::TextDenied,
        Self::McpMethodForbidden,
        Self::McpVersionUnsupported,
        Self::McpHeaderMismatch,
        Self::McpInputForbidden,
        Self::McpResourceForbidden,
        Self::McpPromptForbidden,
        Self::McpResultUnsupported,
        Self::McpTaskUnknown,
        Self::McpStateInvalid,
        Self::ResponseTooLarge,
        Self::LimitExceeded,
        Self::RateLimited,
        Self::BudgetExceeded,
        Self::ConversationUnknown,
        Self::ConversationExpired,
        Self::ConversationLimit,
        Self::LimitsUnavailable,
        Self::GateOverloaded,
        Self::ExecutorUnavailable,
        Self::ExecutorOverloaded,
        Self::ExecutorRejected,
        Self::OutOfOrder,
    ];

    /// Returns every code.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::OWN.into_iter().chain(callgate_contract::Code::ALL.map(Self::Call))
    }

    /// Returns the code for callers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PathNotAllowed => "path_not_allowed",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UpgradeRefused => "upgrade_refused",
            Self::CallerUnknown => "caller_unknown",
            Self::InsufficientScope => "insufficient_scope",
            Self::ContractUnmatched => "contract_unmatched",
            Self::RoleForbidden => "role_forbidden",
            Self::RequestEncoded => "request_encoded",
            Self::RequestTimeout => "request_timeout",
            Self::RequestTooLarge => "request_too_large",
            Self::RequestNotJson => "request_not_json",
            Self::RequestInvalid => "request_invalid",
            Self::RequestMemberUnknown => "request_member_unknown",
            Self::ToolDeclaredTwice => "tool_declared_twice",
            Self::ToolNotInContract => "tool_not_in_contract",
            Self::ModelNotAllowed => "model_not_allowed",
            Self::ModelNotPriced => "model_not_priced",
            Self::ProviderToolForbidden => "provider_tool_forbidden",
            Self::ServerStateForbidden => "server_state_forbidden",
            Self::UpstreamEncoded => "upstream_encoded",
            Self::UpstreamInvalid => "upstream_invalid",
            Self::UpstreamTruncated => "upstream_truncated",
            Self::UpstreamError => "upstream_error",
            Self::OutputInvalid => "output_invalid",
            Self::ResultTooLarge => "result_too_large",
            Self::ResultDenied => "result_denied",
            Self::TextDenied => "text_denied",
            Self::McpMethodForbidden => "mcp_method_forbidden",
            Self::McpVersionUnsupported => "mcp_version_unsupported",
            Self::McpHeaderMismatch => "mcp_header_mismatch",
            Self::McpInputForbidden => "mcp_input_forbidden",
            Self::McpResourceForbidden => "mcp_resource_forbidden",
            Self::McpPromptForbidden => "mcp_prompt_forbidden",
            Self::McpResultUnsupported => "mcp_result_unsupported",
            Self::McpTaskUnknown => "mcp_task_unknown",
            Self::McpStateInvalid => "mcp_state_invalid",
            Self::ResponseTooLarge => "response_too_large",
            Self::LimitExceeded => "limit_exceeded",
            Self::RateLimited => "rate_limited",
            Self::BudgetExceeded => "budget_exceeded",
            Self::ConversationUnknown => "conversation_unknown",
            Self::ConversationExpired => "conversation_expired",
            Self::ConversationLimit => "conversation_limit",
            Self::LimitsUnavailable => "limits_unavailable",
            Self::GateOverloaded => "gate_overloaded",
            Self::ExecutorUnavailable => "executor_unavailable",
            Self::ExecutorOverloaded => "executor_overloaded",
            Self::ExecutorRejected => "executor_rejected",
            Self::OutOfOrder => "out_of_order",
            Self::Call(code) => code.as_str(),
        }
    }

    /// Returns the HTTP status. A request that the contract refuses has status 400, whatever the rule: coding agents repeat it after
    /// most other statuses, and some take 403 for a fault of their credentials. So 403 is only for a token without the scope.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::ContractUnmatched
            | Self::RoleForbidden
            | Self::RequestNotJson
            | Self::RequestInvalid
            | Self::RequestMemberUnknown
            | Self::ToolDeclaredTwice
            | Self::ToolNotInContract
            | Self::ModelNotAllowed
            | Self::ModelNotPriced
            | Self::ProviderToolForbidden
            | Self::ServerStateForbidden
            | Self::ResultTooLarge
            | Self::ResultDenied
            | Self::TextDenied
            | Self::ConversationUnknown
            | Self::ConversationExpired
            | Self::ConversationLimit
            | Self::McpMethodForbidden
            | Self::McpVersionUnsupported
            | Self::McpHeaderMismatch
            | Self::McpInputForbidden
            | Self::McpResourceForbidden
            | Self::McpPromptForbidden
            | Self::McpTaskUnknown
            | Self::McpStateInvalid
            | Self::Call(_) => 400,
            Self::CallerUnknown => 401,
            Self::InsufficientScope => 403,
            Self::PathNotAllowed => 404,
            Self::MethodNotAllowed => 405,
            Self::UpgradeRefused => 426,
            Self::RequestTimeout => 408,
            Self::RequestTooLarge => 413,
            Self::RequestEncoded => 415,
            Self::RateLimited | Self::BudgetExceeded => 429,
            Self::OutOfOrder => 500,
            Self::UpstreamEncoded
            | Self::UpstreamInvalid
            | Self::UpstreamTruncated
            | Self::UpstreamError
            | Self::OutputInvalid
            | Self::McpResultUnsupported
            | Self::ResponseTooLarge
            | Self::ExecutorRejected => 502,
            Self::LimitsUnavailable | Self::GateOverloaded | Self::ExecutorUnavailable | Self::ExecutorOverloaded => {
                503
            }
            Self::LimitExceeded => 504,
        }
    }

    /// Returns how long to wait before retrying, if known.
    fn retry_after(self) -> Option<Duration> {
        let passes = matches!(self, Self::ExecutorOverloaded | Self::GateOverloaded | Self::LimitsUnavailable);
        passes.then_some(RETRY_AFTER)
    }
}

/// The reason for ending an exchange in an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct Refusal {
    /// The reason, for programs.
    pub code: Code,
    /// The reason, for people: one sentence.
    pub message: String,
    /// The part of the request at fault, if there is one.
    pub param: Option<String>,
    /// The status and `retry-after` of the upstream, if its error is the reason.
    pub(crate) upstream: Option<(u16, Option<Duration>)>,
    /// The time to wait before retrying, if a limit on rates is the reason.
    pub(crate) retry_after: Option<Duration>,
    /// The missing scope, if it is the reason.
    pub(crate) challenge: Option<Challenge>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), param: None, upstream: None, retry_after: None, challenge: None }
    }

    pub(crate) fn at(code: Code, param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(code, message) }
    }

    /// A refused call under `onViolation: error`. `param` is the JSON Pointer into the call's arguments.
    pub(crate) fn of_call(violation: &Violation) -> Self {
        let refusal = Self::new(Code::Call(violation.code), notice(violation));
        Self { param: Some(violation.pointer.clone()).filter(|pointer| !pointer.is_empty()), ..refusal }
    }

    /// An error of the upstream in a further round.
    pub(crate) fn of_upstream(status: u16, message: String, retry_after: Option<Duration>) -> Self {
        Self { upstream: Some((status, retry_after)), ..Self::new(Code::UpstreamError, message) }
    }

    /// Returns the HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.upstream.map_or(self.code.status(), |(status, _)| status)
    }

    /// Returns how long to wait before retrying, if known.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.upstream.and_then(|(_, after)| after).or(self.retry_after).or(self.code.retry_after())
    }

    /// Returns the error for a dialect to write.
    pub(crate) fn api_error(&self) -> ApiError {
        ApiError {
            status: self.status(),
            code: self.code.as_str().to_owned(),
            message: self.message.clone(),
            param: self.param.clone(),
        }
    }
}

/// Describes a refused call, for a person or a model.
pub(crate) fn notice(violation: &Violation) -> String {
    let place = if violation.pointer.is_empty() { String::new() } else { format!(" at {}", violation.pointer) };
    let tool = if violation.tool.is_empty() { "an unnamed tool".to_owned() } else { format!("`{}`", violation.tool) };
    let did = if violation.code == CallCode::ApprovalRequired { "holds" } else { "refused" };
    format!("Callgate {did} the call of {tool} ({}{place}): {}", violation.code.as_str(), violation.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_with_a_text_is_listed() {
        let texts = include_str!("refusal.rs")
            .lines()
            .filter(|line| line.trim_start().starts_with("Self::") && line.contains("=> \""));
        assert_eq!(texts.count(), Code::OWN.len());
    }
}
