//! The state directory: what must outlive the process, readable by its owner only.

mod checkpoints;
mod database;
mod files;
mod health;

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub(crate) use self::database::{Database, Format, StoreError};
pub use self::files::Altered;
pub(crate) use self::files::{Watched, wal};
pub(crate) use self::health::PROBE;
pub use self::health::StoreHealth;

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
    /// Its files were exchanged while it was opened.
    #[error(transparent)]
    Altered(#[from] Altered),
    /// It is no database, or is damaged.
    #[error("{path}: {reason}", path = path.display())]
    Database {
        /// What.
        path: PathBuf,
        /// SQLite's reason.
        reason: rusqlite::Error,
    },
}

/// Takes the database at `path` for this process, for as long as the answer is held; makes the file where there is none.
///
/// The lock is a file beside it: closing the database itself would drop SQLite's own locks on that.
pub(crate) fn lock(path: &Path) -> Result<File, StateError> {
    let refused = |reason| StateError::Refused { path: path.to_path_buf(), reason };
    let lock = private(&path.with_extension("lock")).map_err(refused)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StateError::InUse { path: path.to_path_buf() },
        TryLockError::Error(reason) => refused(reason),
    })?;
    // SQLite gives the files beside it (-wal, -shm) the same mode.
    private(path).map_err(refused)?;
    Ok(lock)
}

/// Opens a file that its owner alone may read, or makes it.
fn private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
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
