//! Says whether the executor can take calls, and if not, what keeps it from that.
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

/// How often it is looked whether the state directory can be written.
const LOOK: Duration = Duration::from_secs(2);
/// The time between two questions to the stores: one that falls silent wakes nobody.
const ASK: Duration = Duration::from_millis(500);
/// What is written to see.
const PROBE: &str = ".writable";

/// Whether calls can be taken. Clones share it. Not ready until told that the contracts are loaded.
#[derive(Clone, Debug)]
pub struct Readiness {
    state: watch::Sender<State>,
    stores: Arc<Mutex<Vec<StoreHealth>>>,
}

/// Each part on its own; what is wrong is in words for an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    contracts: bool,
    draining: bool,
    state_dir: Option<String>,
    sandbox: Option<String>,
    disk: Disk,
}

/// The free room of the state directory.
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
    /// The level of so many free bytes.
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
    /// Nothing is loaded yet.
    pub fn new() -> Self {
        Self { state: watch::Sender::new(State::default()), stores: Arc::default() }
    }

    /// The contracts are loaded.
    pub fn loaded(&self) {
        self.set(|state| state.contracts = true);
    }

    /// No more calls are taken.
    pub fn draining(&self) {
        self.set(|state| state.draining = true);
    }

    /// Asks a store from now on.
    pub fn ask(&self, store: StoreHealth) {
        self.stores().push(store);
    }

    /// The sandbox works, or does not, for this reason.
    pub fn sandbox(&self, fault: Option<String>) {
        self.set(|state| state.sandbox = fault);
    }

    /// The state directory has so much room; says whether that is news.
    pub fn disk(&self, disk: Disk) -> bool {
        let news = self.state.borrow().disk != disk;
        self.set(|state| state.disk = disk);
        news
    }

    /// Finds out whether the state directory has no room for calls.
    pub fn is_full(&self) -> bool {
        self.state.borrow().disk == Disk::Full
    }

    /// Warnings of what may soon keep calls from being taken, a line each.
    pub fn warnings(&self) -> Vec<String> {
        match self.state.borrow().disk {
            Disk::Low => vec!["stateDir: it has less room than audit.minFree; make room".to_owned()],
            Disk::Enough | Disk::Full => Vec::new(),
        }
    }

    /// What keeps calls from being taken, a line each; empty when nothing does.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.state.borrow().faults();
        faults.extend(self.stores().iter().filter_map(StoreHealth::fault));
        faults
    }

    /// Tells whether calls can be taken: at once, and then whenever that changes. It ends when there is nobody to change it.
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
                    // A store that has gone says no more.
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

    /// Looks again and again whether the state directory can be written.
    pub async fn probe(&self, state_dir: PathBuf) {
        loop {
            let folder = state_dir.clone();
            let written = tokio::task::spawn_blocking(move || probe(&folder)).await;
            let fault = match written {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                // The runtime ends.
                Err(_) => return,
            };
            self.set(|state| state.state_dir = fault);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Wakes who follows only when something changed.
    fn set(&self, change: impl FnOnce(&mut State)) {
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

// === impl State ===

impl State {
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

/// Bytes, not only a name: a full disk still takes names.
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
