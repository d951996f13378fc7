//! Rotation, trimming and what `verify` says of segments.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use callgate_executor::audit::{AuditLog, Fault, ROTATE, SEGMENTS, Segment, SegmentPlace, VerifyError, verify_all};
use callgate_executor::config::Retention;

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
        let mut config = self.config();
        config.audit.retention = retention;
        AuditLog::open(&config).unwrap_or_else(|error| panic!("{error}"))
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

    fn all(&self) -> Result<callgate_executor::audit::WholeLog, VerifyError> {
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
    // The segments are whole by themselves, and none lacks the record after another.
    let firsts: Vec<_> = whole.checked.iter().map(|segment| segment.first).collect();
    let lasts: Vec<_> = whole.checked.iter().map(|segment| segment.last.seq + 1).collect();
    assert_eq!(firsts[1..], lasts[..lasts.len() - 1]);
}

#[tokio::test]
async fn a_rotation_that_somebody_asks_for_seals_all_records() {
    let state = StateFolder::new();
    let log = state.open();
    calls(&log, "e-1", 3).await;
    state.rotate();
    until("nobody takes the request", || !state.file().with_file_name(ROTATE).exists()).await;
    let segments = state.segments();
    assert_eq!((segments.len(), segments[0].first, segments[0].last), (1, 1, log.head()));
    // What comes again within audit.live is still known.
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
    assert_eq!(fault(state.all()), Fault::SegmentAltered { name: segment.name() });
    fs::remove_file(&path).unwrap();
    assert_eq!(fault(state.all()), Fault::SegmentMissing { name: segment.name() });
    fs::write(&path, bytes).unwrap();
    state.all().unwrap();
}
