//! The handle of the log, which sends entries to the writer's thread.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callgate_state::StoreHealth;
use tokio::sync::{mpsc, oneshot, watch};

use crate::beside::{self, Lag, Progress};
use crate::companion::{Companion, NoCompanion};
use crate::entry::{Appended, Entry};
use crate::error::AuditError;
use crate::keeper::Keeper;
use crate::metrics::AuditMetrics;
use crate::read::{LogReader, ReadError};
use crate::settings::AuditSettings;
use crate::store::{Head, Store};
use crate::writer::{Message, Writer};

/// The maximum entries waiting for the writer; further senders wait for room.
const WAITING: usize = 4096;

/// The log. Clones write to the same one; the last of them closes it.
#[derive(Clone, Debug)]
pub struct AuditLog {
    messages: mpsc::Sender<Message>,
    head: watch::Receiver<Head>,
    held: Arc<AtomicUsize>,
    sinks: Arc<[Arc<Progress>]>,
    path: Arc<Path>,
    executor: Arc<str>,
    health: StoreHealth,
}

// === impl AuditLog ===

impl AuditLog {
    /// Opens or makes the log in the state directory, without registered metrics.
    ///
    /// # Errors
    /// It cannot be opened, or is not whole.
    pub fn open(state_dir: &Path, settings: &AuditSettings) -> Result<Self, AuditError> {
        Self::open_counted(state_dir, settings, &AuditMetrics::default())
    }

    /// Opens or makes the log in the state directory.
    ///
    /// # Errors
    /// It cannot be opened, or is not whole.
    pub fn open_counted(
        state_dir: &Path,
        settings: &AuditSettings,
        metrics: &AuditMetrics,
    ) -> Result<Self, AuditError> {
        Self::open_with(state_dir, settings, metrics, || Ok(NoCompanion))
    }

    /// Opens or makes the log as [`open_counted`](Self::open_counted) does, and then opens its companion. The log's
    /// thread writes the companion's store, too, and closes it with the log.
    ///
    /// # Errors
    /// The log cannot be opened, or is not whole; the companion's own.
    pub fn open_with<C: Companion, E: From<AuditError>>(
        state_dir: &Path,
        settings: &AuditSettings,
        metrics: &AuditMetrics,
        companion: impl FnOnce() -> Result<C, E>,
    ) -> Result<Self, E> {
        let store = Store::open(state_dir, settings.synchronous)?;
        let companion = match companion() {
            Ok(companion) => companion,
            Err(error) => {
                store.close();
                return Err(error);
            }
        };
        let cannot =
            |reason: std::io::Error| AuditError::Open { path: store.path().into(), reason: reason.to_string() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(cannot)?;

        let (messages, received) = mpsc::channel(WAITING);
        let (written, head) = watch::channel(store.head());
        let held = Arc::new(AtomicUsize::new(0));
        let (sinks, feeding) =
            beside::sinks(settings, store.path(), store.executor(), &head, &messages).map_err(cannot)?;
        let log = Self {
            messages,
            head,
            held: Arc::clone(&held),
            sinks: sinks.into(),
            path: store.path().into(),
            executor: store.executor().into(),
            health: store.health().clone(),
        };
        let mut threads: Vec<_> = feeding.into_iter().collect();
        let retention = settings.retention.clone();
        if retention.archive.is_some() {
            threads.push(beside::archive(&retention, store.path(), &log.head, &log.messages).map_err(cannot)?);
        }
        let keeper =
            Keeper::new(store.path(), log.head.clone(), log.messages.downgrade(), retention, Arc::clone(&log.sinks));
        let keeper = keeper.map_err(|reason| cannot(std::io::Error::other(reason)))?;
        let thread = std::thread::Builder::new().name("audit-keeper".into());
        threads.push(thread.spawn(move || keeper.run()).map_err(cannot)?);
        let thread = std::thread::Builder::new().name("audit".into());
        let metrics = metrics.clone();
        let path = store.path().to_path_buf();
        thread
            .spawn(move || {
                runtime.block_on(Writer::new(store, companion, received, written, held, threads, metrics).run())
            })
            .map_err(|reason| AuditError::Open { path, reason: reason.to_string() })?;
        Ok(log)
    }

    /// Appends a record and reports if it was new. Returns once the record would survive the end of the process. Never
    /// waits for another machine.
    ///
    /// # Errors
    /// It cannot be written. With [`AuditError::Held`] the outcome is written as soon as possible, if the process lives
    /// so long.
    pub async fn append(&self, entry: Entry) -> Result<Appended, AuditError> {
        let gone = || AuditError::Unwritable("its writer has ended".into());
        let (done, written) = oneshot::channel();
        self.messages.send(Message::Append(Box::new(entry), done)).await.map_err(|_| gone())?;
        written.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Returns the health of the store.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.health.clone()
    }

    /// Closes the log: one file, with its head beside it. No further append succeeds.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.messages.send(Message::Close(done)).await.is_ok() {
            // If the writer has ended, it has closed the log.
            let _ = closed.await;
        }
    }

    /// The last written record.
    #[must_use]
    pub fn head(&self) -> Head {
        *self.head.borrow()
    }

    /// This executor's name: made at random, and kept with the log.
    #[must_use]
    pub fn executor(&self) -> &str {
        &self.executor
    }

    /// Outcomes waiting in memory after a failed write: with any but 0, no calls are taken.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Returns the lag of each sink. Reads the log, so it may block.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn lag(&self) -> Result<Vec<Lag>, ReadError> {
        if self.sinks.is_empty() {
            return Ok(Vec::new());
        }
        let (head, reader) = (self.head(), self.reader()?);
        self.sinks.iter().map(|sink| sink.lag(head, &reader)).collect()
    }

    /// Opens the log for reading.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn reader(&self) -> Result<LogReader, ReadError> {
        LogReader::open(&self.path)
    }
}
