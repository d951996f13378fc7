//! A whole and consistent copy of a log, made while the executor writes it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::chain::{VerifyError, Whole, verify};
use super::read::{ReadError, Reader};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is at its path.
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
    /// The copy is not whole, since the log is not.
    #[error("the copy is not whole: {0}")]
    NotWhole(VerifyError),
}

/// Copies the log to a file that does not exist yet, readable by its owner only, and checks the copy.
///
/// The copy is of one moment, and one file. An executor that is started with it goes on after its last record.
///
/// # Errors
/// The copy cannot be made, or is not whole; then nothing is left of it.
pub fn backup(log: &Reader, to: &Path) -> Result<Whole, BackupError> {
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.into()));
    }
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let made = copy(log, &part, to);
    if made.is_err() {
        // What is left of it is of no use; the first error is told.
        let _ = std::fs::remove_file(&part);
    }
    made
}

fn copy(log: &Reader, part: &Path, to: &Path) -> Result<Whole, BackupError> {
    let unwritable = |reason| BackupError::Unwritable { path: to.into(), reason };
    let failed = |reason| BackupError::Copy { path: to.into(), reason };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).map_err(unwritable)?;
    log.copy_into(part)?;
    close(part).map_err(failed)?;
    file.sync_all().map_err(unwritable)?;
    let whole = verify(&Reader::open(part)?, None).map_err(BackupError::NotWhole)?;
    std::fs::rename(part, to).map_err(unwritable)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)?;
    Ok(whole)
}

/// Says in the copy that no writer has it open, and that no head is kept beside it.
fn close(part: &Path) -> rusqlite::Result<()> {
    let copy = Connection::open(part)?;
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    if super::read::is_marked(&copy)? {
        copy.execute("UPDATE log SET open = 0, head_kept = 0", [])?;
    }
    copy.close().map_err(|(_, error)| error)
}
