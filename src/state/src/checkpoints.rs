//! Brings what is in a database's write-ahead log into the database, beside the thread that writes.
//!
//! That waits for the disk, and whoever writes must not: calls wait for it. SQLite would do it in the middle of a commit.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// How often. Each time the disk is busy for a while, so not often; and at what most executors run, long before the writer has to.
const EVERY: Duration = Duration::from_secs(5);
/// Pages of the write-ahead log at which the writer does it after all, so that it cannot grow for ever: writers that
/// never rest leave no moment in which it could begin anew.
pub(crate) const AT_MOST: u32 = 16_384;

/// A thread that does it, until this is dropped.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Checkpoints ===

impl Checkpoints {
    /// Starts for the database at `path`, which is in WAL mode.
    pub(crate) fn start(path: &Path) -> rusqlite::Result<Self> {
        // Opened now: later another file may be there, and one that is missing is not made.
        let connection = crate::connect(path)?;
        let path = path.to_path_buf();
        let (end, ended) = channel();
        let thread = std::thread::Builder::new().name("checkpoints".into());
        let thread = thread.spawn(move || run(&path, &connection, &ended));
        // Without it the writer does it, at its own expense.
        let thread =
            thread.inspect_err(|reason| tracing::warn!(%reason, "no thread can be started for checkpoints")).ok();
        Ok(Self { end: Some(end), thread })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // It says what is wrong itself.
            let _ = thread.join();
        }
    }
}

fn run(path: &Path, connection: &Connection, ended: &Receiver<()>) {
    let mut failing = false;
    while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        // As much as can be without waiting for others.
        match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(path = %path.display(), reason = %error, "a write-ahead log cannot be brought into its database");
            }
            Err(_) => {}
        }
    }
}
