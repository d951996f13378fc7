//! The writer's thread, and its grouping.
//!
//! The writer takes all waiting messages, writes them in one transaction, then answers each: under load a record costs
//! less.
//!
//! If the disk is full or broken, the writer refuses an entry, and its call does not run. The outcome of a finished
//! call cannot be refused: the writer holds it in memory, retries every second, and writes it first. While a held
//! outcome cannot be written, nothing else is.
//!
//! The thread writes the store of its [`Companion`] too, in turns with the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::AuditError;
use super::companion::Companion;
use super::entry::{Appended, AuditEvent, Entry};
use super::metrics::AuditMetrics;
use super::segment::{Segment, SegmentPlace};
use super::store::{Head, Store};
use callgate_state::PROBE;

/// The maximum records in one transaction.
const GROUP: usize = 1024;
/// The maximum outcomes in memory: far more than the running calls, since no new calls are taken.
const HELD: usize = 65_536;
/// The time between two attempts to write held outcomes.
const AGAIN: Duration = Duration::from_secs(1);

/// A message to the writer.
pub(super) enum Message {
    /// Writes an entry, then answers.
    Append(Box<Entry>, oneshot::Sender<Result<Appended, AuditError>>),
    /// Stores the progress of a sink.
    Delivered(&'static str, u64),
    /// Notes: the log is on the disk itself, up to this record.
    Synced(Head),
    /// Stores the seconds the log was open.
    Open(u64),
    /// Stores a segment, then answers.
    Sealed(Segment, oneshot::Sender<bool>),
    /// Stores the new place of the segment beginning with this record, then answers.
    Moved(u64, SegmentPlace, oneshot::Sender<bool>),
    /// Removes the records up to this one from the log, then answers.
    Trim(u64, oneshot::Sender<bool>),
    /// Closes the log and ends.
    Close(oneshot::Sender<()>),
}

/// The writer, on its thread.
pub(super) struct Writer<C> {
    store: Store,
    companion: C,
    messages: mpsc::Receiver<Message>,
    head: watch::Sender<Head>,
    held: Vec<Entry>,
    held_count: Arc<AtomicUsize>,
    /// The threads reading the log.
    beside: Vec<JoinHandle<()>>,
    closing: Option<oneshot::Sender<()>>,
    metrics: AuditMetrics,
    told: Told,
}

/// Conflicts not logged yet: at most one line a second.
struct Told {
    conflicts: u64,
    at: Option<Instant>,
}

// === impl Writer ===

impl<C: Companion> Writer<C> {
    pub(super) fn new(
        store: Store,
        companion: C,
        messages: mpsc::Receiver<Message>,
        head: watch::Sender<Head>,
        held_count: Arc<AtomicUsize>,
        beside: Vec<JoinHandle<()>>,
        metrics: AuditMetrics,
    ) -> Self {
        let told = Told { conflicts: 0, at: None };
        Self { store, companion, messages, head, held: Vec::new(), held_count, beside, closing: None, metrics, told }
    }

    /// Runs until the log is closed or its last handle is gone.
    pub(super) async fn run(mut self) {
        let mut group = Vec::new();
        let mut tried = Instant::now();
        loop {
            let wait = if self.held.is_empty() { PROBE } else { AGAIN };
            let open = tokio::select! {
                received = self.messages.recv_many(&mut group, GROUP) => received > 0,
                () = self.companion.ready() => true,
                () = sleep(wait) => true,
            };
            let entries = self.companion.commit();
            // They came meanwhile, and share the commit.
            while group.len() < GROUP
                && let Ok(message) = self.messages.try_recv()
            {
                group.push(message);
            }
            if self.write(&mut group, entries) {
                tried = Instant::now();
            } else if tried.elapsed() >= wait.min(PROBE) {
                // Other messages may come without a pause: a sink catching up sends many.
                self.store.probe();
                tried = Instant::now();
            }
            if !open || self.closing.is_some() {
                break;
            }
        }
        self.close();
    }

    fn close(self) {
        let Self { store, companion, head, held, beside, closing, messages, .. } = self;
        if !held.is_empty() {
            tracing::error!(outcomes = held.len(), "the audit log ends without outcomes that could not be written");
        }
        // Waiting senders get an error.
        drop(messages);
        // The other threads end with it: one of their readers would keep the write-ahead log.
        drop(head);
        for thread in beside {
            let _ = thread.join();
        }
        companion.close();
        store.close();
        if let Some(closed) = closing {
            let _ = closed.send(());
        }
    }

