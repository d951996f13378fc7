//! Copies a log, whole and consistent, while the executor writes it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::chain::{VerifyError, Whole, verify};
use super::read::{LogReader, ReadError};

/// The reason a copy was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The path is taken.
    #[error("{path}: exists already; name a file that does not", path = .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("{path}: cannot be written: {reason}", path = path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// SQLite's reason.
    #[error("{path}: the log cannot be copied: {reason}", path = path.display())]
    Copy {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        reason: rusqlite::Error,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log is not whole, so neither is the copy.
    #[error("the copy is not whole: {0}")]
    NotWhole(VerifyError),
}

/// Copies the log to a new file, readable by its owner only, and checks the copy.
///
/// The copy shows one moment and is one file. An executor started with it continues after its last record.
///
/// # Errors
/// The copy cannot be made, or is not whole; then it is deleted.
pub fn backup(log: &LogReader, to: &Path) -> Result<Whole, BackupError> {
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.into()));
    }
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let made = copy(log, &part, to);
    if made.is_err() {
        // The rest is useless; the caller gets the first error.
        let _ = std::fs::remove_file(&part);
    }
    made
}

fn copy(log: &LogReader, part: &Path, to: &Path) -> Result<Whole, BackupError> {
    let unwritable = |reason| BackupError::Unwritable { path: to.into(), reason };
    let failed = |reason| BackupError::Copy { path: to.into(), reason };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).map_err(unwritable)?;
    log.copy_into(part)?;
    close(part).map_err(failed)?;
    file.sync_all().map_err(unwritable)?;
    let whole = verify(&LogReader::open(part)?, None).map_err(BackupError::NotWhole)?;
    std::fs::rename(part, to).map_err(unwritable)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)?;
    Ok(whole)
}

/// Marks the copy as closed by its writer and without a head beside it.
fn close(part: &Path) -> rusqlite::Result<()> {
    let copy = Connection::open(part)?;
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    if super::read::is_marked(&copy)? {
        copy.execute("UPDATE log SET open = 0, head_kept = 0", [])?;
    }
    copy.close().map_err(|(_, error)| error)
}
