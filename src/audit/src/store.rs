//! The log on disk: one SQLite file with one writer.
//!
//! `record` holds each record's text and hash. Its other columns repeat members of the text for queries, and `callgate
//! audit verify` compares them. `block` is the index of searches. `cursor` has the progress of each sink. `log` says if a writer has the log open: a copy
//! of the file alone with this mark has lost its write-ahead log, and with it the last records.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::AuditError;
use super::append::{End, TakeError};
use super::blocks::{self, Noted};
use super::chain::{Chain, ChainFault};
use super::entry::{Appended, Entry};
use super::head::{HeadFile, KeptHead};
use super::read::{self, Stored};
use super::record::Hash;
use super::segment::{Segment, SegmentPlace};
use callgate_state::Synchronous;
use callgate_state::{Altered, Database, Format, StoreError, StoreHealth};

/// The log's name in the state directory.
pub const FILE: &str = "audit.db";

/// Records checked at start; `callgate audit verify` checks all.
const CHECKED_AT_START: u64 = 10_000;

pub(super) const FORMAT: Format = Format { steps: &[FIRST, SECOND, blocks::SCHEMA], opening: "", page_bytes: 4096 };

/// STRICT: a column holds its declared type. A decision of the filter is kept once, however often it is sent.
pub(super) const FIRST: &str = "
    CREATE TABLE IF NOT EXISTS executor (id TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS record (
        seq INTEGER PRIMARY KEY,
        text TEXT NOT NULL,
        hash BLOB NOT NULL,
        source TEXT NOT NULL,
        exchange TEXT NOT NULL,
        position INTEGER NOT NULL,
        tenant TEXT NOT NULL,
        tool TEXT NOT NULL,
        code TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS decision_of_filter ON record (exchange, position) WHERE source = 'filter';
    CREATE INDEX IF NOT EXISTS record_of_exchange ON record (exchange);
    CREATE TABLE IF NOT EXISTS cursor (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
";

/// The format of segments, with an index for each search condition. `log.head_kept`: the head is kept beside the log, and must be there.
/// `log.base_…`: the last record that is only in a segment. `log.ticks`: seconds the log was open. `segment.sealed`:
/// the same at its sealing.
pub(super) const SECOND: &str = "
    CREATE TABLE log (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        open INTEGER NOT NULL,
        head_kept INTEGER NOT NULL,
        base_seq INTEGER NOT NULL,
        base_hash BLOB NOT NULL,
        ticks INTEGER NOT NULL
    ) STRICT;
    INSERT INTO log VALUES (1, 0, 0, 0, zeroblob(32), 0);
    CREATE TABLE segment (
        first INTEGER PRIMARY KEY,
        last INTEGER NOT NULL,
        head BLOB NOT NULL,
        sha256 BLOB NOT NULL,
        sealed INTEGER NOT NULL,
        place INTEGER NOT NULL
    ) STRICT;
    DROP INDEX decision_of_filter;
    DROP INDEX record_of_exchange;
    CREATE INDEX record_of_exchange ON record (exchange, position);
    CREATE INDEX record_of_tenant ON record (tenant);
    CREATE INDEX record_of_tool ON record (tool);
    CREATE INDEX record_of_code ON record (code);
";

pub(super) const INSERT: &str = "
    INSERT INTO record (seq, text, hash, source, exchange, position, tenant, tool, code)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
";

/// The log, open for writing. A state directory has one.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
    kept: HeadFile,
    synchronous: Synchronous,
    executor: String,
    head: Head,
    noted: Noted,
}

/// The last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 in an empty log.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

// === impl Store ===

impl Store {
    /// Opens or makes the log in `folder`, readable by its owner only, and checks its end.
    pub(super) fn open(folder: &Path, synchronous: Synchronous) -> Result<Self, AuditError> {
        let path = folder.join(FILE);
        let cannot =
            |reason: &dyn std::fmt::Display| AuditError::Open { path: path.clone(), reason: reason.to_string() };
        // Read before the log is made.
        let kept = KeptHead::read(&path)
            .map_err(|error| cannot(&format!("its head in audit.head cannot be read: {error}")))?;
        let mut database = Database::open(folder, FILE, &FORMAT, synchronous)?;
        check_end(&database, kept.as_ref(), &path)?;
        let executor = executor(&database).map_err(|error| cannot(&error))?;
        let head = head(&database).map_err(|error| cannot(&error))?;
        // The head is written first, and then the mark in the log: an interrupted start is repeated.
        database.settle().map_err(|error| cannot(&error))?;
        let kept = HeadFile::open(&path, &executor, head).map_err(|error| cannot(&format!("audit.head: {error}")))?;
        // From now on a copy of the file alone is recognized as a copy.
        let mark =
            |transaction: &rusqlite::Transaction<'_>| transaction.execute("UPDATE log SET open = 1, head_kept = 1", []);
        database.write(mark).and_then(|_| database.settle()).map_err(|error| cannot(&error))?;
        database.probe();
        Ok(Self { database, kept, synchronous, executor, head, noted: Noted::default() })
    }

    pub(super) fn path(&self) -> &Path {
        self.database.path()
    }

    pub(super) fn executor(&self) -> &str {
        &self.executor
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    pub(super) fn health(&self) -> &StoreHealth {
        self.database.health()
    }

    /// Writes the entries in one transaction: all of them, in order, or none. Returns the answer to each.
    pub(super) fn write<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>) -> Result<Vec<Appended>, WriteError> {
        self.check_head()?;
        let (executor, noted, mut head) = (&self.executor, &mut self.noted, self.head);
        let appended = self.database.write(|transaction| {
            let mut end = End { log: transaction, executor, head, noted };
            let appended = entries.map(|entry| end.take(entry)).collect::<Result<Vec<_>, _>>();
            head = end.head;
            match appended {
                Ok(appended) => Ok(appended),
                Err(TakeError::Sqlite(error)) => Err(error),
                // Nothing of the group is stored: half of it would be.
                Err(TakeError::Text(error)) => Err(rusqlite::Error::ToSqlConversionFailure(error.into())),
            }
        });
        let appended: Vec<Appended> = appended.inspect_err(|_| self.noted.forget())?;
        self.head = head;
        // The records are stored. The next group finds out if their head can be kept.
        if let Err(error) = self.kept.keep(head, self.synchronous == Synchronous::Full) {
            self.database.health().failed(&format!("audit.head: {error}"));
        }
        Ok(appended)
    }

    /// Writes a probe, which updates the health.
    pub(super) fn probe(&mut self) {
        match self.check_head() {
            Ok(()) => self.database.probe(),
            Err(error) => self.database.health().failed(&error.to_string()),
        }
    }

    /// Keeps the head of stored records before more are written.
    fn check_head(&mut self) -> Result<(), WriteError> {
        let checked = self.kept.check().map_err(WriteError::Head);
        let kept = checked.and_then(|()| self.kept.catch_up().map_err(WriteError::HeadFile));
        kept.inspect_err(|error| self.database.health().failed(&error.to_string()))
    }

    /// Stores the seconds the log was open.
    pub(super) fn open_for(&mut self, ticks: u64) {
        // The health reports a failure.
        let _ = self.database.write(|log| log.execute("UPDATE log SET ticks = ?1", [ticks]));
    }

    /// Stores a segment; returns false if that failed.
    pub(super) fn sealed(&mut self, segment: &Segment) -> bool {
        let Segment { first, last, sha256, at } = segment;
        let insert = "INSERT INTO segment (first, last, head, sha256, sealed, place)
                      SELECT ?1, ?2, ?3, ?4, ticks, ?5 FROM log";
        let values = params![first, last.seq, last.hash.0, sha256.0, at.number()];
        self.database.write(|log| log.execute(insert, values)).is_ok()
    }

    /// Stores a segment's new place; returns false if that failed.
    pub(super) fn moved(&mut self, first: u64, to: SegmentPlace) -> bool {
        let update = "UPDATE segment SET place = ?2 WHERE first = ?1";
        self.database.write(|log| log.execute(update, params![first, to.number()])).is_ok()
    }

    /// Removes the records up to `to` from the log. They are in segments.
    pub(super) fn trim(&mut self, to: u64) -> bool {
        let trimmed = self.database.write(|log| {
            log.execute("UPDATE log SET base_seq = ?1, base_hash = (SELECT hash FROM record WHERE seq = ?1)", [to])?;
            log.execute("DELETE FROM record WHERE seq <= ?1", [to])?;
            blocks::trim(log, to)
        });
        trimmed.is_ok()
    }

    /// Notes: all records up to this one are on the disk itself.
    pub(super) fn synced(&mut self, head: Head) {
        // After a failure here, only a start after a loss of power requires fewer records.
        let _ = self.kept.synced(head);
    }

    /// Stores the progress of a sink.
    pub(super) fn set_cursor(&self, sink: &str, seq: u64) -> rusqlite::Result<()> {
        self.database
            .prepare_cached(
                "INSERT INTO cursor (sink, seq) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET seq = excluded.seq",
            )?
            .execute(params![sink, seq])?;
        Ok(())
    }

    /// Closes the log as one file, with its head beside it.
    pub(super) fn close(mut self) {
        let path = self.path().to_path_buf();
        if let Err(error) = self.database.write(|transaction| transaction.execute("UPDATE log SET open = 0", [])) {
            tracing::error!(path = %path.display(), reason = %error, "the audit log is not closed; the next start puts that right");
        }
        self.database.close();
        let kept = self.kept.check().map_err(std::io::Error::other);
        if let Err(error) = kept.and_then(|()| self.kept.keep(self.head, true)).and_then(|()| self.kept.sync()) {
            tracing::error!(path = %path.display(), reason = %error, "the head of the audit log cannot be kept");
        }
    }
}

/// Refuses a log cut or altered at its end: new records would make it look whole.
pub(super) fn check_end(connection: &Connection, kept: Option<&KeptHead>, path: &Path) -> Result<(), AuditError> {
    let cannot = |error: &dyn std::fmt::Display| AuditError::Open { path: path.into(), reason: error.to_string() };
    let broken = |fault| AuditError::NotWhole { path: path.into(), fault };
    let executor = known_executor(connection).map_err(|error| cannot(&error))?.unwrap_or_default();
    let end = head(connection).map_err(|error| cannot(&error))?;
    let base = read::base(connection).map_err(|error| cannot(&error))?;
    let from = (end.seq + 1).saturating_sub(CHECKED_AT_START).max(base.seq + 1);
    let previous = (from == base.seq + 1).then_some(base.hash);
    let mut chain = Chain::from(from, previous, &executor);
    read::each(connection, i64::try_from(from).unwrap_or(i64::MAX), |stored: Stored| chain.accept(&stored))
        .map_err(|error| cannot(&error))?
        .map_err(broken)?;
    let cursors = read::cursors(connection).map_err(|error| cannot(&error))?;
    chain.end(&cursors).map_err(broken)?;

    let Some(kept) = kept else {
        let wanted = read::is_head_kept(connection).map_err(|error| cannot(&error))?;
        return if wanted { Err(broken(ChainFault::HeadMissing)) } else { Ok(()) };
    };
    if kept.executor != executor {
        return Err(broken(ChainFault::Replaced));
    }
    let Some(required) = kept.required() else { return Err(broken(ChainFault::HeadMissing)) };
    if !read::holds(connection, required).map_err(|error| cannot(&error))? {
        return Err(broken(ChainFault::Behind { last: end.seq, kept: required.seq }));
    }
    if let Some(written) = kept.written()
        && written.seq > end.seq
    {
        let lost = written.seq - end.seq;
        tracing::error!(
            lost,
            last = end.seq,
            "a loss of power took records of the audit log that were not on the disk yet"
        );
    }
    Ok(())
}

/// The reason entries were not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Head(Altered),
    #[error("audit.head cannot be written: {0}")]
    HeadFile(std::io::Error),
}

/// The executor's name: made at random, and kept with the log.
fn executor(connection: &Connection) -> rusqlite::Result<String> {
    if let Some(id) = known_executor(connection)? {
        return Ok(id);
    }
    let id = Uuid::new_v4().to_string();
    connection.execute("INSERT INTO executor (id) VALUES (?1)", [&id])?;
    Ok(id)
}

fn known_executor(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT id FROM executor", [], |row| row.get(0)).optional()
}

/// The last record; if all are sealed, the last sealed one.
fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let last = connection
        .query_row("SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok(Head { seq: row.get(0)?, hash: Hash(row.get(1)?) })
        })
        .optional()?;
    last.map_or_else(|| read::base(connection), Ok)
}
