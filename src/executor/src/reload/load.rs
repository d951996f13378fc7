//! One reload: reads, checks and compiles everything beside the served contracts.

use std::path::Path;

use crate::admission::{AdmissionError, Registry};
use crate::backends::BackendError;
use crate::config::{Config, ConfigError, Http, Tokens};
use crate::footprint::{Footprint, Reads};
use crate::service::Services;

/// More than the executor reads of a token file.
const TOKENS_BYTES: u64 = 1 << 20;

/// The result of a successful reload.
pub(super) struct Loaded {
    /// The running configuration with the reloaded parts.
    pub(super) config: Config,
    /// The file's configuration, if it differs elsewhere: that needs a restart.
    pub(super) others: Option<Config>,
    pub(super) next: Registry,
}

/// The reason a reload changed nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReloadError {
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A contract or a module cannot be used.
    #[error("{0}")]
    Admission(#[from] AdmissionError),
    /// A new contract names a backend the running executor lacks.
    #[error("{0}; backends are read at start only")]
    Backend(#[from] BackendError),
}

/// Loads everything the configuration in `file` lists, for the process with the configuration `running`. Returns the
/// files in any case. Blocks for as long as modules take to compile; already served ones are not compiled again.
pub(super) fn load(file: &Path, running: &Config, services: &Services) -> (Result<Loaded, ReloadError>, Footprint) {
    let reads = Reads::default();
    let loaded = read(file, running, services, &reads);
    (loaded, reads.footprint())
}

fn read(file: &Path, running: &Config, services: &Services, reads: &Reads) -> Result<Loaded, ReloadError> {
    let found = Config::read(file, reads)?;
    // The fence protects the files of this process, not those of the next one.
    let config = running.reloaded(&found);
    let others = (config != found).then_some(found);
    let next = services.serving.load_full().next(&config.admission(), reads)?;
    for contract in next.contracts() {
        services.backends.check(contract)?;
    }
    Ok(Loaded { config, others, next })
}

/// Returns the current token file; nothing if the executor made its own.
pub(super) fn tokens(config: &Config) -> Footprint {
    let reads = Reads::default();
    if let Http::On { tokens: Tokens::Listed(file), .. } = &config.http {
        // The check of the file reports its faults.
        let _ = reads.bytes(file.path(), TOKENS_BYTES);
    }
    reads.footprint()
}
