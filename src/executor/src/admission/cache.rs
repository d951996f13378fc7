//! The folder of compiled code in `stateDir`: checked here, used by the sandbox.

use callgate_sandbox::Cache;

use super::settings::AdmissionSettings;
use crate::telemetry::Metrics;
use callgate_state::{StateError, private};

const FOLDER: &str = "modules";

/// Opens the cache below `stateDir`. With `cacheBytes` of 0 it keeps nothing and no folder is made.
///
/// # Errors
/// The folder cannot be used, or others could write to it.
pub(super) fn open(settings: &AdmissionSettings, metrics: &Metrics) -> Result<Cache, StateError> {
    let bytes = settings.sandbox.cache_bytes;
    if bytes == 0 {
        return Ok(Cache::none(metrics.modules().clone()));
    }
    let folder = settings.state_dir.join(FOLDER);
    private::folder(&settings.state_dir)?;
    private::folder(&folder)?;
    Ok(Cache::open(folder, bytes, metrics.modules().clone()))
}

/// Opens the cache below `stateDir` if there is one. Nothing is written to it.
///
/// # Errors
/// Others could write to the folder.
pub(super) fn read_only(settings: &AdmissionSettings, metrics: &Metrics) -> Result<Cache, StateError> {
    let bytes = settings.sandbox.cache_bytes;
    let folder = settings.state_dir.join(FOLDER);
    if bytes == 0 || folder.symlink_metadata().is_err() {
        return Ok(Cache::none(metrics.modules().clone()));
    }
    private::check_folder(&folder)?;
    Ok(Cache::read_only(folder, bytes, metrics.modules().clone()))
}
