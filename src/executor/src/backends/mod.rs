//! Tools that do not run here: workers over gRPC, HTTP APIs, MCP servers, each at a backend that the configuration names.

use std::time::Duration;

use callgate_contract::Contract;
use tokio::time::Instant;

use crate::config::Config;

/// Every backend, connected on first use. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Backends {}

/// One approved call for a backend.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// The tool in the contract: what runs it, and whether it may be tried again.
    pub tool: &'a callgate_contract::Tool,
    /// RFC 8785 canonical arguments.
    pub arguments: &'a str,
    /// The caller's tenant.
    pub tenant: &'a str,
    /// The caller's role.
    pub role: &'a str,
    /// The same for every attempt at this call, and for no other.
    pub idempotency_key: &'a str,
    /// When the call must be over, waiting in the queue included.
    pub deadline: Instant,
}

/// Why a backend gave no result. The texts are for the model: they name the backend and the kind, and nothing that it sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The whole call took too long.
    #[error("took longer than its timeout of {limit:?}")]
    Timeout {
        /// The contract's `timeout`.
        limit: Duration,
    },
    /// It answered with more than it is granted.
    #[error("answered with more than the {limit} bytes it is granted")]
    TooLarge {
        /// The contract's `outputBytes`.
        limit: u64,
    },
    /// It cannot be reached, or is left alone for a while after many failures.
    #[error("cannot be reached at the backend {cluster}: {reason}")]
    Unavailable {
        /// The backend.
        cluster: String,
        /// In a few words of ours.
        reason: String,
    },
    /// It answered with an error.
    #[error("failed at the backend {cluster}: {reason}")]
    Failed {
        /// The backend.
        cluster: String,
        /// In a few words of ours, such as a status.
        reason: String,
    },
}

/// Why the backends cannot serve the contracts.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A contract names a backend that the configuration does not have.
    #[error(
        "{contract}: tool {tool}: run.{form}.cluster: expected the name of a backend in the executor's configuration, found `{cluster}`; known are {known}"
    )]
    Missing {
        /// The contract's name.
        contract: String,
        /// The tool.
        tool: String,
        /// `grpc`, `http` or `mcp`.
        form: &'static str,
        /// What it names.
        cluster: String,
        /// What there is.
        known: String,
    },
}

// === impl Backends ===

impl Backends {
    /// The backends of a configuration. Nothing is connected yet.
    ///
    /// # Errors
    /// A certificate cannot be read, and the like.
    pub fn new(_config: &Config) -> Result<Self, BackendError> {
        Ok(Self {})
    }

    /// Checks that every backend that a contract names is there.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self, _contract: &Contract) -> Result<(), BackendError> {
        Ok(())
    }

    /// Calls a tool's backend. The answer is the bytes of one JSON value, not checked yet.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn call(&self, invocation: &Invocation<'_>) -> Result<Vec<u8>, Stop> {
        let cluster = invocation.tool.run().as_str().to_owned();
        Err(Stop::Unavailable { cluster, reason: "there are no backends yet".into() })
    }
}
