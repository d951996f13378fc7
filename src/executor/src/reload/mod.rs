//! Replaces the contracts without a restart: on SIGHUP, and when the files change.
//!
//! A reload reads the list of contracts and of allowed grants, the contracts with their schema files and modules, and
//! the values grants take from files and from the environment. Everything else in the configuration needs a restart;
//! the log says so. Loading runs beside the served contracts, at a low priority (`beside`). New calls use the result
//! only if it has no fault; a running call ends under the contract it began with. A bad file changes nothing; the log
//! gives the reason once.
//!
//! Events of the file system (`folders`) only say when to look. The files' content decides (`crate::footprint`).

mod beside;
mod faults;
mod folders;
mod load;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use self::faults::Faults;
use self::folders::Folders;
use self::load::{Loaded, load};
use crate::config::Config;
use crate::footprint::{Footprint, Reads};
use crate::service::Services;
use crate::web;

/// The interval between two looks without an event: the system may not watch, or may lose events.
const LOOK: Duration = Duration::from_secs(30);

/// The cause of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// SIGHUP: everything is loaded, changed or not. The environment may have changed.
    Signal,
    /// One of our files may have changed.
    Files,
}

/// The end of work on another thread.
#[derive(Debug, PartialEq, Eq)]
enum Work<T> {
    Done(T),
    /// The next look tries again.
    Panicked,
    RuntimeEnds,
}

/// The watched folders. The reload does not wait for a change of them: the system delays it while a folder has many
/// events.
enum Watch {
    Idle(Folders),
    Busy(JoinHandle<(Folders, bool)>),
}

/// The served contracts, and the faults found since.
struct Reload {
    file: PathBuf,
    /// The configuration of the process; its contracts are the served ones.
    running: Config,
    services: Arc<Services>,
    served: Footprint,
    /// The files of the last look; those of a refused reload differ from `served`.
    seen: Footprint,
    tokens: Footprint,
    contract_faults: Faults,
    token_faults: Faults,
    /// The last configuration found to need a restart.
    warned: Option<Config>,
}

/// Reloads for as long as it is polled. The caller supplies `hangup`, so a SIGHUP during the start counts.
pub(crate) fn watch(
    file: PathBuf,
    running: Config,
    hangup: Signal,
    services: Arc<Services>,
) -> impl Future<Output = ()> {
    let reads = Reads::default();
    // The first look covers changes between the first read and the watch.
    let unread = Config::read(&file, &reads).map_or(true, |config| config != running);
    let mut served = services.serving.load().footprint().clone();
    served.join(reads.footprint());
    let tokens = load::tokens(&running);
    let reload = Reload {
        file,
        running,
        services,
        seen: if unread { Footprint::default() } else { served.clone() },
        served,
        tokens,
        contract_faults: Faults::new("the contracts are valid again"),
        token_faults: Faults::new("the file of tokens is valid again"),
        warned: None,
    };
    follow(hangup, reload)
}

async fn follow(mut hangup: Signal, mut reload: Reload) {
    let (wake, mut woken) = mpsc::channel(1);
    let mut watch = Watch::Idle(Folders::default());
    loop {
        watch = watch.anew(reload.paths(), &wake);
        let cause = loop {
            tokio::select! {
                biased;
                _ = hangup.recv() => break Cause::Signal,
                watching = watch.ended() => {
                    // The runtime is shutting down.
                    let Some((folders, anew)) = watching else { return };
                    watch = Watch::Idle(folders);
                    if anew {
                        // A file may have changed before its folder was watched.
                        break Cause::Files;
                    }
                }
                _ = woken.recv() => break Cause::Files,
                () = tokio::time::sleep(LOOK) => break Cause::Files,
            }
        };
        if reload.on(cause).await.is_none() {
            return;
        }
    }
}

// === impl Watch ===

impl Watch {
    /// Watches the folders of these paths from now on, unless their last change is still under way.
    fn anew(self, paths: Vec<PathBuf>, wake: &mpsc::Sender<()>) -> Self {
        match self {
            Self::Busy(job) => Self::Busy(job),
            Self::Idle(mut folders) => {
                let wake = wake.clone();
                Self::Busy(spawn_blocking(move || {
                    let anew = folders.watch(&paths, &wake);
                    (folders, anew)
                }))
            }
        }
    }

