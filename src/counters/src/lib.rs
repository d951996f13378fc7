//! Counts that several Envoys share: in the memory of the executor, in its state directory, or in PostgreSQL.
//!
//! A store has a fixed number of slots, whoever chooses the names of counters. [`Counters::change`] reads the slots of one change, runs it,
//! and writes them in one transaction. So all counts of a change are made or none, and two changes never see the same state.
//!
//! ```
//! use std::path::Path;
//!
//! use callgate_counters::{Counters, CountersSettings};
//! use callgate_limits::{Admission, Charge, CounterKey, Limit, Period, Unit, admit};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let counters = Counters::open(Path::new("unused"), &CountersSettings::Memory).await?;
//! let limit = Limit { unit: Unit::Calls, period: Period::Minute, most: 1 };
//! let charge = [Charge { limit, amount: 1 }];
//! let key = CounterKey::limits(&counters.names(), "acme", &["desk", "role", "clerk"])?;
//! for admitted in [true, false] {
//!     let admission = counters.change([key.slot()], move |slots, now| admit(slots, &key, now, &charge)).await??;
//!     assert_eq!(admission == Admission::Admitted, admitted);
//! }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod postgres;
mod settings;
mod sqlite;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use callgate_limits::slots::SLOTS;
use callgate_limits::{CounterSlot, CounterTable, SEED_BYTES, Slots, SlotsDraft, TableKind};
use callgate_state::{Clock, StateError, StoreHealth, SystemClock};
use uuid::Uuid;

use self::postgres::PostgresCounters;
pub use self::settings::{CountersSection, CountersSettings};
use self::sqlite::Sqlite;

/// The slots of a store, in all tables.
const ALL_SLOTS: usize = TableKind::ALL.len() * SLOTS as usize;

/// A store of counts. Clones share it.
#[derive(Clone)]
pub struct Counters(Arc<CountersState>);

struct CountersState {
    seed: [u8; SEED_BYTES],
    place: CountersPlace,
}

enum CountersPlace {
    Memory { table: Mutex<CounterTable>, clock: Arc<dyn Clock> },
    StateDir { sqlite: Arc<Mutex<Option<Sqlite>>>, health: StoreHealth, clock: Arc<dyn Clock> },
    Postgres(PostgresCounters),
}

/// The reason why nothing can be counted.
#[derive(Debug, thiserror::Error)]
pub enum CountersError {
    /// The file in the state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The store does not answer, or refuses.
    #[error("{0}")]
    Unavailable(String),
}

/// Checks the store in the state directory `folder`, if there is one; writes nothing.
///
/// # Errors
/// It cannot be used.
pub fn check(folder: &Path) -> Result<(), StateError> {
    sqlite::check(folder)
}

// === impl Counters ===

impl Counters {
    /// Opens the store.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open(state_dir: &Path, settings: &CountersSettings) -> Result<Self, CountersError> {
        Self::open_with(state_dir, settings, Arc::new(SystemClock)).await
    }

    /// Opens the store as [`open`](Self::open) does. PostgreSQL has a clock of its own; the others take the wall clock of `clock`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open_with(
        state_dir: &Path,
        settings: &CountersSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CountersError> {
        let new_seed = Uuid::new_v4().into_bytes();
        let (seed, place) = match settings {
            CountersSettings::Memory => {
                (new_seed, CountersPlace::Memory { table: Mutex::new(CounterTable::new(new_seed)), clock })
            }
            CountersSettings::StateDir => {
                let (sqlite, seed) = Sqlite::open(state_dir, new_seed)?;
                let health = sqlite.health();
                let sqlite = Arc::new(Mutex::new(Some(sqlite)));
                sqlite::probe(&sqlite)?;
                (seed, CountersPlace::StateDir { sqlite, health, clock })
            }
            CountersSettings::Postgres(link) => {
                let (postgres, seed) = PostgresCounters::connect(link, new_seed).await?;
                (seed, CountersPlace::Postgres(postgres))
            }
        };
        Ok(Self(Arc::new(CountersState { seed, place })))
    }

    /// Returns slots without counts, for naming counters of this store.
    #[must_use]
    pub fn names(&self) -> SlotsDraft {
        SlotsDraft::new(self.0.seed)
    }

    /// Runs a change of these slots, at the store's time in seconds since the Unix epoch. Other slots cannot be read in it.
    ///
    /// # Errors
    /// Nothing is changed, or the store's answer is lost.
    pub async fn change<T: Send + 'static>(
        &self,
        slots: impl IntoIterator<Item = CounterSlot>,
        work: impl FnOnce(&dyn Slots, u64) -> T + Send + 'static,
    ) -> Result<T, CountersError> {
        let mut slots: Vec<CounterSlot> = slots.into_iter().collect();
        // In this order all changes lock their rows.
        slots.sort_unstable();
        slots.dedup();
        match &self.0.place {
            CountersPlace::Memory { table, clock } => {
                // A count is whole between any two steps, so a panic elsewhere leaves nothing broken.
                let table = table.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(work(&*table, seconds(clock.wall())))
            }
            CountersPlace::StateDir { sqlite, clock, .. } => {
                let (sqlite, draft, now) = (Arc::clone(sqlite), self.names(), seconds(clock.wall()));
                let change = move || match &mut *sqlite.lock().unwrap_or_else(PoisonError::into_inner) {
                    Some(sqlite) => sqlite.change(draft, &slots, |slots| work(slots, now)),
                    None => Err(CountersError::Unavailable("the store of counts is closed".into())),
                };
                let changed = tokio::task::spawn_blocking(change).await;
                changed.map_err(|error| CountersError::Unavailable(error.to_string()))?
            }
            CountersPlace::Postgres(postgres) => postgres.change(self.names(), &slots, work).await,
        }
    }

    /// Returns the health of a store in the state directory. The others need none: memory has no faults, and each change tells of
    /// PostgreSQL's.
    #[must_use]
    pub fn health(&self) -> Option<StoreHealth> {
        match &self.0.place {
            CountersPlace::StateDir { health, .. } => Some(health.clone()),
            CountersPlace::Memory { .. } | CountersPlace::Postgres(_) => None,
        }
    }

    /// Closes a store in the state directory as one file. Nothing can be counted afterwards.
    pub async fn close(&self) {
        let CountersPlace::StateDir { sqlite, .. } = &self.0.place else { return };
        let sqlite = Arc::clone(sqlite);
        let close = move || {
            if let Some(sqlite) = sqlite.lock().unwrap_or_else(PoisonError::into_inner).take() {
                sqlite.close();
            }
        };
        // It logs its own faults.
        let _ = tokio::task::spawn_blocking(close).await;
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.0.place {
            CountersPlace::Memory { .. } => "memory",
            CountersPlace::StateDir { .. } => "stateDir",
            CountersPlace::Postgres(_) => "postgres",
        };
        f.debug_struct("Counters").field("place", &place).finish_non_exhaustive()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}

/// Returns the number of a slot's row.
fn row(slot: CounterSlot) -> i32 {
    let table = match slot.table {
        TableKind::Limits => 0,
        TableKind::Conversations => 1,
        TableKind::Receipts => 2,
    };
    table * i32::from(SLOTS) + i32::from(slot.number)
}
