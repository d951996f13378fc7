//! Maintenance of the log beside the writer's thread. Everything here may wait for the disk.
//!
//! 1. *Sync*: the log is brought to the disk itself, so a loss of power differs from a cut.
//! 2. *Rotation*: records are sealed into a segment when there are enough, when `audit.keep` asks for it, or when
//!    somebody asks (`audit.rotate`).
//! 3. *Trimming*: sealed records leave the log, a few at a time, once every sink has them and `audit.live` has passed.
//! 4. *Expiry*: without an archive, segments are deleted after `audit.keep`.
//!
//! Times count only while the log is open: a clock jump deletes nothing, and a stopped machine keeps records longer.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::beside::Progress;
use super::read::{LogReader, ReadError};
use super::segment::{self, SealError, Segment, SegmentPlace};
use super::store::Head;
use super::writer::Message;
use crate::settings::Retention;
use callgate_state::wal;

/// A file in the state directory: somebody asks for a rotation.
pub const ROTATE: &str = "audit.rotate";

/// The time between two looks for work, or for the end of the log.
const LOOK: Duration = Duration::from_secs(1);
const PARTS_OF_LOOK: u32 = 10;
/// The time between two syncs to the disk. Before the last of them, a loss of power differs from a cut.
const SYNC: Duration = Duration::from_secs(5);
/// The time between two writes of the log's age and end.
const MINUTE: Duration = Duration::from_secs(60);
/// Sealed records that leave the log at once, and the pause after them: new records wait meanwhile.
const TRIMMED: u64 = 500;
const TRIM_REST: Duration = Duration::from_millis(20);
/// With `audit.keep`, records are sealed after this part of it, so none stays much longer.
const PARTS: u32 = 10;

/// The keeper of a log, on its thread.
pub(super) struct Keeper {
    path: PathBuf,
    folder: PathBuf,
    head: watch::Receiver<Head>,
    /// Weak: it must not keep the log open.
    messages: mpsc::WeakSender<Message>,
    retention: Retention,
    sinks: Arc<[Arc<Progress>]>,
    state: KeeperState,
}

/// The state between two looks.
struct KeeperState {
    synced: Head,
    sync_next: Instant,
    /// The last sealed record.
    sealed: Head,
    /// The log begins after this record.
    base: u64,
    /// Bytes of the records after the last sealed one, up to this record.
    unsealed: (u64, u64),
    /// Seconds the log was open before this start, and the time of this start.
    opened: (u64, Instant),
    /// The same at the last rotation, even before this start.
    rotated: u64,
    minute_next: Instant,
    /// The last record at each minute, for as long as sealed records stay.
    marks: VecDeque<(Instant, u64)>,
    failing: Option<String>,
}

/// The reason maintenance failed.
#[derive(Debug, thiserror::Error)]
enum KeeperError {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("{path}: {reason}", path = path.display())]
    Disk { path: PathBuf, reason: std::io::Error },
    #[error("sealing needs {needed} free bytes in the state directory; make room")]
    Room { needed: u64 },
    #[error("the log's writer has ended or cannot write")]
    Writer,
}

// === impl Keeper ===

impl Keeper {
    pub(super) fn new(
        path: &Path,
        head: watch::Receiver<Head>,
        messages: mpsc::WeakSender<Message>,
        retention: Retention,
        sinks: Arc<[Arc<Progress>]>,
    ) -> Result<Self, ReadError> {
        let log = LogReader::open(path)?;
        let sealed = match log.segments()?.last() {
            Some(segment) => segment.last,
            None => log.base()?,
        };
        let ticks = log.ticks()?;
        let now = Instant::now();
        let state = KeeperState {
            synced: *head.borrow(),
            sync_next: now + SYNC,
            sealed,
            base: log.base()?.seq,
            unsealed: (sealed.seq, 0),
            opened: (ticks, now),
            rotated: log.sealed_at()?,
            minute_next: now + MINUTE,
            marks: VecDeque::new(),
            failing: None,
        };
        let folder = path.with_file_name(segment::SEGMENTS);
        Ok(Self { path: path.into(), folder, head, messages, retention, sinks, state })
    }