    /// Waits for the end of a change; returns true if other folders are watched now, and `None` when the runtime ends.
    async fn ended(&mut self) -> Option<(Folders, bool)> {
        let Self::Busy(job) = self else { return std::future::pending().await };
        match Work::of(job.await) {
            Work::Done(done) => Some(done),
            // The next regular look tries again. Until then nothing is watched, and SIGHUP still works.
            Work::Panicked => Some((Folders::default(), false)),
            Work::RuntimeEnds => None,
        }
    }
}

// === impl Work ===

impl<T> Work<T> {
    fn of(ended: Result<T, JoinError>) -> Self {
        match ended {
            Ok(done) => Self::Done(done),
            Err(error) if error.is_panic() => Self::Panicked,
            Err(_) => Self::RuntimeEnds,
        }
    }
}

// === impl Reload ===

impl Reload {
    /// Returns all paths whose change matters.
    fn paths(&self) -> Vec<PathBuf> {
        let all = [&self.served, &self.seen, &self.tokens];
        let files = all.into_iter().flat_map(Footprint::paths).map(ToOwned::to_owned);
        std::iter::once(self.file.clone()).chain(files).collect()
    }

    /// Looks, and reloads if there is a reason. Returns `None` when the runtime ends.
    async fn on(&mut self, cause: Cause) -> Option<()> {
        let (mut seen, mut tokens) = (self.seen.clone(), self.tokens.clone());
        let (seen, changed, tokens, other_tokens) = spawn_blocking(move || {
            let (changed, other_tokens) = (seen.changed(), tokens.changed());
            (seen, changed, tokens, other_tokens)
        })
        .await
        .ok()?;
        (self.seen, self.tokens) = (seen, tokens);
        if other_tokens || cause == Cause::Signal {
            self.check_tokens();
        }
        if changed || cause == Cause::Signal || self.seen.is_empty() {
            self.contracts(cause).await?;
        }
        Some(())
    }

    async fn contracts(&mut self, cause: Cause) -> Option<()> {
        let (file, running, services) = (self.file.clone(), self.running.clone(), Arc::clone(&self.services));
        let work = spawn_blocking(move || beside::run(|| load(&file, &running, &services))).await;
        let (loaded, seen) = match Work::of(work) {
            Work::Done(done) => done,
            Work::Panicked => {
                self.services.instruments.metrics.reloads().contracts(false);
                self.contract_faults
                    .fault("a reload panicked and changed nothing; please report this with the log before it");
                return Some(());
            }
            Work::RuntimeEnds => return None,
        };
        self.seen = seen;
        match loaded {
            Err(error) => {
                self.services.instruments.metrics.reloads().contracts(false);
                self.contract_faults.fault(&error.to_string());
                tracing::error!(?cause, "the reload is refused; what was served before is served on");
            }
            Ok(Loaded { config, others, next }) => {
                self.warn_of(others);
                if cause == Cause::Files && self.seen.same(&self.served) {
                    tracing::debug!("files changed, their content did not");
                } else {
                    self.services.instruments.metrics.reloads().contracts(true);
                    self.running = config;
                    tracing::info!(contracts = self.running.contracts.len(), ?cause, "contracts are reloaded");
                    let before = self.services.serving.swap(Arc::new(next));
                    // Unmapping code takes its time.
                    drop(spawn_blocking(move || drop(before)));
                }
                self.served = self.seen.clone();
                self.contract_faults.over();
            }
        }
        Some(())
    }

    /// Logs once for each configuration that some of it is not reloaded.
    fn warn_of(&mut self, others: Option<Config>) {
        if others.is_some() && self.warned != others {
            tracing::warn!(
                "only `contracts`, `sandbox.allow` and `secrets.allow` are reloaded; other changes need a restart"
            );
        }
        self.warned = others;
    }

    /// The HTTP server reads the tokens at each request; a fault in the file is logged then.
    fn check_tokens(&mut self) {
        self.tokens = load::tokens(&self.running);
        match web::check_tokens(&self.running.http, &self.running.state_dir) {
            Ok(()) => self.token_faults.over(),
            Err(error) => self.token_faults.fault(&format!("http.tokens: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_reload_does_not_end_reloads() {
        let work = |panics: bool| {
            spawn_blocking(move || beside::run(|| if panics { panic!("as a compiler might") } else { 1 }))
        };
        assert_eq!(Work::of(work(true).await), Work::Panicked);
        assert_eq!(Work::of(work(false).await), Work::Done(1));
        let waiting = tokio::spawn(std::future::pending::<()>());
        waiting.abort();
        assert_eq!(Work::of(waiting.await), Work::RuntimeEnds);
    }
}
