//! Notices that the certificates' files changed.
//!
//! It watches folders, not files: what renews certificates puts new files in the old ones' place, or, in Kubernetes, turns a
//! link beside them. Where the system cannot watch, SIGHUP remains.

use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::certificates::Certificates;

/// After the first change: time for certificate and key both to be there.
const SETTLE: Duration = Duration::from_millis(250);

/// Reads `certificates` again whenever their files change, until it is dropped.
pub(super) async fn watch(certificates: Certificates) {
    // One is enough: it says that there is something to look at.
    let (changed, mut changes) = mpsc::channel(1);
    let _watcher = match watcher(&certificates, changed) {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(reason = %error, "certificates' files cannot be watched; send SIGHUP when they change");
            return;
        }
    };
    while changes.recv().await.is_some() {
        tokio::time::sleep(SETTLE).await;
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
