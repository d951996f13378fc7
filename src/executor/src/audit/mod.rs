//! The audit log: every decision and every outcome, one record each, in which each record carries the hash of the one before.
//!
//! An entry becomes a [`Record`] (canonical JSON, hashed) in a SQLite file, and is there before anything runs on the strength of
//! it: what cannot be recorded does not happen. From the file the records go to the sinks, in order, each at its own pace; no
//! call ever waits for one. [`verify`] says whether a log is whole, [`Reader`] reads one.

mod append;
mod archive;
mod backup;
mod chain;
mod check;
mod entry;
mod head;
mod keeper;
mod known;
mod read;
mod record;
mod search;
mod segment;
mod segments;
mod sinks;
mod store;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot, watch};

use self::archive::Archiver;
pub use self::backup::{BackupError, backup};
pub use self::chain::{Fault, VerifyError, Whole, verify};
pub(crate) use self::check::check;
pub use self::entry::{Appended, Call, Entry, Event, Source, Verdict};
pub use self::head::HEAD_FILE;
use self::keeper::Keeper;
pub use self::keeper::ROTATE;
pub use self::read::{Query, ReadError, Reader, Stored};
pub use self::record::{Hash, Record, Used};
pub use self::search::Found;
pub use self::segment::{SEGMENTS, Segment, SegmentPlace};
pub use self::segments::{Absent, WholeLog, verify_all};
pub use self::sinks::Lag;
use self::sinks::Progress;
use self::store::Store;
pub use self::store::{FILE, Head};
use self::writer::{Message, Writer};
use crate::config::Config;
use crate::telemetry::Metrics;
use callgate_state::{StateError, StoreHealth};

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

/// Why the log cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// It cannot be written, so nothing that it should tell of may happen.
    #[error("the audit log cannot be written: {0}")]
    Unwritable(String),
    /// The outcome of a call cannot be written: it is held in memory until that works, and nothing new is let in before.
    #[error("the audit log cannot be written, and an outcome is held in memory: {0}")]
    Held(String),
    /// It cannot be opened.
    #[error("{path}: the audit log cannot be opened: {reason}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Its place cannot be used; another executor writes to it, for one.
    #[error(transparent)]
    State(#[from] StateError),
    /// It was tampered with, or damaged.
    #[error(
        "{path}: the audit log is not whole: {fault}; nothing is written on. `callgate audit verify` says more; move audit.db, \
         audit.head and audit-segments away to begin a new log",
        path = path.display()
    )]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// The first thing that is wrong.
        fault: Fault,
    },
}

// === impl AuditLog ===

impl AuditLog {
    /// Opens the log in the state directory, or makes it; what is written is counted nowhere.
    ///
    /// # Errors
    /// It cannot be opened, or is not whole.
    pub fn open(config: &Config) -> Result<Self, AuditError> {
        Self::open_counted(config, &Metrics::new())
    }

    /// Opens the log in the state directory, or makes it.
    ///
    /// # Errors
    /// It cannot be opened, or is not whole.
    pub fn open_counted(config: &Config, metrics: &Metrics) -> Result<Self, AuditError> {
        let store = Store::open(&config.state_dir, config.audit.synchronous)?;
        let cannot =
            |reason: std::io::Error| AuditError::Open { path: store.path().into(), reason: reason.to_string() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(cannot)?;

        let (messages, received) = mpsc::channel(WAITING);
        let (written, head) = watch::channel(store.head());
        let held = Arc::new(AtomicUsize::new(0));
        let (sinks, feeding) =
            sinks::start(&config.audit, store.path(), store.executor(), &head, &messages).map_err(cannot)?;
        let log = Self {
            messages,
            head,
            held: Arc::clone(&held),
            sinks: sinks.into(),
            path: store.path().into(),
            executor: store.executor().into(),
            health: store.health().clone(),
        };
        let mut beside: Vec<_> = feeding.into_iter().collect();
        let retention = config.audit.retention.clone();
        if let Some(archive) = retention.archive.clone() {
            let archiver = Archiver {
                archive,
                log: store.path().into(),
                folder: store.path().with_file_name(SEGMENTS),
                head: log.head.clone(),
                messages: log.messages.downgrade(),
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
            let thread = std::thread::Builder::new().name("audit-archive".into());
            beside.push(thread.spawn(move || runtime.block_on(archiver.run())).map_err(cannot)?);
        }
        let keeper =
            Keeper::new(store.path(), log.head.clone(), log.messages.downgrade(), retention, Arc::clone(&log.sinks));
        let keeper = keeper.map_err(|reason| cannot(std::io::Error::other(reason)))?;
        let thread = std::thread::Builder::new().name("audit-keeper".into());
        beside.push(thread.spawn(move || keeper.run()).map_err(cannot)?);
        let thread = std::thread::Builder::new().name("audit".into());
        let metrics = metrics.clone();
        let path = store.path().to_path_buf();
        thread
            .spawn(move || runtime.block_on(Writer::new(store, received, written, held, beside, metrics).run()))
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
