//! The reason why a call may not run.

use std::fmt;

use callgate_json::name_in_sentence;

/// The reason why a call was denied.
///
/// `message` repeats nothing from the model: neither a value nor a key of the arguments. `tool` is the one
/// exception, made printable and cut to 64 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The broken rule.
    pub code: Code,
    /// The called name.
    pub tool: String,
    /// JSON Pointer (RFC 6901) into the arguments (or the result): the offending place; for a missing property,
    /// where it should be. Empty for the whole. It stops short of a key missing from the schema.
    pub pointer: String,
    /// One sentence: the expected value.
    pub message: String,
    /// True if the model is told of it and asked again, whatever the contract's `onViolation` says: `otherwise: feedback`.
    pub feeds_back: bool,
}

/// The broken rule. The text form is stable: clients and logs depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The contract has no tool of that name.
    ToolNotInContract,
    /// The caller's role may not use the tool, or the contract has no such role.
    RoleForbidden,
    /// The arguments are not one strict JSON text.
    ArgumentsNotJson,
    /// The arguments do not satisfy the tool's `parameters`.
    ArgumentsInvalid,
    /// A marked string could mean two things, or no reader understands it.
    ArgumentUnreadable,
    /// The profile of the caller's role does not allow what a marked string means.
    ArgumentForbidden,
    /// A condition of the contract does not hold, or has no value.
    ConditionUnmet,
    /// A person must approve the call first, and has not.
    ApprovalRequired,
    /// A person denied the call.
    ApprovalRefused,
    /// A policy of the executor denies the call.
    PolicyDenied,
    /// A value is nowhere in the conversation, and the contract says where it comes from.
    OriginMissing,
    /// A value is in the conversation, but not where the contract says that it comes from; or it is a copy of an outsider's words.
    OriginForeign,
    /// A URL, host, address, account, long number or key has no honest source.
    EntityForeign,
    /// A confidential value would leave the organisation.
    ConfidentialFlow,
    /// The conversation has text of outsiders.
    Tainted,
    /// The user's last message does not ask for the call.
    NotRequested,
    /// A limit of the contract is reached.
    LimitExceeded,
    /// The role or the tool has as many calls as it may have in a minute or a day.
    RateLimited,
    /// The conversation has as many calls as it may have.
    ConversationLimit,
    /// A limit cannot be checked: the counters cannot be read or changed.
    LimitsUnavailable,
    /// The call lacks a required part, such as a name.
    CallMalformed,
    /// The tool's result does not satisfy its `result`.
    ResultInvalid,
    /// The definition of the tool at its MCP server is not the reviewed one. It is reported and never refused.
    DefinitionChanged,
}

// === impl Violation ===

impl Violation {
    pub(crate) fn new(code: Code, tool: &str, pointer: String, message: String) -> Self {
        Self { code, tool: name_in_sentence(tool), pointer, message, feeds_back: false }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.pointer.is_empty() {
            write!(f, " at {}", self.pointer)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Violation {}

// === impl Code ===

impl Code {
    /// Every code.
    pub const ALL: [Self; 23] = [
        Self::ToolNotInContract,
        Self::RoleForbidden,
        Self::ArgumentsNotJson,
        Self::ArgumentsInvalid,
        Self::ArgumentUnreadable,
        Self::ArgumentForbidden,
        Self::ConditionUnmet,
        Self::ApprovalRequired,
        Self::ApprovalRefused,
        Self::PolicyDenied,
        Self::OriginMissing,
        Self::OriginForeign,
        Self::EntityForeign,
        Self::ConfidentialFlow,
        Self::Tainted,
        Self::NotRequested,
        Self::LimitExceeded,
        Self::RateLimited,
        Self::ConversationLimit,
        Self::LimitsUnavailable,
        Self::CallMalformed,
        Self::ResultInvalid,
        Self::DefinitionChanged,
    ];

    /// The stable text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToolNotInContract => "tool_not_in_contract",
            Self::RoleForbidden => "role_forbidden",
            Self::ArgumentsNotJson => "arguments_not_json",
            Self::ArgumentsInvalid => "arguments_invalid",
            Self::ArgumentUnreadable => "argument_unreadable",
            Self::ArgumentForbidden => "argument_forbidden",
            Self::ConditionUnmet => "condition_unmet",
            Self::ApprovalRequired => "approval_required",
            Self::ApprovalRefused => "approval_refused",
            Self::PolicyDenied => "policy_denied",
            Self::OriginMissing => "origin_missing",
            Self::OriginForeign => "origin_foreign",
            Self::EntityForeign => "entity_foreign",
            Self::ConfidentialFlow => "confidential_flow",
            Self::Tainted => "tainted",
            Self::NotRequested => "not_requested",
            Self::LimitExceeded => "limit_exceeded",
            Self::RateLimited => "rate_limited",
            Self::ConversationLimit => "conversation_limit",
            Self::LimitsUnavailable => "limits_unavailable",
            Self::CallMalformed => "call_malformed",
            Self::ResultInvalid => "result_invalid",
            Self::DefinitionChanged => "definition_changed",
        }
    }

    /// Returns the code with this text form.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_with_a_text_is_listed() {
        let texts = include_str!("violation.rs")
            .lines()
            .filter(|line| line.trim_start().starts_with("Self::") && line.contains("=> \""));
        assert_eq!(texts.count(), Code::ALL.len());
    }
}
