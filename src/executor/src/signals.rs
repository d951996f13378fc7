//! Signals of the process, caught from its first moment: one that comes during a start is neither lost nor the end of it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// SIGHUP, and how often the process was asked to stop.
#[derive(Debug)]
pub struct Signals {
    /// Asks for a reload.
    pub hangup: Signal,
    /// Asks to stop.
    pub stops: Stops,
}

/// Counts SIGTERM and SIGINT. The first asks for a drain, the second ends it.
#[derive(Clone, Debug)]
pub struct Stops(watch::Receiver<u32>);

// === impl Signals ===

impl Signals {
    /// Catches them from now on; in the context of a runtime.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn catch() -> io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (count, stops) = watch::channel(0);
        // Ends with the runtime.
        drop(tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                count.send_modify(|count: &mut u32| *count = count.saturating_add(1));
            }
        }));
        Ok(Self { hangup, stops: Stops(stops) })
    }
}

// === impl Stops ===

impl Stops {
    /// Waits until that many signals came.
    pub async fn reached(&self, count: u32) {
        // The sender goes with the runtime only.
        if self.0.clone().wait_for(|found| *found >= count).await.is_err() {
            std::future::pending().await
        }
    }
}
