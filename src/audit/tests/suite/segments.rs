//! Rotation, trimming and `verify` with segments.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use callgate_audit::Retention;
use callgate_audit::{
    AuditLog, AuditSettings, ChainFault, HEAD_FILE, Hash, ROTATE, SEGMENTS, Segment, SegmentPlace, VerifyError,
    verify_all,
};
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

use super::{StateFolder, calls};

const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl StateFolder {
    pub(super) fn open_with(&self, retention: Retention) -> AuditLog {
        let settings = AuditSettings { retention, ..self.settings() };
        AuditLog::open(&self.state_dir(), &settings).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) fn segments(&self) -> Vec<Segment> {
        self.reader().segments().unwrap()
    }

    pub(super) fn segment_folder(&self) -> PathBuf {
        self.file().with_file_name(SEGMENTS)
    }

    fn rotate(&self) {
        fs::write(self.file().with_file_name(ROTATE), "").unwrap();
    }

    fn all(&self) -> Result<callgate_audit::WholeLog, VerifyError> {
        verify_all(&self.reader(), &[self.segment_folder()], None)
    }
}

/// Small segments that leave the log at once.
pub(super) fn small() -> Retention {
    Retention { segment_bytes: 4096, live: Duration::ZERO, ..Retention::default() }
}

#[tokio::test]
async fn records_are_sealed_trimmed_and_chained_on_over_restarts() {
    let state = StateFolder::new();
    let log = state.open_with(small());
    calls(&log, "e-1", 20).await;
    until("nothing is sealed", || state.segments().len() > 2).await;
    let sealed = state.segments().last().unwrap().last;
    until("sealed records stay in the log", || state.reader().base().unwrap().seq >= sealed.seq).await;
    log.close().await;
    let log = state.open_with(small());
    assert_eq!(log.head().seq, 40);
    calls(&log, "e-2", 10).await;
    let whole = state.all().unwrap();
    assert_eq!(whole.live.head.seq, 60);
    assert!(whole.absent.is_empty() && whole.checked.len() > 2, "{whole:?}");
    // The segments are complete by themselves, and none lacks the record after another.
    let firsts: Vec<_> = whole.checked.iter().map(|segment| segment.first).collect();
    let lasts: Vec<_> = whole.checked.iter().map(|segment| segment.last.seq + 1).collect();
    assert_eq!(firsts[1..], lasts[..lasts.len() - 1]);
}

#[tokio::test]
async fn a_requested_rotation_seals_all_records() {
    let state = StateFolder::new();
    let log = state.open();
    calls(&log, "e-1", 3).await;
    state.rotate();
    until("nobody takes the request", || !state.file().with_file_name(ROTATE).exists()).await;
    let segments = state.segments();
    assert_eq!((segments.len(), segments[0].first, segments[0].last), (1, 1, log.head()));
    // A record that comes again within audit.live is still known.
    assert_eq!(state.reader().base().unwrap().seq, 0);
    calls(&log, "e-2", 1).await;
    assert_eq!(state.all().unwrap().live.head.seq, 8);
}

