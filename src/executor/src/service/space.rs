//! Watches the free space of the state directory and the sizes of the stores.
//!
//! Below `audit.minFree` readiness warns. Below a quarter of it the executor takes no calls: the rest is kept for the
//! outcomes of running calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::services::Services;
use crate::telemetry::Disk;
use callgate_state::wal;

/// The interval between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// The stores with a size metric.
const STORES: [&str; 3] = ["audit.db", "calls.db", "approvals.db"];

/// Watches for as long as it is polled.
pub(crate) async fn follow(services: Arc<Services>, state_dir: PathBuf, min_free: u64) {
    loop {
        let folder = state_dir.clone();
        // The runtime is shutting down.
        let Ok((free, sizes)) = tokio::task::spawn_blocking(move || look(&folder)).await else { return };
        let numbers = services.instruments.metrics.stores();
        for (store, bytes) in STORES.into_iter().zip(sizes) {
            numbers.size(store, bytes);
        }
        if let Some(free) = free {
            numbers.free(free);
            tell(&services, free, min_free);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Returns the free bytes, if the system reports them, and each store's size with its write-ahead log.
fn look(folder: &Path) -> (Option<u64>, [u64; 3]) {
    let free = rustix::fs::statvfs(folder).ok().map(|found| found.f_bavail.saturating_mul(found.f_frsize));
    let size = |path: &Path| path.metadata().map_or(0, |found| found.len());
    let of = |store: &str| {
        let path = folder.join(store);
        size(&path).saturating_add(size(&wal(&path)))
    };
    (free, STORES.map(of))
}

/// Logs each level once, when it begins.
fn tell(services: &Services, free: u64, min_free: u64) {
    let disk = Disk::of(free, min_free);
    if services.instruments.readiness.disk(disk) {
        match disk {
            Disk::Enough => tracing::info!(free, "the state directory has enough space again"),
            Disk::Low => tracing::warn!(free, min_free, "the state directory is almost full"),
            Disk::Full => tracing::error!(free, min_free, "the state directory is full; the executor takes no calls"),
        }
    }
}
