//! The files of a configuration, with their content when they were read.
//!
//! Every file of a contract is read through [`Reads`]: contracts, schema files, modules, secrets. A reload compares their
//! *content*. Events of the file system only trigger a check, so a busy file nearby causes no reload, and neither does a swapped
//! link with the same content.

mod stamp;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use self::stamp::{Identity, Stamp};

/// Reads files and keeps the hash of each content.
#[derive(Debug, Default)]
pub(crate) struct Reads(RefCell<Footprint>);

/// Files and folders, with their hashes and identities.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footprint {
    files: BTreeMap<PathBuf, Seen>,
    folders: BTreeMap<PathBuf, Result<Identity, ErrorKind>>,
}

/// One file as it was read.
#[derive(Clone, Debug)]
struct Seen {
    /// SHA-256 of the whole content.
    content: Result<[u8; 32], ErrorKind>,
    /// Spares reading the file again. `None` if it could not be read.
    stamp: Option<Stamp>,
    /// The limit of bytes at that time.
    most: u64,
}

// === impl Reads ===

impl Reads {
    /// Reads a file of at most `most` bytes.
    ///
    /// # Errors
    /// It is missing, not a file, too large, or unreadable. It is noted all the same, so that its creation is noticed.
    pub(crate) fn bytes(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        self.opened(path, open(path), most)
    }

    /// Reads a file already open at `path`.
    ///
    /// # Errors
    /// As [`Reads::bytes`].
    pub(crate) fn opened(&self, path: &Path, file: io::Result<File>, most: u64) -> io::Result<Vec<u8>> {
        let read = file.and_then(|file| {
            let mut bytes = Vec::new();
            let stamp = Stamp::of(&file.metadata()?);
            (&file).take(most.saturating_add(1)).read_to_end(&mut bytes)?;
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if length > most {
                return Err(io::Error::new(ErrorKind::FileTooLarge, format!("more than {most} bytes")));
            }
            Ok((bytes, stamp))
        });
        let seen = match &read {
            Ok((bytes, stamp)) => Seen { content: Ok(Sha256::digest(bytes).into()), stamp: Some(*stamp), most },
            Err(error) => Seen { content: Err(error.kind()), stamp: None, most },
        };
        self.0.borrow_mut().files.insert(path.to_owned(), seen);
        read.map(|(bytes, _)| bytes)
    }

    /// Reads a text of at most `most` bytes.
    ///
    /// # Errors
    /// As [`Reads::bytes`]; or it is not UTF-8.
    pub(crate) fn text(&self, path: &Path, most: u64) -> io::Result<String> {
        String::from_utf8(self.bytes(path, most)?)
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
    }

    /// Notes a folder granted to tools: another folder in its place is a change.
    pub(crate) fn folder(&self, path: &Path) {
        self.0.borrow_mut().folders.insert(path.to_owned(), Identity::at(path));
    }

    /// The files read so far.
    #[must_use]
    pub(crate) fn footprint(&self) -> Footprint {
        self.0.borrow().clone()
    }
}

// === impl Footprint ===

impl Footprint {
    /// Adds the other's files and folders; for a path in both, the other's counts.
    pub(crate) fn join(&mut self, other: Self) {
        self.files.extend(other.files);
        self.folders.extend(other.folders);
    }

    /// Returns whether nothing was read.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }

    /// The paths of files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Every path, of files and of folders.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().chain(self.folders.keys()).map(PathBuf::as_path)
    }

    /// Checks all files and folders again. Returns true if one differs. A file with another stamp and the same content does not
    /// differ. This blocks while it reads.
    pub(crate) fn changed(&mut self) -> bool {
        let folders = self.folders.iter().any(|(path, found)| Identity::at(path) != *found);
        let files = self.files.iter_mut().fold(false, |changed, (path, seen)| seen.changed(path) || changed);
        folders || files
    }

    /// Returns whether both have the same paths with the same content.
    #[must_use]
    pub(crate) fn same(&self, other: &Self) -> bool {
        let content =
            |print: &Self| print.files.iter().map(|(path, seen)| (path.clone(), seen.content)).collect::<Vec<_>>();
        self.folders == other.folders && content(self) == content(other)
    }
}

