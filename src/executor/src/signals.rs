//! Handles the process's signals from its first moment: a signal during a start is neither lost nor fatal.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// SIGHUP, and the number of stop signals so far.
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
    /// Installs the handlers; needs the context of a runtime.
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
    /// Waits for this number of signals.
    pub async fn reached(&self, count: u32) {
        // The sender lives as long as the runtime.
        if self.0.clone().wait_for(|found| *found >= count).await.is_err() {
            std::future::pending().await
        }
    }
}
