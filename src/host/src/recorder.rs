//! Sends decisions to the executor's audit log.
//!
//! Exchanges put their decisions into an [`Outbox`]. The host sends them in its ticks, one batch after the other. No exchange waits
//! for it. A decision is sent until the executor acknowledges it. The executor finds duplicates by exchange and position.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use callgate_engine::{Decisions, Outbox, Receipt};

use crate::executor;

/// One worker's decisions.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Outbox>);

/// Counts of one answer of the executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Decisions the executor has acknowledged.
    pub recorded: u64,
    /// Decisions lost since the last answer.
    pub lost: u64,
}

// === impl Recorder ===

impl Recorder {
    /// Takes an exchange's decisions.
    pub fn put(&self, decisions: Decisions<'_>, now: Duration) {
        let mut outbox = self.outbox();
        executor::decisions(decisions, now, |record| outbox.put(record));
    }

    /// Returns the message of the next batch, if it is time. [`Self::settle`] must follow.
    pub fn next(&self, now: Duration) -> Option<Vec<u8>> {
        self.outbox().next(now).map(executor::record_request)
    }

    /// Takes the executor's answer, or a failed callout. The next batch may follow at once if the executor answered.
    pub fn settle(&self, receipt: Receipt, now: Duration) -> Settled {
        let mut outbox = self.outbox();
        let recorded = outbox.settle(receipt, now);
        let lost = outbox.take_lost();
        if receipt != Receipt::Kept {
            log::warn!("callgate: decisions are not in the audit log yet ({receipt:?}); {} wait", outbox.len());
        }
        if lost > 0 {
            log::error!(
                "callgate: {lost} decisions are lost for the audit log: the executor was unreachable for too long, or refused them"
            );
        }
        Settled { recorded: u64::try_from(recorded).unwrap_or(u64::MAX), lost }
    }

    /// Reports decisions that are not acknowledged when their worker ends.
    pub fn report_loss(&self) {
        let waiting = self.outbox().len();
        if waiting > 0 {
            log::error!("callgate: this worker ends, and {waiting} decisions are lost for the audit log");
        }
    }

    fn outbox(&self) -> std::sync::MutexGuard<'_, Outbox> {
        // An outbox is whole between any two calls, so a panic elsewhere leaves nothing broken in it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
