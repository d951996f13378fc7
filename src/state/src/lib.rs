//! The state directory: all that must outlive the process, readable by its owner only.
//!
//! A store is one SQLite file with one writer. This crate opens it, locks it, migrates it, probes it and brings its write-ahead log into
//! it. The parts that own a store bring its tables. This crate must never know a table of theirs, nor an executor's configuration.
//!
//! ```
//! use callgate_state::{Database, Format, Synchronous};
//!
//! const FORMAT: Format = Format { steps: &["CREATE TABLE seen (n INTEGER NOT NULL) STRICT"], opening: "", page_bytes: 4096 };
//!
//! let root = tempfile::tempdir()?;
//! let folder = root.path().join("state");
//! let mut store = Database::open(&folder, "seen.db", &FORMAT, Synchronous::Normal)?;
//! store.write(|transaction| transaction.execute("INSERT INTO seen (n) VALUES (7)", []))?;
//! let seen: i64 = store.query_row("SELECT n FROM seen", [], |row| row.get(0))?;
//! assert_eq!(seen, 7);
//! store.close();
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod checkpoints;
mod clock;
mod database;
mod files;
mod health;
mod inspect;
pub mod private;
mod store_time;

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};

pub use self::clock::{Clock, SystemClock};
pub use self::database::{Database, Format, StoreError, Synchronous};
pub use self::files::{Altered, Watched, wal};
pub use self::health::{PROBE, StoreHealth};
pub use self::inspect::inspect;
pub use self::store_time::{Gap, StoreTime};

/// The reason something in the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refuses the path.
    #[error("{path}: cannot be opened: {reason}; stateDir names a directory that the executor may write", path = path.display())]
    Refused {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// Other users can use the path.
    #[error(
        "{path}: expected a {what} of the executor's user that no other user can use, found {found}; remove it, or run \
         `chmod {mode} {path}` as its owner", path = path.display()
    )]
    Exposed {
        /// The path.
        path: PathBuf,
        /// `folder` or `file`.
        what: &'static str,
        /// The owner or mode found.
        found: String,
        /// The right mode.
        mode: &'static str,
    },
    /// Another process uses the database.
    #[error("{path}: is in use by another executor; give each its own stateDir", path = path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// A later version wrote the database.
    #[error("{path}: has format {found}, and this executor knows format {known}: run the version that wrote it", path = path.display())]
    TooNew {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known format.
        known: i64,
    },
    /// Somebody exchanged its files during the opening.
    #[error(transparent)]
    Altered(#[from] Altered),
    /// The file is not a database, or is damaged.
    #[error("{path}: {reason}", path = path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        reason: rusqlite::Error,
    },
}

/// Locks the database at `path` for this process while the result is held. Makes a missing file.
///
/// The lock is a file beside it: closing the database itself would drop SQLite's own locks.
fn lock(path: &Path) -> Result<File, StateError> {
    let refused = |reason| StateError::Refused { path: path.to_path_buf(), reason };
    let lock = private::file(&path.with_extension("lock")).map_err(refused)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StateError::InUse { path: path.to_path_buf() },
        TryLockError::Error(reason) => refused(reason),
    })?;
    // SQLite gives the files beside it (-wal, -shm) the same mode.
    private::file(path).map_err(refused)?;
    Ok(lock)
}

/// Opens a database of the state directory for reading and writing. Refuses a link, and makes no file.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // The operator may have chosen a folder behind a link; SQLite would refuse that link too.
    let path = private::resolved(path).unwrap_or_else(|_| path.to_owned());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Connection::open_with_flags(path, flags)
}

/// Converts a time for the databases: milliseconds since the Unix epoch.
pub fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Reverses [`millis`].
pub fn time(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
