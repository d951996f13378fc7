//! Reports if the executor can take calls, and the problems if it cannot.
//!
//! Each store knows its own health; readiness asks them whenever it is asked itself.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::select_all;
use tokio::sync::watch;

use callgate_state::{StoreHealth, private};

/// The interval between two probes of the state directory.
const LOOK: Duration = Duration::from_secs(2);
/// The interval between two questions to the stores: a store that hangs notifies nobody.
const ASK: Duration = Duration::from_millis(500);
/// The content of a probe.
const PROBE: &str = ".writable";

/// The executor's readiness. Clones share it. Not ready until the contracts are loaded.
#[derive(Clone, Debug)]
pub struct Readiness {
    state: watch::Sender<ReadinessState>,
    stores: Arc<Mutex<Vec<StoreHealth>>>,
}

/// The problem of each part, in words for an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ReadinessState {
    contracts: bool,
    draining: bool,
    state_dir: Option<String>,
    sandbox: Option<String>,
    disk: Disk,
}

/// The free space of the state directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disk {
    /// More than `audit.minFree`.
    #[default]
    Enough,
    /// Less than that: readiness warns.
    Low,
    /// Less than a quarter of that: no calls are taken.
    Full,
}

// === impl Disk ===

impl Disk {
    /// Returns the level of a number of free bytes.
    #[must_use]
    pub fn of(free: u64, min_free: u64) -> Self {
        if free < min_free / 4 {
            Self::Full
        } else if free < min_free {
            Self::Low
        } else {
            Self::Enough
        }
    }
}

// === impl Readiness ===

impl Readiness {
    /// Creates a readiness with nothing loaded.
    pub fn new() -> Self {
        Self { state: watch::Sender::new(ReadinessState::default()), stores: Arc::default() }
    }

    /// Notes the loaded contracts.
    pub fn loaded(&self) {
        self.set(|state| state.contracts = true);
    }

    /// Notes the drain: no more calls are taken.
    pub fn draining(&self) {
        self.set(|state| state.draining = true);
    }

    /// Asks a store from now on.
    pub fn ask(&self, store: StoreHealth) {
        self.stores().push(store);
    }

    /// Notes the sandbox's problem, or that it works.
    pub fn sandbox(&self, fault: Option<String>) {
        self.set(|state| state.sandbox = fault);
    }

    /// Notes the free space; returns true if the level changed.
    pub fn disk(&self, disk: Disk) -> bool {
        let news = self.state.borrow().disk != disk;
        self.set(|state| state.disk = disk);
        news
    }

    /// Returns true if the state directory has too little space for calls.
    pub fn is_full(&self) -> bool {
        self.state.borrow().disk == Disk::Full
    }

    /// Returns warnings of problems to come, one on each line.
    pub fn warnings(&self) -> Vec<String> {
        match self.state.borrow().disk {
            Disk::Low => vec!["stateDir: it has less room than audit.minFree; make room".to_owned()],
            Disk::Enough | Disk::Full => Vec::new(),
        }
    }

    /// Returns the problems that prevent calls, one on each line; empty if the executor is ready.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.state.borrow().faults();
        faults.extend(self.stores().iter().filter_map(StoreHealth::fault));
        faults
    }

    /// Reports readiness at once and after each change. Ends when no one can change it any more.
    pub async fn follow<F: Future<Output = ()>>(&self, mut tell: impl FnMut(bool) -> F) {
        let mut states = self.state.subscribe();
        let mut told = None;
        loop {
            states.mark_unchanged();
            let mut stores: Vec<_> = self.stores().iter().map(StoreHealth::changes).collect();
            let ready = self.faults().is_empty();
            if told != Some(ready) {
                tell(ready).await;
                told = Some(ready);
            }
            let store = async {
                if stores.is_empty() {
                    std::future::pending::<()>().await;
                } else {
                    // A dropped store is silent.
                    let _ = select_all(stores.iter_mut().map(|store| Box::pin(store.changed()))).await;
                }
            };
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return },
                () = store => {}
                () = tokio::time::sleep(ASK) => {}
            }
        }
    }

    /// Probes the state directory at a fixed interval.
    pub async fn probe(&self, state_dir: PathBuf) {
        loop {
            let folder = state_dir.clone();
            let written = tokio::task::spawn_blocking(move || probe(&folder)).await;
            let fault = match written {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                // The runtime is shutting down.
                Err(_) => return,
            };
            self.set(|state| state.state_dir = fault);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Notifies followers only of changes.
    fn set(&self, change: impl FnOnce(&mut ReadinessState)) {
        self.state.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            *state != before
        });
    }

    fn stores(&self) -> MutexGuard<'_, Vec<StoreHealth>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

// === impl ReadinessState ===

impl ReadinessState {
    fn faults(&self) -> Vec<String> {
        let state_dir = self.state_dir.as_ref().map(|reason| format!("stateDir: it cannot be written: {reason}"));
        [
            (!self.contracts).then(|| "contracts: they are not loaded yet".to_owned()),
            self.draining.then(|| "draining: no more calls are taken".to_owned()),
            state_dir,
            (self.disk == Disk::Full)
                .then(|| "stateDir: it has less room than a quarter of audit.minFree; make room".to_owned()),
            self.sandbox.as_ref().map(|reason| format!("sandbox: {reason}")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Writes bytes, not only a name: a full disk still takes names.
fn probe(folder: &Path) -> io::Result<()> {
    let file = folder.join(PROBE);
    private::renewed_file(&file)?.write_all(b"callgate")?;
    fs::remove_file(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_and_goes_when_it_is_over() {
        let readiness = Readiness::new();
        assert_eq!(readiness.faults(), ["contracts: they are not loaded yet"]);
        readiness.loaded();
        assert!(readiness.faults().is_empty());
        let store = StoreHealth::new("audit.db");
        readiness.ask(store.clone());
        store.failed("disk full");
        readiness.draining();
        assert_eq!(readiness.faults(), ["draining: no more calls are taken", "audit.db: disk full"]);
        store.wrote();
        assert_eq!(readiness.faults(), ["draining: no more calls are taken"]);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_found_out_and_nothing_is_left_in_one_that_can() {
        let folder = tempfile::tempdir().unwrap();
        probe(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(probe(&folder.path().join("missing")).is_err());
    }
}
