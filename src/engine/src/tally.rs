//! The counts of an exchange, for metrics and access logs. The names of dropped members are the only text from
//! outside.

use std::borrow::Cow;

use callgate_contract as contract;
use callgate_wire::Fate;

use crate::Code;

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
    /// Unknown members dropped from the request: at most 32 names or dotted paths, each of at most
    /// 64 printable ASCII characters without commas. The caller chose these names.
    pub dropped_members: Vec<String>,
    /// The number of further dropped members, whose names are not kept.
    pub dropped_members_unnamed: u64,
    /// Declared tools dropped because the contract or the role lacks them.
    pub undeclared_dropped: u32,
    /// The client or the upstream broke the exchange off.
    pub cancelled: bool,
}

impl Tally {
    /// Returns one word for an access log: `pass`, `allow`, `refuse:<code>` (the first refused call), `error:<code>`, or `cancelled`
    /// if the client or the upstream broke the exchange off before any of these.
    #[must_use]
    pub fn verdict(&self) -> Cow<'static, str> {
        match (self.error, self.refused.first()) {
            (Some(code), _) => Cow::Owned(format!("error:{}", code.as_str())),
            (None, Some(code)) => Cow::Owned(format!("refuse:{}", code.as_str())),
            (None, None) if self.cancelled => Cow::Borrowed("cancelled"),
            (None, None) if self.released + self.run > 0 => Cow::Borrowed("allow"),
            (None, None) => Cow::Borrowed("pass"),
        }
    }
}

impl Tally {
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
