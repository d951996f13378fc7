//! Other contracts without a restart: on SIGHUP, and when the files change.
//!
//! What is read anew is the list of contracts, the contracts, their modules, and the values that grants take from files and from
//! the environment. Everything else in the configuration needs a restart, and says so. All of it is loaded beside what is served;
//! only when nothing is wrong with it are calls decided by it. A call that has begun ends under the contract it began with. One bad
//! file changes nothing, and the log says why in the words of a start.
//!
//! A change of files is only looked at, not believed: whatever wakes this (a ConfigMap's swapped link, a tool that writes beside
//! the contract), contracts whose digests are those that are served are left as they are.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::admission::{AdmissionError, Registry};
use crate::backends::BackendError;
use crate::config::{Config, ConfigError};
use crate::service::Parts;

/// Files come in several writes; what is woken waits until none came for this long.
const SETTLE: Duration = Duration::from_millis(500);

/// Why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    /// The configuration.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A contract or a module.
    #[error("{0}")]
    Admission(#[from] AdmissionError),
    /// A backend that a new contract names and the running executor does not have.
    #[error("{0}; backends are read at start only")]
    Backend(#[from] BackendError),
    /// A fault of this program.
    #[error("the reload could not be followed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// What woke a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// SIGHUP: everything is loaded, whether or not it looks the same; secrets may have changed.
    Signal,
    /// Files changed, perhaps ours.
    Files,
}

/// What came of a reload that went well.
#[derive(Debug, PartialEq, Eq)]
enum Reloaded {
    /// These files are served now.
    Swapped(Vec<PathBuf>),
    /// What is served is what the files hold.
    Same,
}

/// Reloads for as long as it is polled. A signal that comes after this has returned is not lost.
///
/// # Errors
/// SIGHUP cannot be waited for.
pub(crate) fn watch(file: PathBuf, running: Config, parts: Arc<Parts>) -> io::Result<impl Future<Output = ()>> {
    let hangup = signal(SignalKind::hangup())?;
    let (wake, woken) = mpsc::channel(1);
    let watched = watcher(&file, &running, &wake);
    // What changed between the reading and the watching is looked at first.
    let _ = wake.try_send(());
    Ok(follow(hangup, watched, (wake, woken), file, running, parts))
}

async fn follow(
    mut hangup: Signal,
    mut watched: notify::Result<RecommendedWatcher>,
    (wake, mut woken): (mpsc::Sender<()>, mpsc::Receiver<()>),
    file: PathBuf,
    mut running: Config,
    parts: Arc<Parts>,
) {
    loop {
        if let Err(error) = &watched {
            tracing::warn!(reason = %error, "files are not watched; SIGHUP reloads all the same");
        }
        let cause = tokio::select! {
            _ = hangup.recv() => Cause::Signal,
            Some(()) = woken.recv() => {
                while tokio::time::timeout(SETTLE, woken.recv()).await.is_ok_and(|more| more.is_some()) {}
                Cause::Files
            }
        };
        match reload(cause, &file, &running, &parts).await {
            Ok(Reloaded::Swapped(contracts)) => {
                parts.instruments.metrics.reloads().contracts(true);
                tracing::info!(contracts = contracts.len(), ?cause, "contracts are reloaded");
                running.contracts = contracts;
                watched = watcher(&file, &running, &wake);
            }
            Ok(Reloaded::Same) => tracing::debug!("files changed, the contracts did not"),
            Err(error) => {
                parts.instruments.metrics.reloads().contracts(false);
                for line in error.to_string().lines() {
                    tracing::error!("{line}");
                }
                tracing::error!(?cause, "the reload is refused; what was served before is served on");
            }
        }
    }
}

async fn reload(cause: Cause, file: &Path, running: &Config, parts: &Parts) -> Result<Reloaded, ReloadError> {
    let serving = parts.serving.load_full();
    let config = Config::from_file(file)?;
    if (Config { contracts: running.contracts.clone(), ..config.clone() }) != *running {
        tracing::warn!("only `contracts` of the configuration is reloaded; its other changes need a restart");
    }
    let contracts = config.contracts.clone();
    // Compiling takes its time, and must not take that of calls.
    let next = tokio::task::spawn_blocking(move || {
        if cause == Cause::Files && same(&config, &serving)? {
            return Ok(None);
        }
        Registry::admit_to(Arc::clone(serving.sandbox()), &config).map(Some)
    });
    let Some(next) = next.await?.map_err(ReloadError::Admission)? else { return Ok(Reloaded::Same) };
    for contract in next.contracts() {
        parts.backends.check(contract)?;
    }
    parts.serving.store(Arc::new(next));
    Ok(Reloaded::Swapped(contracts))
}

/// Whether the files hold the contracts that are served.
fn same(config: &Config, serving: &Registry) -> Result<bool, AdmissionError> {
    let found = Registry::digests_of(config)?;
    Ok(found == serving.digests().into_iter().map(str::to_owned).collect::<BTreeSet<_>>())
}

/// Wakes on any change in the folders of the configuration and of the contracts, but not on what the executor itself writes there.
fn watcher(file: &Path, config: &Config, wake: &mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let own = config.state_dir.canonicalize().unwrap_or_else(|_| config.state_dir.clone());
    let wake = wake.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let ours = !event.paths.is_empty() && event.paths.iter().all(|path| path.starts_with(&own));
        if !event.kind.is_access() && !ours {
            // Full means that it is woken already.
            let _ = wake.try_send(());
        }
    })?;
    let folders =
        config.contracts.iter().chain([&file.to_owned()]).filter_map(|path| folder(path)).collect::<BTreeSet<_>>();
    for folder in folders {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

fn folder(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    folder.canonicalize().ok()
}
