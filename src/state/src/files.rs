//! The identity of a store's files.
//!
//! A process that has a file open goes on writing to it after somebody deleted or replaced it, and what it writes is lost. So the
//! file at the path is compared with the file that was opened, before each commit: two calls of `stat`.
//!
//! Not covered: bytes that somebody changes in the middle of a file. The audit log's chain finds those.

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

/// Why a store's files are not those that were opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Altered {
    /// The file has gone.
    #[error("{path} was deleted or moved while the executor uses it; put it back, or restart the executor", path = .0.display())]
    Deleted(PathBuf),
    /// Another file is at its path.
    #[error("{path} was replaced while the executor uses it; put the first file back, or restart the executor", path = .0.display())]
    Replaced(PathBuf),
    /// The file became shorter.
    #[error("{path} was truncated while the executor uses it; restart the executor", path = .0.display())]
    Truncated(PathBuf),
    /// The system does not say.
    #[error("{path} cannot be looked at: {reason}; look at the disk", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
}

/// One file, and what was last seen of it.
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
    /// Remembers the files of the database at `path`, which has just been opened.
    pub(crate) fn of(path: &Path) -> Result<Self, Altered> {
        let mut files = Self { database: Watched::new(path.to_path_buf()), log: Watched::new(wal(path)) };
        files.database.check()?;
        files.log.adopt();
        Ok(files)
    }

    /// Compares the files at the paths with those that were opened.
    pub(crate) fn check(&mut self) -> Result<(), Altered> {
        self.database.check()?;
        self.log.adopt();
        if self.log.seen.is_some() { self.log.check() } else { Ok(()) }
    }
}

// === impl Watched ===

impl Watched {
    /// A file that was not looked at yet. The first look takes it as it is.
    pub fn new(path: PathBuf) -> Self {
        Self { path, seen: None }
    }

    /// Takes the file as it is, if none was seen before.
    fn adopt(&mut self) {
        if self.seen.is_none() {
            self.seen = look(&self.path).ok();
        }
    }

    /// Compares the file at the path with the one that was seen first.
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
