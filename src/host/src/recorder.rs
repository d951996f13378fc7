//! Sends decisions to the executor's audit log, and charges to its store of counts.
//!
//! Exchanges put them into an [`Outbox`] each. The host sends them in its ticks, one batch after the other. No exchange waits for it. A
//! record is sent until the executor acknowledges it. The executor finds duplicates: decisions by exchange and position, charges by exchange.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use callgate_engine::{Decisions, Outbox, Receipt, UsageCharge};

use crate::metrics::Counter;
use crate::{counts, executor};

/// One worker's records of one kind.
#[derive(Debug)]
pub struct Recorder {
    records: Records,
    outbox: Mutex<Outbox>,
}

/// A kind of records for the executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// Decisions on calls, for the audit log.
    Decisions,
    /// Tokens and cost of exchanges, for the store of counts.
    Charges,
}

/// Counts of one answer of the executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The kind of the records.
    pub records: Records,
    /// Records the executor has acknowledged.
    pub recorded: u64,
    /// Records lost since the last answer.
    pub lost: u64,
}

// === impl Records ===

impl Records {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Decisions, Self::Charges];

    /// Returns the method of the executor that takes them.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Decisions => executor::RECORD,
            Self::Charges => counts::CHARGE,
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Decisions => ("decisions", "for the audit log"),
            Self::Charges => ("charges", "for the limits on tokens and cost"),
        }
    }
}

// === impl Settled ===

impl Settled {
    /// Returns the counters to add to.
    pub fn counts(self) -> impl Iterator<Item = (Counter, u64)> {
        let (recorded, lost) = match self.records {
            Records::Decisions => (Some(Counter::DecisionsRecorded), Counter::DecisionsLost),
            Records::Charges => (None, Counter::ChargesLost),
        };
        recorded.map(|counter| (counter, self.recorded)).into_iter().chain([(lost, self.lost)])
    }
}

// === impl Recorder ===

impl Recorder {
    /// Creates a recorder without records.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self { records, outbox: Mutex::default() }
    }

    /// Returns the kind of its records.
    #[must_use]
    pub fn records(&self) -> Records {
        self.records
    }

    /// Takes an exchange's charge.
    pub fn charge(&self, charge: UsageCharge) {
        self.outbox().put(counts::charge(charge));
    }

    /// Takes an exchange's decisions.
    pub fn put(&self, decisions: Decisions<'_>, now: Duration) {
        let mut outbox = self.outbox();
        executor::decisions(decisions, now, |record| outbox.put(record));
    }

    /// Returns the message of the next batch, if it is time. [`Self::settle`] must follow.
    pub fn next(&self, now: Duration) -> Option<Vec<u8>> {
        self.outbox().next(now).map(executor::list_request)
    }

    /// Takes the executor's answer, or a failed callout. The next batch may follow at once if the executor answered.
    pub fn settle(&self, receipt: Receipt, now: Duration) -> Settled {
        let mut outbox = self.outbox();
        let recorded = outbox.settle(receipt, now);
        let lost = outbox.take_lost();
        let (what, purpose) = self.records.words();
        if receipt != Receipt::Kept {
            log::warn!(
                "callgate: the executor has not taken {what} {purpose} yet ({receipt:?}); {} wait",
                outbox.len()
            );
        }
        if lost > 0 {
            log::error!(
                "callgate: {lost} {what} {purpose} are lost: the executor was unreachable for too long, or refused them"
            );
        }
        Settled { records: self.records, recorded: u64::try_from(recorded).unwrap_or(u64::MAX), lost }
    }

    /// Reports decisions that are not acknowledged when their worker ends.
    pub fn report_loss(&self) {
        let waiting = self.outbox().len();
        if waiting > 0 {
            let (what, purpose) = self.records.words();
            log::error!("callgate: this worker ends, and {waiting} {what} {purpose} are lost");
        }
    }

    fn outbox(&self) -> std::sync::MutexGuard<'_, Outbox> {
        // An outbox is whole between any two calls, so a panic elsewhere leaves nothing broken in it.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
