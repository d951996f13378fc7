//! The state directory: what must outlive the process, readable by its owner only.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode};

/// Why something in the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refuses it.
    #[error("{path}: cannot be opened: {reason}; stateDir names a directory that the executor may write", path = path.display())]
    Refused {
        /// What.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// Another process has it.
    #[error("{path}: is in use by another executor; give each its own stateDir", path = path.display())]
    InUse {
        /// What.
        path: PathBuf,
    },
    /// It was written by a later version.
    #[error("{path}: has format {found}, and this executor knows format {known}: run the version that wrote it", path = path.display())]
    TooNew {
        /// What.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known format.
        known: i64,
    },
    /// It is no database, or is damaged.
    #[error("{path}: {reason}", path = path.display())]
    Database {
        /// What.
        path: PathBuf,
        /// SQLite's reason.
        reason: rusqlite::Error,
    },
}

/// Opens a database of the state directory for this process alone, or makes it with `schema`, which is format 1.
///
/// What was committed survives the end of the process, however it ends. After a loss of power the last commits may be missing:
/// nothing waits for the disk itself.
pub(crate) fn database(folder: &Path, name: &str, schema: &str) -> Result<Connection, StateError> {
    let path = folder.join(name);
    private_folder(folder)?;
    // Made here, since SQLite would make it readable for others. Its write-ahead log gets the same mode.
    let refused = |reason| StateError::Refused { path: path.clone(), reason };
    OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(refused)?;
    open(&path, schema).map_err(|reason| match reason.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StateError::InUse { path: path.clone() },
        Some(_) | None => StateError::Database { path: path.clone(), reason },
    })?
}

/// Makes the state directory where there is none.
pub(crate) fn private_folder(folder: &Path) -> Result<(), StateError> {
    let refused = |reason| StateError::Refused { path: folder.to_owned(), reason };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refused)
}

/// A time as the databases keep it: milliseconds since the Unix epoch.
pub(crate) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time that [`millis`] was made of.
pub(crate) fn time(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

const FORMAT: i64 = 1;

fn open(path: &Path, schema: &str) -> rusqlite::Result<Result<Connection, StateError>> {
    let connection = Connection::open(path)?;
    // Exclusive first: the index of the write-ahead log then stays in this process' memory.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // 16 MiB: fewer of the writes that do wait for the disk.
    connection.pragma_update(None, "wal_autocheckpoint", 4096)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Takes the lock, which is then held to the end.
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > FORMAT {
        return Ok(Err(StateError::TooNew { path: path.to_owned(), found, known: FORMAT }));
    }
    connection.execute_batch(schema)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    connection.execute_batch("COMMIT")?;
    Ok(Ok(connection))
}
