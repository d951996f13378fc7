//! Reads a log for the command line, the web page and the sinks, beside the executor writing it or without one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Transaction, params, params_from_iter};

use super::blocks::{self, Statement};
use super::entry::{Call, Source};
use super::listed::Listed;
use super::record::{Hash, Record};
use super::segment::{self, Segment};
use super::store::Head;
use callgate_state::wal;

/// The longest time another process may hold the file.
const BUSY: Duration = Duration::from_secs(5);
pub(super) const COLUMNS: &str = "seq, text, hash, source, exchange, position, tenant, tool, code";

/// A log open for reading. Each query sees the latest committed records.
#[derive(Debug)]
pub struct LogReader {
    connection: Connection,
    path: PathBuf,
    /// True if a write-ahead log was beside the file before it was opened.
    with_wal: bool,
    /// True if the log has the blocks of a search.
    blocks: bool,
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub seq: u64,
    /// Its text: canonical JSON. See [`super::Record`].
    pub text: String,
    /// Its hash.
    pub hash: Hash,
    pub(super) source: String,
    pub(super) exchange: String,
    pub(super) position: u64,
    pub(super) tenant: String,
    pub(super) tool: String,
    pub(super) code: String,
}

/// The records to find. An empty field matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The lowest number.
    pub from: Option<u64>,
    /// The highest number.
    pub to: Option<u64>,
    /// The tool's name.
    pub tool: Option<String>,
    /// The caller's tenant.
    pub tenant: Option<String>,
    /// The exchange's name.
    pub exchange: Option<String>,
    /// The violation's code, or the verdict without one; the outcome; `approved` or `refused`.
    pub code: Option<String>,
    /// A text inside the record's text; the case of ASCII letters does not matter.
    pub text: Option<String>,
    /// True for the newest first.
    pub newest_first: bool,
    /// The maximum number of records.
    pub limit: u32,
}

/// The reason a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file does not exist.
    #[error("{path}: audit log not found; expected `audit.db` in the executor's stateDir", path = .0.display())]
    Missing(PathBuf),
    /// The file cannot be read, or is not a log.
    #[error("{path}: cannot be read as an audit log: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        reason: rusqlite::Error,
    },
}

// === impl LogReader ===

