//! Brings what is in a database's write-ahead log into the database, beside the thread that writes.
//!
//! That waits for the disk, and whoever writes must not: calls wait for it. SQLite would do it in the middle of a commit.

use std::io;
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
    pub(crate) fn start(path: &Path) -> io::Result<Self> {
        let path = path.to_path_buf();
        let (end, ended) = channel();
        let thread = std::thread::Builder::new().name("checkpoints".into()).spawn(move || run(&path, &ended))?;
        Ok(Self { end: Some(end), thread: Some(thread) })
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

fn run(path: &Path, ended: &Receiver<()>) {
    let mut connection = None;
    let mut failing = false;
    while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        let done = checkpoint(path, &mut connection);
        match done {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(path = %path.display(), reason = %error, "a write-ahead log cannot be brought into its database");
            }
            Err(_) => {}
        }
    }
}

/// As much as can be without waiting for others.
fn checkpoint(path: &Path, connection: &mut Option<Connection>) -> rusqlite::Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(super::connect(path)?),
    };
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
