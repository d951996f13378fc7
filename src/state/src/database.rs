//! A SQLite database of the state directory, for one process.

use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::Deserialize;

use super::checkpoints::{AT_MOST, Checkpoints};
use super::files::{Altered, StoreFiles};
use super::health::{PROBE, StoreHealth};
use crate::{StateError, lock, private};

/// The longest time another process (someone's `sqlite3`, a backup) may hold the file before a write fails.
const BUSY: Duration = Duration::from_secs(2);

/// The failures an acknowledged record survives; SQLite's word for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Synchronous {
    /// The end of the process, even by `kill -9`. A power cut may take the last moments, never a record in between.
    #[default]
    Normal,
    /// A power cut too: the writer waits for the disk with every group of records.
    Full,
}

/// The format of a database.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// SQL migrations from one version to the next; the first makes a new database. Their number is the version.
    pub steps: &'static [&'static str],
    /// SQL that runs at each opening.
    pub opening: &'static str,
    /// Bytes of a page of a new database. Every commit writes whole pages.
    pub page_bytes: u32,
}

/// A database of the state directory, for this process alone.
#[derive(Debug)]
pub struct Database {
    // Dropped first, so the connection is the last and leaves no write-ahead log behind.
    checkpoints: Option<Checkpoints>,
    connection: Connection,
    files: StoreFiles,
    health: StoreHealth,
    path: PathBuf,
    _lock: File,
}

/// The reason a store cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its files are not the opened ones.
    #[error(transparent)]
    Altered(#[from] Altered),
    /// SQLite's reason.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

// === impl Format ===

impl Format {
    /// The newest version.
    pub fn version(&self) -> i64 {
        i64::try_from(self.steps.len()).unwrap_or(i64::MAX)
    }
}

// === impl Database ===

impl Database {
    /// Opens a database for this process alone, makes it, or migrates it to the newest version.
    ///
    /// Committed rows survive any end of the process. With [`Synchronous::Normal`] a loss of power may take the last
    /// commits, since nothing waits for the disk itself.
    ///
    /// # Errors
    /// The folder or the file cannot be used, or the database cannot be opened.
    pub fn open(
        folder: &Path,
        name: &'static str,
        format: &Format,
        synchronous: Synchronous,
    ) -> Result<Self, StateError> {
        let path = folder.join(name);
        private::folder(folder)?;
        let lock = lock(&path)?;
        let connection = connect(&path, format, synchronous)
            .map_err(|reason| StateError::Database { path: path.clone(), reason })??;
        let files = StoreFiles::of(&path)?;
        let checkpoints =
            Checkpoints::start(&path).map_err(|reason| StateError::Database { path: path.clone(), reason })?;
        let health = StoreHealth::new(name);
        Ok(Self { checkpoints: Some(checkpoints), connection, files, health, path, _lock: lock })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The health of the store.
    pub fn health(&self) -> &StoreHealth {
        &self.health
    }

    /// Does `work` in one transaction, all of it or nothing, and updates the health.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let done = self.transact(work);
        match &done {
            Ok(_) => self.health.wrote(),
            Err(error) => self.health.failed(&error.to_string()),
        }
        done
    }

    /// As [`Self::write`], for work with errors of its own, which are not faults of the store.
    ///
    /// # Errors
    /// The store cannot be written, or the work's own error.
    pub fn attempt<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, E>>,
    ) -> Result<T, E> {
        enum Ended<T, E> {
            Well(T),
            Refused(E),
        }
        // A refusal commits too: it wrote nothing, and its reads were of one moment.
        let ended = self.write(|transaction| {
            Ok(match work(transaction)? {
                Ok(done) => Ended::Well(done),
                Err(refused) => Ended::Refused(refused),
            })
        })?;
        match ended {
            Ended::Well(done) => Ok(done),
            Ended::Refused(refused) => Err(refused),
        }
    }

    fn transact<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.files.check()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Writes a row, which updates the health.
    pub fn probe(&mut self) {
        // The health has the fault.
        let _ = self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO probe (id, writes) VALUES (1, 1) ON CONFLICT DO UPDATE SET writes = writes + 1",
                )?
                .execute([])
        });
    }

    /// The time of the next probe if nothing else is written.
    pub fn next_probe() -> Instant {
        Instant::now() + PROBE
    }

    /// Moves everything into the database file and empties the write-ahead log.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        self.files.check()?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.files = StoreFiles::of(&self.path)?;
        Ok(())
    }

    /// Closes the store as one file, without a write-ahead log.
    pub fn close(mut self) {
        self.health.closed();
        self.checkpoints = None;
        if let Err(error) = self.files.check() {
            tracing::error!(path = %self.path.display(), reason = %error, "a store is closed whose files are not its own any more");
            return;
        }
        let done: rusqlite::Result<i64> =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        match done {
            Ok(0) => {}
            Ok(_) => {
                tracing::warn!(path = %self.path.display(), "another program reads a store, so its write-ahead log stays")
            }
            Err(error) => {
                tracing::warn!(path = %self.path.display(), reason = %error, "a write-ahead log cannot be brought into its database");
            }
        }
    }
}

