//! The sections `backends` and `programs` of the configuration: the backend of each name contracts use.
//!
//! A contract names a backend, and only these sections give its address or its command. So none ever comes from a contract or a request.

mod program;
mod section;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step is a failed test")]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderName;

pub use self::program::{ProgramSettings, ProgramsSection, VariableSource};
pub use self::section::BackendsSection;

/// All backends, by the names contracts use. No name is in both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendsSettings {
    /// Those with an address.
    pub addresses: BTreeMap<String, BackendSettings>,
    /// Those that the executor starts.
    pub programs: BTreeMap<String, ProgramSettings>,
}

/// One backend with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendSettings {
    /// `http` or `https`, host, port, and for HTTP and MCP a path; no user, query or fragment.
    pub address: Url,
    /// The certificates of both sides; only with `https`.
    pub tls: Option<BackendTls>,
    /// Headers of every request, each with the file of its value.
    pub headers: Vec<(HeaderName, PathBuf)>,
    /// The number of calls that it gets.
    pub pace: BackendPace,
}

/// The number of calls that a backend gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendPace {
    /// Calls under way at once, 1 to 4096; the others wait, and their waiting counts against their timeout.
    pub max_in_flight: u32,
    /// When it is left alone.
    pub breaker: BreakerSettings,
    /// The maximum retries of a call of a tool with `effects: read`, 0 to 10.
    pub retries: u32,
}

/// Certificates of a connection, all PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendTls {
    /// Who may have signed the backend's certificate; nobody else then. Without it, whom the system trusts.
    pub ca: Option<PathBuf>,
    /// The executor's own certificate.
    pub identity: Option<BackendIdentity>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendIdentity {
    /// The certificate and those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// When a backend is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// After so many failures in a row.
    pub failures: u32,
    /// For so long; then one call tries it.
    pub open_for: Duration,
}

// === impl BackendPace ===

impl Default for BackendPace {
    fn default() -> Self {
        let breaker = BreakerSettings { failures: section::FAILURES, open_for: section::OPEN_FOR };
        Self { max_in_flight: section::MAX_IN_FLIGHT, breaker, retries: section::RETRIES }
    }
}