    /// Works until the log is closed.
    pub(super) fn run(mut self) {
        while self.head.has_changed().is_ok() {
            // In parts: closing the log waits for this thread.
            for _ in 0..PARTS_OF_LOOK {
                std::thread::sleep(LOOK / PARTS_OF_LOOK);
                if self.head.has_changed().is_err() {
                    return;
                }
            }
            let done = self.work();
            let failing = done.err().map(|error| error.to_string());
            if failing != self.state.failing {
                match &failing {
                    Some(reason) => tracing::warn!(reason, "the audit log cannot be kept in order; it grows meanwhile"),
                    None => tracing::info!("the audit log is kept in order again"),
                }
                self.state.failing = failing;
            }
        }
    }

    fn work(&mut self) -> Result<(), KeeperError> {
        if self.state.sync_next <= Instant::now() {
            self.state.sync_next = Instant::now() + SYNC;
            self.sync()?;
        }
        if self.state.minute_next <= Instant::now() {
            self.state.minute_next = Instant::now() + MINUTE;
            self.state.marks.push_back((Instant::now(), self.head.borrow().seq));
            self.tell(Message::Open(self.ticks()))?;
            self.forget()?;
        }
        self.rotate()?;
        self.trim()
    }

    /// Brings the log to the disk itself, and has the writer remember it.
    fn sync(&mut self) -> Result<(), KeeperError> {
        let head = *self.head.borrow();
        if head == self.state.synced {
            return Ok(());
        }
        to_disk(&self.path).map_err(|reason| KeeperError::Disk { path: self.path.clone(), reason })?;
        self.state.synced = head;
        self.tell(Message::Synced(head))
    }

    /// Seconds the log was open, before this start and since.
    fn ticks(&self) -> u64 {
        let (before, since) = self.state.opened;
        before.saturating_add(since.elapsed().as_secs())
    }

    fn rotate(&mut self) -> Result<(), KeeperError> {
        let request = self.path.with_file_name(ROTATE);
        let asked = request.symlink_metadata().is_ok();
        let head = *self.head.borrow();
        if head.seq > self.state.unsealed.0 {
            let (from, bytes) = self.state.unsealed;
            let more = LogReader::open(&self.path)?.bytes(from, head.seq)?;
            self.state.unsealed = (head.seq, bytes.saturating_add(more));
        }
        let old = self
            .retention
            .keep
            .is_some_and(|keep| self.ticks().saturating_sub(self.state.rotated) >= (keep / PARTS).as_secs().max(1));
        if asked || old {
            while self.state.sealed.seq < head.seq {
                self.seal(head.seq)?;
            }
            self.state.rotated = self.ticks();
            if asked {
                fs::remove_file(&request).map_err(|reason| KeeperError::Disk { path: request, reason })?;
            }
            return Ok(());
        }
        while self.state.unsealed.1 >= self.retention.segment_bytes {
            self.seal(head.seq)?;
        }
        Ok(())
    }

    /// Seals one segment.
    fn seal(&mut self, to: u64) -> Result<(), KeeperError> {
        let log = LogReader::open(&self.path)?;
        self.remove_unknown(&log)?;
        self.check_room()?;
        let segment = segment::seal(&log, self.state.sealed, to, self.retention.segment_bytes, &self.folder)?;
        let last = segment.last;
        tracing::info!(first = segment.first, last = last.seq, "records of the audit log are sealed");
        self.ask(|done| Message::Sealed(segment, done))?;
        self.state.sealed = last;
        let rest = log.bytes(last.seq, self.state.unsealed.0)?;
        self.state.unsealed.1 = rest;
        Ok(())
    }

    /// Refuses a segment if it would take the room of running calls' outcomes.
    fn check_room(&self) -> Result<(), KeeperError> {
        let bytes = self.state.unsealed.1.min(self.retention.segment_bytes);
        // Twice: columns and indexes repeat a part of each text.
        let needed = bytes.saturating_mul(2).saturating_add(self.retention.min_free / 4);
        let folder = self.path.parent().unwrap_or(&self.path);
        // If the system does not report free space, writing finds out.
        match rustix::fs::statvfs(folder) {
            Ok(found) if found.f_bavail.saturating_mul(found.f_frsize) < needed => Err(KeeperError::Room { needed }),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Deletes segments unknown to the log: their maker ended in between.
    ///
    /// Deletes a segment only if the log still has its records. Others may be the rest of a log that was moved away or
    /// replaced by an older copy.
    fn remove_unknown(&self, log: &LogReader) -> Result<(), KeeperError> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Ok(()) };
        let known: Vec<String> = log.segments()?.iter().map(Segment::name).collect();
        let (executor, base) = (log.executor()?, log.base()?.seq);
        for entry in entries.flatten() {
            let name = entry.file_name();
            let unknown = name.to_str().is_some_and(|name| {
                name.starts_with("audit-") && name.ends_with(".db") && !known.iter().any(|known| known == name)
            });
            let in_log = || -> Result<bool, ReadError> {
                let segment = LogReader::open(&entry.path())?;
                let last = segment.last()?;
                Ok(segment.executor()? == executor && segment.base()?.seq >= base && log.holds(last)?)
            };
            if unknown && in_log().unwrap_or(false) {
                fs::remove_file(entry.path()).map_err(|reason| KeeperError::Disk { path: entry.path(), reason })?;
            }
        }
        Ok(())
    }

