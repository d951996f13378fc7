//! A folder of the host held open, so nobody can replace it.
//!
//! A path is resolved once: it is canonicalized, then walked from `/` one name at a time without following links. If
//! someone swaps a part of the path between the two, the walk fails. Everything later uses the open handle: calls,
//! quotas, folders of tenants. Later changes of the path have no effect.
//!
//! Not covered: a bind mount of a folder *inside* a granted folder has other ancestors than that folder, so
//! [`Handle::holds`] does not find it there.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// Opens a folder and nothing else, and not a link to one.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A folder of the executor's own user.
const PRIVATE: Mode = Mode::RWXU;

/// The identity of a file or folder on this machine, independent of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// An open folder.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: OwnedFd,
    path: PathBuf,
    /// From `/` down to the folder itself.
    chain: Vec<FileId>,
}

// === impl FileId ===

impl FileId {
    /// Returns the identity of an open file.
    ///
    /// # Errors
    /// The system does not report it.
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self::of_metadata(&file.metadata()?))
    }

    /// Returns the identity in a file's metadata.
    pub fn of_metadata(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }

    pub(super) fn of_stat(found: &Stat) -> Self {
        Self { device: found.st_dev, inode: found.st_ino }
    }

    /// Returns an identity without a file.
    #[cfg(test)]
    pub(super) fn numbered(inode: u64) -> Self {
        Self { device: u64::MAX, inode }
    }
}

// === impl Handle ===

impl Handle {
    /// Opens the folder at `path`, through links if there are any.
    ///
    /// # Errors
    /// The folder does not exist, or the path changed meanwhile.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::walk(&path.canonicalize()?)
    }

    /// Opens the folder at an absolute path without links.
    ///
    /// # Errors
    /// The folder does not exist, or a part of the path is a link.
    pub fn walk(path: &Path) -> io::Result<Self> {
        if !path.is_absolute() {
            return Err(io::Error::other("its path is not absolute"));
        }
        let mut folder = rustix::fs::openat(rustix::fs::CWD, "/", FOLDER | OFlags::PATH, Mode::empty())?;
        let mut chain = vec![FileId::of_stat(&rustix::fs::fstat(&folder)?)];
        let mut real = PathBuf::from("/");
        for part in path.components() {
            match part {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => {
                    folder = rustix::fs::openat(&folder, name, FOLDER | OFlags::PATH, Mode::empty())?;
                    chain.push(FileId::of_stat(&rustix::fs::fstat(&folder)?));
                    real.push(name);
                }
                Component::ParentDir => {
                    if real.pop() {
                        folder = rustix::fs::openat(&folder, "..", FOLDER | OFlags::PATH, Mode::empty())?;
                        chain.pop();
                    }
                }
                Component::Prefix(_) => return Err(io::Error::other("its path is not of this system")),
            }
        }
        Ok(Self(Arc::new(Inner { folder, path: real, chain })))
    }

    /// Opens the folder with this name in this one, but not a link.
    ///
    /// # Errors
    /// The folder does not exist.
    pub(super) fn below(&self, name: &OsStr) -> io::Result<Self> {
        let folder = rustix::fs::openat(&self.0.folder, name, FOLDER | OFlags::PATH, Mode::empty())?;
        let mut chain = self.0.chain.clone();
        chain.push(FileId::of_stat(&rustix::fs::fstat(&folder)?));
        Ok(Self(Arc::new(Inner { folder, path: self.0.path.join(name), chain })))
    }

    /// Creates a folder with this name in this one, for the executor's user only. An existing folder stays unchanged.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn make(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::mkdirat(&self.0.folder, name, PRIVATE) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the regular file with this name in this folder for reading. It neither waits for a pipe nor follows a
    /// link.
    ///
    /// # Errors
    /// No regular file has this name.
    pub fn file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let found = rustix::fs::statat(&self.0.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is not a file"));
        }
        let file = File::from(rustix::fs::openat(&self.0.folder, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        Ok(file)
    }

    /// Opens the folder once more, to read its entries.
    ///
    /// # Errors
    /// The executor may not read it.
    pub(super) fn reader(&self) -> io::Result<OwnedFd> {
        Ok(rustix::fs::openat(&self.0.folder, ".", FOLDER | OFlags::RDONLY, Mode::empty())?)
    }

    /// Returns a path to this very folder, for libraries that take only paths. The kernel resolves it by the open
    /// handle.
    pub(super) fn link(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.folder.as_fd().as_raw_fd()))
    }

    /// Checks that [`Handle::link`] leads here: without `/proc` it does not.
    ///
    /// # Errors
    /// It leads nowhere, or somewhere else.
    pub fn check_link(&self) -> io::Result<()> {
        if FileId::of_metadata(&self.link().metadata()?) == self.id() {
            Ok(())
        } else {
            Err(io::Error::other("it leads to another folder"))
        }
    }

    /// Returns the folder's identity.
    pub fn id(&self) -> FileId {
        self.0.chain.last().copied().unwrap_or(FileId { device: 0, inode: 0 })
    }

    /// Returns the identities of all folders from `/` down to this one.
    pub fn chain(&self) -> &[FileId] {
        &self.0.chain
    }

    /// Returns true if `other` is this folder or lies in it, by identity or by path.
    pub fn holds(&self, other: &Self) -> bool {
        other.chain().contains(&self.id()) || other.path().starts_with(self.path())
    }

    /// Returns the path at the time of opening, for people to read.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.folder.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_stays_with_its_folder_when_the_path_is_swapped() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("in");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("note"), "mine").unwrap();
        let handle = Handle::open(&path).unwrap();
        std::fs::rename(&path, outer.path().join("moved")).unwrap();
        std::os::unix::fs::symlink("/etc", &path).unwrap();
        assert_eq!(std::fs::read_to_string(handle.link().join("note")).unwrap(), "mine");
        assert!(handle.check_link().is_ok());
        assert!(handle.file(OsStr::new("note")).is_ok());
        assert!(handle.file(OsStr::new("passwd")).is_err());
    }

    #[test]
    fn a_folder_holds_itself_and_what_lies_in_it() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("in");
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::symlink("in", outer.path().join("link")).unwrap();
        let (outside, inside) = (Handle::open(outer.path()).unwrap(), Handle::open(&path).unwrap());
        assert!(outside.holds(&inside) && outside.holds(&outside) && !inside.holds(&outside));
        let linked = Handle::open(&outer.path().join("link")).unwrap();
        assert_eq!(linked.id(), inside.id());
        assert_eq!(outside.below(OsStr::new("in")).unwrap().id(), inside.id());
        assert!(outside.below(OsStr::new("link")).is_err(), "a link is not followed");
    }

    #[test]
    fn a_link_or_a_pipe_is_not_read_as_a_file() {
        let outer = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", outer.path().join("link")).unwrap();
        let handle = Handle::open(outer.path()).unwrap();
        assert!(handle.file(OsStr::new("link")).is_err());
        rustix::fs::mknodat(handle.as_fd(), "pipe", FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert!(handle.file(OsStr::new("pipe")).is_err());
    }
}
