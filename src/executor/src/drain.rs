//! What is running, so that a drain knows when it is over.
//!
//! The server's own graceful shutdown waits for every stream, health watches included, and those never end. A drain waits
//! for the calls only.

use tokio::sync::watch;

/// Counts requests that are being served; closed once, when the executor drains.
#[derive(Clone, Debug)]
pub(crate) struct InFlight(watch::Sender<DrainState>);

#[derive(Clone, Copy, Debug, Default)]
struct DrainState {
    running: usize,
    draining: bool,
}

/// One request that is being served, until it is dropped.
#[derive(Debug)]
pub(crate) struct Guard(InFlight);

// === impl InFlight ===

impl InFlight {
    /// Nothing runs yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(DrainState::default()))
    }

    /// Counts one more; `None` once draining.
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

    /// Lets nothing more in.
    pub(crate) fn close(&self) {
        self.0.send_modify(|state| state.draining = true);
    }

    /// How many are running.
    pub(crate) fn running(&self) -> usize {
        self.0.borrow().running
    }

    /// Waits until none is running.
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
