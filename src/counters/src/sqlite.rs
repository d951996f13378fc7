//! Counts in the state directory: a SQLite database of this executor alone.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use callgate_limits::{CounterSlot, SEED_BYTES, Slots, SlotsDraft};
use callgate_state::{Database, Format, PROBE, StateError, StoreError, StoreHealth, Synchronous};
use rusqlite::{OptionalExtension as _, params};

use crate::{CountersError, row};

const FILE: &str = "counters.db";

const FORMAT: Format = Format {
    steps: &["CREATE TABLE slots (slot INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
         CREATE TABLE seed (one INTEGER PRIMARY KEY CHECK (one = 1), seed BLOB NOT NULL) STRICT"],
    opening: "",
    // A full slot has up to 16 KiB.
    page_bytes: 4096,
};

/// The store, for one caller at a time.
pub(crate) struct Sqlite(Database);

/// Checks the store in `folder`, if there is one; writes nothing.
pub(crate) fn check(folder: &Path) -> Result<(), StateError> {
    callgate_state::inspect(&folder.join(FILE), FORMAT.version()).map(drop)
}

/// Probes the store at intervals, until it is closed.
pub(crate) fn probe(sqlite: &Arc<Mutex<Option<Sqlite>>>) -> Result<(), CountersError> {
    let probed = Arc::downgrade(sqlite);
    let run = move || loop {
        std::thread::sleep(PROBE);
        let Some(sqlite) = probed.upgrade() else { return };
        match &mut *sqlite.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(sqlite) => sqlite.0.probe(),
            None => return,
        }
    };
    let thread = std::thread::Builder::new().name("counters".into()).spawn(run);
    thread.map(drop).map_err(|error| CountersError::Unavailable(error.to_string()))
}

// === impl Sqlite ===

impl Sqlite {
    /// Opens the store, and returns its seed: the stored one, or else `new_seed`, which it stores.
    pub(crate) fn open(folder: &Path, new_seed: [u8; SEED_BYTES]) -> Result<(Self, [u8; SEED_BYTES]), CountersError> {
        let mut database = Database::open(folder, FILE, &FORMAT, Synchronous::Normal)?;
        let seed = database.write(|transaction| {
            transaction.execute("INSERT INTO seed (one, seed) VALUES (1, ?) ON CONFLICT DO NOTHING", [new_seed])?;
            transaction.query_row("SELECT seed FROM seed", [], |row| row.get::<_, [u8; SEED_BYTES]>(0))
        });
        Ok((Self(database), seed.map_err(unavailable)?))
    }

    pub(crate) fn health(&self) -> StoreHealth {
        self.0.health().clone()
    }

    pub(crate) fn close(self) {
        self.0.close();
    }

    /// Runs a change of slots in one transaction.
    pub(crate) fn change<T>(
        &mut self,
        draft: SlotsDraft,
        slots: &[CounterSlot],
        work: impl FnOnce(&dyn Slots) -> T,
    ) -> Result<T, CountersError> {
        let changed = self.0.write(|transaction| {
            let mut read = transaction.prepare_cached("SELECT bytes FROM slots WHERE slot = ?")?;
            for slot in slots {
                let bytes: Option<Vec<u8>> = read.query_row([row(*slot)], |row| row.get(0)).optional()?;
                draft.load(*slot, bytes.unwrap_or_default());
            }
            let done = work(&draft);
            let mut write = transaction.prepare_cached(
                "INSERT INTO slots (slot, bytes) VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
            )?;
            for (slot, bytes) in draft.into_changed() {
                write.execute(params![row(slot), bytes])?;
            }
            Ok(done)
        });
        changed.map_err(unavailable)
    }
}

fn unavailable(error: StoreError) -> CountersError {
    CountersError::Unavailable(error.to_string())
}
