//! The counts of an exchange, for metrics and access logs. The names of dropped members are the only text from
//! outside.

use std::borrow::Cow;

use callgate_contract::{self as contract, Cost, Usage};
use callgate_redact::RedactionCounts;
use callgate_wire::Fate;

use crate::{Code, UsageSource};

/// Counts of one exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
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
    /// The client or the upstream broke the exchange off.
    pub cancelled: bool,
    /// The tokens of all rounds.
    pub usage: Usage,
    /// The source of these counts.
    pub usage_source: UsageSource,
    /// The cost of all rounds. `None` if the contract has no price of the model.
    pub cost: Option<Cost>,
    /// The code of each allowed call with a broken rule, which is not enforced, in order.
    pub shadowed: Vec<contract::Code>,
    /// The codes for which the exchange would end in an error, if the contract were enforced.
    pub shadowed_errors: Vec<Code>,
    /// The calls decided by a candidate contract too.
    pub compared: u32,
    /// The calls on which the candidate decides otherwise, in order.
    pub differences: Vec<Difference>,
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

// === impl Tally ===

impl Tally {
    /// Returns one word for an access log: `pass`, `allow`, `refuse:<code>` (the first refused call), `error:<code>`, `shadow:<code>`
    /// (the first broken rule that is not enforced), or `cancelled` if the client or the upstream broke the exchange off before any of
    /// these.
    #[must_use]
    pub fn verdict(&self) -> Cow<'static, str> {
        match (self.error, self.refused.first()) {
            (Some(code), _) => Cow::Owned(format!("error:{}", code.as_str())),
            (None, Some(code)) => Cow::Owned(format!("refuse:{}", code.as_str())),
            (None, None) if self.cancelled => Cow::Borrowed("cancelled"),
            (None, None) if self.shadow().is_some() => {
                Cow::Owned(format!("shadow:{}", self.shadow().unwrap_or_default()))
            }
            (None, None) if self.released + self.run > 0 => Cow::Borrowed("allow"),
            (None, None) => Cow::Borrowed("pass"),
        }
    }
}

impl Tally {
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
