//! Counts running requests, so a drain ends with the last one.
//!
//! The server's own graceful shutdown waits for every stream, health watches included, and those never end. A drain
//! waits for the calls only.

use tokio::sync::watch;

/// Counts running requests; closed once, when the executor drains.
#[derive(Clone, Debug)]
pub(crate) struct InFlight(watch::Sender<DrainState>);

#[derive(Clone, Copy, Debug, Default)]
struct DrainState {
    running: usize,
    draining: bool,
}

/// One running request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Guard(InFlight);

// === impl InFlight ===

impl InFlight {
    /// Creates a count of zero.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(DrainState::default()))
    }

    /// Counts one more; returns `None` while draining.
    pub(crate) fn enter(&self) -> Option<Guard> {
        let mut entered = false;
        self.0.send_if_modified(|state| {
            if !state.draining {
                state.running += 1;
                entered = true;
            }
            // Nobody waits for more to run.
            false
        });
        entered.then(|| Guard(self.clone()))
    }

    /// Rejects all further requests.
    pub(crate) fn close(&self) {
        self.0.send_modify(|state| state.draining = true);
    }

    /// Returns the number of running requests.
    pub(crate) fn running(&self) -> usize {
        self.0.borrow().running
    }

    /// Waits until no request runs.
    pub(crate) async fn idle(&self) {
        // The sender is held here, so the channel cannot close.
        let _ = self.0.subscribe().wait_for(|state| state.running == 0).await;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.running = state.running.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_waits_for_what_runs_and_lets_nothing_more_in() {
        let in_flight = InFlight::new();
        let running = in_flight.enter().unwrap();
        in_flight.close();
        assert!(in_flight.enter().is_none());
        assert_eq!(in_flight.running(), 1);
        let idle = tokio::spawn({
            let in_flight = in_flight.clone();
            async move { in_flight.idle().await }
        });
        tokio::task::yield_now().await;
        assert!(!idle.is_finished());
        drop(running);
        idle.await.unwrap();
    }
}