// === impl Seen ===

impl Seen {
    fn changed(&mut self, path: &Path) -> bool {
        let now = std::fs::metadata(path).map(|found| Stamp::of(&found));
        if let (Some(then), Ok(now)) = (self.stamp, now)
            && then.is_same(now)
        {
            return false;
        }
        let (content, stamp) = match digest(path, self.most) {
            Ok((content, stamp)) => (Ok(content), Some(stamp)),
            Err(error) => (Err(error.kind()), None),
        };
        let changed = content != self.content;
        if !changed {
            self.stamp = stamp;
        }
        changed
    }
}

/// Opens a file, and nothing but a file. A named pipe would have us wait for whoever writes it.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    Ok(file)
}

/// The SHA-256 of a file, read piece by piece.
fn digest(path: &Path, most: u64) -> io::Result<([u8; 32], Stamp)> {
    let file = open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    let mut hash = Sha256::new();
    let length = io::copy(&mut (&file).take(most.saturating_add(1)), &mut hash)?;
    if length > most {
        return Err(io::Error::from(ErrorKind::FileTooLarge));
    }
    Ok((hash.finalize().into(), stamp))
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, remove_file, rename, write};
    use std::os::unix::fs::symlink;

    use super::*;

    const MOST: u64 = 100;

    fn read(path: &Path) -> Footprint {
        let reads = Reads::default();
        let _ = reads.bytes(path, MOST);
        reads.footprint()
    }

    #[test]
    fn another_content_is_a_change_and_a_touch_is_none() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("contract.yaml");
        write(&file, "one").unwrap();
        let mut print = read(&file);
        assert!(!print.changed());
        // The same length within the same tick of the file system's clock.
        write(&file, "two").unwrap();
        assert!(print.changed() && print.changed(), "it stays a change until it is read again");
        write(&file, "one").unwrap();
        assert!(!print.changed());
        write(root.path().join("new"), "one").unwrap();
        rename(root.path().join("new"), &file).unwrap();
        assert!(!print.changed(), "another file with the same content");
    }

    #[test]
    fn what_comes_goes_or_grows_too_large_is_a_change() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("schema.json");
        let mut print = read(&file);
        assert!(!print.changed());
        write(&file, "{}").unwrap();
        assert!(print.changed());
        let mut print = read(&file);
        remove_file(&file).unwrap();
        assert!(print.changed());
        write(&file, "x".repeat(101)).unwrap();
        assert!(Reads::default().bytes(&file, MOST).is_err() && print.changed());
        let mut print = read(&file);
        assert!(!print.changed());
    }

    #[test]
    fn a_swapped_link_counts_by_content() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for (folder, text) in [("..1", "one"), ("..2", "one"), ("..3", "two")] {
            create_dir(at(folder)).unwrap();
            write(at(folder).join("contract.yaml"), text).unwrap();
        }
        let turn = |folder: &str| {
            symlink(folder, at("..new")).unwrap();
            rename(at("..new"), at("..data")).unwrap();
        };
        turn("..1");
        symlink("..data/contract.yaml", at("contract.yaml")).unwrap();
        let mut print = read(&at("contract.yaml"));
        turn("..2");
        assert!(!print.changed());
        turn("..3");
        assert!(print.changed());
    }

    #[test]
    fn another_folder_in_a_granted_one_s_place_is_a_change() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        create_dir(&data).unwrap();
        let reads = Reads::default();
        reads.folder(&data);
        let mut print = reads.footprint();
        write(data.join("file"), "").unwrap();
        assert!(!print.changed());
        rename(&data, root.path().join("away")).unwrap();
        assert!(print.changed());
        create_dir(&data).unwrap();
        assert!(print.changed());
        std::fs::remove_dir(&data).unwrap();
        rename(root.path().join("away"), &data).unwrap();
        assert!(!print.changed());
    }

    #[test]
    fn a_named_pipe_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let pipe = root.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(Reads::default().text(&pipe, MOST).is_err());
    }
}