    /// Takes sealed records out of the log once nobody needs them there.
    fn trim(&mut self) -> Result<(), KeeperError> {
        while let Some((at, _)) = self.state.marks.get(1)
            && at.elapsed() >= self.retention.live
        {
            self.state.marks.pop_front();
        }
        let settled = match self.state.marks.front() {
            _ if self.retention.live.is_zero() => u64::MAX,
            Some((at, seq)) if at.elapsed() >= self.retention.live => *seq,
            Some(_) | None => 0,
        };
        let delivered = self.sinks.iter().map(|sink| sink.has()).min().unwrap_or(u64::MAX);
        let to = self.state.sealed.seq.min(settled).min(delivered);
        if self.state.base < to {
            let (log, base) = (LogReader::open(&self.path)?, self.state.base);
            // Records leave the log only if their segment is in its place.
            let here = log
                .segments()?
                .into_iter()
                .filter(|segment| segment.at == SegmentPlace::Here && segment.last.seq > base);
            for path in here.map(|segment| self.folder.join(segment.name())) {
                fs::metadata(&path).map_err(|reason| KeeperError::Disk { path, reason })?;
            }
        }
        while self.state.base < to {
            let next = to.min(self.state.base.saturating_add(TRIMMED));
            self.ask(|done| Message::Trim(next, done))?;
            self.state.base = next;
            std::thread::sleep(TRIM_REST);
        }
        Ok(())
    }

    /// Deletes segments older than `audit.keep`, if they are not archived.
    fn forget(&self) -> Result<(), KeeperError> {
        let (Some(keep), None) = (self.retention.keep, &self.retention.archive) else { return Ok(()) };
        let log = LogReader::open(&self.path)?;
        let Some(before) = self.ticks().checked_sub(keep.as_secs()) else { return Ok(()) };
        for segment in log.segments_sealed_before(before)? {
            self.ask(|done| Message::Moved(segment.first, SegmentPlace::Forgotten, done))?;
            tracing::info!(
                first = segment.first,
                last = segment.last.seq,
                "a segment of the audit log is deleted after audit.keep"
            );
        }
        // Also those an executor left when it ended in between.
        for segment in log.segments()?.iter().filter(|segment| segment.at == SegmentPlace::Forgotten) {
            let path = self.folder.join(segment.name());
            match fs::remove_file(&path) {
                Err(reason) if reason.kind() != std::io::ErrorKind::NotFound => {
                    return Err(KeeperError::Disk { path, reason });
                }
                Err(_) | Ok(()) => {}
            }
        }
        Ok(())
    }

    fn tell(&self, message: Message) -> Result<(), KeeperError> {
        let messages = self.messages.upgrade().ok_or(KeeperError::Writer)?;
        messages.blocking_send(message).map_err(|_| KeeperError::Writer)
    }

    /// Sends the writer a message and waits for its answer.
    fn ask(&self, message: impl FnOnce(oneshot::Sender<bool>) -> Message) -> Result<(), KeeperError> {
        let (done, answer) = oneshot::channel();
        self.tell(message(done))?;
        match answer.blocking_recv() {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(KeeperError::Writer),
        }
    }
}

/// Brings the system's cache to disk. SQLite's write-ahead log holds everything the database lacks, and SQLite synced
/// the database itself.
pub(super) fn to_disk(path: &Path) -> std::io::Result<()> {
    match fs::File::open(wal(path)) {
        Ok(file) => file.sync_data(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
