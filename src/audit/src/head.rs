//! The head of the log, kept in a second place: `audit.head` beside `audit.db`.
//!
//! A log cut at its end looks whole to its own chain. So this file keeps the number and hash of the last record,
//! written after each group of records, and a start compares. The file has two lines of fixed length, written in turn,
//! so one of them is always complete. Each line ends with a checksum.
//!
//! A loss of power may take the last records while `synchronous` is `normal`. So a line also holds the last record
//! known to be on the disk itself, and the kernel's boot id: after a reboot only that record must still be there.
//!
//! Not covered: somebody with the executor's rights who rewrites both files. Against them, keep a head elsewhere, or
//! use a sink.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::record::Hash;
use super::store::Head;
use callgate_state::{Altered, Watched, private};

/// The file's name, beside the log.
pub const HEAD_FILE: &str = "audit.head";

/// Bytes of a line: one sector, so a line is written whole or not at all.
const LINE: usize = 512;
/// Digits of the checksum.
const CHECK: usize = 16;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptHead {
    /// Counts writes and so identifies the newer line.
    #[serde(default)]
    turn: u64,
    /// The executor of the log.
    pub(super) executor: String,
    /// The kernel's boot id at the time of writing.
    boot: String,
    seq: u64,
    hash: String,
    synced_seq: u64,
    synced_hash: String,
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct HeadFile {
    file: File,
    watched: Watched,
    kept: KeptHead,
    /// False after a write that failed.
    written: bool,
}

// === impl KeptHead ===

impl KeptHead {
    /// Reads the head beside the log at `path`; `None` if the file is missing or empty: a start without free space
    /// leaves an empty one.
    ///
    /// # Errors
    /// It cannot be read, or has no complete line.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match std::fs::read(beside(path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let newest = bytes.chunks_exact(LINE).filter_map(parse).max_by_key(|kept| kept.turn);
        newest.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no line of it is complete"))
    }

    /// The last written record.
    pub(super) fn written(&self) -> Option<Head> {
        Some(Head { seq: self.seq, hash: self.hash.parse().ok()? })
    }

    /// The last record the log must have: after a reboot, the last one known to be on the disk itself.
    pub(super) fn required(&self) -> Option<Head> {
        if self.boot == boot() {
            return self.written();
        }
        Some(Head { seq: self.synced_seq, hash: self.synced_hash.parse().ok()? })
    }
}

// === impl HeadFile ===

impl HeadFile {
    /// Opens or makes the file beside the log at `path`, and writes the log's head into it.
    pub(super) fn open(path: &Path, executor: &str, head: Head) -> io::Result<Self> {
        let turn = KeptHead::read(path).ok().flatten().map_or(0, |kept| kept.turn);
        let path = beside(path);
        let file = private::file(&path)?;
        let kept = KeptHead {
            turn,
            executor: executor.to_owned(),
            boot: boot(),
            seq: head.seq,
            hash: head.hash.to_string(),
            // A start has read these records back from the file system, and brings them to the disk below.
            synced_seq: head.seq,
            synced_hash: head.hash.to_string(),
        };
        let mut opened = Self { file, watched: Watched::new(path), kept, written: false };
        opened.write()?;
        opened.write()?;
        opened.file.sync_all()?;
        opened.watched.check().map_err(io::Error::other)?;
        Ok(opened)
    }

    /// Checks if the file was deleted, replaced or truncated.
    pub(super) fn check(&mut self) -> Result<(), Altered> {
        self.watched.check()
    }

    /// Writes the last record; `synced` means the whole log is on the disk itself.
    pub(super) fn keep(&mut self, head: Head, synced: bool) -> io::Result<()> {
        let hash = head.hash.to_string();
        if synced {
            self.kept.synced_seq = head.seq;
            self.kept.synced_hash.clone_from(&hash);
        }
        (self.kept.seq, self.kept.hash) = (head.seq, hash);
        self.write()
    }

    /// Writes the last record again if that failed before.
    pub(super) fn catch_up(&mut self) -> io::Result<()> {
        if self.written { Ok(()) } else { self.write() }
    }

    /// Writes the last record known to be on the disk itself.
    pub(super) fn synced(&mut self, head: Head) -> io::Result<()> {
        self.kept.synced_seq = head.seq;
        self.kept.synced_hash = head.hash.to_string();
        self.write()
    }

    /// Syncs the file to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn write(&mut self) -> io::Result<()> {
        self.kept.turn += 1;
        let text = serde_json::to_string(&self.kept)?;
        let line = format!("{text} {}", check(&text));
        if line.len() >= LINE {
            return Err(io::Error::other("the executor's name is too long"));
        }
        let at = (self.kept.turn % 2) * LINE as u64;
        self.written = false;
        self.file.write_all_at(format!("{line:<width$}\n", width = LINE - 1).as_bytes(), at)?;
        self.written = true;
        Ok(())
    }
}

fn beside(path: &Path) -> PathBuf {
    path.with_file_name(HEAD_FILE)
}

fn parse(line: &[u8]) -> Option<KeptHead> {
    let (text, digits) = std::str::from_utf8(line).ok()?.trim_end().rsplit_once(' ')?;
    (check(text) == digits).then(|| serde_json::from_str(text).ok()).flatten()
}

fn check(text: &str) -> String {
    Hash::of(text).to_string().chars().take(CHECK).collect()
}

/// The kernel's boot id; empty if unknown, and then every start counts as the same boot.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXECUTOR: &str = "0192f0c1-5b3e-7c55-8000-000000000000";

    fn head(seq: u64) -> Head {
        Head { seq, hash: Hash::of(&seq.to_string()) }
    }

    #[test]
    fn the_last_head_is_read_back_and_a_torn_line_gives_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.db");
        assert_eq!(KeptHead::read(&log).unwrap(), None);
        let mut file = HeadFile::open(&log, EXECUTOR, head(1)).unwrap();
        file.keep(head(u64::MAX - 1), false).unwrap();
        file.keep(head(u64::MAX), false).unwrap();
        let kept = KeptHead::read(&log).unwrap().unwrap();
        assert_eq!((kept.written(), kept.required()), (Some(head(u64::MAX)), Some(head(u64::MAX))));
        let at = (kept.turn % 2) * LINE as u64;
        file.file.write_all_at(b"torn", at + 20).unwrap();
        assert_eq!(KeptHead::read(&log).unwrap().unwrap().written(), Some(head(u64::MAX - 1)));
        std::fs::write(folder.path().join(HEAD_FILE), "").unwrap();
        assert_eq!(KeptHead::read(&log).unwrap(), None);
        std::fs::write(folder.path().join(HEAD_FILE), "torn").unwrap();
        assert!(KeptHead::read(&log).is_err());
        assert!(matches!(file.check(), Err(Altered::Truncated(_))));
    }

    #[test]
    fn after_a_reboot_only_what_was_on_the_disk_is_required() {
        let kept = KeptHead {
            turn: 1,
            executor: EXECUTOR.into(),
            boot: "another boot".into(),
            seq: 9,
            hash: head(9).hash.to_string(),
            synced_seq: 4,
            synced_hash: head(4).hash.to_string(),
        };
        assert_eq!((kept.required(), kept.written()), (Some(head(4)), Some(head(9))));
    }
}
