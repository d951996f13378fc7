//! Records survive or are refused when the disk is full, when the log is locked, and when the process is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use callgate_audit::{AuditError, AuditLog, AuditSettings, Query, Source};
use rusqlite::Connection;

use super::{StateFolder, decision, outcome};

const PATIENCE: Duration = Duration::from_secs(60);
/// The log folder of the killed process.
const CRASH_FOLDER: &str = "CALLGATE_TEST_CRASH_FOLDER";

/// A small file system of its own, until it is dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts one, or reports that it may not.
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir(folder).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"]).arg(folder).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.to_path_buf()));
        }
        println!("SKIPPED: no file system can be mounted here (that takes root), so no disk becomes full");
        None
    }

    /// Takes all the free space.
    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.0.join("ballast")).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

async fn until_nothing_is_held(log: &AuditLog) {
    let until = Instant::now() + PATIENCE;
    while log.held() > 0 {
        assert!(Instant::now() < until, "{} outcomes are still held", log.held());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The records of the exchange: kind and position, in order.
fn recorded(place: &StateFolder, exchange: &str) -> Vec<(String, u64)> {
    let query = Query { exchange: Some(exchange.into()), limit: 1000, ..Query::default() };
    place.reader().query(&query).unwrap().iter().map(|record| super::told(&record.text)).collect()
}

#[tokio::test]
async fn a_full_disk_refuses_decisions_holds_outcomes_and_is_forgotten_once_there_is_space() {
    let place = StateFolder::new();
    let Some(disk) = Tmpfs::mount(&place.folder.path().join("state")) else { return };
    let log = place.open();
    log.append(decision(Source::Executor, "ran", 0)).await.unwrap();
    log.append(decision(Source::Executor, "ran", 1)).await.unwrap();
    disk.fill();
    let mut written = 0;
    let refused = loop {
        match log.append(decision(Source::Executor, "filling", written)).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "the disk does not become full");
    };
    assert!(matches!(refused, AuditError::Unwritable(_)), "{refused}");
    // Two calls admitted earlier have ended meanwhile.
    for position in 0..2 {
        let held = log.append(outcome("ran", position)).await;
        assert!(matches!(held, Err(AuditError::Held(_))), "{held:?}");
    }
    assert_eq!(log.held(), 2);
    let refused = log.append(decision(Source::Executor, "late", 0)).await;
    assert!(matches!(refused, Err(AuditError::Unwritable(_))), "{refused:?}");

    disk.make_room();
    // It recovers by itself: no append could trigger it.
    until_nothing_is_held(&log).await;
    log.append(decision(Source::Executor, "late", 1)).await.unwrap();
    let calls =
        |kind: &str, positions: std::ops::Range<u64>| positions.map(|at| (kind.to_owned(), at)).collect::<Vec<_>>();
    assert_eq!(recorded(&place, "ran"), [calls("decision", 0..2), calls("outcome", 0..2)].concat());
    assert_eq!(recorded(&place, "filling"), calls("decision", 0..u64::from(written)));
    assert_eq!(recorded(&place, "late"), calls("decision", 1..2));
    assert_eq!(place.whole(), u64::from(written) + 5);
}

#[tokio::test]
async fn a_log_that_another_program_locks_refuses_and_recovers() {
    let place = StateFolder::new();
    let log = place.open();
    log.append(decision(Source::Executor, "e-1", 0)).await.unwrap();
    let other = Connection::open(place.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = log.append(decision(Source::Executor, "e-1", 1)).await;
    assert!(matches!(refused, Err(AuditError::Unwritable(_))), "{refused:?}");
    let held = log.append(outcome("e-1", 0)).await;
    assert!(matches!(held, Err(AuditError::Held(_))), "{held:?}");
    other.execute_batch("ROLLBACK").unwrap();
    until_nothing_is_held(&log).await;
    log.append(decision(Source::Executor, "e-1", 2)).await.unwrap();
    assert_eq!(place.whole(), 3);
}

#[test]
fn kill_9_in_the_middle_of_writing_loses_nothing_that_was_acknowledged() {
    let place = StateFolder::new();
    let mut acknowledged = 0;
    // Each round continues after the round before.
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "disk::the_process_that_is_killed", "--ignored", "--nocapture"])
            .env(CRASH_FOLDER, place.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.by_ref().map(Result::unwrap).filter(|line| line.contains("written")).take(200 + round * 77) {
            assert_eq!(line, "written");
            acknowledged += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged += lines.map_while(Result::ok).filter(|line| line == "written").count();
        // A record may exist although nobody received its acknowledgement.
        let records = place.whole();
        assert!(
            records >= u64::try_from(acknowledged).unwrap(),
            "{records} records of {acknowledged} that were acknowledged"
        );
    }
    drop(place.open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "another test runs it, in a process of its own, and kills that"]
async fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os(CRASH_FOLDER) else { return };
    let log = AuditLog::open(&Path::new(&folder).join("state"), &AuditSettings::default()).unwrap();
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                for position in 0.. {
                    log.append(decision(Source::Executor, &format!("e-{writer}"), position)).await.unwrap();
                    println!("written");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}
