//! Stores that cannot be written: readiness reports it as long as it lasts, and records hold the end of each call.

use std::time::{Duration, Instant};

use callgate_audit::{LogReader, Query};
use callgate_executor::telemetry::Disk;
use callgate_proto::executor::v1::FailureKind;
use rusqlite::Connection;

use crate::desk::{Desk, Running};

const PATIENCE: Duration = Duration::from_secs(60);
const ANSWER: &str = include_str!("stores.wat");

fn desk() -> Desk {
    Desk::with(ANSWER, "")
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn faults(running: &Running) -> Vec<String> {
    running.instruments.readiness.faults()
}

/// The records of the log, as JSON.
fn records(running: &Running) -> Vec<serde_json::Value> {
    let reader = LogReader::open(&running.path("callgate-state/audit.db")).unwrap();
    let query = Query { limit: 1000, ..Query::default() };
    reader.query(&query).unwrap().iter().map(|record| serde_json::from_str(&record.text).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_each_unwritable_store_and_recovers_without_a_call() {
    let running = desk().start().await;
    for store in ["audit.db", "calls.db", "approvals.db"] {
        until("the executor does not become ready", || faults(&running).is_empty()).await;
        let other = Connection::open(running.path(&format!("callgate-state/{store}"))).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        until("nothing is said of a store that is locked", || !faults(&running).is_empty()).await;
        let said = faults(&running);
        assert!(said.len() == 1 && said[0].starts_with(&format!("{store}: ")), "{said:?}");
        other.execute_batch("ROLLBACK").unwrap();
        until("a store that can be written is still at fault", || faults(&running).is_empty()).await;
    }
    running.call("t", "{}").await.result();
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_each_deleted_store_and_nothing_runs_meanwhile() {
    let running = desk().start().await;
    for store in ["audit.db", "calls.db"] {
        let (path, aside) = (running.path(&format!("callgate-state/{store}")), running.path("aside"));
        std::fs::rename(&path, &aside).unwrap();
        // At once, without waiting for a probe.
        assert_eq!(running.call("t", "{}").await.kind(), FailureKind::Unavailable, "{store}");
        let said = faults(&running);
        assert!(said.len() == 1 && said[0].contains("was deleted"), "{said:?}");
        std::fs::rename(&aside, &path).unwrap();
        until("a store that is back is still at fault", || faults(&running).is_empty()).await;
    }
    running.call("t", "{}").await.result();
    std::fs::remove_file(running.path("callgate-state/approvals.db")).unwrap();
    until("nothing is said of a deleted store", || !faults(&running).is_empty()).await;
    assert!(faults(&running)[0].contains("approvals.db was deleted"), "{:?}", faults(&running));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_decision_is_not_recorded_by_its_deadline_is_unavailable_and_keeps_one_outcome() {
    let running = Desk::with(ANSWER, "timeout: 300ms").start().await;
    let path = running.path("callgate-state/audit.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let request = running.request("clerk", &[("t", "{}")]);
    // No outcome that a caller reads as the end of the call, since the log has none. The log itself gives up later.
    let first = running.execute(request.clone()).await.unwrap();
    assert_eq!(first[0].kind(), FailureKind::Unavailable, "{first:?}");
    other.execute_batch("ROLLBACK").unwrap();

    // Taken back, so it runs now; or its decision was recorded after all, so nobody knows and it does not run.
    let mut repeat = None;
    let until = Instant::now() + PATIENCE;
    while repeat.is_none() {
        assert!(Instant::now() < until, "the call is neither taken back nor ended");
        let again = running.execute(request.clone()).await.unwrap().remove(0);
        repeat = Some(again)
            .filter(|again| again.result.as_ref().err().is_none_or(|(kind, ..)| *kind != FailureKind::Unavailable));
    }
    let repeat = repeat.unwrap();
    assert!(repeat.result.is_ok() || repeat.kind() == FailureKind::Unknown, "{repeat:?}");
    let records = records(&running);
    let count = |kind: &str| records.iter().filter(|record| record["kind"] == kind).count();
    assert_eq!((count("decision"), count("outcome")), (1, 1), "{records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_and_misused_keys_leave_records_and_are_not_counted_as_calls() {
    let running = desk().start().await;
    let request = running.request("clerk", &[("t", "{}"), ("no_such_tool", "{}")]);
    for _ in 0..3 {
        running.execute(request.clone()).await.unwrap();
    }
    let mut misused = request.clone();
    misused.calls[0].arguments = "{\"n\":1}".into();
    misused.calls.truncate(1);
    assert_eq!(running.execute(misused).await.unwrap()[0].code(), "idempotency_key_reused");

    let records = records(&running);
    let count = |kind: &str, position: u64| {
        records.iter().filter(|record| record["kind"] == kind && record["position"] == position).count()
    };
    assert_eq!((count("decision", 0), count("outcome", 0), count("repeat", 0), count("key_reused", 0)), (1, 1, 2, 1));
    assert_eq!((count("decision", 1), count("repeat", 1)), (1, 2));
    assert!(records.iter().any(|record| record["kind"] == "repeat" && record["outcome"] == "success"));
    let page = running.instruments.metrics.page().unwrap();
    for line in [
        "callgate_executor_calls_total{tool=\"t\",outcome=\"success\"} 1\n",
        "callgate_executor_calls_total{tool=\"\",outcome=\"denied\"} 1\n",
        "callgate_executor_denials_total{kind=\"tool_not_in_contract\"} 1\n",
        "callgate_executor_denials_total{kind=\"idempotency_key_reused\"} 1\n",
        "callgate_executor_audit_held_outcomes 0\n",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_recorded_under_the_filters_position() {
    let running = desk().start().await;
    let mut request = running.request("clerk", &[("t", "{}"), ("t", "{\"n\":1}")]);
    request.calls[0].position = Some(7);
    request.calls[1].position = Some(9);
    running.execute(request.clone()).await.unwrap();
    let mut positions: Vec<_> = records(&running).iter().map(|record| record["position"].as_u64().unwrap()).collect();
    positions.sort_unstable();
    assert_eq!(positions, [7, 7, 9, 9]);
    request.calls[1].position = Some(7);
    assert_eq!(running.execute(request).await.unwrap_err().code(), tonic::Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filling_disk_is_warned_of_and_calls_stop_before_writes_fail() {
    let running = desk().start().await;
    until("the free space is not told", || {
        let page = running.instruments.metrics.page().unwrap();
        page.contains("store_bytes{store=\"audit.db\"} ") && !page.contains("state_dir_free_bytes 0\n")
    })
    .await;
    assert!(running.instruments.readiness.warnings().is_empty());

    // More than any disk has.
    let running = desk().configured("audit: { minFree: 4194304GiB }").start().await;
    until("nothing is said of the full disk", || {
        !faults(&running).is_empty() && running.instruments.readiness.is_full()
    })
    .await;
    assert!(faults(&running)[0].contains("a quarter of audit.minFree"), "{:?}", faults(&running));
    let refused = running.execute(running.request("clerk", &[("t", "{}")])).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);

    running.instruments.readiness.disk(Disk::of(30, 100));
    assert_eq!(running.instruments.readiness.warnings().len(), 1);
}
