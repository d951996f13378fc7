//! The counts of an exchange, for metrics and access logs. The names of dropped members are the only text from
//! outside.

use std::borrow::Cow;

use callgate_contract::{self as contract, Cost, Usage};
use callgate_limits::Standing;
use callgate_redact::RedactionCounts;
use callgate_wire::Fate;

use crate::{Code, UsageSource};

/// Counts of one exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The dialect of the request: its [`Row::name`](callgate_wire::Row::name). `None` for a path without one.
    pub dialect: Option<&'static str>,
    /// Requests to the model: the forwarded one, and one for each further round.
    pub rounds: u32,
    /// Calls released to the client.
    pub released: u32,
    /// Calls given to the executor.
    pub run: u32,
    /// The code of each refused call, in order.
    pub refused: Vec<contract::Code>,
    /// The reason for ending the whole exchange in an error, if it did.
    pub error: Option<Code>,
    /// Values redacted in the request, in results and in messages of an MCP server. A client sends its conversation again with each
    /// request, so a value counts in each.
    pub redacted: RedactionCounts,
    /// Unknown members dropped from the request: at most 32 names or dotted paths, each of at most
    /// 64 printable ASCII characters without commas. The caller chose these names.
    pub dropped_members: Vec<String>,
    /// The number of further dropped members, whose names are not kept.
    pub dropped_members_unnamed: u64,
    /// Declared tools dropped because the contract or the role lacks them.
    pub undeclared_dropped: u32,
    /// Requests of an MCP server to its client that did not pass.
    pub inputs_withheld: u32,
    /// The client or the upstream broke the exchange off before its answer was complete.
    pub cancelled: bool,
    /// The tokens of all rounds.
    pub usage: Usage,
    /// The source of these counts.
    pub usage_source: UsageSource,
    /// The cost of all rounds. `None` if the contract has no price of the model.
    pub cost: Option<Cost>,
    /// The tokens and the cost could not be charged to the limits of the role.
    pub charge_lost: bool,
    /// The request, a round or a call passed uncounted, because the executor did not answer and the contract says so.
    pub uncounted: bool,
    /// The code of each allowed call with a broken rule, which is not enforced, in order.
    pub shadowed: Vec<contract::Code>,
    /// The codes for which the exchange would end in an error, if the contract were enforced.
    pub shadowed_errors: Vec<Code>,
    /// The conversation, if the contract has a rule for it and the request was accepted.
    pub conversation: Option<SeenConversation>,
    /// The calls decided by a candidate contract too.
    pub compared: u32,
    /// The calls on which the candidate decides otherwise, in order.
    pub differences: Vec<Difference>,
}

/// The end of an exchange, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExchangeVerdict {
    /// No call was decided.
    Pass,
    /// Calls were forwarded or given to the executor, and none was refused.
    Allow,
    /// A call was refused.
    Refuse,
    /// The exchange ended in an error.
    Error,
    /// A broken rule is not enforced.
    Shadow,
    /// The client or the upstream broke the exchange off before anything was decided.
    Cancelled,
}

/// The conversation of an accepted request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenConversation {
    /// Its name for logs: 32 hexadecimal digits, a hash of tenant, role and id.
    pub label: String,
    /// The state in which the request found it.
    pub standing: Standing,
}

/// Two contracts decide a call differently. `None` is an allowed call. An unenforced rule counts as if it were enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Difference {
    /// The code under the active contract.
    pub active: Option<contract::Code>,
    /// The code under the candidate.
    pub candidate: Option<contract::Code>,
}

// === impl Difference ===

impl Difference {
    /// Returns both words, such as `allow>arguments_invalid`.
    #[must_use]
    pub fn words(self) -> String {
        let word = |code: Option<contract::Code>| code.map_or("allow", contract::Code::as_str);
        format!("{}>{}", word(self.active), word(self.candidate))
    }
}

// === impl ExchangeVerdict ===

impl ExchangeVerdict {
    /// Returns true for a decision. The verdict of an exchange without one is known only at its end.
    #[must_use]
    pub fn is_decided(self) -> bool {
        match self {
            Self::Allow | Self::Refuse | Self::Error | Self::Shadow => true,
            Self::Pass | Self::Cancelled => false,
        }
    }

    /// Every verdict.
    pub const ALL: [Self; 6] = [Self::Pass, Self::Allow, Self::Refuse, Self::Error, Self::Shadow, Self::Cancelled];

    /// Returns the word, such as `refuse`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Allow => "allow",
            Self::Refuse => "refuse",
            Self::Error => "error",
            Self::Shadow => "shadow",
            Self::Cancelled => "cancelled",
        }
    }
}

// === impl Tally ===

impl Tally {
    /// Returns one word for an access log: `pass`, `allow`, `refuse:<code>` (the first refused call), `error:<code>`, `shadow:<code>`
    /// (the first broken rule that is not enforced), or `cancelled` if the client or the upstream broke the exchange off before any of
    /// these. A decision stands, also if the client hangs up after it.
    #[must_use]
    pub fn verdict(&self) -> Cow<'static, str> {
        match self.ending() {
            (verdict, Some(code)) => Cow::Owned(format!("{}:{code}", verdict.as_str())),
            (verdict, None) => Cow::Borrowed(verdict.as_str()),
        }
    }

    /// Returns the verdict, and the code of its first reason.
    #[must_use]
    pub fn ending(&self) -> (ExchangeVerdict, Option<&'static str>) {
        match (self.error, self.refused.first(), self.shadow()) {
            (Some(code), _, _) => (ExchangeVerdict::Error, Some(code.as_str())),
            (None, Some(code), _) => (ExchangeVerdict::Refuse, Some(code.as_str())),
            (None, None, Some(code)) => (ExchangeVerdict::Shadow, Some(code)),
            (None, None, None) if self.released > 0 || self.run > 0 => (ExchangeVerdict::Allow, None),
            (None, None, None) if self.cancelled => (ExchangeVerdict::Cancelled, None),
            (None, None, None) => (ExchangeVerdict::Pass, None),
        }
    }

    /// The code of the first broken rule that is not enforced.
    fn shadow(&self) -> Option<&'static str> {
        let of_exchange = self.shadowed_errors.first().map(|code| code.as_str());
        of_exchange.or_else(|| self.shadowed.first().map(|code| code.as_str()))
    }

    /// Counts a call that two contracts have decided.
    pub(crate) fn compare(&mut self, active: Option<contract::Code>, candidate: Option<contract::Code>) {
        self.compared = self.compared.saturating_add(1);
        if active != candidate {
            self.differences.push(Difference { active, candidate });
        }
    }

    /// Counts refused calls.
    pub(crate) fn refuse(&mut self, codes: impl IntoIterator<Item = contract::Code>) {
        self.refused.extend(codes);
    }

    /// Counts the calls forwarded to the client.
    pub(crate) fn release(&mut self, fates: &[Fate]) {
        let kept = fates.iter().filter(|fate| matches!(fate, Fate::Keep(_))).count();
        self.released = self.released.saturating_add(u32::try_from(kept).unwrap_or(u32::MAX));
    }
}
