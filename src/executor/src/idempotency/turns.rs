//! The turns of the local store and the audit log, on one thread.
//!
//! The store is the log's [`Companion`]. What a call leaves in both is written in one order, so a kill leaves a state with a known meaning:
//!
//! 1. *Begin*: the row first, then the decision's record, then the answer. Killed in between, the call is begun and
//!    never ran: the next process reports it as unknown.
//! 2. *Settle*: the outcome's record first, then the row, then the answer. Killed in between, the next process finds
//!    the record, and ends the row as unknown without a second record.

use std::future::pending;
use std::time::Instant;

use callgate_audit::{Appended, AuditError, Companion, Entry};
use tokio::time::{Instant as TokioInstant, sleep_until};

use super::order::{BeginAnswer, Order};
use super::writer::{Asked, Ended, PRUNE_REST, Writer};

/// The maximum orders in one transaction: enough to make a commit cheap for each, few enough for a short wait of the
/// first.
const BATCH: usize = 256;

// === impl Writer ===

impl Writer {
    /// Runs without a log until the store is closed or the last handle is gone.
    pub(super) async fn alone(mut self) {
        while self.store.is_some() {
            self.ready().await;
            let entries = self.commit();
            let none = |_| Err(AuditError::Unwritable("the store has no audit log".into()));
            self.recorded(entries.into_iter().map(none).collect());
        }
    }

    /// Takes over an order's entry, or keeps the order for the next commit.
    fn sort(&mut self, order: Order, entries: &mut Vec<Entry>, rest: &mut Vec<Order>) {
        match order {
            Order::Settle { key, outcome, entry, answer } => {
                entries.push(*entry);
                self.asked.push(Asked::Settle { key, outcome, answer });
            }
            Order::Close { answer } => self.closing = Some(answer),
            order => rest.push(order),
        }
    }

    /// Closes the store once it has the end of every recorded outcome.
    fn close_if_asked(&mut self) {
        if (self.closing.is_none() && self.open) || !self.asked.is_empty() || !self.ended.is_empty() {
            return;
        }
        if let Some(store) = self.store.take() {
            store.close();
        }
        if let Some(answer) = self.closing.take() {
            // The sender may be gone.
            let _ = answer.send(());
        }
    }
}

impl Companion for Writer {
    async fn ready(&mut self) {
        let closing = self.closing.is_some() && self.asked.is_empty();
        if !self.batch.is_empty() || !self.ended.is_empty() || closing {
            return;
        }
        if !self.open {
            // No order will come.
            return pending().await;
        }
        let due = match &self.store {
            Some(_) => self.prune_next.min(self.probe_next),
            None => Instant::now() + PRUNE_REST,
        };
        tokio::select! {
            received = self.orders.recv_many(&mut self.batch, BATCH) => self.open = received > 0,
            () = sleep_until(TokioInstant::from_std(due)) => {}
        }
    }

    fn commit(&mut self) -> Vec<Entry> {
        let (mut entries, mut batch) = (Vec::new(), Vec::new());
        for order in std::mem::take(&mut self.batch) {
            self.sort(order, &mut entries, &mut batch);
        }
        while batch.len() < BATCH
            && let Ok(order) = self.orders.try_recv()
        {
            self.sort(order, &mut entries, &mut batch);
        }
        self.serve(batch, &mut entries);
        // Outcomes that came meanwhile can share the log's commit.
        let mut rest = Vec::new();
        while entries.len() < BATCH
            && rest.len() < BATCH
            && let Ok(order) = self.orders.try_recv()
        {
            self.sort(order, &mut entries, &mut rest);
        }
        self.batch = rest;
        self.keep_up();
        self.close_if_asked();
        entries
    }

    fn recorded(&mut self, answers: Vec<Result<Appended, AuditError>>) {
        for (asked, recorded) in std::mem::take(&mut self.asked).into_iter().zip(answers) {
            match asked {
                Asked::Begin { mut ticket, lost, answer } => {
                    if recorded.is_ok() {
                        ticket.recorded(lost);
                    }
                    // If nobody waits for it, the ticket acts.
                    let _ = answer.send(Ok(BeginAnswer::Fresh(ticket, Some(recorded))));
                }
                Asked::Settle { key, outcome, answer } => self.ended.push(Ended { key, outcome, recorded, answer }),
            }
        }
    }

    fn close(mut self) {
        // The ends of recorded outcomes.
        self.serve(Vec::new(), &mut Vec::new());
        if let Some(store) = self.store.take() {
            store.close();
        }
    }
}
