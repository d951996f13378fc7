//! The life of conversations, as a contract describes it.

use callgate_limits::ConversationRules;

/// The rule for conversations over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationPolicy {
    /// The places of a conversation's id. The first one that a request has counts. Never empty.
    pub ids: Vec<ConversationId>,
    /// The limits of its life.
    pub rules: ConversationRules,
}

/// A place of a conversation's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConversationId {
    /// A header of the request, its name in lower case.
    Header(String),
    /// A hash of the texts before the model's first answer.
    Derived,
}
