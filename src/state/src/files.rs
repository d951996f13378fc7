//! The identity of a store's files.
//!
//! A process can write to an open file after somebody deleted or replaced it, and then its writes are lost. So before
//! each commit the store compares the file at the path with the opened one: two calls of `stat`.
//!
//! Not covered: bytes changed in the middle of a file. The audit log's chain finds those.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The files of one store: the database and its write-ahead log.
#[derive(Debug)]
pub(crate) struct StoreFiles {
    database: Watched,
    log: Watched,
}

/// The difference between a store's files and the opened ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Altered {
    /// The file was deleted or moved.
    #[error("{path} was deleted or moved while the executor uses it; put it back, or restart the executor", path = .0.display())]
    Deleted(PathBuf),
    /// Another file is at its path.
    #[error("{path} was replaced while the executor uses it; put the first file back, or restart the executor", path = .0.display())]
    Replaced(PathBuf),
    /// The file became shorter.
    #[error("{path} was truncated while the executor uses it; restart the executor", path = .0.display())]
    Truncated(PathBuf),
    /// The system refuses to look.
    #[error("{path} cannot be looked at: {reason}; look at the disk", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
}

/// One file, as last seen.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    seen: Option<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    device: u64,
    inode: u64,
    length: u64,
}

// === impl StoreFiles ===

impl StoreFiles {
    /// Remembers the files of the just opened database at `path`.
    pub(crate) fn of(path: &Path) -> Result<Self, Altered> {
        let mut files = Self { database: Watched::new(path.to_path_buf()), log: Watched::new(wal(path)) };
        files.database.check()?;
        files.log.adopt();
        Ok(files)
    }

    /// Compares the files at the paths with the opened ones.
    pub(crate) fn check(&mut self) -> Result<(), Altered> {
        self.database.check()?;
        self.log.adopt();
        if self.log.seen.is_some() { self.log.check() } else { Ok(()) }
    }
}

// === impl Watched ===

impl Watched {
    /// A file not seen yet. The first check accepts any.
    pub fn new(path: PathBuf) -> Self {
        Self { path, seen: None }
    }

    /// Accepts the file as it is, if none was seen before.
    fn adopt(&mut self) {
        if self.seen.is_none() {
            self.seen = look(&self.path).ok();
        }
    }

    /// Compares the file at the path with the one seen first.
    ///
    /// # Errors
    /// The file was deleted, replaced or truncated.
    pub fn check(&mut self) -> Result<(), Altered> {
        let path = || self.path.clone();
        let now = look(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Altered::Deleted(path()),
            _ => Altered::Unreadable { path: path(), reason: error.to_string() },
        })?;
        match self.seen {
            Some(seen) if (seen.device, seen.inode) != (now.device, now.inode) => {
                return Err(Altered::Replaced(path()));
            }
            Some(seen) if seen.length > now.length => return Err(Altered::Truncated(path())),
            Some(_) | None => self.seen = Some(now),
        }
        Ok(())
    }
}

/// The write-ahead log of the database at `path`.
pub fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn look(path: &Path) -> io::Result<Seen> {
    // A link in its place is another file.
    let found = fs::symlink_metadata(path)?;
    Ok(Seen { device: found.dev(), inode: found.ino(), length: found.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_replaced_or_truncated_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("x.db"), folder.path().join("aside"));
        fs::write(&path, "12345").unwrap();
        fs::write(wal(&path), "123").unwrap();
        let mut files = StoreFiles::of(&path).unwrap();
        files.check().unwrap();

        fs::rename(&path, &aside).unwrap();
        assert_eq!(files.check(), Err(Altered::Deleted(path.clone())));
        fs::write(&path, "12345").unwrap();
        assert_eq!(files.check(), Err(Altered::Replaced(path.clone())));
        fs::rename(&aside, &path).unwrap();
        files.check().unwrap();

        fs::write(wal(&path), "").unwrap();
        assert_eq!(files.check(), Err(Altered::Truncated(wal(&path))));
        fs::write(wal(&path), "1234").unwrap();
        files.check().unwrap();
        fs::write(&path, "1234").unwrap();
        assert_eq!(files.check(), Err(Altered::Truncated(path)));
    }
}