impl Deref for Database {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

const PROBE_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY CHECK (id = 1), writes INTEGER NOT NULL) STRICT";

fn connect(path: &Path, format: &Format, synchronous: Synchronous) -> rusqlite::Result<Result<Connection, StateError>> {
    let mut connection = crate::connect(path)?;
    connection.busy_timeout(BUSY)?;
    // Only a new database takes it.
    connection.pragma_update(None, "page_size", format.page_bytes)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match synchronous {
        Synchronous::Normal => "NORMAL",
        Synchronous::Full => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", AT_MOST)?;
    connection.set_prepared_statement_cache_capacity(64);
    let known = format.steps.len();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let version = usize::try_from(found).unwrap_or(usize::MAX);
    if version > known {
        let known = i64::try_from(known).unwrap_or(i64::MAX);
        return Ok(Err(StateError::TooNew { path: path.to_owned(), found, known }));
    }
    for step in format.steps.iter().skip(version) {
        transaction.execute_batch(step)?;
    }
    transaction.execute_batch(PROBE_TABLE)?;
    transaction.execute_batch(format.opening)?;
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(Ok(connection))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format {
        steps: &[
            "CREATE TABLE a (x INTEGER NOT NULL) STRICT",
            "ALTER TABLE a ADD COLUMN y TEXT NOT NULL DEFAULT 'new'",
        ],
        opening: "",
        page_bytes: 1024,
    };
    const FIRST: Format = Format { steps: &["CREATE TABLE a (x INTEGER NOT NULL) STRICT"], ..FORMAT };

    fn open(folder: &Path, format: &Format) -> Result<Database, StateError> {
        Database::open(folder, "a.db", format, Synchronous::Normal)
    }

    /// A folder like a state directory, with any umask.
    fn private_tempdir() -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        folder
    }

    #[test]
    fn an_older_database_is_brought_to_the_newest_version_and_a_newer_one_is_refused() {
        let folder = private_tempdir();
        let mut old = open(folder.path(), &FIRST).unwrap();
        old.write(|transaction| transaction.execute("INSERT INTO a (x) VALUES (1)", [])).unwrap();
        old.close();
        let new = open(folder.path(), &FORMAT).unwrap();
        let read: (i64, String) =
            new.query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(read, (1, "new".into()));
        new.close();
        assert!(matches!(open(folder.path(), &FIRST), Err(StateError::TooNew { found: 2, known: 1, .. })));
    }

    #[test]
    fn a_closed_database_is_one_file() {
        let folder = private_tempdir();
        let mut database = open(folder.path(), &FORMAT).unwrap();
        database.probe();
        assert!(crate::files::wal(database.path()).exists());
        database.close();
        let mut files: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, ["a.db", "a.lock"]);
    }

    #[test]
    fn a_store_whose_file_was_deleted_refuses_to_write_and_recovers_when_it_is_back() {
        let folder = private_tempdir();
        let mut database = open(folder.path(), &FORMAT).unwrap();
        let (path, aside) = (database.path().to_owned(), folder.path().join("aside"));
        std::fs::rename(&path, &aside).unwrap();
        let refused = database.write(|transaction| transaction.execute("INSERT INTO a (x) VALUES (1)", []));
        assert!(matches!(refused, Err(StoreError::Altered(Altered::Deleted(_)))), "{refused:?}");
        assert!(database.health().fault().unwrap().contains("was deleted"));
        assert!(!path.exists(), "nothing is made in its place");
        std::fs::rename(&aside, &path).unwrap();
        database.probe();
        assert_eq!(database.health().fault(), None);
    }
}