#[tokio::test]
async fn a_segment_that_is_missing_or_altered_is_named() {
    let state = StateFolder::new();
    let log = state.open();
    calls(&log, "e-1", 3).await;
    state.rotate();
    until("nothing is sealed", || !state.segments().is_empty()).await;
    let segment = state.segments()[0].clone();
    assert_eq!(segment.at, SegmentPlace::Here);
    let path = state.segment_folder().join(segment.name());
    let bytes = fs::read(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("UPDATE record SET tool = 'x' WHERE seq = 2").unwrap();
    let fault = |found| match found {
        Err(VerifyError::Broken(fault)) => fault,
        other => panic!("expected a fault, found {other:?}"),
    };
    assert_eq!(fault(state.all()), ChainFault::SegmentAltered { name: segment.name() });
    fs::remove_file(&path).unwrap();
    assert_eq!(fault(state.all()), ChainFault::SegmentMissing { name: segment.name() });
    fs::write(&path, bytes).unwrap();
    state.all().unwrap();
}

#[tokio::test]
async fn a_rewritten_segment_is_found_by_the_next_one() {
    let state = StateFolder::new();
    let log = state.open_with(small());
    calls(&log, "e-1", 20).await;
    until("nothing is sealed", || state.segments().len() > 2).await;
    log.close().await;
    state.all().unwrap();
    // Anyone with the executor's rights could do this: the segment is complete, and the log names its new hash.
    let first = state.segments()[0].clone();
    let path = state.segment_folder().join(first.name());
    let segment = Connection::open(&path).unwrap();
    let ask = "SELECT text FROM record WHERE seq = ?1";
    let text: String = segment.query_row(ask, [first.last.seq], |row| row.get(0)).unwrap();
    let text = text.replace("\"tenant\":\"acme\"", "\"tenant\":\"evil\"");
    let hash: [u8; 32] = Sha256::digest(&text).into();
    assert_eq!(Hash::of(&text).to_string(), hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let rewrite = "UPDATE record SET text = ?2, hash = ?3, tenant = 'evil' WHERE seq = ?1";
    segment.execute(rewrite, params![first.last.seq, text, hash]).unwrap();
    segment.close().unwrap();
    let file: [u8; 32] = Sha256::digest(fs::read(&path).unwrap()).into();
    let log = Connection::open(state.file()).unwrap();
    log.execute("UPDATE segment SET head = ?1, sha256 = ?2 WHERE first = 1", params![hash, file]).unwrap();
    drop(log);
    let found = state.all();
    let expected = ChainFault::Unlinked { seq: first.last.seq + 1 };
    assert!(matches!(&found, Err(VerifyError::Broken(fault)) if *fault == expected), "{found:?}");
}

#[tokio::test]
async fn the_segments_of_a_moved_log_are_never_deleted() {
    let state = StateFolder::new();
    let log = state.open_with(small());
    calls(&log, "e-1", 15).await;
    until("nothing is sealed", || state.segments().len() > 1).await;
    log.close().await;
    let old = state.segments();
    let bytes = |segment: &Segment| fs::read(state.segment_folder().join(segment.name())).unwrap();
    let before: Vec<_> = old.iter().map(bytes).collect();
    fs::remove_file(state.file()).unwrap();
    fs::remove_file(state.file().with_file_name(HEAD_FILE)).unwrap();
    let log = state.open_with(small());
    // Longer records, so that segments have other names.
    calls(&log, &"e".repeat(300), 15).await;
    until("nothing is sealed", || state.segments().len() > 1).await;
    log.close().await;
    assert_eq!(old.iter().map(bytes).collect::<Vec<_>>(), before);
    state.all().unwrap();
}

#[tokio::test]
async fn a_segment_an_ended_executor_did_not_record_is_made_again() {
    let state = StateFolder::new();
    let log = state.open();
    calls(&log, "e-1", 3).await;
    state.rotate();
    until("nothing is sealed", || !state.segments().is_empty()).await;
    log.close().await;
    state.tamper("DELETE FROM segment");
    let log = state.open();
    calls(&log, "e-2", 1).await;
    state.rotate();
    until("nothing is sealed again", || !state.segments().is_empty()).await;
    log.close().await;
    let files = fs::read_dir(state.segment_folder()).unwrap().count();
    assert_eq!((files, state.all().unwrap().checked.len()), (1, 1));
}

#[tokio::test]
async fn old_records_are_sealed_however_often_the_executor_restarts() {
    let state = StateFolder::new();
    let log = state.open();
    calls(&log, "e-1", 3).await;
    log.close().await;
    // As if the log had been open for a week, never for long.
    state.tamper("UPDATE log SET ticks = 604800");
    let day = Duration::from_secs(24 * 60 * 60);
    let log = state.open_with(Retention { keep: Some(day), ..Retention::default() });
    until("nothing is sealed", || !state.segments().is_empty()).await;
    log.close().await;
}

#[tokio::test]
async fn without_room_nothing_is_sealed_and_calls_continue() {
    let state = StateFolder::new();
    let log = state.open_with(Retention { min_free: u64::MAX, ..small() });
    calls(&log, "e-1", 20).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    calls(&log, "e-2", 1).await;
    assert!(state.segments().is_empty() && !state.segment_folder().join("segment.part").exists());
    assert_eq!(log.health().fault(), None);
}
