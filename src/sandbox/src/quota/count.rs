//! Counts the contents of a folder.
//!
//! It walks down and up by open handles, one or two at a time, so neither the length of a path nor its depth matters.
//! It is bounded in entries and in time, and follows no link. A file with several names counts once.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::account::ENTRIES;
use crate::handle::{FileId, Handle};

/// The maximum entries of a count.
const COUNTED: u64 = ENTRIES * 2;
/// The maximum time of a count.
const TIME: Duration = Duration::from_secs(2);
/// The maximum restarts of a count after a folder was moved meanwhile.
const TRIES: usize = 3;

/// The result of a count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FolderSize {
    /// Bytes of files and links, by their lengths.
    pub(super) bytes: u64,
    /// Files, folders and links.
    pub(super) entries: u64,
}

/// The reason a folder was not counted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Uncounted {
    #[error("it holds more than {COUNTED} entries")]
    Many,
    #[error("counting took longer than {TIME:?}")]
    Slow,
    #[error("its folders were moved while they were counted")]
    Moved,
    #[error("{0}")]
    System(#[from] io::Error),
}

/// A folder on the way down with uncounted folders.
struct Level {
    id: FileId,
    left: Vec<CString>,
}

struct FolderWalk {
    until: Instant,
    held: FolderSize,
    /// The counted files with several names.
    seen: HashSet<FileId>,
}

/// Counts everything below `folder`.
pub(super) fn count(folder: &Handle) -> Result<FolderSize, Uncounted> {
    let until = Instant::now() + TIME;
    for _ in 0..TRIES {
        match (FolderWalk { until, held: FolderSize::default(), seen: HashSet::new() }).all(folder) {
            Err(Uncounted::Moved) => {}
            ended => return ended,
        }
    }
    Err(Uncounted::Moved)
}

// === impl FolderWalk ===

impl FolderWalk {
    fn all(mut self, folder: &Handle) -> Result<FolderSize, Uncounted> {
        let mut here = folder.reader()?;
        let mut levels = vec![self.level(&here)?];
        while let Some(level) = levels.last_mut() {
            if let Some(name) = level.left.pop() {
                let Some(next) = open(&here, &name)? else { continue };
                levels.push(self.level(&next)?);
                here = next;
            } else {
                levels.pop();
                let Some(above) = levels.last() else { break };
                here = open(&here, c"..")?.ok_or(Uncounted::Moved)?;
                if id(&here)? != above.id {
                    return Err(Uncounted::Moved);
                }
            }
        }
        Ok(self.held)
    }

    /// Counts the entries of one folder.
    fn level(&mut self, folder: &OwnedFd) -> Result<Level, Uncounted> {
        let mut left = Vec::new();
        for entry in Dir::read_from(folder).map_err(io::Error::from)? {
            let entry = entry.map_err(io::Error::from)?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let found = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => found,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(io::Error::from(error).into()),
            };
            self.held.entries += 1;
            if self.held.entries > COUNTED {
                return Err(Uncounted::Many);
            }
            if Instant::now() > self.until {
                return Err(Uncounted::Slow);
            }
            if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                left.push(name.to_owned());
            } else if found.st_nlink <= 1 || self.seen.insert(FileId::of_stat(&found)) {
                self.held.bytes = self.held.bytes.saturating_add(u64::try_from(found.st_size).unwrap_or(0));
            }
        }
        Ok(Level { id: id(folder)?, left })
    }
}

/// Returns the folder with this name, or `None` if it was removed or replaced by something else.
fn open(folder: &OwnedFd, name: &std::ffi::CStr) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn id(folder: &OwnedFd) -> io::Result<FileId> {
    Ok(FileId::of_stat(&rustix::fs::fstat(folder)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(folder: &std::path::Path) -> FolderSize {
        count(&Handle::open(folder).unwrap()).unwrap()
    }

    #[test]
    fn files_links_and_folders_are_counted_and_several_names_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::create_dir(at("c")).unwrap();
        std::fs::write(at("a/b/f"), [0; 10]).unwrap();
        std::fs::write(at("c/g"), [0; 5]).unwrap();
        std::fs::hard_link(at("c/g"), at("a/again")).unwrap();
        std::os::unix::fs::symlink("/etc", at("a/link")).unwrap();
        assert_eq!(counted(folder.path()), FolderSize { bytes: 10 + 5 + 4, entries: 7 });
    }

    #[test]
    fn a_path_that_is_longer_than_any_path_may_be_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut here = Handle::open(folder.path()).unwrap().reader().unwrap();
        let name = CString::new("x".repeat(200)).unwrap();
        for _ in 0..300 {
            rustix::fs::mkdirat(&here, name.as_c_str(), Mode::RWXU).unwrap();
            here = open(&here, &name).unwrap().unwrap();
        }
        std::fs::File::from(
            rustix::fs::openat(&here, "f", OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RWXU).unwrap(),
        )
        .set_len(7)
        .unwrap();
        assert_eq!(counted(folder.path()), FolderSize { bytes: 7, entries: 301 });
    }

    #[test]
    fn far_too_many_entries_are_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), "").unwrap();
        for n in 0..COUNTED {
            std::fs::hard_link(folder.path().join("f"), folder.path().join(n.to_string())).unwrap();
        }
        assert!(matches!(count(&Handle::open(folder.path()).unwrap()), Err(Uncounted::Many)));
    }
}
