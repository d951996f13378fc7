//! What is done for the log beside the thread that writes it: everything here may wait for the disk.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::store::Head;
use super::writer::Message;
use crate::state::wal;

/// How often it is looked whether there is something to do, and whether the log was closed.
const LOOK: Duration = Duration::from_secs(1);
/// How often the log is brought to the disk itself: a loss of power can be told from a cut for all before.
const SYNC: Duration = Duration::from_secs(5);

/// The keeper of a log, on its thread.
pub(super) struct Keeper {
    path: PathBuf,
    head: watch::Receiver<Head>,
    /// Weak: it must not keep the log open.
    messages: mpsc::WeakSender<Message>,
    synced: Head,
    sync_next: Instant,
}

// === impl Keeper ===

impl Keeper {
    pub(super) fn new(path: PathBuf, head: watch::Receiver<Head>, messages: mpsc::WeakSender<Message>) -> Self {
        let synced = *head.borrow();
        Self { path, head, messages, synced, sync_next: Instant::now() + SYNC }
    }

    /// Works until the log is closed.
    pub(super) fn run(mut self) {
        while self.head.has_changed().is_ok() {
            std::thread::sleep(LOOK);
            if self.sync_next <= Instant::now() {
                self.sync();
                self.sync_next = Instant::now() + SYNC;
            }
        }
    }

    /// Brings the log to the disk itself, and has that remembered.
    fn sync(&mut self) {
        let head = *self.head.borrow();
        if head == self.synced {
            return;
        }
        match to_disk(&self.path) {
            Ok(()) => {
                self.synced = head;
                if let Some(messages) = self.messages.upgrade() {
                    // If the writer has no room just now, the next time tells.
                    let _ = messages.try_send(Message::Synced(head));
                }
            }
            Err(error) => {
                tracing::warn!(path = %self.path.display(), reason = %error, "the audit log cannot be brought to the disk");
            }
        }
    }
}

/// Brings to disk what is only in the system's cache. SQLite's write-ahead log holds all that is not in the database, and what
/// is there, it brought to disk itself.
pub(super) fn to_disk(path: &std::path::Path) -> std::io::Result<()> {
    match std::fs::File::open(wal(path)) {
        Ok(file) => file.sync_data(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
