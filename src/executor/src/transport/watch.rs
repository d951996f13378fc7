//! Watches the certificates' files for changes.
//!
//! It watches folders, not files: a renewal replaces the files or, in Kubernetes, moves a link beside them. If the
//! system cannot watch, SIGHUP remains.

use std::time::Duration;

use notify_debouncer_full::notify::{self, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::certificates::Certificates;

/// The delay after the first change, so certificate and key are both written.
const SETTLE: Duration = Duration::from_millis(250);

/// Reads `certificates` again after each change of their files and on SIGHUP, until it is dropped.
pub(super) async fn watch(certificates: Certificates) {
    // One is enough: it asks for one look.
    let (changed, mut changes) = mpsc::channel(1);
    // `changed` stays here, so the channel stays open even if the system cannot watch.
    let _watcher = watcher(&certificates, changed.clone()).inspect_err(|error| {
        tracing::warn!(reason = %error, "the certificates' files cannot be watched; send SIGHUP after each change");
    });
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => {
            tracing::warn!(reason = %error, "SIGHUP cannot be received; certificates are read at start only");
            return;
        }
    };
    loop {
        tokio::select! {
            Some(()) = changes.recv() => sleep(SETTLE).await,
            Some(()) = hangup.recv() => {}
            else => return,
        }
        // This read covers all changes until now.
        let _ = changes.try_recv();
        let certificates = certificates.clone();
        // It fails only when the runtime ends.
        let _ = tokio::task::spawn_blocking(move || certificates.reload()).await;
    }
}

fn watcher(certificates: &Certificates, changed: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the files is an event too; answering it would never end.
        if event.map_or(true, |event| !event.kind.is_access()) {
            // A full channel has a look due already.
            let _ = changed.try_send(());
        }
    })?;
    for folder in certificates.folders() {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}
