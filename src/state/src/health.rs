//! The health of one store, known from its last write.
//!
//! The store's owner reports the result of each commit, and writes a probe after [`PROBE`] without one. So a fault ends
//! without another call, and silence reveals a hanging store.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The longest time without a write before a store's owner writes a probe.
pub const PROBE: Duration = Duration::from_secs(2);
/// The longest time of a write before the store counts as hanging. It is longer than the wait for another program's
/// lock.
const SILENCE: Duration = Duration::from_secs(10);

/// The health of one store. Clones share it.
#[derive(Clone, Debug)]
pub struct StoreHealth(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: &'static str,
    condition: Mutex<Condition>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Condition {
    fault: Option<String>,
    /// The end of the last write.
    wrote: Instant,
    closed: bool,
}

// === impl StoreHealth ===

impl StoreHealth {
    /// A store that was just opened; operators know it by `name`, such as `calls.db`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let condition = Mutex::new(Condition { fault: None, wrote: Instant::now(), closed: false });
        Self(Arc::new(Inner { name, condition, changed: watch::Sender::new(()) }))
    }

    /// Names the store.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Reports a successful write.
    pub fn wrote(&self) {
        self.set(None);
    }

    /// Reports a failed write and its reason.
    pub fn failed(&self, reason: &str) {
        self.set(Some(reason.to_owned()));
    }

    /// Ends the writes: silence counts as healthy from now on.
    pub fn closed(&self) {
        self.condition().closed = true;
    }

    /// Returns the store's fault; `None` if its last write succeeded recently.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let condition = self.condition();
        let silent = condition.wrote.elapsed();
        match &condition.fault {
            Some(fault) => Some(format!("{}: {fault}", self.0.name)),
            None if silent > SILENCE && !condition.closed => {
                let seconds = silent.as_secs();
                Some(format!("{}: no write has ended for {seconds} seconds; look at the disk", self.0.name))
            }
            None => None,
        }
    }

    /// Wakes when a fault begins, changes or ends. A silent store wakes nobody: ask at intervals.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// Logs each fault once, and its end.
    fn set(&self, fault: Option<String>) {
        let before = {
            let mut condition = self.condition();
            condition.wrote = Instant::now();
            if condition.fault == fault {
                return;
            }
            std::mem::replace(&mut condition.fault, fault.clone())
        };
        let store = self.0.name;
        match (before, fault) {
            (_, Some(reason)) => tracing::error!(store, reason, "a store cannot be written; no calls are taken"),
            (Some(_), None) => tracing::info!(store, "a store can be written again"),
            (None, None) => {}
        }
        self.0.changed.send_replace(());
    }

    fn condition(&self) -> std::sync::MutexGuard<'_, Condition> {
        // No code holding this lock can panic.
        self.0.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_until_a_write_ends_well() {
        let health = StoreHealth::new("calls.db");
        let changes = health.changes();
        assert_eq!(health.fault(), None);
        health.failed("disk full");
        assert_eq!(health.fault().as_deref(), Some("calls.db: disk full"));
        assert!(changes.has_changed().unwrap());
        health.wrote();
        assert_eq!(health.fault(), None);
    }

    #[test]
    fn a_store_that_hangs_is_found_by_its_silence_and_a_closed_one_is_not() {
        let health = StoreHealth::new("calls.db");
        health.condition().wrote = Instant::now().checked_sub(SILENCE * 2).unwrap();
        assert!(health.fault().unwrap().starts_with("calls.db: no write has ended for 20 seconds"));
        health.closed();
        assert_eq!(health.fault(), None);
    }
}
