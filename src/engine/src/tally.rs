//! What an exchange decided, for metrics and access logs. Holds only text of ours: no name that a model or caller chose.

use callgate_contract as contract;

use crate::Code;

/// Counts of one exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that went on to the client.
    pub released: u32,
    /// Calls that were given to the executor.
    pub run: u32,
    /// The code of each refused call, in order.
    pub refused: Vec<contract::Code>,
    /// Why the whole exchange ended in an error, if it did.
    pub error: Option<Code>,
}

impl Tally {
    /// One word for an access log: `pass`, `allow`, `refuse:<code>` (the first refused call) or `error:<code>`.
    #[must_use]
    pub fn verdict(&self) -> String {
        match (self.error, self.refused.first()) {
            (Some(code), _) => format!("error:{}", code.as_str()),
            (None, Some(code)) => format!("refuse:{}", code.as_str()),
            (None, None) if self.released + self.run > 0 => "allow".to_owned(),
            (None, None) => "pass".to_owned(),
        }
    }
}

impl Tally {
    /// Counts what was decided; hands it on.
    pub(crate) fn count(&mut self, settled: crate::settle::Settled) -> crate::settle::Settled {
        self.refused.extend(settled.refused.iter().map(|refused| refused.violation.code));
        settled
    }

    /// Counts calls that go on to the client.
    pub(crate) fn release(&mut self, calls: &[callgate_wire::Call]) {
        self.released = self.released.saturating_add(u32::try_from(calls.len()).unwrap_or(u32::MAX));
    }
}
