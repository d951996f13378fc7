//! Sealed parts of the log: each is a file of its own, never written again.
//!
//! A segment is a log like `audit.db`. Its `log` table names the record before its first, so chains continue from
//! segment to segment and into the live log. Every reader of a log reads a segment too. The file's name has the numbers
//! of its records.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

use super::chain::{Chain, ChainFault};
use super::read::{LogReader, ReadError, Stored};
use super::record::Hash;
use super::store::{self, Head};
use callgate_state::{StateError, private};

/// The folder of the segments, in the state directory.
pub const SEGMENTS: &str = "audit-segments";
const PART: &str = "segment.part";
/// The format of a segment: the one before blocks, since a segment is written once and its indexes cost no call.
const VERSION: u32 = 2;

/// A sealed part of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The number of its first record.
    pub first: u64,
    /// Its last record.
    pub last: Head,
    /// SHA-256 of the file.
    pub sha256: Hash,
    /// The file's path.
    pub at: SegmentPlace,
}

/// The place of a segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentPlace {
    /// In the state directory.
    Here,
    /// In the archive only.
    Archived,
    /// Nowhere: `audit.keep` has passed.
    Forgotten,
}

/// The reason records cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SealError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{path}: cannot be written: {reason}", path = path.display())]
    Disk { path: PathBuf, reason: io::Error },
    #[error("the segment cannot be written: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("the log is not whole, so nothing is sealed: {0}")]
    NotWhole(#[from] ChainFault),
    #[error("{path}: another log's segment is there; move audit-segments away", path = .0.display())]
    Taken(PathBuf),
    #[error("there is nothing to seal")]
    Empty,
}

/// The reason the copying of records stopped.
enum Stop {
    Enough,
    Error(SealError),
}

// === impl Segment ===

impl Segment {
    /// The name of its file.
    #[must_use]
    pub fn name(&self) -> String {
        format!("audit-{:012}-{:012}.db", self.first, self.last.seq)
    }
}

// === impl SegmentPlace ===

impl SegmentPlace {
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Here => 0,
            Self::Archived => 1,
            Self::Forgotten => 2,
        }
    }

    pub(super) fn of(number: i64) -> Self {
        match number {
            0 => Self::Here,
            1 => Self::Archived,
            _ => Self::Forgotten,
        }
    }
}

/// Seals the records after `after`, up to `to` or to this many bytes, into a file in `folder`.
pub(super) fn seal(log: &LogReader, after: Head, to: u64, bytes: u64, folder: &Path) -> Result<Segment, SealError> {
    private::folder(folder)?;
    let part = folder.join(PART);
    let sealed = seal_into(log, after, to, bytes, folder, &part);
    if sealed.is_err() {
        // It may have taken the last free space, and calls need it.
        let _ = fs::remove_file(&part);
    }
    sealed
}

fn seal_into(
    log: &LogReader,
    after: Head,
    to: u64,
    bytes: u64,
    folder: &Path,
    part: &Path,
) -> Result<Segment, SealError> {
    let disk = |reason| SealError::Disk { path: part.to_owned(), reason };
    let file = private::renewed_file(part).map_err(disk)?;
    let last = copy(log, after, to, bytes, part)?;
    file.sync_all().map_err(disk)?;
    let sha256 = hash(part).map_err(disk)?;
    let segment = Segment { first: after.seq + 1, last, sha256, at: SegmentPlace::Here };
    let path = folder.join(segment.name());
    // Left by another log, moved away without its segments.
    if path.symlink_metadata().is_ok() {
        return Err(SealError::Taken(path));
    }
    fs::rename(part, path).map_err(disk)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk)?;
    Ok(segment)
}

fn copy(log: &LogReader, after: Head, to: u64, bytes: u64, part: &Path) -> Result<Head, SealError> {
    let executor = log.executor()?;
    let mut out = Connection::open(part)?;
    // Needs no durability: after a crash the segment is made again.
    out.pragma_update(None, "journal_mode", "OFF")?;
    out.pragma_update(None, "synchronous", "OFF")?;
    out.execute_batch(store::FIRST)?;
    out.execute_batch(store::SECOND)?;
    out.pragma_update(None, "user_version", VERSION)?;
    let transaction = out.transaction()?;
    transaction.execute("INSERT INTO executor (id) VALUES (?1)", [&executor])?;
    transaction.execute("UPDATE log SET base_seq = ?1, base_hash = ?2", params![after.seq, after.hash.0])?;
    let mut chain = Chain::from(after.seq + 1, Some(after.hash), &executor);
    let (mut last, mut size) = (after, 0);
    let each = log.each(after.seq + 1, |stored| {
        if stored.seq > to || size >= bytes {
            return Err(Stop::Enough);
        }
        size += stored.text.len() as u64;
        chain.accept(&stored).map_err(|fault| Stop::Error(fault.into()))?;
        insert(&transaction, &stored).map_err(|error| Stop::Error(error.into()))?;
        last = Head { seq: stored.seq, hash: stored.hash };
        Ok(())
    })?;
    match each {
        Ok(()) | Err(Stop::Enough) => {}
        Err(Stop::Error(error)) => return Err(error),
    }
    if last == after {
        return Err(SealError::Empty);
    }
    transaction.commit()?;
    out.close().map_err(|(_, error)| error)?;
    Ok(last)
}

/// Adds a record to a segment.
pub(super) fn insert(out: &Connection, stored: &Stored) -> rusqlite::Result<()> {
    out.prepare_cached(store::INSERT)?.execute(params![
        stored.seq,
        stored.text,
        stored.hash.0,
        stored.source,
        stored.exchange,
        stored.position,
        stored.tenant,
        stored.tool,
        stored.code,
    ])?;
    Ok(())
}

/// SHA-256 of a file.
pub(super) fn hash(path: &Path) -> io::Result<Hash> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Hash(hash.finalize().into())),
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

/// All segments known to the log, oldest first.
pub(super) fn known(log: &Connection) -> rusqlite::Result<Vec<Segment>> {
    if !super::read::is_marked(log)? {
        return Ok(Vec::new());
    }
    log.prepare_cached("SELECT first, last, head, sha256, place FROM segment ORDER BY first")?
        .query_map([], |row| {
            let last = Head { seq: row.get(1)?, hash: Hash(row.get(2)?) };
            Ok(Segment { first: row.get(0)?, last, sha256: Hash(row.get(3)?), at: SegmentPlace::of(row.get(4)?) })
        })?
        .collect()
}
