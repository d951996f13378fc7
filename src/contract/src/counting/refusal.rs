//! The reasons why something is not counted, and their words.

use std::time::Duration;

use callgate_limits::{ConversationEnd, Limit, Period, StoreError, Unit};

use super::LimitOwner;
use crate::model::Tool;
use crate::violation::{Code, Violation};

/// The reason why a count is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCounted {
    /// A limit is reached.
    Reached {
        /// The owner of the limit.
        owner: LimitOwner,
        /// The limit.
        limit: Limit,
        /// The time until the count may fit.
        retry_after: Duration,
    },
    /// The conversation has ended, for requests or for calls.
    Ended(ConversationEnd),
    /// The counter cannot be read or changed.
    Unavailable(StoreError),
}

/// A request that is refused because of its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountRefusal {
    /// The code.
    pub code: CountCode,
    /// One sentence for the caller.
    pub message: String,
    /// The time until the same request may fit, if it ever does.
    pub retry_after: Option<Duration>,
}

/// The code of a request that is refused because of its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CountCode {
    /// The role has used up its requests or tokens of a minute, or its requests of a day.
    RateLimited,
    /// The role has used up its tokens or its money of a day.
    BudgetExceeded,
    /// The conversation is older than `conversation.lifetime`.
    ConversationExpired,
    /// The conversation has as many turns as `conversation.maxTurns`.
    ConversationLimit,
    /// The counters cannot be used.
    LimitsUnavailable,
}

// === impl NotCounted ===

impl From<StoreError> for NotCounted {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<ConversationEnd> for NotCounted {
    fn from(end: ConversationEnd) -> Self {
        Self::Ended(end)
    }
}

impl NotCounted {
    /// Returns the refusal of a request.
    #[must_use]
    pub fn refusal(&self) -> CountRefusal {
        let (code, message, retry_after) = match self {
            Self::Reached { owner, limit, retry_after } => {
                let code = match (limit.unit, limit.period) {
                    (Unit::Tokens | Unit::Cost, Period::Day) => CountCode::BudgetExceeded,
                    _ => CountCode::RateLimited,
                };
                let (kind, name, limit, wait) = (owner.kind(), owner.name(), words(*limit), retry_after.as_secs());
                let message = format!("The {kind} `{name}` has used up {limit}; try again in {wait} seconds.");
                (code, message, Some(*retry_after))
            }
            Self::Ended(ConversationEnd::Expired) => (
                CountCode::ConversationExpired,
                "The conversation is older than the contract's `conversation.lifetime`; begin a new one.".to_owned(),
                None,
            ),
            Self::Ended(ConversationEnd::Turns | ConversationEnd::Calls) => (
                CountCode::ConversationLimit,
                "The conversation has as many turns as the contract's `conversation.maxTurns`; begin a new one."
                    .to_owned(),
                None,
            ),
            Self::Unavailable(_) => return CountRefusal::unavailable(),
        };
        CountRefusal { code, message, retry_after }
    }

    /// Returns the violation of a call.
    #[must_use]
    pub fn violation(&self, tool: &Tool) -> Violation {
        let (code, message) = match self {
            Self::Reached { owner, limit, retry_after } => {
                let (kind, name, limit, wait) = (owner.kind(), owner.name(), words(*limit), retry_after.as_secs());
                let message = format!(
                    "expected {kind} `{name}` to stay within {limit}; the next one is possible in {wait} seconds"
                );
                (Code::RateLimited, message)
            }
            Self::Ended(_) => (
                Code::ConversationLimit,
                "expected at most as many calls in a conversation as the contract's `conversation.maxCalls`; begin a new one"
                    .to_owned(),
            ),
            Self::Unavailable(_) => (
                Code::LimitsUnavailable,
                "expected the counters of the contract's limits to be usable, and they are not".to_owned(),
            ),
        };
        Violation::new(code, tool.name(), String::new(), message)
    }
}

// === impl CountRefusal ===

impl CountRefusal {
    /// Refuses a request whose counters cannot be used.
    #[must_use]
    pub fn unavailable() -> Self {
        let message = "The counters of the contract's limits cannot be used, so the request is refused; try again.";
        Self { code: CountCode::LimitsUnavailable, message: message.to_owned(), retry_after: None }
    }
}

// === impl CountCode ===

impl CountCode {
    /// Every code.
    pub const ALL: [Self; 5] = [
        Self::RateLimited,
        Self::BudgetExceeded,
        Self::ConversationExpired,
        Self::ConversationLimit,
        Self::LimitsUnavailable,
    ];

    /// Returns the stable text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::BudgetExceeded => "budget_exceeded",
            Self::ConversationExpired => "conversation_expired",
            Self::ConversationLimit => "conversation_limit",
            Self::LimitsUnavailable => "limits_unavailable",
        }
    }

    /// Returns the code with this text.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}

/// Names a limit.
fn words(Limit { unit, period, most }: Limit) -> String {
    let unit = match unit {
        Unit::Requests => "requests",
        Unit::Calls => "calls",
        Unit::Tokens => "tokens",
        Unit::Cost => return "the cost that the contract allows a day".to_owned(),
    };
    let period = match period {
        Period::Minute => "minute",
        Period::Day => "day",
    };
    format!("the {most} {unit} that the contract allows a {period}")
}
