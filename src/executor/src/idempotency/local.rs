//! The local store: a SQLite database in the state directory, for this executor alone.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::order::{BeginAnswer, Order, Settled, Ticket};
use super::writer::Writer;
use super::{Begin, CallIdentity, Decided, DecidedBegin, Key, OnceError, Orphan, decode, rows};
use callgate_audit::Entry;
use callgate_state::Synchronous;
use callgate_state::{Clock, Database, Gap, StoreHealth, StoreTime};

pub(super) const FILE: &str = "calls.db";

/// A handle to the store's writer, which ends with the last handle.
#[derive(Clone)]
pub struct Local {
    orders: UnboundedSender<Order>,
    health: StoreHealth,
}

// === impl Local ===

impl Local {
    /// Opens the store. Nothing is written until its writer runs.
    pub(super) fn open(folder: &Path, keep: Duration, clock: Arc<dyn Clock>) -> Result<(Self, Writer), OnceError> {
        let store = Database::open(folder, FILE, &rows::FORMAT, Synchronous::Normal)?;
        let health = store.health().clone();
        // A call is remembered rather too long than too short.
        let time = StoreTime::open(&store, clock, Gap::Nothing)?;
        rows::none_from_the_future(&store, &time)?;
        let (orders, ordered) = unbounded_channel();
        Ok((Self { orders, health }, Writer::new(store, time, keep, ordered)))
    }

    /// Runs the writer in a thread of its own: without an audit log.
    pub(super) fn alone(self, writer: Writer) -> Result<Self, OnceError> {
        let failed = |error: std::io::Error| OnceError::Unavailable(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let thread = std::thread::Builder::new().name("once".into());
        thread.spawn(move || runtime.block_on(writer.alone())).map_err(failed)?;
        Ok(self)
    }

    pub(super) async fn begin(&self, key: &Key, what: CallIdentity) -> Result<Begin, OnceError> {
        match self.begin_with(&Arc::new(key.clone()), what, || None).await? {
            DecidedBegin::Fresh(_) => Ok(Begin::Fresh),
            DecidedBegin::Repeat(begin) => Ok(begin),
        }
    }

    /// Begins a call, and records its decision with it. `decided` is called for each attempt.
    pub(super) async fn begin_with(
        &self,
        key: &Arc<Key>,
        what: CallIdentity,
        decided: impl Fn() -> Option<Box<Decided>>,
    ) -> Result<DecidedBegin, OnceError> {
        let what = Arc::new(what);
        loop {
            let ticket = Ticket::new(Arc::clone(key), self.orders.clone());
            let (key, what) = (Arc::clone(key), Arc::clone(&what));
            let decided = decided();
            let begin = match self.ask(|answer| Order::Begin { key, what, decided, ticket, answer }).await?? {
                BeginAnswer::Fresh(ticket, recorded) => {
                    ticket.done();
                    return Ok(DecidedBegin::Fresh(recorded));
                }
                BeginAnswer::Done(outcome) => decode(&outcome)?,
                BeginAnswer::Unknown => Begin::Unknown,
                BeginAnswer::Other => Begin::Other,
                BeginAnswer::Again => continue,
            };
            return Ok(DecidedBegin::Repeat(begin));
        }
    }

    pub(super) async fn finish(&self, key: &Key, outcome: Vec<u8>) -> Result<(), OnceError> {
        let key = Arc::new(key.clone());
        self.ask(|answer| Order::Finish { key, outcome: outcome.into(), answer }).await?
    }

    pub(super) async fn settle(&self, key: &Arc<Key>, outcome: Vec<u8>, entry: Entry) -> Settled {
        let (key, outcome, entry) = (Arc::clone(key), outcome.into(), Box::new(entry));
        let settled = self.ask(|answer| Order::Settle { key, outcome, entry, answer }).await;
        settled.unwrap_or_else(|_| Settled::lost("its thread has ended"))
    }

    pub(super) async fn left(&self) -> Result<Vec<Orphan>, OnceError> {
        self.ask(|answer| Order::Left { answer }).await?
    }

    pub(super) fn health(&self) -> StoreHealth {
        self.health.clone()
    }

    pub(super) async fn close(&self) {
        // If the writer has ended, it has closed the store.
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