    /// Handles a group of messages, and the companion's entries. Returns true if it tried to write records.
    fn write(&mut self, group: &mut Vec<Message>, entries: Vec<Entry>) -> bool {
        let mut asked = Vec::with_capacity(group.len() + entries.len());
        let mut waiting = Vec::with_capacity(group.len());
        for message in group.drain(..) {
            match message {
                Message::Append(entry, done) => {
                    asked.push(*entry);
                    waiting.push(done);
                }
                Message::Delivered(sink, seq) => self.delivered(sink, seq),
                Message::Synced(head) => self.store.synced(head),
                Message::Open(seconds) => self.store.open_for(seconds),
                Message::Sealed(segment, done) => drop(done.send(self.store.sealed(&segment))),
                Message::Moved(first, to, done) => drop(done.send(self.store.moved(first, to))),
                Message::Trim(to, done) => drop(done.send(self.store.trim(to))),
                Message::Close(closed) => self.closing = Some(closed),
            }
        }
        asked.extend(entries);
        if asked.is_empty() && self.held.is_empty() {
            return false;
        }
        let mut answers = self.record(asked);
        let of_companion = answers.split_off(waiting.len());
        for (done, answer) in waiting.into_iter().zip(answers) {
            // The sender may be gone.
            let _ = done.send(answer);
        }
        self.companion.recorded(of_companion);
        true
    }

    /// Writes the held entries and these in one transaction; returns the answer to each of these.
    fn record(&mut self, asked: Vec<Entry>) -> Vec<Result<Appended, AuditError>> {
        let before = self.store.head().seq;
        match self.store.write(self.held.iter().chain(&asked)) {
            Ok(appended) => {
                let written = self.store.head().seq.saturating_sub(before);
                self.metrics.appended(usize::try_from(written).unwrap_or(usize::MAX));
                self.conflicts(&appended);
                let held = self.held.len();
                self.held.clear();
                self.count_held();
                self.head.send_replace(self.store.head());
                appended.into_iter().skip(held).map(Ok).collect()
            }
            Err(error) => {
                let reason = error.to_string();
                let refuse = |entry| {
                    self.metrics.failed();
                    Err(self.refuse(entry, &reason))
                };
                asked.into_iter().map(refuse).collect()
            }
        }
    }

    /// Refuses an entry that could not be written, or holds it.
    fn refuse(&mut self, entry: Entry, reason: &str) -> AuditError {
        let room = match entry.event {
            AuditEvent::Outcome { .. } => HELD,
            // Outcomes have the rest of the room to themselves.
            AuditEvent::Repeat { .. } => HELD / 2,
            AuditEvent::Decision { .. }
            | AuditEvent::KeyReused
            | AuditEvent::Conflict { .. }
            | AuditEvent::Admission { .. }
            | AuditEvent::Approval { .. } => 0,
        };
        if self.held.len() >= room {
            return AuditError::Unwritable(reason.to_owned());
        }
        self.held.push(entry);
        // Counted before the sender gets its answer.
        self.count_held();
        AuditError::Held(reason.to_owned())
    }

    fn count_held(&self) {
        self.held_count.store(self.held.len(), Ordering::Relaxed);
        self.metrics.held(self.held.len());
    }

    fn conflicts(&mut self, appended: &[Appended]) {
        let conflicts = appended.iter().filter(|appended| **appended == Appended::Conflict).count();
        if conflicts > 0 {
            let conflicts = u64::try_from(conflicts).unwrap_or(u64::MAX);
            self.metrics.conflicts(conflicts);
            self.told.conflicts = self.told.conflicts.saturating_add(conflicts);
        }
        if self.told.conflicts > 0 && self.told.at.is_none_or(|at| at.elapsed() >= AGAIN) {
            let conflicts = std::mem::take(&mut self.told.conflicts);
            self.told.at = Some(Instant::now());
            tracing::error!(
                conflicts,
                "decisions on calls contradict each other; `callgate audit show --code conflict` shows them"
            );
        }
    }

    /// Stores a sink's progress. A failure is harmless: the feed asks the sink at each connection.
    fn delivered(&self, sink: &str, seq: u64) {
        if let Err(error) = self.store.set_cursor(sink, seq) {
            tracing::warn!(sink, reason = %error, "how much of the audit log a sink has cannot be written down");
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::companion::NoCompanion;
    use callgate_state::Synchronous;

    #[tokio::test]
    async fn messages_that_write_no_record_do_not_keep_the_log_from_being_probed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state"), Synchronous::Normal).unwrap();
        let path = store.path().to_path_buf();
        let probes = || -> u64 {
            let log = Connection::open(&path).unwrap();
            log.query_row("SELECT writes FROM probe", [], |row| row.get(0)).unwrap()
        };
        let before = probes();
        let (messages, received) = mpsc::channel(8);
        let (written, _head) = watch::channel(store.head());
        let writer =
            Writer::new(store, NoCompanion, received, written, Arc::default(), Vec::new(), AuditMetrics::default());
        let catching_up = async {
            let until = Instant::now() + PROBE * 2;
            while Instant::now() < until {
                assert!(messages.send(Message::Delivered("redis", 1)).await.is_ok());
                tokio::time::sleep(PROBE / 20).await;
            }
            assert!(probes() > before);
            drop(messages);
        };
        tokio::join!(writer.run(), catching_up);
    }
}
