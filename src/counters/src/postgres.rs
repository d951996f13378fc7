//! Counts in PostgreSQL, for several executors.
//!
//! All slots are rows from the start. A change locks its rows in the order of their numbers, so no two changes wait for each other. Their
//! time is the database's, so all executors have the same.
//!
//! A few connections serve all changes, and each change has a time limit. A connection whose change did not end well is dropped: the
//! database then takes back what was not committed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use callgate_limits::{CounterSlot, SEED_BYTES, Slots, SlotsDraft};
use callgate_settings::postgres::{self, PostgresError, PostgresLink};
use tokio::sync::Semaphore;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use crate::{ALL_SLOTS, CountersError, row};

/// The time limit of a change, a new connection included. The gate waits for two seconds.
const TIMEOUT: Duration = Duration::from_millis(1_500);
/// The time limit for the first connection, which may make the tables.
const START: Duration = Duration::from_secs(30);
/// The pause after a failed connection before the next one.
const PAUSE: Duration = Duration::from_millis(500);
/// The connections of one executor.
const CONNECTIONS: usize = 4;

const TABLES: &str = "
    DO $$ BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('callgate_counters'));
        IF to_regclass('callgate_counters') IS NULL THEN
            CREATE TABLE callgate_counters (slot integer PRIMARY KEY, bytes bytea NOT NULL DEFAULT '');
            CREATE TABLE callgate_counters_seed (one boolean PRIMARY KEY DEFAULT true CHECK (one), seed bytea NOT NULL);
        END IF;
    END $$";
const ROWS: &str = "INSERT INTO callgate_counters (slot) SELECT generate_series(0, $1 - 1) ON CONFLICT DO NOTHING";
const KEEP_SEED: &str = "INSERT INTO callgate_counters_seed (seed) VALUES ($1) ON CONFLICT DO NOTHING";
const SEED: &str = "SELECT seed FROM callgate_counters_seed";
const LOCK: &str = "SELECT slot, bytes, extract(epoch FROM clock_timestamp())::bigint FROM callgate_counters \
                    WHERE slot = ANY($1) ORDER BY slot FOR UPDATE";
const WRITE: &str = "UPDATE callgate_counters SET bytes = new.bytes FROM unnest($1::integer[], $2::bytea[]) AS new (slot, bytes) \
                     WHERE callgate_counters.slot = new.slot";

/// A handle to the database.
pub(crate) struct PostgresCounters {
    link: PostgresLink,
    seats: Semaphore,
    idle: Mutex<Vec<CountersConnection>>,
    fault: Mutex<Option<StoreFault>>,
}

/// A connection between two changes.
struct CountersConnection {
    client: Client,
    lock: Statement,
    write: Statement,
}

/// The last failure, until a change ends well.
struct StoreFault {
    since: Instant,
    reason: String,
}

// === impl PostgresCounters ===

impl PostgresCounters {
    /// Connects, makes the tables if they are missing, and returns the seed: the stored one, or else `new_seed`, which it stores.
    pub(crate) async fn connect(
        link: &PostgresLink,
        new_seed: [u8; SEED_BYTES],
    ) -> Result<(Self, [u8; SEED_BYTES]), CountersError> {
        let opened = tokio::time::timeout(START, async {
            let client = postgres::connect(link).await?;
            let seed = prepare_tables(&client, new_seed).await.map_err(failed)?;
            Ok::<_, PostgresError>((CountersConnection::of(client).await?, seed))
        });
        let (connection, seed) =
            opened.await.map_err(|_| late(START))?.map_err(|error| CountersError::Unavailable(error.to_string()))?;
        let seed = <[u8; SEED_BYTES]>::try_from(seed)
            .map_err(|_| CountersError::Unavailable("the seed of the counters is damaged".into()))?;
        let (seats, idle) = (Semaphore::new(CONNECTIONS), Mutex::new(vec![connection]));
        Ok((Self { link: link.clone(), seats, idle, fault: Mutex::new(None) }, seed))
    }

    /// Runs a change of slots in one transaction.
    pub(crate) async fn change<T>(
        &self,
        draft: SlotsDraft,
        slots: &[CounterSlot],
        work: impl FnOnce(&dyn Slots, u64) -> T,
    ) -> Result<T, CountersError> {
        let changed = tokio::time::timeout(TIMEOUT, async {
            let _seat = self.seats.acquire().await.map_err(|error| PostgresError::Failed(error.to_string()))?;
            let connection = self.connection().await?;
            // Until it is given back, an end of this future drops the connection, and the database takes the change back.
            let done = connection.change(draft, slots, work).await.map_err(failed)?;
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok::<_, PostgresError>(done)
        });
        let changed = match changed.await {
            Ok(changed) => changed.map_err(|error| CountersError::Unavailable(error.to_string())),
            Err(_) => Err(late(TIMEOUT)),
        };
        self.observe(changed.as_ref().err());
        changed
    }

