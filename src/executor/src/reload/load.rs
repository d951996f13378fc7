//! One reload: everything read, checked and compiled, beside what is served.

use std::path::Path;

use crate::admission::{AdmissionError, Registry};
use crate::backends::BackendError;
use crate::config::{Config, ConfigError, Http, Tokens};
use crate::footprint::{Footprint, Reads};
use crate::service::Services;

/// More than the executor reads of a file of tokens.
const TOKENS_BYTES: u64 = 1 << 20;

/// The result of a reload that went well.
pub(super) struct Loaded {
    /// The running configuration with what was read anew.
    pub(super) config: Config,
    /// The file's configuration, if it says anything else: that needs a restart.
    pub(super) others: Option<Config>,
    pub(super) next: Registry,
}

/// Why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReloadError {
    /// The configuration.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A contract or a module.
    #[error("{0}")]
    Admission(#[from] AdmissionError),
    /// A backend that a new contract names and the running executor does not have.
    #[error("{0}; backends are read at start only")]
    Backend(#[from] BackendError),
}

/// Loads what the configuration in `file` lists, for the process that runs with `running`. The files that were read are told in any case. This blocks for as long as
/// modules take to compile; those that are served already are not compiled again.
pub(super) fn load(file: &Path, running: &Config, services: &Services) -> (Result<Loaded, ReloadError>, Footprint) {
    let reads = Reads::default();
    let loaded = read(file, running, services, &reads);
    (loaded, reads.footprint())
}

fn read(file: &Path, running: &Config, services: &Services, reads: &Reads) -> Result<Loaded, ReloadError> {
    let found = Config::read(file, reads)?;
    // The fence stands around what this process uses, not around what the next one would.
    let config = running.reloaded(&found);
    let others = (config != found).then_some(found);
    let next = services.serving.load_full().next(&config, reads)?;
    for contract in next.contracts() {
        services.backends.check(contract)?;
    }
    Ok(Loaded { config, others, next })
}

/// The file of tokens as it is now; nothing if the executor made its own.
pub(super) fn tokens(config: &Config) -> Footprint {
    let reads = Reads::default();
    if let Http::On { tokens: Tokens::Listed(file), .. } = &config.http {
        // What is wrong with it is said by whoever checks it.
        let _ = reads.bytes(file.path(), TOKENS_BYTES);
    }
    reads.footprint()
}