impl LogReader {
    /// Opens the log in a file.
    ///
    /// # Errors
    /// The file does not exist, or is not a log.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        if !path.is_file() {
            return Err(ReadError::Missing(path.to_path_buf()));
        }
        // SQLite could make an empty one.
        let with_wal = wal(path).metadata().is_ok_and(|found| found.len() > 0);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags)
            .and_then(|connection| connection.busy_timeout(BUSY).map(|()| connection))
            .map(|connection| Self { connection, path: path.to_path_buf(), with_wal, blocks: false });
        let mut reader = reader.map_err(|reason| ReadError::Unreadable { path: path.to_path_buf(), reason })?;
        // The first read finds out if the file is a database.
        reader.executor()?;
        reader.blocks = reader.read(blocks::are_kept)?;
        Ok(reader)
    }

    /// Returns the matching records.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn query(&self, query: &Query) -> Result<Vec<Stored>, ReadError> {
        let Statement { sql, values } = blocks::find(query, self.blocks);
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(values), stored)?;
            rows.collect()
        })
    }

    /// Returns the records after a number, oldest first. Repeat it to follow a log.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn after(&self, seq: u64, limit: u32) -> Result<Vec<Stored>, ReadError> {
        self.query(&Query { from: Some(seq.saturating_add(1)), limit, ..Query::default() })
    }

    /// Returns true if the last word of the executor on a call is an outcome.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn is_ended(&self, call: &Call) -> Result<bool, ReadError> {
        const TEXTS: &str = "SELECT text FROM record WHERE exchange = ?1 AND position = ?2 AND source = ?3 AND tenant = ?4 ORDER BY seq DESC";
        self.read(|connection| {
            let mut statement = connection.prepare_cached(TEXTS)?;
            let source = Source::Executor.as_str();
            let mut rows = statement.query(params![call.exchange_id, call.position, source, call.tenant])?;
            while let Some(row) = rows.next()? {
                let text: String = row.get(0)?;
                // `verify` reports texts that are not records.
                let Ok(record) = Record::read(&text) else { continue };
                match &*record.kind {
                    "outcome" if record.round == call.round => return Ok(true),
                    "decision" if record.round == call.round => return Ok(false),
                    _ => {}
                }
            }
            Ok(false)
        })
    }

    /// Passes each record from a number on to `take`, until that fails. All records are of one moment.
    ///
    /// # Errors
    /// The log cannot be read; inside, the error of `take`.
    pub fn each<E>(&self, from: u64, take: impl FnMut(Stored) -> Result<(), E>) -> Result<Result<(), E>, ReadError> {
        self.read(|connection| each(connection, i64::try_from(from).unwrap_or(i64::MAX), take))
    }

    /// As [`Self::each`], from the very first row, whatever its number.
    pub(super) fn every<E>(&self, take: impl FnMut(Stored) -> Result<(), E>) -> Result<Result<(), E>, ReadError> {
        self.read(|connection| each(connection, i64::MIN, take))
    }

    /// Names the executor that wrote the log.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn executor(&self) -> Result<String, ReadError> {
        self.read(|connection| connection.query_row("SELECT id FROM executor", [], |row| row.get(0)))
    }

    /// The last record each sink is known to have.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn cursors(&self) -> Result<Vec<(String, u64)>, ReadError> {
        self.read(cursors)
    }

    /// The last record sealed elsewhere: the log begins after it.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn base(&self) -> Result<Head, ReadError> {
        self.read(base)
    }

    /// The last record; in an empty log, the one before its beginning.
    pub(super) fn last(&self) -> Result<Head, ReadError> {
        let newest = self.query(&Query { newest_first: true, limit: 1, ..Query::default() })?;
        match newest.first() {
            Some(record) => Ok(Head { seq: record.seq, hash: record.hash }),
            None => self.base(),
        }
    }

    /// Checks if the file is a copy without its write-ahead log: a writer had it open, and the log is not beside it.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(super) fn is_torn_off(&self) -> Result<bool, ReadError> {
        if self.with_wal {
            return Ok(false);
        }
        self.read(|connection| match is_marked(connection)? {
            true => connection.query_row("SELECT open FROM log", [], |row| row.get(0)),
            false => Ok(false),
        })
    }

    /// Checks if the log holds a record, or begins right after it.
    pub(super) fn holds(&self, head: Head) -> Result<bool, ReadError> {
        self.read(|connection| holds(connection, head))
    }

    /// Keeps the log as it is for this reader, until the answer is dropped.
    pub(super) fn moment(&self) -> Result<Transaction<'_>, ReadError> {
        let cannot = |reason| ReadError::Unreadable { path: self.path.clone(), reason };
        self.connection.unchecked_transaction().map_err(cannot)
    }

    /// Checks if the log has the blocks of a search.
    pub(super) fn has_blocks(&self) -> bool {
        self.blocks
    }

    /// The values that the search index names for a block.
    pub(super) fn block(&self, number: u64) -> Result<Listed, ReadError> {
        self.read(|log| {
            let mut ask = log.prepare_cached("SELECT field, value FROM block WHERE number = ?1")?;
            ask.query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// A block of the search index that is not one of these.
    pub(super) fn block_outside(&self, first: u64, last: u64) -> Result<Option<u64>, ReadError> {
        let ask = "SELECT number FROM block WHERE number < ?1 OR number > ?2 LIMIT 1";
        let number = |row: &Row<'_>| row.get::<_, i64>(0);
        let found = self.read(|log| log.query_row(ask, [first, last], number).optional())?;
        Ok(found.map(|number| u64::try_from(number).unwrap_or(0)))
    }

    /// The segments of the log, oldest first.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn segments(&self) -> Result<Vec<Segment>, ReadError> {
        self.read(segment::known)
    }

    /// Local segments sealed before the log had been open for this many seconds.
    pub(super) fn segments_sealed_before(&self, ticks: u64) -> Result<Vec<Segment>, ReadError> {
        let old: Vec<u64> = self.read(|log| {
            let mut ask = log.prepare_cached("SELECT first FROM segment WHERE sealed <= ?1 AND place = 0")?;
            ask.query_map([ticks], |row| row.get(0))?.collect()
        })?;
        Ok(self.segments()?.into_iter().filter(|segment| old.contains(&segment.first)).collect())
    }

    /// Seconds the log was open when its last segment was sealed; 0 without segments.
    pub(super) fn sealed_at(&self) -> Result<u64, ReadError> {
        self.read(|log| log.query_row("SELECT coalesce(max(sealed), 0) FROM segment", [], |row| row.get(0)))
    }

    /// Seconds the log was open, as last recorded.
    pub(super) fn ticks(&self) -> Result<u64, ReadError> {
        self.read(|log| log.query_row("SELECT ticks FROM log", [], |row| row.get(0)))
    }

    /// Bytes of the records after `after`, up to `to`.
    pub(super) fn bytes(&self, after: u64, to: u64) -> Result<u64, ReadError> {
        let ask = "SELECT coalesce(sum(octet_length(text)), 0) FROM record WHERE seq > ?1 AND seq <= ?2";
        self.read(|log| log.query_row(ask, [after, to], |row| row.get(0)))
    }

    /// Copies the whole log, as of one moment, into an empty file.
    pub(super) fn copy_into(&self, file: &Path) -> Result<(), ReadError> {
        self.read(|connection| connection.execute("VACUUM INTO ?1", [file.to_string_lossy()]).map(drop))
    }

    /// The number of the record with a hash.
    pub(super) fn number_of(&self, hash: Hash) -> Result<Option<u64>, ReadError> {
        self.read(|log| log.query_row("SELECT seq FROM record WHERE hash = ?1", [hash.0], |row| row.get(0)).optional())
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        ask(&self.connection).map_err(|reason| ReadError::Unreadable { path: self.path.clone(), reason })
    }
}

/// See [`LogReader::each`].
pub(super) fn each<E>(
    connection: &Connection,
    from: i64,
    mut take: impl FnMut(Stored) -> Result<(), E>,
) -> rusqlite::Result<Result<(), E>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM record WHERE seq >= ?1 ORDER BY seq"))?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        if let Err(fault) = take(stored(row)?) {
            return Ok(Err(fault));
        }
    }
    Ok(Ok(()))
}

