//! Tools outside this process: gRPC workers, HTTP APIs and MCP servers, each at a configured backend.
//!
//! A contract's `cluster` is the key of a table; nothing else in the contract or a call decides about a destination.
//! Each response is bounded while it is read, and none of its words goes into an error.

mod backend;
mod breaker;
mod fault;
mod grpc;
mod headers;
mod http;
pub(crate) mod material;
mod mcp;
mod metrics;
mod query;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use callgate_contract::{Bounds, Contract, Run};
use tokio::time::Instant;

use self::backend::Backend;
pub(crate) use self::material::choose_cryptography;
pub use self::metrics::BackendMetrics;
pub use self::settings::{
    BackendIdentity, BackendPace, BackendSettings, BackendTls, BackendsSection, BackendsSettings, BreakerSettings,
    ProgramSettings, ProgramsSection, VariableSource,
};

/// The time for a connection to open, and for a silent one to answer a ping.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time a connection with calls on it may be silent.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// The maximum bytes of all headers of a response.
const HEADER_BYTES: u32 = 16 << 10;

/// Every backend, connected on first use. Clones share the connections.
#[derive(Clone)]
pub struct Backends {
    table: Arc<BTreeMap<String, Backend>>,
}

/// One approved call for a backend.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// The contract's tool: it decides about the backend and about retries.
    pub tool: &'a callgate_contract::Tool,
    /// RFC 8785 canonical arguments.
    pub arguments: &'a str,
    /// The caller's tenant.
    pub tenant: &'a str,
    /// The caller's role.
    pub role: &'a str,
    /// Equal for every attempt at this call, and for no other call.
    pub idempotency_key: &'a str,
    /// The deadline of the call, the wait in the queue included.
    pub deadline: Instant,
}

/// The reason a backend gave no result. The texts are for the model: they name the backend and the kind, and quote
/// nothing from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The whole call took too long.
    #[error("took longer than its timeout of {limit:?}")]
    Timeout {
        /// The contract's `timeout`.
        limit: Duration,
    },
    /// Its response exceeds the grant.
    #[error("answered with more than the {limit} bytes it is granted")]
    TooLarge {
        /// The contract's `outputBytes`.
        limit: u64,
    },
    /// It is unreachable, or its breaker is open after many failures.
    #[error("cannot be reached at the backend {cluster}: {reason}")]
    Unavailable {
        /// The backend.
        cluster: String,
        /// The reason in a few words of ours.
        reason: String,
    },
    /// It responded with an error.
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
    /// A contract names a backend the configuration lacks.
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
        /// The unknown name.
        cluster: String,
        /// The known names.
        known: String,
    },
    /// A backend's configuration does not suit a contract's tool.
    #[error("{contract}: tool {tool}: run.{form}.cluster: the backend {cluster}: {expected}")]
    Unfit {
        /// The contract's name.
        contract: String,
        /// The tool.
        tool: String,
        /// `grpc`, `http` or `mcp`.
        form: &'static str,
        /// The backend.
        cluster: String,
        /// The missing part of its configuration.
        expected: &'static str,
    },
    /// A program cannot be used.
    #[error("programs.{program}.{field}: {reason}")]
    Program {
        /// The program.
        program: String,
        /// The field of its configuration.
        field: String,
        /// The reason.
        reason: String,
    },
    /// A backend's file cannot be read or is malformed.
    #[error("backends.{backend}.{field}: {reason}")]
    Unusable {
        /// The backend.
        backend: String,
        /// The field of its configuration.
        field: String,
        /// The file and its fault; none of its text.
        reason: String,
    },
}

// === impl Backends ===

impl Backends {
    /// Creates the configured backends and shows their breakers in `metrics`. Reads certificates and secrets, and tries the confinement
    /// of programs; it does not connect or start a program yet.
    ///
    /// # Errors
    /// The first file or program that cannot be used.
    pub fn new(settings: &BackendsSettings, metrics: &BackendMetrics) -> Result<Self, BackendError> {
        material::choose_cryptography();
        let new = |(name, settings): (&String, &_)| Ok((name.clone(), Backend::new(name, settings, metrics)?));
        let mut table = settings.addresses.iter().map(new).collect::<Result<BTreeMap<_, _>, BackendError>>()?;
        for (name, settings) in &settings.programs {
            table.insert(name.clone(), Backend::program(name, settings, metrics)?);
        }
        Ok(Self { table: Arc::new(table) })
    }

    /// Checks that each backend a contract names exists and suits its tools.
    ///
    /// # Errors
    /// The first unsuitable one.
    pub fn check(&self, contract: &Contract) -> Result<(), BackendError> {
        for tool in contract.tools() {
            let Some((cluster, _)) = asked(tool.run()) else { continue };
            let (contract, form) = (contract.name().to_owned(), tool.run().as_str());
            let (tool, cluster) = (tool.name().to_owned(), cluster.to_owned());
            let Some(backend) = self.table.get(&cluster) else {
                let known: Vec<_> = self.table.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(BackendError::Missing { contract, tool, form, cluster, known });
            };
            if let Some(expected) = backend.unfit(form) {
                return Err(BackendError::Unfit { contract, tool, form, cluster, expected });
            }
        }
        Ok(())
    }

    /// Calls a tool's backend. Returns the bytes of one JSON value, not checked yet.
    ///
    /// Dropping the future ends the call at the backend too, if possible: the stream is reset, an MCP call cancelled.
    ///
    /// # Errors
    /// The reason no value came back.
    pub async fn call(&self, invocation: &Invocation<'_>) -> Result<Vec<u8>, Stop> {
        let run = invocation.tool.run();
        let missing = |cluster: &str| Stop::Unavailable {
            cluster: cluster.to_owned(),
            reason: "the executor's configuration does not have it".into(),
        };
        let (cluster, bounds) = asked(run).ok_or_else(|| missing(run.as_str()))?;
        let backend = self.table.get(cluster).ok_or_else(|| missing(cluster))?;
        backend.call(invocation, bounds).await
    }
}

impl fmt::Debug for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.table.keys()).finish()
    }
}

/// Returns a tool's backend and the limits of its call; `None` if it runs elsewhere.
fn asked(run: &Run) -> Option<(&str, Bounds)> {
    match run {
        Run::Grpc(run) => Some((&run.cluster, run.bounds)),
        Run::Http(run) => Some((&run.cluster, run.bounds)),
        Run::Mcp(run) => Some((&run.cluster, run.bounds)),
        Run::Client | Run::Wasm(_) => None,
    }
}
