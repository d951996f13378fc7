//! Sends decisions to the executor's audit log.
//!
//! Exchanges put their decisions into an [`Outbox`]. The root context sends them on its ticks, one batch after the other. No
//! exchange waits for it. A decision is sent until the executor acknowledges it. The executor finds duplicates by exchange and

use std::cell::RefCell;
use std::time::Duration;

use callgate_engine::{Decisions, Outbox, Receipt};

use crate::config::Executor;
use crate::metrics::Metrics;
use crate::{executor, host};

/// One worker's decisions.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    outbox: RefCell<Outbox>,
    /// The callout under way.
    token: std::cell::Cell<Option<u32>>,
}

// === impl Recorder ===

impl Recorder {
    /// Takes an exchange's decisions.
    pub(crate) fn put(&self, decisions: Decisions<'_>, now: Duration) {
        let mut outbox = self.outbox.borrow_mut();
        executor::decisions(decisions, now, |record| outbox.put(record));
    }

    /// Sends the next batch, if it is time. Call it in a callback of the root context only: the answer goes to the calling context.
    pub(crate) fn send(&self, to: &Executor, metrics: &Metrics) {
        let now = host::now();
        let sent = match self.outbox.borrow_mut().next(now) {
            Some(batch) => host::call_executor(to, executor::RECORD, Vec::new(), &executor::record_request(batch)),
            None => return,
        };
        match sent {
            Ok(token) => self.token.set(Some(token)),
            Err(_) => self.settle(Receipt::Failed, now, metrics),
        }
    }

    /// Takes the executor's answer. The next batch follows at once.
    pub(crate) fn answered(&self, token: u32, status: u32, to: &Executor, metrics: &Metrics) {
        if self.token.get() != Some(token) {
            return;
        }
        self.token.set(None);
        let receipt = executor::receipt(status);
        if receipt != Receipt::Kept {
            let waiting = self.outbox.borrow().len();
            log::warn!("callgate: decisions are not in the audit log yet, gRPC status {status}; {waiting} wait");
        }
        self.settle(receipt, host::now(), metrics);
        self.send(to, metrics);
    }

    /// Returns the number of decisions not yet acknowledged.
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.borrow().len()
    }

    fn settle(&self, receipt: Receipt, now: Duration, metrics: &Metrics) {
        let mut outbox = self.outbox.borrow_mut();
        let recorded = outbox.settle(receipt, now);
        let lost = outbox.take_lost();
        if lost > 0 {
            log::error!(
                "callgate: {lost} decisions are lost for the audit log: the executor was unreachable for too long, or refused them"
            );
        }
        metrics.count_decisions(u64::try_from(recorded).unwrap_or(u64::MAX), lost);
    }
}
