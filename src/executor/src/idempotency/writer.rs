//! The writer of the local store.
//!
//! It writes all waiting orders in one transaction and answers them after the commit. It also keeps the requests
//! waiting for a running call: no end of a call can slip between looking and waiting.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use super::order::{BeginAnswer, Order, Settled, Ticket};
use super::rows::{self, Kept};
use super::{Decided, Key, OnceError, Orphan};
use callgate_audit::{Appended, AuditError, Entry};
use callgate_state::{Database, StoreError, StoreTime};

/// Rows deleted at once, and the pause after it: calls wait meanwhile.
const PRUNED: u32 = 256;
const PRUNE_AGAIN: Duration = Duration::from_millis(100);
pub(super) const PRUNE_REST: Duration = Duration::from_secs(60);

/// The writer's state.
pub(super) struct Writer {
    /// `None` after it was closed.
    pub(super) store: Option<Database>,
    time: StoreTime,
    keep: Duration,
    pub(super) orders: UnboundedReceiver<Order>,
    /// False after the last handle is gone.
    pub(super) open: bool,
    /// Received, and not yet committed.
    pub(super) batch: Vec<Order>,
    /// Waiting for the log's answers, in the order of their entries.
    pub(super) asked: Vec<Asked>,
    /// Outcomes with the log's answer, and not yet committed.
    pub(super) ended: Vec<Ended>,
    /// Requests waiting for the end of a running call.
    waiting: HashMap<Arc<Key>, Vec<oneshot::Sender<Result<BeginAnswer, OnceError>>>>,
    /// Calls whose end could not be written: no more than ran at once.
    lost: HashSet<Arc<Key>>,
    pub(super) closing: Option<oneshot::Sender<()>>,
    pub(super) prune_next: Instant,
    pub(super) probe_next: Instant,
}

/// An entry's sender.
pub(super) enum Asked {
    Begin { ticket: Ticket, lost: Box<dyn FnOnce() + Send>, answer: oneshot::Sender<Result<BeginAnswer, OnceError>> },
    Settle { key: Arc<Key>, outcome: Arc<[u8]>, answer: oneshot::Sender<Settled> },
}

/// An outcome after its record.
pub(super) struct Ended {
    pub(super) key: Arc<Key>,
    pub(super) outcome: Arc<[u8]>,
    pub(super) recorded: Result<Appended, AuditError>,
    pub(super) answer: oneshot::Sender<Settled>,
}

/// The store's answer to an order.
enum StoreReply {
    Fresh,
    /// Its beginner is gone, so it did not begin.
    Gone,
    Kept(Kept),
    Finished(bool),
    Abandoned,
    Left(Vec<Orphan>),
    /// The order is not for the store.
    Other,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(store: Database, time: StoreTime, keep: Duration, orders: UnboundedReceiver<Order>) -> Self {
        Self {
            store: Some(store),
            time,
            keep,
            orders,
            open: true,
            batch: Vec::new(),
            asked: Vec::new(),
            ended: Vec::new(),
            waiting: HashMap::new(),
            lost: HashSet::new(),
            closing: None,
            prune_next: Instant::now(),
            probe_next: Database::next_probe(),
        }
    }

    /// Writes the orders and the recorded outcomes in one transaction, and answers them.
    pub(super) fn serve(&mut self, batch: Vec<Order>, entries: &mut Vec<Entry>) {
        if batch.is_empty() && self.ended.is_empty() {
            return;
        }
        let ended = std::mem::take(&mut self.ended);
        match self.write(&batch, &ended) {
            Ok((replies, finished)) => {
                self.lost.clear();
                self.probe_next = Database::next_probe();
                for (ended, finished) in ended.into_iter().zip(finished) {
                    self.finished(ended, finished);
                }
                for (order, reply) in batch.into_iter().zip(replies) {
                    self.answer(order, reply, entries);
                }
            }
            Err(error) => {
                for Ended { key, recorded, answer, .. } in ended {
                    self.lose(key);
                    let _ = answer.send(Settled { stored: Err(error.clone()), recorded });
                }
                for order in batch {
                    self.fail(order, &error);
                }
            }
        }
    }

    fn write(&mut self, batch: &[Order], ended: &[Ended]) -> Result<(Vec<StoreReply>, Vec<bool>), OnceError> {
        let Self { store: Some(store), time, lost, .. } = self else {
            return Err(OnceError::Unavailable("the store is closed".into()));
        };
        let written: Result<_, StoreError> = store.write(|transaction| {
            for key in &*lost {
                rows::leave(transaction, key)?;
            }
            let finish = |ended: &Ended| rows::finish(transaction, &ended.key, &ended.outcome);
            let finished = ended.iter().map(finish).collect::<Result<_, _>>()?;
            let say = |order: &Order| -> rusqlite::Result<StoreReply> {
                Ok(match order {
                    Order::Begin { decided: Some(_), answer, .. } if answer.is_closed() => StoreReply::Gone,
                    Order::Begin { key, what, .. } => match rows::begin(transaction, time, key, what)? {
                        None => StoreReply::Fresh,
                        Some(kept) => StoreReply::Kept(kept),
                    },
                    Order::Finish { key, outcome, .. } => {
                        StoreReply::Finished(rows::finish(transaction, key, outcome)?)
                    }
                    Order::Abandon { key } => {
                        rows::abandon(transaction, key)?;
                        StoreReply::Abandoned
                    }
                    Order::Left { .. } => StoreReply::Left(rows::left(transaction, time)?),
                    Order::Settle { .. } | Order::Close { .. } => StoreReply::Other,
                })
            };
            Ok((batch.iter().map(say).collect::<Result<_, _>>()?, finished))
        });
        Ok(written?)
    }

