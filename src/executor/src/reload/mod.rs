//! Other contracts without a restart: on SIGHUP, and when the files change.
//!
//! A reload reads the list of contracts and of what they may grant, the contracts with their schema files and modules, and the values that grants take from
//! files and from the environment. Everything else in the configuration needs a restart; the log says so. All of it is loaded
//! beside what is served, at a low priority (`beside`). New calls use it only if nothing is wrong with it; a call that has begun
//! ends under the contract it began with. A bad file changes nothing; the log says why, once.
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

/// Time between two looks without any event: the system may not watch, or may lose events.
const LOOK: Duration = Duration::from_secs(30);

/// The cause of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// SIGHUP: everything is loaded, whether or not a file changed. The environment may have.
    Signal,
    /// Perhaps one of our files changed.
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

/// The folders that are watched. A change of them is not waited for: the system delays it while a folder has many events.
enum Watch {
    Idle(Folders),
    Busy(JoinHandle<(Folders, bool)>),
}

/// The contracts that are served, and the faults found since.
struct Reload {
    file: PathBuf,
    /// The configuration that the process runs with; its contracts are those that are served.
    running: Config,
    services: Arc<Services>,
    served: Footprint,
    /// The last files that were looked at; those of a refused reload differ from `served`.
    seen: Footprint,
    tokens: Footprint,
    contract_faults: Faults,
    token_faults: Faults,
    /// The configuration that was last found to need a restart.
    warned: Option<Config>,
}

/// Reloads for as long as it is polled. `hangup` is handed in, so that a SIGHUP during the start counts.
pub(crate) fn watch(
    file: PathBuf,
    running: Config,
    hangup: Signal,
    services: Arc<Services>,
) -> impl Future<Output = ()> {
    let reads = Reads::default();
    // What changed between the reading and the watching is looked at first.
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
                    // The runtime ends.
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
    /// Watches the folders of these paths from now on, unless the last change of them has not ended.
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

    /// The end of a change, with whether other folders are watched now. `None` when the runtime ends.
    async fn ended(&mut self) -> Option<(Folders, bool)> {
        let Self::Busy(job) = self else { return std::future::pending().await };
        match Work::of(job.await) {
            Work::Done(done) => Some(done),
            // The regular look tries again. Until then nothing is watched, and SIGHUP is obeyed.
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
    /// Every path whose change matters.
    fn paths(&self) -> Vec<PathBuf> {
        let all = [&self.served, &self.seen, &self.tokens];
        let files = all.into_iter().flat_map(Footprint::paths).map(ToOwned::to_owned);
        std::iter::once(self.file.clone()).chain(files).collect()
    }

    /// Looks, and reloads if there is a reason. `None` when the runtime ends.
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

    /// Says once of each configuration that not all of it is reloaded.
    fn warn_of(&mut self, others: Option<Config>) {
        if others.is_some() && self.warned != others {
            tracing::warn!(
                "only `contracts`, `sandbox.allow` and `secrets.allow` are reloaded; other changes need a restart"
            );
        }
        self.warned = others;
    }

    /// The HTTP side reads the tokens at each request; a fault in the file is said when it is made.
    fn check_tokens(&mut self) {
        self.tokens = load::tokens(&self.running);
        match web::check_tokens(&self.running) {
            Ok(()) => self.token_faults.over(),
            Err(error) => self.token_faults.fault(&format!("http.tokens: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[expect(clippy::panic, reason = "the subject")]
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
