//! The folder of compiled code in `stateDir`: checked here, used by the sandbox.

use callgate_sandbox::Cache;

use crate::config::Config;
use crate::telemetry::Metrics;
use callgate_state::{StateError, private};

const FOLDER: &str = "modules";

/// Opens the cache below `stateDir`. With `cacheBytes` of 0 it keeps nothing and no folder is made.
///
/// # Errors
/// The folder cannot be used, or others could write to it.
pub(super) fn open(config: &Config, metrics: &Metrics) -> Result<Cache, StateError> {
    let bytes = config.sandbox.cache_bytes;
    if bytes == 0 {
        return Ok(Cache::none(metrics.modules().clone()));
    }
    let folder = config.state_dir.join(FOLDER);
    private::folder(&config.state_dir)?;
    private::folder(&folder)?;
    Ok(Cache::open(folder, bytes, metrics.modules().clone()))
}

/// Opens the cache below `stateDir` if there is one. Nothing is written to it.
///
/// # Errors
/// Others could write to the folder.
pub(super) fn read_only(config: &Config, metrics: &Metrics) -> Result<Cache, StateError> {
    let bytes = config.sandbox.cache_bytes;
    let folder = config.state_dir.join(FOLDER);
    if bytes == 0 || folder.symlink_metadata().is_err() {
        return Ok(Cache::none(metrics.modules().clone()));
    }
    private::check_folder(&folder)?;
    Ok(Cache::read_only(folder, bytes, metrics.modules().clone()))
}
