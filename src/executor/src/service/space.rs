//! Watches how much room the state directory has, and how large the stores are.
//!
//! Below `audit.minFree` readiness warns. Below a quarter of it no calls are taken: what is left is for the outcomes of calls that run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::services::Parts;
use crate::telemetry::Disk;
use callgate_state::wal;

/// The time between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// The stores whose sizes are told.
const STORES: [&str; 3] = ["audit.db", "calls.db", "approvals.db"];

/// Looks for as long as it is polled.
pub(crate) async fn follow(parts: Arc<Parts>, state_dir: PathBuf, min_free: u64) {
    loop {
        let folder = state_dir.clone();
        // The runtime ends.
        let Ok((free, sizes)) = tokio::task::spawn_blocking(move || look(&folder)).await else { return };
        let numbers = parts.instruments.metrics.audit();
        for (store, bytes) in STORES.into_iter().zip(sizes) {
            numbers.size(store, bytes);
        }
        if let Some(free) = free {
            numbers.free(free);
            tell(&parts, free, min_free);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Free bytes, if the system says, and the size of each store with its write-ahead log.
fn look(folder: &Path) -> (Option<u64>, [u64; 3]) {
    let free = rustix::fs::statvfs(folder).ok().map(|found| found.f_bavail.saturating_mul(found.f_frsize));
    let size = |path: &Path| path.metadata().map_or(0, |found| found.len());
    let of = |store: &str| {
        let path = folder.join(store);
        size(&path).saturating_add(size(&wal(&path)))
    };
    (free, STORES.map(of))
}

/// Each level is logged once, when it begins.
fn tell(parts: &Parts, free: u64, min_free: u64) {
    let disk = Disk::of(free, min_free);
    if parts.instruments.readiness.disk(disk) {
        match disk {
            Disk::Enough => tracing::info!(free, "the state directory has enough room again"),
            Disk::Low => tracing::warn!(free, min_free, "the state directory has little room left"),
            Disk::Full => tracing::error!(free, min_free, "the state directory has no room left; no calls are taken"),
        }
    }
}
