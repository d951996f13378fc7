//! A deleted, replaced, cut or incompletely copied log is found: during writes, at start, and by `verify`.

use std::fs;
use std::path::PathBuf;

use callgate_audit::{
    AuditError, AuditLog, BackupError, ChainFault, HEAD_FILE, LogReader, Source, VerifyError, backup, verify,
};

use super::{StateFolder, calls, decision};

impl StateFolder {
    fn beside(&self, name: &str) -> PathBuf {
        self.file().with_file_name(name)
    }

    /// The result of a start with this log.
    fn refused(&self) -> ChainFault {
        match self.try_open() {
            Err(AuditError::NotWhole { fault, .. }) => fault,
            other => panic!("expected a fault, found {other:?}"),
        }
    }
}

/// Returns a closed log with four records.
async fn closed() -> StateFolder {
    let state = StateFolder::new();
    let log = state.open();
    calls(&log, "e-1", 2).await;
    log.close().await;
    state
}

async fn refuses(log: &AuditLog, reason: &str) {
    let refused = log.append(decision(Source::Executor, "e-2", 0)).await;
    assert!(matches!(&refused, Err(AuditError::Unwritable(why)) if why.contains(reason)), "{refused:?}");
    let fault = log.health().fault().unwrap_or_default();
    assert!(fault.contains(reason), "{fault}");
}

#[tokio::test]
async fn a_clean_stop_leaves_the_log_and_its_head_and_no_write_ahead_files() {
    let state = closed().await;
    let mut files: Vec<_> =
        fs::read_dir(state.file().parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["audit.db", "audit.head", "audit.lock"]);
    assert_eq!(state.whole(), 4);
}

#[tokio::test]
async fn a_log_deleted_or_replaced_during_writes_stops_calls_at_once() {
    let state = StateFolder::new();
    let log = state.open();
    calls(&log, "e-1", 1).await;
    fs::rename(state.file(), state.beside("aside")).unwrap();
    refuses(&log, "was deleted").await;
    fs::copy(state.beside("aside"), state.file()).unwrap();
    refuses(&log, "was replaced").await;
    // Once it is restored, the executor continues without another call.
    fs::rename(state.beside("aside"), state.file()).unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while log.health().fault().is_some() {
        assert!(std::time::Instant::now() < until, "{:?}", log.health().fault());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    calls(&log, "e-3", 1).await;
    assert_eq!(state.whole(), 4);
}

#[tokio::test]
async fn a_log_or_head_truncated_during_writes_stops_calls_at_once() {
    for name in ["audit.db", "audit.db-wal", HEAD_FILE] {
        let state = StateFolder::new();
        let log = state.open();
        calls(&log, "e-1", 1).await;
        fs::OpenOptions::new().write(true).open(state.beside(name)).unwrap().set_len(0).unwrap();
        refuses(&log, "was truncated").await;
    }
}

#[tokio::test]
async fn a_cut_or_emptied_log_is_reported_at_start_and_by_verify() {
    let state = closed().await;
    state.tamper("DELETE FROM record WHERE seq > 2");
    let cut = ChainFault::Behind { last: 2, kept: 4 };
    assert_eq!((state.fault(None), state.refused()), (cut.clone(), cut));
    state.tamper("DELETE FROM record");
    assert_eq!(state.refused(), ChainFault::Behind { last: 0, kept: 4 });
}

#[tokio::test]
async fn a_deleted_or_replaced_log_is_reported_at_start() {
    let state = closed().await;
    fs::remove_file(state.file()).unwrap();
    assert_eq!(state.refused(), ChainFault::Replaced);
    fs::copy(closed().await.file(), state.file()).unwrap();
    assert_eq!(state.refused(), ChainFault::Replaced);
    // A new log begins only if both files are moved away.
    fs::remove_file(state.file()).unwrap();
    fs::remove_file(state.beside(HEAD_FILE)).unwrap();
    assert_eq!(state.open().head().seq, 0);
}

#[tokio::test]
async fn a_missing_head_is_reported_at_start() {
    let state = closed().await;
    fs::remove_file(state.beside(HEAD_FILE)).unwrap();
    assert_eq!(state.refused(), ChainFault::HeadMissing);
}

#[tokio::test]
async fn a_start_that_could_not_make_the_head_is_repeated() {
    let state = StateFolder::new();
    fs::create_dir(state.file().parent().unwrap()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(state.file().parent().unwrap(), mode).unwrap();
    std::os::unix::fs::symlink("nowhere", state.beside(HEAD_FILE)).unwrap();
    let refused = state.try_open();
    assert!(matches!(&refused, Err(AuditError::Open { .. })), "{refused:?}");
    // A full disk leaves an empty file.
    fs::remove_file(state.beside(HEAD_FILE)).unwrap();
    fs::write(state.beside(HEAD_FILE), "").unwrap();
    assert_eq!(state.open().head().seq, 0);
}

#[tokio::test]
async fn an_emptied_head_is_reported_at_start() {
    let state = closed().await;
    fs::write(state.beside(HEAD_FILE), "").unwrap();
    assert_eq!(state.refused(), ChainFault::HeadMissing);
}

#[tokio::test]
async fn a_backup_beside_a_running_executor_is_whole_and_can_take_the_logs_place() {
    let state = StateFolder::new();
    let log = state.open();
    calls(&log, "e-1", 2).await;
    let to = state.folder.path().join("copy.db");
    let whole = backup(&log.reader().unwrap(), &to).unwrap();
    assert_eq!((whole.head, verify(&LogReader::open(&to).unwrap(), None).unwrap().head.seq), (log.head(), 4));
    assert!(matches!(backup(&log.reader().unwrap(), &to), Err(BackupError::Exists(_))));
    calls(&log, "e-2", 1).await;
    log.close().await;
    fs::remove_file(state.beside(HEAD_FILE)).unwrap();
    fs::rename(&to, state.file()).unwrap();
    let log = state.open();
    assert_eq!(log.head().seq, 4);
    calls(&log, "e-3", 1).await;
    assert_eq!(state.whole(), 6);
}

#[tokio::test]
async fn a_copy_without_its_write_ahead_log_is_incomplete() {
    let state = StateFolder::new();
    let log = state.open();
    calls(&log, "e-1", 2).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("audit.db");
    fs::copy(state.file(), &copy).unwrap();
    // Twice: reading must not make the file look complete.
    for _ in 0..2 {
        let found = verify(&LogReader::open(&copy).unwrap(), None);
        assert!(matches!(found, Err(VerifyError::Broken(ChainFault::Incomplete { last: 0 }))), "{found:?}");
    }
    // With it, the log is complete.
    fs::copy(state.beside("audit.db-wal"), elsewhere.path().join("audit.db-wal")).unwrap();
    assert_eq!(verify(&LogReader::open(&copy).unwrap(), None).unwrap().head.seq, 4);
    assert_eq!(state.whole(), 4);
    log.close().await;
    fs::copy(state.file(), &copy).unwrap();
    fs::remove_file(elsewhere.path().join("audit.db-wal")).unwrap();
    assert_eq!(verify(&LogReader::open(&copy).unwrap(), None).unwrap().head.seq, 4);
}
