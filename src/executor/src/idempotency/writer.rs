//! The writer's thread of the local store.
//!
//! It writes all waiting orders in one transaction and answers them after the commit. It also keeps the requests
//! waiting for a running call: no end of a call can slip between looking and waiting.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::rows::{self, Kept};
use super::{CallIdentity, Key, OnceError, Orphan};
use callgate_state::{Database, StoreError, StoreTime};

/// The maximum orders in one transaction: enough to make a commit cheap for each, few enough for a short wait of the
/// first.
const BATCH: usize = 256;
/// Rows deleted at once, and the pause after it: calls wait meanwhile.
const PRUNED: u32 = 256;
const PRUNE_AGAIN: Duration = Duration::from_millis(100);
const PRUNE_REST: Duration = Duration::from_secs(60);

/// An order to the thread.
pub(super) enum Order {
    Begin {
        key: Arc<Key>,
        what: Arc<CallIdentity>,
        ticket: Ticket,
        answer: oneshot::Sender<Result<BeginAnswer, OnceError>>,
    },
    Finish {
        key: Arc<Key>,
        outcome: Arc<[u8]>,
        answer: oneshot::Sender<Result<(), OnceError>>,
    },
    Abandon {
        key: Arc<Key>,
    },
    Left {
        answer: oneshot::Sender<Result<Vec<Orphan>, OnceError>>,
    },
    /// Closes the store and ends.
    Close {
        answer: oneshot::Sender<()>,
    },
}

/// The answer to a [`Order::Begin`].
pub(super) enum BeginAnswer {
    Fresh(Ticket),
    Done(Arc<[u8]>),
    Unknown,
    Other,
    /// Its beginner disconnected before it ran: begin it again.
    Again,
}

/// A call begun, and not yet running. If it is dropped, the beginning is taken back: its beginner disconnected before
/// it could run.
pub(super) struct Ticket {
    key: Arc<Key>,
    orders: Option<Sender<Order>>,
}

/// The thread's state.
pub(super) struct Writer {
    store: Database,
    time: StoreTime,
    keep: Duration,
    /// Requests waiting for the end of a running call.
    waiting: HashMap<Arc<Key>, Vec<oneshot::Sender<Result<BeginAnswer, OnceError>>>>,
    /// Calls whose end could not be written: no more than ran at once.
    lost: HashSet<Arc<Key>>,
    prune_next: Instant,
    probe_next: Instant,
}

/// The store's answer to an order.
enum StoreReply {
    Fresh,
    Kept(Kept),
    Finished(bool),
    Abandoned,
    Left(Vec<Orphan>),
    Closing,
}

// === impl Ticket ===

impl Ticket {
    pub(super) fn new(key: Arc<Key>, orders: Sender<Order>) -> Self {
        Self { key, orders: Some(orders) }
    }

    /// It runs, or was never begun: there is nothing to take back.
    pub(super) fn done(mut self) {
        self.orders = None;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(orders) = self.orders.take() {
            // A closed store has nothing to take back either.
            let _ = orders.send(Order::Abandon { key: Arc::clone(&self.key) });
        }
    }
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(store: Database, time: StoreTime, keep: Duration) -> Self {
        Self {
            store,
            time,
            keep,
            waiting: HashMap::new(),
            lost: HashSet::new(),
            prune_next: Instant::now(),
            probe_next: Database::next_probe(),
        }
    }

    /// Runs until the store is closed or the last handle is gone.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        let closed = self.serve_until_closed(orders);
        self.store.close();
        if let Some(answer) = closed {
            // The sender may be gone.
            let _ = answer.send(());
        }
    }

    fn serve_until_closed(&mut self, orders: &Receiver<Order>) -> Option<oneshot::Sender<()>> {
        let mut batch = Vec::new();
        loop {
            let next = self.prune_next.min(self.probe_next);
            match orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(first) => {
                    let mut closing = None;
                    for order in std::iter::once(first).chain(orders.try_iter().take(BATCH - 1)) {
                        match order {
                            Order::Close { answer } => closing = Some(answer),
                            other => batch.push(other),
                        }
                    }
                    self.serve(&mut batch);
                    if closing.is_some() {
                        return closing;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
            if self.prune_next <= Instant::now() {
                self.prune();
            }
            if self.probe_next <= Instant::now() {
                self.store.probe();
                self.probe_next = Database::next_probe();
            }
        }
    }

    fn serve(&mut self, batch: &mut Vec<Order>) {
        if batch.is_empty() {
            return;
        }
        match self.write(batch) {
            Ok(said) => {
                self.lost.clear();
                self.probe_next = Database::next_probe();
                for (order, said) in batch.drain(..).zip(said) {
                    self.answer(order, said);
                }
            }
            Err(error) => {
                let error = OnceError::Unavailable(error.to_string());
                for order in batch.drain(..) {
                    self.fail(order, &error);
                }
            }
        }
    }

    fn write(&mut self, batch: &[Order]) -> Result<Vec<StoreReply>, StoreError> {
        let Self { store, time, lost, .. } = self;
        store.write(|transaction| {
            for key in &*lost {
                rows::leave(transaction, key)?;
            }
            let say = |order: &Order| {
                Ok(match order {
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
                    Order::Close { .. } => StoreReply::Closing,
                })
            };
            batch.iter().map(say).collect()
        })
    }

    /// Answers an order after its commit. If nobody waits for the answer, it is dropped, and a ticket in it takes back
    /// the beginning.
    fn answer(&mut self, order: Order, said: StoreReply) {
        match (order, said) {
            (Order::Begin { ticket, answer, .. }, StoreReply::Fresh) => {
                drop(answer.send(Ok(BeginAnswer::Fresh(ticket))))
            }
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
                drop(answer.send(Err(OnceError::NotRunning)))
            }
            (Order::Abandon { key }, StoreReply::Abandoned) => self.wake(&key, || BeginAnswer::Again),
            (Order::Left { answer }, StoreReply::Left(left)) => drop(answer.send(Ok(left))),
            // `write` answers each order with its own kind.
            (order, _) => self.fail(order, &OnceError::Unavailable("the store gave another answer".into())),
        }
    }

    /// Nothing of the order is written.
    fn fail(&mut self, order: Order, error: &OnceError) {
        match order {
            Order::Begin { ticket, answer, .. } => {
                ticket.done();
                let _ = answer.send(Err(error.clone()));
            }
            Order::Finish { key, answer, .. } => {
                self.wake(&key, || BeginAnswer::Unknown);
                self.lost.insert(key);
                let _ = answer.send(Err(error.clone()));
            }
            Order::Abandon { key } => {
                self.wake(&key, || BeginAnswer::Unknown);
                self.lost.insert(key);
            }
            Order::Left { answer } => drop(answer.send(Err(error.clone()))),
            Order::Close { answer } => drop(answer),
        }
    }

    fn wake(&mut self, key: &Arc<Key>, answer: impl Fn() -> BeginAnswer) {
        for waiter in self.waiting.remove(key).unwrap_or_default() {
            let _ = waiter.send(Ok(answer()));
        }
    }

    fn prune(&mut self) {
        let Self { store, time, keep, .. } = self;
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
