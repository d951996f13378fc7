//! Faults of an executor under load, one after the other.

use std::fs;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::Signal;
use tokio::time::sleep;

use crate::contract::Contract;
use crate::executor::Executor;
use crate::peers::{HALF_REQUEST, PREFACE, stalled};
use crate::readiness;

/// The time for an executor to be ready again.
const MENDED: Duration = Duration::from_secs(20);
/// Between two of them.
const REST: Duration = Duration::from_millis(1500);

/// The number of each, and what went wrong at once.
#[derive(Debug, Default)]
pub struct Raged {
    pub counts: Vec<(&'static str, u32)>,
    pub wrong: Vec<String>,
}

/// Runs all storms, again and again until `end`.
pub async fn rage(executor: &mut Executor, end: Instant) -> Raged {
    let mut raged = Raged::default();
    loop {
        for storm in [
            "calls.db locked",
            "audit.db locked",
            "audit.db moved away",
            "calls.db moved away",
            "disk full",
            "peers stalled",
            "log copied",
            "stderr closed",
            "killed",
        ] {
            if Instant::now() >= end {
                return raged;
            }
            if let Err(wrong) = befall(executor, storm).await {
                raged.wrong.push(format!("{storm}: {wrong}"));
            }
            match raged.counts.iter_mut().find(|(name, _)| *name == storm) {
                Some((_, count)) => *count += 1,
                None => raged.counts.push((storm, 1)),
            }
            if let Err(told) = readiness::becomes(executor.http, true, MENDED).await {
                raged.wrong.push(format!("{storm}, over: {told}"));
            }
            sleep(REST).await;
        }
    }
}

async fn befall(executor: &mut Executor, storm: &str) -> Result<(), String> {
    let store = storm.split(' ').next().unwrap_or_default();
    match storm {
        "calls.db locked" | "audit.db locked" => {
            let other = Connection::open(executor.state(store)).unwrap();
            other.busy_timeout(Duration::from_secs(5)).unwrap();
            other.execute_batch("BEGIN IMMEDIATE").unwrap();
            sleep(Duration::from_secs(3)).await;
            other.execute_batch("ROLLBACK").unwrap();
        }
        "audit.db moved away" | "calls.db moved away" => {
            fs::rename(executor.state(store), executor.path("away")).unwrap();
            sleep(Duration::from_secs(3)).await;
            fs::rename(executor.path("away"), executor.state(store)).unwrap();
        }
        "disk full" => {
            executor.limit_files(Some(0));
            sleep(Duration::from_secs(3)).await;
            executor.limit_files(None);
        }
        "peers stalled" => {
            let mut held = stalled(executor.http, 100, HALF_REQUEST).await;
            held.extend(stalled(executor.grpc, 100, b"").await);
            held.extend(stalled(executor.grpc, 100, PREFACE).await);
            sleep(Duration::from_secs(2)).await;
        }
        "log copied" => {
            // A copy without its write-ahead log must not pass for the whole. A copy made during writes may also be torn,
            // and lacks any segments, so its fault varies. `audit::whole` has copies of a log at rest.
            let copy = tempfile::tempdir().unwrap();
            fs::copy(executor.state("audit.db"), copy.path().join("audit.db")).unwrap();
            let (whole, told) = executor.audit(&["verify"], copy.path());
            if whole {
                return Err(format!("a copy of audit.db alone is taken for whole: {}", told.trim()));
            }
            let backup = executor.path("backup.db");
            let _ = fs::remove_file(&backup);
            let (done, told) = executor.audit(&["backup", &backup.display().to_string()], &executor.state(""));
            if !done {
                return Err(format!("no backup: {}", told.trim()));
            }
        }
        "stderr closed" => executor.close_stderr(),
        _ => {
            executor.end(Signal::KILL).await;
            executor.launch().await;
        }
    }
    Ok(())
}

/// Rolls out a contract of another version each second, until it is dropped.
pub async fn reload(folder: std::path::PathBuf, contract: Contract) {
    for version in 1.. {
        let (folder, contract) = (folder.clone(), contract.clone());
        let written = tokio::task::spawn_blocking(move || contract.version(&folder, &format!("2.0.{version}")));
        written.await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
}