/// The last record sealed elsewhere: the log begins after it.
pub(super) fn base(connection: &Connection) -> rusqlite::Result<Head> {
    if !is_marked(connection)? {
        return Ok(Head { seq: 0, hash: Hash::GENESIS });
    }
    connection.query_row("SELECT base_seq, base_hash FROM log", [], |row| {
        Ok(Head { seq: row.get(0)?, hash: Hash(row.get(1)?) })
    })
}

/// Checks if a log holds a record, or begins right after it.
pub(super) fn holds(connection: &Connection, head: Head) -> rusqlite::Result<bool> {
    let base = base(connection)?;
    if head.seq <= base.seq {
        return Ok(head.seq < base.seq || head.hash == base.hash);
    }
    let found =
        connection.query_row("SELECT hash FROM record WHERE seq = ?1", [head.seq], |row| row.get(0)).optional()?;
    Ok(found.map(Hash) == Some(head.hash))
}

/// Checks if the log's head must be kept beside it.
pub(super) fn is_head_kept(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(is_marked(connection)? && connection.query_row("SELECT head_kept FROM log", [], |row| row.get(0))?)
}

/// Logs of the first format have no mark.
pub(super) fn is_marked(connection: &Connection) -> rusqlite::Result<bool> {
    let ask = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'log')";
    connection.query_row(ask, [], |row| row.get(0))
}

/// See [`LogReader::cursors`].
pub(super) fn cursors(connection: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut statement = connection.prepare_cached("SELECT sink, seq FROM cursor ORDER BY sink")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Reads a row with any content: the chain reports a mismatch.
fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let text = |column: usize| -> rusqlite::Result<String> {
        let bytes = row.get_ref(column)?.as_bytes().unwrap_or_default();
        Ok(String::from_utf8_lossy(bytes).into_owned())
    };
    Ok(Stored {
        seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
        text: text(1)?,
        hash: Hash(row.get(2).unwrap_or_default()),
        source: text(3)?,
        exchange: text(4)?,
        position: u64::try_from(row.get::<_, i64>(5)?).unwrap_or(u64::MAX),
        tenant: text(6)?,
        tool: text(7)?,
        code: text(8)?,
    })
}
