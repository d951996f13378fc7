//! The local store: a SQLite database in the state directory, for this executor alone.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use tokio::sync::oneshot;

use super::writer::{BeginAnswer, Order, Ticket, Writer};
use super::{Begin, CallIdentity, Key, OnceError, Orphan, decode, rows};
use callgate_state::Synchronous;
use callgate_state::{Clock, Database, Gap, StoreHealth, StoreTime};

pub(super) const FILE: &str = "calls.db";

/// A handle to the store's thread, which ends with the last handle.
#[derive(Clone)]
pub struct Local {
    orders: Sender<Order>,
    health: StoreHealth,
}

// === impl Local ===

impl Local {
    pub(super) fn open(folder: &Path, keep: Duration, clock: Arc<dyn Clock>) -> Result<Self, OnceError> {
        let store = Database::open(folder, FILE, &rows::FORMAT, Synchronous::Normal)?;
        let health = store.health().clone();
        // A call is remembered rather too long than too short.
        let time = StoreTime::open(&store, clock, Gap::Nothing)?;
        rows::none_from_the_future(&store, &time)?;
        let (orders, ordered) = channel();
        std::thread::Builder::new()
            .name("once".into())
            .spawn(move || Writer::new(store, time, keep).run(&ordered))
            .map_err(|error| OnceError::Unavailable(error.to_string()))?;
        Ok(Self { orders, health })
    }

    pub(super) async fn begin(&self, key: &Key, what: CallIdentity) -> Result<Begin, OnceError> {
        let (key, what) = (Arc::new(key.clone()), Arc::new(what));
        loop {
            let ticket = Ticket::new(Arc::clone(&key), self.orders.clone());
            let (key, what) = (Arc::clone(&key), Arc::clone(&what));
            match self.ask(|answer| Order::Begin { key, what, ticket, answer }).await?? {
                BeginAnswer::Fresh(ticket) => {
                    ticket.done();
                    return Ok(Begin::Fresh);
                }
                BeginAnswer::Done(outcome) => return decode(&outcome),
                BeginAnswer::Unknown => return Ok(Begin::Unknown),
                BeginAnswer::Other => return Ok(Begin::Other),
                BeginAnswer::Again => {}
            }
        }
    }

    pub(super) async fn finish(&self, key: &Key, outcome: Vec<u8>) -> Result<(), OnceError> {
        let key = Arc::new(key.clone());
        self.ask(|answer| Order::Finish { key, outcome: outcome.into(), answer }).await?
    }

    pub(super) async fn left(&self) -> Result<Vec<Orphan>, OnceError> {
        self.ask(|answer| Order::Left { answer }).await?
    }

    pub(super) fn health(&self) -> StoreHealth {
        self.health.clone()
    }

    pub(super) async fn close(&self) {
        // If the thread has ended, it has closed the store.
        let _ = self.ask(|answer| Order::Close { answer }).await;
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, OnceError> {
        let gone = || OnceError::Unavailable("its thread has ended".into());
        let (answer, answered) = oneshot::channel();
        self.orders.send(order(answer)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}