    /// Answers an order after its commit. If nobody waits for the answer, it is dropped, and a ticket in it takes back
    /// the beginning.
    fn answer(&mut self, order: Order, reply: StoreReply, entries: &mut Vec<Entry>) {
        match (order, reply) {
            (Order::Begin { decided: Some(decided), ticket, answer, .. }, StoreReply::Fresh) => {
                let Decided { entry, lost } = *decided;
                // Otherwise the ticket takes back the beginning, and no record is left of it.
                if !answer.is_closed() {
                    entries.push(entry);
                    self.asked.push(Asked::Begin { ticket, lost, answer });
                }
            }
            (Order::Begin { decided: None, ticket, answer, .. }, StoreReply::Fresh) => {
                drop(answer.send(Ok(BeginAnswer::Fresh(ticket, None))));
            }
            (Order::Begin { ticket, .. }, StoreReply::Gone) => ticket.done(),
            (Order::Begin { key, ticket, answer, .. }, StoreReply::Kept(kept)) => {
                ticket.done();
                match kept {
                    Kept::Running => {
                        let waiting = self.waiting.entry(key).or_default();
                        waiting.retain(|waiter| !waiter.is_closed());
                        waiting.push(answer);
                    }
                    Kept::Done(outcome) => drop(answer.send(Ok(BeginAnswer::Done(outcome.into())))),
                    Kept::Left => drop(answer.send(Ok(BeginAnswer::Unknown))),
                    Kept::Other => drop(answer.send(Ok(BeginAnswer::Other))),
                }
            }
            (Order::Finish { key, outcome, answer }, StoreReply::Finished(true)) => {
                self.wake(&key, || BeginAnswer::Done(Arc::clone(&outcome)));
                let _ = answer.send(Ok(()));
            }
            (Order::Finish { answer, .. }, StoreReply::Finished(false)) => {
                drop(answer.send(Err(OnceError::NotRunning)));
            }
            (Order::Abandon { key }, StoreReply::Abandoned) => self.wake(&key, || BeginAnswer::Again),
            (Order::Left { answer }, StoreReply::Left(left)) => drop(answer.send(Ok(left))),
            // `write` answers each order with its own kind.
            (order, _) => self.fail(order, &OnceError::Unavailable("the store gave another answer".into())),
        }
    }

    /// The row of a recorded outcome is committed.
    fn finished(&mut self, ended: Ended, finished: bool) {
        let Ended { key, outcome, recorded, answer } = ended;
        let stored = if finished {
            self.wake(&key, || BeginAnswer::Done(Arc::clone(&outcome)));
            Ok(())
        } else {
            Err(OnceError::NotRunning)
        };
        let _ = answer.send(Settled { stored, recorded });
    }

    /// Nothing of the order is written.
    fn fail(&mut self, order: Order, error: &OnceError) {
        match order {
            Order::Begin { ticket, answer, .. } => {
                ticket.done();
                let _ = answer.send(Err(error.clone()));
            }
            Order::Finish { key, answer, .. } => {
                self.lose(key);
                let _ = answer.send(Err(error.clone()));
            }
            Order::Abandon { key } => self.lose(key),
            Order::Left { answer } => drop(answer.send(Err(error.clone()))),
            Order::Settle { answer, .. } => drop(answer),
            Order::Close { answer } => drop(answer),
        }
    }

    /// The end of a call could not be written.
    fn lose(&mut self, key: Arc<Key>) {
        self.wake(&key, || BeginAnswer::Unknown);
        self.lost.insert(key);
    }

    fn wake(&mut self, key: &Arc<Key>, answer: impl Fn() -> BeginAnswer) {
        for waiter in self.waiting.remove(key).unwrap_or_default() {
            let _ = waiter.send(Ok(answer()));
        }
    }

    /// Forgets old calls, and proves the store writable, each in its time.
    pub(super) fn keep_up(&mut self) {
        if self.prune_next <= Instant::now() {
            self.prune();
        }
        if let Some(store) = &mut self.store
            && self.probe_next <= Instant::now()
        {
            store.probe();
            self.probe_next = Database::next_probe();
        }
    }

    fn prune(&mut self) {
        let Self { store: Some(store), time, keep, .. } = self else { return };
        let pruned = store.write(|transaction| {
            time.keep(transaction)?;
            rows::prune(transaction, time, *keep, PRUNED)
        });
        let rest = match pruned {
            Ok(pruned) if pruned >= PRUNED as usize => PRUNE_AGAIN,
            Ok(_) => PRUNE_REST,
            Err(error) => {
                tracing::warn!(%error, "calls that ended long ago cannot be forgotten");
                PRUNE_REST
            }
        };
        self.prune_next = Instant::now() + rest;
    }
}
