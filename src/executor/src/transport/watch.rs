//! Notices that the certificates' files changed.
//!
//! It watches folders, not files: what renews certificates puts new files in the old ones' place, or, in Kubernetes, turns a
//! link beside them. Where the system cannot watch, SIGHUP remains.

use std::time::Duration;

use notify_debouncer_full::notify::{self, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::certificates::Certificates;

/// After the first change: time for certificate and key both to be there.
const SETTLE: Duration = Duration::from_millis(250);

/// Reads `certificates` again whenever their files change and on SIGHUP, until it is dropped.
pub(super) async fn watch(certificates: Certificates) {
    // One is enough: it says that there is something to look at.
    let (changed, mut changes) = mpsc::channel(1);
    // `changed` stays here, so that the channel is open also where the system cannot watch.
    let _watcher = watcher(&certificates, changed.clone()).inspect_err(|error| {
        tracing::warn!(reason = %error, "certificates' files cannot be watched; send SIGHUP when they change");
    });
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => {
            tracing::warn!(reason = %error, "SIGHUP cannot be waited for; certificates are read at start only");
            return;
        }
    };
    loop {
        tokio::select! {
            Some(()) = changes.recv() => sleep(SETTLE).await,
            Some(()) = hangup.recv() => {}
            else => return,
        }
        // What came meanwhile is read now.
        let _ = changes.try_recv();
        let certificates = certificates.clone();
        // It fails only when the runtime ends.
        let _ = tokio::task::spawn_blocking(move || certificates.reload()).await;
    }
}

fn watcher(certificates: &Certificates, changed: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the files is an event too, and reading them again for it would never end.
        if event.map_or(true, |event| !event.kind.is_access()) {
            // Full means that a look is due already.
            let _ = changed.try_send(());
        }
    })?;
    for folder in certificates.folders() {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}
