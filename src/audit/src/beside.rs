//! Threads beside the writer: they deliver records and segments, and report the lag of each sink.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::read::{LogReader, ReadError, Stored};
use crate::record::Record;
use crate::settings::{AuditSettings, Retention};
use crate::store::Head;
use crate::writer::Message;

/// The lag of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// `postgres` or `redis`.
    pub sink: &'static str,
    /// Records the sink does not have yet.
    pub records: u64,
    /// The age of the oldest of them.
    pub oldest: Duration,
    /// Failed attempts since the executor's start.
    pub failures: u64,
    /// The reason deliveries fail; `None` while they succeed.
    pub fault: Option<String>,
}

/// The progress of a sink. Its feed writes it; anyone may read it.
#[derive(Debug)]
pub(crate) struct Progress {
    sink: &'static str,
    delivered: AtomicU64,
    failures: AtomicU64,
    fault: Mutex<Option<String>>,
}

/// The progress of each sink, and the thread feeding them, if there are any.
pub(crate) type Feeding = (Vec<Arc<Progress>>, Option<JoinHandle<()>>);

/// Starts the thread feeding the sinks, if there are any.
#[cfg(feature = "sinks")]
pub(crate) fn sinks(
    settings: &AuditSettings,
    path: &Path,
    executor: &str,
    head: &watch::Receiver<Head>,
    messages: &mpsc::Sender<Message>,
) -> std::io::Result<Feeding> {
    crate::sinks::start(settings, path, executor, head, messages)
}

/// Refuses sinks, which this build lacks.
#[cfg(not(feature = "sinks"))]
pub(crate) fn sinks(
    settings: &AuditSettings,
    _: &Path,
    _: &str,
    _: &watch::Receiver<Head>,
    _: &mpsc::Sender<Message>,
) -> std::io::Result<Feeding> {
    match (&settings.postgres, &settings.redis) {
        (None, None) => Ok((Vec::new(), None)),
        (Some(_), _) | (None, Some(_)) => Err(unavailable()),
    }
}

/// Starts the archiver's thread.
#[cfg(feature = "sinks")]
pub(crate) fn archive(
    retention: &Retention,
    path: &Path,
    head: &watch::Receiver<Head>,
    messages: &mpsc::Sender<Message>,
) -> std::io::Result<JoinHandle<()>> {
    crate::archive::start(retention, path, head, messages)
}

/// Refuses an archive, which this build lacks.
#[cfg(not(feature = "sinks"))]
pub(crate) fn archive(
    _: &Retention,
    _: &Path,
    _: &watch::Receiver<Head>,
    _: &mpsc::Sender<Message>,
) -> std::io::Result<JoinHandle<()>> {
    Err(unavailable())
}

#[cfg(not(feature = "sinks"))]
fn unavailable() -> std::io::Error {
    std::io::Error::other("this build has no sinks and no archive; build it with the feature `sinks`")
}

// === impl Progress ===

impl Progress {
    /// A sink known to have the records up to `delivered`.
    pub(crate) fn new(sink: &'static str, delivered: u64) -> Self {
        let (delivered, failures) = (AtomicU64::new(delivered), AtomicU64::new(0));
        Self { sink, delivered, failures, fault: Mutex::new(None) }
    }

    /// The last record the sink has.
    pub(crate) fn has(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Returns the lag behind a log ending with `head`.
    pub(crate) fn lag(&self, head: Head, reader: &LogReader) -> Result<Lag, ReadError> {
        let delivered = self.delivered.load(Ordering::Relaxed);
        let records = head.seq.saturating_sub(delivered);
        let next = if records == 0 { Vec::new() } else { reader.after(delivered, 1)? };
        Ok(Lag {
            sink: self.sink,
            records,
            oldest: next.first().map(age).unwrap_or_default(),
            failures: self.failures.load(Ordering::Relaxed),
            fault: self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }

    /// Records a successful delivery up to this record.
    pub(crate) fn delivered(&self, seq: u64) {
        self.delivered.store(seq, Ordering::Relaxed);
        if self.set_fault(None) {
            tracing::info!(sink = self.sink, delivered = seq, "an audit sink gets records again");
        }
    }

    /// Logs each reason once: the next attempt usually fails the same way.
    pub(crate) fn failed(&self, reason: String) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if self.set_fault(Some(reason.clone())) {
            tracing::warn!(sink = self.sink, reason, "an audit sink gets no records; they wait on disk");
        }
    }

    /// Returns true if the fault changed.
    fn set_fault(&self, fault: Option<String>) -> bool {
        let mut current = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *current != fault;
        *current = fault;
        news
    }
}

fn age(record: &Stored) -> Duration {
    let time = Record::read(&record.text).ok().and_then(|record| record.time.parse::<Timestamp>().ok());
    let since_epoch = time.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or(0);
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(since_epoch);
    // A filter's clock may be ahead of this one.
    SystemTime::now().duration_since(time).unwrap_or_default()
}
