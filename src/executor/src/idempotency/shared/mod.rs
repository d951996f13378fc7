//! The shared store: a PostgreSQL database, for executors with the same calls.
//!
//! Each executor holds a lease in the database and renews it. When its lease expires, its running calls become unknown,
//! even if it lives: so a finished call may be reported as unknown, but no call runs twice. Leases follow the
//! database's clock. The expiry of rows follows a time no jump of this clock moves ([`statements`]).
//!
//! If the answer to a begin or an end is lost, the database may or may not have it. [`in_flight`] remembers it, and
//! each sign of life settles it.

mod database;
mod in_flight;
mod statements;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use uuid::Uuid;

use self::database::Database;
use self::in_flight::{Entered, InFlight, Unsettled};
use super::{Begin, CallIdentity, Key, OnceError, Orphan, decode};
use callgate_settings::postgres::PostgresLink;
use callgate_state::StoreHealth;

/// The interval of looks for the end of a call in another executor: at first, and at most.
const LOOK_FIRST: Duration = Duration::from_millis(20);
const LOOK_LAST: Duration = Duration::from_millis(500);

/// The longest time between two signs of life. They also prove the database writable.
const LIVE: Duration = Duration::from_secs(2);
/// The time between two looks for old rows.
const TIDY: Duration = Duration::from_secs(10);

/// A handle to the store.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    database: Database,
    /// The unique name of this process.
    instance: String,
    lease: Duration,
    keep: Duration,
    here: InFlight,
    /// The arrival of the last sign of life.
    alive: Mutex<Instant>,
    health: StoreHealth,
}

/// The database's answer about a new call.
enum Found {
    Fresh,
    Done(Vec<u8>),
    /// Another executor runs it.
    Running,
    Left,
    Other,
}

// === impl Shared ===

impl Shared {
    pub(super) async fn connect(link: &PostgresLink, lease: Duration, keep: Duration) -> Result<Self, OnceError> {
        let inner = Arc::new(Inner {
            database: Database::new(link.clone()),
            instance: Uuid::new_v4().to_string(),
            lease,
            keep,
            here: InFlight::default(),
            alive: Mutex::new(Instant::now()),
            health: StoreHealth::new("once"),
        });
        inner.sign_of_life().await?;
        tokio::spawn(stay_alive(Arc::downgrade(&inner), LIVE.min(lease / 3)));
        Ok(Self(inner))
    }

    pub(super) async fn begin(&self, key: &Key, what: CallIdentity) -> Result<Begin, OnceError> {
        let inner = &self.0;
        if inner.since_alive() >= inner.lease {
            inner.sign_of_life().await?;
        }
        let mut reservation = loop {
            match inner.here.enter(key).await {
                Entered::Reserved(reservation) => break reservation,
                Entered::Ended(outcome) => {
                    inner.database.finish(&inner.instance, key, &outcome).await?;
                    inner.here.settled(key);
                }
                Entered::Full => {
                    let reason = "the database does not know yet of too many calls that began or ended here";
                    return Err(OnceError::Unavailable(reason.into()));
                }
            }
        };
        if reservation.must_be_taken_back() {
            inner.database.take_back(&inner.instance, key).await?;
            reservation.not_begun();
        }
        let mut pause = LOOK_FIRST;
        loop {
            // Once sent, the database may have it, until the answer denies it.
            let begun = inner.database.begin(&inner.instance, key, &what, || reservation.asked()).await;
            match begun.inspect_err(|error| inner.health.failed(&error.to_string()))? {
                Found::Fresh => {
                    reservation.runs();
                    return Ok(Begin::Fresh);
                }
                Found::Running => {
                    reservation.not_begun();
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LOOK_LAST);
                }
                Found::Done(outcome) => {
                    reservation.not_begun();
                    return decode(&outcome);
                }
                Found::Left => {
                    reservation.not_begun();
                    return Ok(Begin::Unknown);
                }
                Found::Other => {
                    reservation.not_begun();
                    return Ok(Begin::Other);
                }
            }
        }
    }

    pub(super) async fn finish(&self, key: &Key, outcome: Vec<u8>) -> Result<(), OnceError> {
        let ending = self.0.here.ending(key, outcome);
        let written = self.0.database.finish(&self.0.instance, key, ending.outcome()).await;
        let written = written.inspect_err(|error| self.0.health.failed(&error.to_string()))?;
        ending.written();
        if written { Ok(()) } else { Err(OnceError::NotRunning) }
    }

    pub(super) async fn left(&self) -> Result<Vec<Orphan>, OnceError> {
        self.0.database.left(&self.0.instance).await
    }

    pub(super) fn health(&self) -> StoreHealth {
        self.0.health.clone()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("instance", &self.0.instance).finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    fn since_alive(&self) -> Duration {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    async fn sign_of_life(&self) -> Result<(), OnceError> {
        // Taken before sending: the lease may begin earlier than the answer arrives.
        let now = Instant::now();
        self.database.renew(&self.instance, self.lease, self.since_alive()).await?;
        *self.alive.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// Settles calls the database may not have.
    async fn settle(&self) -> Result<(), OnceError> {
        let began = Instant::now();
        for (key, unsettled) in self.here.unsettled() {
            // The lease needs renewal meanwhile; the rest follows after it.
            if began.elapsed() >= LIVE.min(self.lease / 3) {
                break;
            }
            match unsettled {
                Unsettled::Ended(outcome) => {
                    self.database.finish(&self.instance, &key, &outcome).await?;
                    self.here.settled(&key);
                }
                Unsettled::MaybeBegun => {
                    // A request beginning it meanwhile takes it back itself.
                    if let Some(mut reservation) = self.here.try_enter(&key) {
                        reservation.asked();
                        self.database.take_back(&self.instance, &key).await?;
                        reservation.not_begun();
                    }
                }
            }
        }
        Ok(())
    }
}

async fn stay_alive(inner: Weak<Inner>, every: Duration) {
    let mut tidied = Instant::now();
    loop {
        tokio::time::sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        let done = async {
            inner.sign_of_life().await?;
            inner.settle().await?;
            if tidied.elapsed() >= TIDY {
                tidied = Instant::now();
                inner.database.prune(inner.keep).await?;
            }
            Ok::<_, OnceError>(())
        };
        // The health logs each fault once, and its end.
        match done.await {
            Ok(()) => inner.health.wrote(),
            Err(error) => inner.health.failed(&error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::idempotency::IdempotencyStore;

    #[tokio::test]
    async fn a_call_that_could_not_be_asked_for_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        // A reserved port: nobody listens on it.
        std::fs::write(folder.path().join("url"), "postgres://u:p@127.0.0.1:1/d").unwrap();
        let text = "contracts: [a]\nonce: { postgres: { url: file:url } }\n";
        let config = Config::parse("executor.yaml", text, Path::new(folder.path())).unwrap();
        let IdempotencyStore::Postgres { link, lease } = config.once.store else { panic!("it is shared") };
        let inner = Inner {
            database: Database::new(link),
            instance: "me".into(),
            lease,
            keep: config.once.keep,
            here: InFlight::default(),
            alive: Mutex::new(Instant::now()),
            health: StoreHealth::new("once"),
        };
        let shared = Shared(Arc::new(inner));
        for n in 0..10 {
            let key = Key { tenant: String::new(), exchange_id: n.to_string(), round: 0, position: 0 };
            shared.begin(&key, [0; 32].into()).await.unwrap_err();
        }
        assert!(shared.0.here.unsettled().is_empty());
    }
}
