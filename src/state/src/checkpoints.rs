//! Moves a database's write-ahead log into the database, beside the writer's thread.
//!
//! A checkpoint waits for the disk. The writer must not, since calls wait for it, and SQLite would run one in the
//! middle of a commit.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// The time between two checkpoints. Each keeps the disk busy for a while; most executors never reach `AT_MOST` in this
/// time.
const EVERY: Duration = Duration::from_secs(5);
/// Pages of the write-ahead log at which the writer runs a checkpoint itself. This bounds the log under writers without
/// a pause, who leave it no moment to restart.
pub(crate) const AT_MOST: u32 = 16_384;

/// The thread running checkpoints, until this is dropped.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Checkpoints ===

impl Checkpoints {
    /// Starts for the database at `path`, which is in WAL mode.
    pub(crate) fn start(path: &Path) -> rusqlite::Result<Self> {
        // Opened now: later the path may hold another file. A missing one is not made.
        let connection = crate::connect(path)?;
        let path = path.to_path_buf();
        let (end, ended) = channel();
        let thread = std::thread::Builder::new().name("checkpoints".into());
        let thread = thread.spawn(move || run(&path, &connection, &ended));
        // Without the thread the writer runs checkpoints, which delays its commits.
        let thread =
            thread.inspect_err(|reason| tracing::warn!(%reason, "no thread can be started for checkpoints")).ok();
        Ok(Self { end: Some(end), thread })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // The thread logs its own faults.
            let _ = thread.join();
        }
    }
}

fn run(path: &Path, connection: &Connection, ended: &Receiver<()>) {
    let mut failing = false;
    while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        // As much as possible without waiting for others.
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
