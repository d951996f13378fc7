//! Runs a call once: what was begun under a key is not begun again.
//!
//! A key is begun once, and then is *running* until it is *done*, with an outcome that every repeat gets. If the executor that
//! runs it ends before, it is *unknown* for good: nobody can tell whether the tool did what it does, so it is not run again.
//! Two stores: [`local`], a SQLite database in the state directory, and [`shared`], a PostgreSQL database, where several
//! executors get the same calls. Where the store cannot be written, nothing runs.

mod local;
mod rows;
mod shared;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use callgate_proto::executor::v1::CallOutcome;
use prost::Message as _;

use self::local::Local;
use self::shared::Shared;
use crate::config::{Config, OnceStore};
use callgate_state::{self as state, Clock, StateError, StoreError, StoreHealth, SystemClock};

/// The memory of what was begun and how it ended. Clones share it.
#[derive(Clone, Debug)]
pub enum Once {
    /// This executor's own.
    Local(Local),
    /// Shared by several executors.
    Shared(Shared),
}

/// Names one call, and no other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The caller's tenant: no tenant can name another's call.
    pub tenant: String,
    /// Names the exchange.
    pub exchange_id: String,
    /// The round.
    pub round: u32,
    /// The call's place among the decisions of its exchange; if the filter did not say, its place in the request.
    pub position: u32,
}

/// The call that a key stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct What {
    /// Digest of all that the call is. A repeat must have the same.
    pub digest: [u8; 32],
    /// The tool, for telling of a call that was left running.
    pub tool: String,
    /// The caller's role, for the same.
    pub role: String,
    /// Digest of the contract, for the same.
    pub contract_digest: String,
}

/// What a key stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Begin {
    /// It was never begun. It is now: run it, and say how it ended.
    Fresh,
    /// It ended, and this is how.
    Done(CallOutcome),
    /// It was begun, and nobody will ever know how it ended.
    Unknown,
    /// The key was used for another call, with other arguments, tool, role or contract.
    Other,
}

/// A call whose executor ended before it could say how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Names it.
    pub key: Key,
    /// The call. Calls that an older executor began have no names.
    pub what: What,
    /// When it was begun.
    pub begun: SystemTime,
}

/// Why the memory cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OnceError {
    /// Nothing can be remembered, so nothing may run.
    #[error("what was run before cannot be looked up: {0}")]
    Unavailable(String),
    /// A call ended that is not running: it was never begun, or has ended before.
    #[error("a call ended that is not running")]
    NotRunning,
}

/// Checks the memory in the state directory `folder`, if there is one; writes nothing.
pub(crate) fn check(folder: &Path) -> Result<(), StateError> {
    state::inspect(&folder.join(local::FILE), rows::FORMAT.version()).map(drop)
}

// === impl Once ===

impl Once {
    /// Opens the memory in the state directory, or connects to the one that is shared.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open(config: &Config) -> Result<Self, OnceError> {
        Self::open_with(config, Arc::new(SystemClock)).await
    }

    /// Opens the memory as [`open`](Self::open) does, and reads the time of the local one off `clock`. The shared one goes by
    /// its database.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open_with(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, OnceError> {
        match &config.once.store {
            OnceStore::Local => Ok(Self::Local(Local::open(&config.state_dir, config.once.keep, clock)?)),
            OnceStore::Postgres { link, lease } => {
                Ok(Self::Shared(Shared::connect(link, *lease, config.once.keep).await?))
            }
        }
    }

    /// Begins a call. Waits while another request with the same key runs it.
    ///
    /// Whoever gets [`Begin::Fresh`] must [`finish`](Self::finish): until then repeats wait. A caller that goes away while it
    /// waits here leaves nothing behind.
    ///
    /// # Errors
    /// It cannot be written, so the call must not run.
    pub async fn begin(&self, key: &Key, what: impl Into<What>) -> Result<Begin, OnceError> {
        let what = what.into();
        match self {
            Self::Local(local) => local.begin(key, what).await,
            Self::Shared(shared) => shared.begin(key, what).await,
        }
    }

    /// Says how a call ended that was begun as [`Begin::Fresh`], or that is [`left`](Self::left).
    ///
    /// # Errors
    /// It cannot be written; a repeat will be told that it is unknown.
    pub async fn finish(&self, key: &Key, outcome: &CallOutcome) -> Result<(), OnceError> {
        match self {
            Self::Local(local) => local.finish(key, outcome.encode_to_vec()).await,
            Self::Shared(shared) => shared.finish(key, outcome.encode_to_vec()).await,
        }
    }

    /// Tells whether the memory can be written.
    pub fn health(&self) -> StoreHealth {
        match self {
            Self::Local(local) => local.health(),
            Self::Shared(shared) => shared.health(),
        }
    }

    /// Ends the memory in the state directory, so that it is one file. Nothing can be begun afterwards.
    pub async fn close(&self) {
        match self {
            Self::Local(local) => local.close().await,
            Self::Shared(_) => {}
        }
    }

    /// The calls that an executor left running when it ended, each of them until it is finished: tell of each, then
    /// [`finish`](Self::finish) it as unknown. Repeats are told so from the start. Where the memory is shared, executors can
    /// end at any time, so ask now and then; each call is given to one executor.
    ///
    /// # Errors
    /// It cannot be looked up.
    pub async fn left(&self) -> Result<Vec<Left>, OnceError> {
        match self {
            Self::Local(local) => local.left().await,
            Self::Shared(shared) => shared.left().await,
        }
    }
}

/// What is kept of an outcome, read again.
fn decode(kept: &[u8]) -> Result<Begin, OnceError> {
    match CallOutcome::decode(kept) {
        Ok(outcome) => Ok(Begin::Done(outcome)),
        Err(error) => Err(OnceError::Unavailable(format!("a kept outcome is damaged: {error}"))),
    }
}

// === impl What ===

impl From<[u8; 32]> for What {
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
