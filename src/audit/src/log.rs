//! The log as its users hold it: entries go to the thread that writes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callgate_state::StoreHealth;
use tokio::sync::{mpsc, oneshot, watch};

use crate::beside::{self, Lag, Progress};
use crate::entry::{Appended, Entry};
use crate::error::AuditError;
use crate::keeper::Keeper;
use crate::metrics::AuditMetrics;
use crate::read::{ReadError, Reader};
use crate::settings::AuditSettings;
use crate::store::{Head, Store};
use crate::writer::{Message, Writer};

/// Entries that wait for the writer at most; who comes then waits for room.
const WAITING: usize = 4096;

/// The log. Clones write to the same one; with the last of them it closes.
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
    /// Opens the log in the state directory, or makes it; what is written is counted nowhere.
    ///
    /// # Errors
    /// It cannot be opened, or is not whole.
    pub fn open(state_dir: &Path, settings: &AuditSettings) -> Result<Self, AuditError> {
        Self::open_counted(state_dir, settings, &AuditMetrics::default())
    }

    /// Opens the log in the state directory, or makes it.
    ///
    /// # Errors
    /// It cannot be opened, or is not whole.
    pub fn open_counted(
        state_dir: &Path,
        settings: &AuditSettings,
        metrics: &AuditMetrics,
    ) -> Result<Self, AuditError> {
        let store = Store::open(state_dir, settings.synchronous)?;
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
            .spawn(move || runtime.block_on(Writer::new(store, received, written, held, threads, metrics).run()))
            .map_err(|reason| AuditError::Open { path, reason: reason.to_string() })?;
        Ok(log)
    }

    /// Appends a record, says how it was taken, and returns once it would survive the end of the process. Never waits for anything remote.
    ///
    /// # Errors
    /// It cannot be written. [`AuditError::Held`]: it will be as soon as that works, if the process lives so long.
    pub async fn append(&self, entry: Entry) -> Result<Appended, AuditError> {
        let gone = || AuditError::Unwritable("its writer has ended".into());
        let (done, written) = oneshot::channel();
        self.messages.send(Message::Append(Box::new(entry), done)).await.map_err(|_| gone())?;
        written.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Tells whether the log can be written.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.health.clone()
    }

    /// Ends the log, so that it is one file with its head beside it. Nothing can be appended afterwards.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.messages.send(Message::Close(done)).await.is_ok() {
            // A writer that has ended has closed it.
            let _ = closed.await;
        }
    }

    /// The last record written.
    #[must_use]
    pub fn head(&self) -> Head {
        *self.head.borrow()
    }

    /// Names this executor: made up once, and kept with the log.
    #[must_use]
    pub fn executor(&self) -> &str {
        &self.executor
    }

    /// Outcomes waiting in memory after a failed write: anything but 0 means that no calls are taken.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// How far each sink is behind. Reads the log, so not on a thread that must not wait.
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

    /// The log, for reading.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn reader(&self) -> Result<Reader, ReadError> {
        Reader::open(&self.path)
    }
}
