//! Idempotency: a call begun under a key does not begin again.
//!
//! A key is begun once. It is *running* until it is *done*, with an outcome every repeat gets. If its executor ends in
//! between, the key is *unknown* for good: nobody can tell if the tool had its effect, so it does not run again. There
//! are two stores: [`local`], a SQLite database in the state directory, and [`shared`], a PostgreSQL database for
//! several executors with the same calls. If the store cannot be written, nothing runs.
//!
//! A call waits twice for the disk: when it begins, with its decision's record, and when it ends, with its outcome's.
//! With the local store one thread writes both files ([`turns`]). With the shared one the decision follows the
//! beginning: a repeat must leave no decision of its own.

mod local;
mod order;
mod rows;
mod settings;
mod shared;
mod turns;
mod with_log;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use callgate_proto::executor::v1::CallOutcome;
use prost::Message as _;

use self::local::Local;
pub use self::order::Settled;
pub(crate) use self::settings::IdempotencySection;
pub use self::settings::{IdempotencySettings, IdempotencyStore};
use self::shared::Shared;
pub use self::with_log::{Decided, DecidedBegin};
use callgate_state::{self as state, Clock, StateError, StoreError, StoreHealth, SystemClock};

/// The idempotency store: begun calls and their outcomes. Clones share it.
#[derive(Clone, Debug)]
pub enum Once {
    /// This executor's own.
    Local(Local),
    /// Shared by several executors.
    Shared(Shared),
}

/// The idempotency key: names exactly one call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The caller's tenant: no tenant can name another's call.
    pub tenant: String,
    /// Names the exchange.
    pub exchange_id: String,
    /// The round.
    pub round: u32,
    /// The call's position among the decisions of its exchange; without one from the filter, its position in the
    /// request.
    pub position: u32,
}

/// The call behind a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallIdentity {
    /// Digest of the whole call. A repeat must have the same.
    pub digest: [u8; 32],
    /// The tool, for reports of a call left running.
    pub tool: String,
    /// The caller's role, for the same.
    pub role: String,
    /// Digest of the contract, for the same.
    pub contract_digest: String,
}

/// The store's answer about a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Begin {
    /// It is new, and begins now: run it, and record its outcome.
    Fresh,
    /// It ended with this outcome.
    Done(CallOutcome),
    /// It was begun, and its outcome is lost for good.
    Unknown,
    /// The key was used for another call, with other arguments, tool, role or contract.
    Other,
}

/// A call whose executor ended before its outcome was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Its key.
    pub key: Key,
    /// The call. Calls begun by an older executor have no names.
    pub what: CallIdentity,
    /// The time of its beginning.
    pub begun: SystemTime,
}

/// The reason the store cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OnceError {
    /// Nothing can be recorded, so nothing may run.
    #[error("what was run before cannot be looked up: {0}")]
    Unavailable(String),
    /// A call ended without running: it was never begun, or has ended before.
    #[error("a call ended that is not running")]
    NotRunning,
}

/// Checks the store in the state directory `folder`, if there is one; writes nothing.
pub(crate) fn check(folder: &Path) -> Result<(), StateError> {
    state::inspect(&folder.join(local::FILE), rows::FORMAT.version()).map(drop)
}

// === impl Once ===

impl Once {
    /// Opens the store in the state directory, or connects to the shared one.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open(state_dir: &Path, settings: &IdempotencySettings) -> Result<Self, OnceError> {
        Self::open_with(state_dir, settings, Arc::new(SystemClock)).await
    }

    /// Opens the store as [`open`](Self::open) does. The local store takes its time from `clock`, the shared one from
    /// its database.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open_with(
        state_dir: &Path,
        settings: &IdempotencySettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OnceError> {
        match &settings.store {
            IdempotencyStore::Local => {
                let (local, writer) = Local::open(state_dir, settings.keep, clock)?;
                local.alone(writer).map(Self::Local)
            }
            IdempotencyStore::Postgres { link, lease } => {
                Ok(Self::Shared(Shared::connect(link, *lease, settings.keep).await?))
            }
        }
    }

    /// Begins a call. Waits while another request with the same key runs it.
    ///
    /// After [`Begin::Fresh`] the caller must [`finish`](Self::finish) the call: repeats wait for it. A caller that
    /// disconnects while it waits here leaves nothing behind.
    ///
    /// # Errors
    /// It cannot be written, so the call must not run.
    pub async fn begin(&self, key: &Key, what: impl Into<CallIdentity>) -> Result<Begin, OnceError> {
        let what = what.into();
        match self {
            Self::Local(local) => local.begin(key, what).await,
            Self::Shared(shared) => shared.begin(key, what).await,
        }
    }

    /// Records the outcome of a call begun as [`Begin::Fresh`], or of one [`left`](Self::left) running.
    ///
    /// # Errors
    /// It cannot be written; a repeat gets the answer unknown.
    pub async fn finish(&self, key: &Key, outcome: &CallOutcome) -> Result<(), OnceError> {
        match self {
            Self::Local(local) => local.finish(key, outcome.encode_to_vec()).await,
            Self::Shared(shared) => shared.finish(key, outcome.encode_to_vec()).await,
        }
    }

    /// Returns the health of the store.
    pub fn health(&self) -> StoreHealth {
        match self {
            Self::Local(local) => local.health(),
            Self::Shared(shared) => shared.health(),
        }
    }

    /// Closes the store in the state directory as one file. No call can begin afterwards.
    pub async fn close(&self) {
        match self {
            Self::Local(local) => local.close().await,
            Self::Shared(_) => {}
        }
    }

    /// Returns the calls left running by ended executors, each until it is finished: report each, then
    /// [`finish`](Self::finish) it as unknown. Repeats get this answer from the start. Executors with a shared store
    /// can end at any time, so ask at intervals; each call is given to one executor.
    ///
    /// # Errors
    /// It cannot be looked up.
    pub async fn left(&self) -> Result<Vec<Orphan>, OnceError> {
        match self {
            Self::Local(local) => local.left().await,
            Self::Shared(shared) => shared.left().await,
        }
    }
}

/// Reads a stored outcome.
fn decode(kept: &[u8]) -> Result<Begin, OnceError> {
    match CallOutcome::decode(kept) {
        Ok(outcome) => Ok(Begin::Done(outcome)),
        Err(error) => Err(OnceError::Unavailable(format!("a kept outcome is damaged: {error}"))),
    }
}

// === impl CallIdentity ===

impl From<[u8; 32]> for CallIdentity {
    fn from(digest: [u8; 32]) -> Self {
        Self { digest, ..Self::default() }
    }
}

// === impl OnceError ===

impl From<StoreError> for OnceError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<StateError> for OnceError {
    fn from(error: StateError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<rusqlite::Error> for OnceError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