    /// Takes an idle connection, or makes a new one.
    async fn connection(&self) -> Result<CountersConnection, PostgresError> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(connection) if connection.client.is_closed() => {}
                Some(connection) => return Ok(connection),
                None => break,
            }
        }
        // A database that refuses connections is not asked by every request.
        if let Some(StoreFault { since, reason }) = &*self.fault.lock().unwrap_or_else(PoisonError::into_inner)
            && since.elapsed() < PAUSE
        {
            return Err(PostgresError::Failed(reason.clone()));
        }
        CountersConnection::of(postgres::connect(&self.link).await?).await
    }

    /// Logs each fault once, and its end.
    fn observe(&self, error: Option<&CountersError>) {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*fault, error) {
            (None, None) => {}
            (Some(_), None) => {
                tracing::info!("the store of counts can be used again");
                *fault = None;
            }
            (before, Some(error)) => {
                let reason = error.to_string();
                let is_new = before.as_ref().is_none_or(|before| before.reason != reason);
                if is_new {
                    tracing::error!(
                        reason,
                        "the store of counts cannot be used; contracts with `store: executor` refuse"
                    );
                }
                let is_paused = before.as_ref().is_some_and(|before| before.since.elapsed() < PAUSE);
                if is_new || !is_paused {
                    *fault = Some(StoreFault { since: Instant::now(), reason });
                }
            }
        }
    }
}

// === impl CountersConnection ===

impl CountersConnection {
    async fn of(client: Client) -> Result<Self, PostgresError> {
        let lock = client.prepare(LOCK).await.map_err(failed)?;
        let write = client.prepare(WRITE).await.map_err(failed)?;
        Ok(Self { client, lock, write })
    }

    async fn change<T>(
        &self,
        draft: SlotsDraft,
        slots: &[CounterSlot],
        work: impl FnOnce(&dyn Slots, u64) -> T,
    ) -> Result<T, Error> {
        let numbers: Vec<i32> = slots.iter().map(|slot| row(*slot)).collect();
        let locked: [&(dyn ToSql + Sync); 1] = [&numbers];
        // Sent together: the database runs them in this order.
        let (begun, rows) = tokio::join!(self.client.batch_execute("BEGIN"), self.client.query(&self.lock, &locked));
        begun?;
        let now = load(&draft, slots, &rows?)?;
        let done = work(&draft, now);
        let changed = draft.into_changed();
        let numbers: Vec<i32> = changed.iter().map(|(slot, _)| row(*slot)).collect();
        let bytes: Vec<&[u8]> = changed.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        let values: [&(dyn ToSql + Sync); 2] = [&numbers, &bytes];
        if changed.is_empty() {
            self.client.batch_execute("COMMIT").await?;
            return Ok(done);
        }
        let (written, committed) =
            tokio::join!(self.client.execute(&self.write, &values), self.client.batch_execute("COMMIT"));
        written?;
        committed?;
        Ok(done)
    }
}

/// Puts rows into a draft, and returns the database's time. A missing row stays unreadable.
fn load(draft: &SlotsDraft, slots: &[CounterSlot], rows: &[Row]) -> Result<u64, Error> {
    let mut now = 0;
    for stored in rows {
        let number: i32 = stored.try_get(0)?;
        if let Some(slot) = slots.iter().find(|slot| row(**slot) == number) {
            draft.load(*slot, stored.try_get(1)?);
        }
        now = stored.try_get::<_, i64>(2)?;
    }
    Ok(u64::try_from(now).unwrap_or_default())
}

/// Makes the tables if they are missing. An account without the right to make tables can use existing ones.
async fn prepare_tables(client: &Client, new_seed: [u8; SEED_BYTES]) -> Result<Vec<u8>, Error> {
    client.batch_execute(TABLES).await?;
    let slots = i32::try_from(ALL_SLOTS).unwrap_or(i32::MAX);
    client.execute(ROWS, &[&slots]).await?;
    client.execute(KEEP_SEED, &[&new_seed.as_slice()]).await?;
    client.query_one(SEED, &[]).await?.try_get(0)
}

fn failed(error: Error) -> PostgresError {
    PostgresError::Failed(postgres::reason(&error))
}

fn late(limit: Duration) -> CountersError {
    CountersError::Unavailable(format!("the database did not answer within {limit:?}"))
}
