//! The log on disk: one SQLite file of one writer.
//!
//! `record` holds each record's text and hash; the columns beside them repeat what the text says, for looking things up, and
//! `callgate audit verify` holds them against it. `cursor` says how much of the log each sink has.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use uuid::Uuid;

use super::AuditError;
use super::chain::Chain;
use super::entry::Entry;
use super::read::{self, Stored};
use super::record::{self, Hash, Link};
use crate::config::Synchronous;
use crate::state::{self, AT_MOST, Checkpoints};

/// The log's name in the state directory.
pub const FILE: &str = "audit.db";

/// `user_version` of the file, for a later form of it.
const VERSION: u32 = 1;
/// Records whose chain is checked at start: all of them is what `callgate audit verify` is for.
const CHECKED_AT_START: u64 = 10_000;
/// How long another process may hold the file (someone's `sqlite3`, a backup) before a record counts as unwritable.
const BUSY: Duration = Duration::from_secs(2);

/// STRICT: a column holds what it says. A decision of the filter is kept once, however often it is sent.
const SCHEMA: &str = "
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

const INSERT: &str = "
    INSERT INTO record (seq, text, hash, source, exchange, position, tenant, tool, code)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (exchange, position) WHERE source = 'filter' DO NOTHING
";

/// The log, open for writing. There is one in the world for a state directory.
#[derive(Debug)]
pub(super) struct Store {
    // Ended first, so that the connection is the last and leaves no write-ahead log behind.
    _checkpoints: Checkpoints,
    connection: Connection,
    path: PathBuf,
    executor: String,
    head: Head,
    _lock: File,
}

/// The last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 where there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

// === impl Store ===

impl Store {
    /// Opens the log in `folder`, or makes it, readable by its owner only; looks whether its end is whole.
    pub(super) fn open(folder: &Path, synchronous: Synchronous) -> Result<Self, AuditError> {
        let path = folder.join(FILE);
        let cannot =
            |reason: &dyn std::fmt::Display| AuditError::Open { path: path.clone(), reason: reason.to_string() };
        state::private::folder(folder)?;
        let lock = state::lock(&path)?;
        let connection = connect(&path, synchronous).map_err(|error| cannot(&error))?;
        let executor = executor(&connection).map_err(|error| cannot(&error))?;
        let head = head(&connection).map_err(|error| cannot(&error))?;
        let checkpoints = Checkpoints::start(&path).map_err(|error| cannot(&error))?;
        let store = Self { _checkpoints: checkpoints, connection, path, executor, head, _lock: lock };
        store.check_end()?;
        Ok(store)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn executor(&self) -> &str {
        &self.executor
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Writes the entries in one transaction: all of them, in order, or none.
    pub(super) fn write<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>) -> Result<(), WriteError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut head = self.head;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for entry in entries {
                let seq = head.seq + 1;
                let text = record::write(entry, &Link { executor: &self.executor, seq, previous: head.hash })?;
                let hash = Hash::of(&text);
                let call = &entry.call;
                let written = insert.execute(params![
                    seq,
                    text,
                    hash.0,
                    entry.source.as_str(),
                    call.exchange_id,
                    call.position,
                    call.tenant,
                    call.tool,
                    entry.event.code(),
                ])?;
                if written == 1 {
                    head = Head { seq, hash };
                }
            }
        }
        transaction.commit()?;
        self.head = head;
        Ok(())
    }

    /// Remembers how much of the log a sink has.
    pub(super) fn set_cursor(&self, sink: &str, seq: u64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO cursor (sink, seq) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET seq = excluded.seq",
            )?
            .execute(params![sink, seq])?;
        Ok(())
    }

    /// A log that was cut or altered at its end is not written on: that would make it look whole.
    fn check_end(&self) -> Result<(), AuditError> {
        let cannot =
            |error: &dyn std::fmt::Display| AuditError::Open { path: self.path.clone(), reason: error.to_string() };
        let broken = |fault| AuditError::NotWhole { path: self.path.clone(), fault };
        let from = (self.head.seq + 1).saturating_sub(CHECKED_AT_START).max(1);
        let mut chain = Chain::from(from, &self.executor);
        read::each(&self.connection, i64::try_from(from).unwrap_or(i64::MAX), |stored: Stored| chain.accept(&stored))
            .map_err(|error| cannot(&error))?
            .map_err(broken)?;
        let cursors = read::cursors(&self.connection).map_err(|error| cannot(&error))?;
        chain.end(&cursors).map(|_| ()).map_err(broken)
    }
}

/// Why entries were not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Text(#[from] serde_json::Error),
}

fn connect(path: &Path, synchronous: Synchronous) -> rusqlite::Result<Connection> {
    let connection = state::connect(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", AT_MOST)?;
    connection.pragma_update(
        None,
        "synchronous",
        match synchronous {
            Synchronous::Normal => "NORMAL",
            Synchronous::Full => "FULL",
        },
    )?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "user_version", VERSION)?;
    }
    Ok(connection)
}

/// The executor's name: made up once, and kept with the log that it signs.
fn executor(connection: &Connection) -> rusqlite::Result<String> {
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    if let Some(id) = connection.query_row("SELECT id FROM executor", [], read).optional()? {
        return Ok(id);
    }
    let id = Uuid::new_v4().to_string();
    connection.execute("INSERT INTO executor (id) VALUES (?1)", [&id])?;
    Ok(id)
}

fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let last = connection
        .query_row("SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok(Head { seq: row.get(0)?, hash: Hash(row.get(1)?) })
        })
        .optional()?;
    Ok(last.unwrap_or(Head { seq: 0, hash: Hash::GENESIS }))
}
