//! The folder of compiled code in `stateDir`: checked here, used by the sandbox.

use std::path::PathBuf;

use callgate_sandbox::{Cache, ModuleMetrics};
use callgate_state::{StateError, private};

use super::AdmissionSettings;

const FOLDER: &str = "modules";

/// Opens the cache below `stateDir`. With `cacheBytes: 0`, it keeps nothing and makes no folder.
///
/// # Errors
/// The folder cannot be used, or other users could write to it.
pub(super) fn open(settings: &AdmissionSettings, metrics: &ModuleMetrics) -> Result<Cache, StateError> {
    let bytes = settings.sandbox.cache_bytes;
    if bytes == 0 {
        return Ok(Cache::none(metrics.clone()));
    }
    let folder = folder(settings);
    private::folder(&settings.state_dir)?;
    private::folder(&folder)?;
    Ok(Cache::open(folder, bytes, metrics.clone()))
}

/// Opens the cache below `stateDir` for reading, if it exists.
///
/// # Errors
/// Other users could write to the folder.
pub(super) fn read_only(settings: &AdmissionSettings, metrics: &ModuleMetrics) -> Result<Cache, StateError> {
    let bytes = settings.sandbox.cache_bytes;
    let folder = folder(settings);
    if bytes == 0 || folder.symlink_metadata().is_err() {
        return Ok(Cache::none(metrics.clone()));
    }
    private::check_folder(&folder)?;
    Ok(Cache::read_only(folder, bytes, metrics.clone()))
}

fn folder(settings: &AdmissionSettings) -> PathBuf {
    settings.state_dir.join(FOLDER)
}
