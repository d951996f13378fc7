//! A call runs once: repeats, restarts, disconnected callers, unwritable stores.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callgate_executor::config::Config;
use callgate_executor::idempotency::{Begin, CallIdentity, Key, Once, OnceError};
use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::{CallOutcome, Failure, FailureKind, Success};
use callgate_state::{Clock, SystemClock};
use tokio::task::JoinSet;

use crate::clock::{DAY, Manual};

pub(crate) const WHAT: [u8; 32] = [7; 32];

pub(crate) fn config(folder: &Path, more: &str) -> Config {
    let text = format!("contracts: [contract.yaml]\nstateDir: state\n{more}");
    Config::parse("executor.yaml", &text, folder).unwrap()
}

pub(crate) fn key(exchange: &str) -> Key {
    Key { tenant: "acme".into(), exchange_id: exchange.into(), round: 0, position: 0 }
}

pub(crate) fn success(result: &str) -> CallOutcome {
    let outcome = Outcome::Success(Success { result: result.into() });
    CallOutcome { id: "call_1".into(), outcome: Some(outcome), usage: None }
}

fn unknown() -> CallOutcome {
    let failure = Failure { kind: FailureKind::Unknown.into(), message: "nobody knows".into(), ..Failure::default() };
    CallOutcome { id: "call_1".into(), outcome: Some(Outcome::Failure(failure)), usage: None }
}

async fn open(folder: &Path) -> Once {
    open_with(folder, Arc::new(SystemClock)).await
}

async fn open_with(folder: &Path, clock: Arc<dyn Clock>) -> Once {
    // Its former owner may still be closing it.
    for _ in 0..500 {
        let config = config(folder, "");
        match Once::open_with(&config.state_dir, &config.once, Arc::clone(&clock)).await {
            Ok(once) => return once,
            Err(error) => assert!(error.to_string().contains("in use by another executor"), "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the store was never given back");
}

#[tokio::test]
async fn a_repeat_gets_the_stored_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let once = open(folder.path()).await;
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    once.finish(&key("a"), &success("1")).await.unwrap();
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Done(success("1")));
}

/// Calls are forgotten in the background, at once after a start.
async fn forgotten(once: &Once, exchange: &str) -> bool {
    for _ in 0..200 {
        if once.begin(&key(exchange), WHAT).await.unwrap() == Begin::Fresh {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    false
}

/// A newly started process, after it has forgotten old calls.
async fn restart(folder: &Path, clock: &Arc<Manual>) -> Once {
    let once = open_with(folder, Arc::<Manual>::clone(clock)).await;
    // The writing thread forgets right after its first order.
    once.left().await.unwrap();
    once.left().await.unwrap();
    once
}

#[tokio::test]
async fn a_clock_that_jumps_forward_runs_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let once = restart(folder.path(), &clock).await;
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    once.finish(&key("a"), &success("1")).await.unwrap();
    drop(once);
    // keep is a day.
    for reboot in [false, true] {
        clock.jump_forward(DAY * 2);
        if reboot {
            clock.reboot();
        }
        let once = restart(folder.path(), &clock).await;
        assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Done(success("1")), "reboot: {reboot}");
    }
}

#[tokio::test]
async fn a_call_is_forgotten_after_its_time_despite_clock_jumps() {
    for back in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let clock = Manual::new();
        let once = restart(folder.path(), &clock).await;
        assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
        once.finish(&key("a"), &success("1")).await.unwrap();
        drop(once);
        if back {
            clock.jump_back(DAY * 30);
        }
        clock.pass(DAY + std::time::Duration::from_secs(1));
        let once = restart(folder.path(), &clock).await;
        assert!(forgotten(&once, "a").await, "back: {back}");
    }
}

#[tokio::test]
async fn calls_of_an_earlier_version_under_a_fast_clock_are_forgotten_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let once = restart(folder.path(), &clock).await;
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    once.finish(&key("a"), &success("1")).await.unwrap();
    drop(once);
    // It may still be closing.
    let later = "UPDATE calls SET begun = begun + 31536000000; DROP TABLE store_time";
    for _ in 0..500 {
        let store = rusqlite::Connection::open(folder.path().join("state/calls.db")).unwrap();
        if store.execute_batch(later).is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let once = restart(folder.path(), &clock).await;
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Done(success("1")));
    drop(once);
    clock.pass(DAY + std::time::Duration::from_secs(1));
    let once = restart(folder.path(), &clock).await;
    assert!(forgotten(&once, "a").await);
}

#[tokio::test]
async fn every_part_of_a_key_names_another_call() {
    let folder = tempfile::tempdir().unwrap();
    let once = open(folder.path()).await;
    let first = key("a");
    let others = [
        Key { tenant: "globex".into(), ..first.clone() },
        Key { exchange_id: "b".into(), ..first.clone() },
        Key { round: 1, ..first.clone() },
        Key { position: 1, ..first.clone() },
        Key { tenant: "acmea".into(), exchange_id: String::new(), ..first.clone() },
    ];
    assert_eq!(once.begin(&first, WHAT).await.unwrap(), Begin::Fresh);
    for other in &others {
        assert_eq!(once.begin(other, WHAT).await.unwrap(), Begin::Fresh, "{other:?}");
    }
}

#[tokio::test]
async fn a_key_reused_for_another_call_is_refused_before_and_after_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let once = open(folder.path()).await;
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    assert_eq!(once.begin(&key("a"), [8; 32]).await.unwrap(), Begin::Other);
    once.finish(&key("a"), &success("1")).await.unwrap();
    assert_eq!(once.begin(&key("a"), [8; 32]).await.unwrap(), Begin::Other);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_concurrent_repeats_one_runs_and_all_get_its_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let once = open(folder.path()).await;
    for round in 0..20 {
        let (runs, mut all) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        for _ in 0..50 {
            let (once, runs) = (once.clone(), Arc::clone(&runs));
            all.spawn(async move {
                let key = Key { round, ..key("a") };
                match once.begin(&key, WHAT).await.unwrap() {
                    Begin::Fresh => {
                        runs.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        once.finish(&key, &success("1")).await.unwrap();
                    }
                    repeated => assert_eq!(repeated, Begin::Done(success("1"))),
                }
            });
        }
        while let Some(ended) = all.join_next().await {
            ended.unwrap();
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn orphaned_calls_are_unknown_to_the_next_process_and_listed_until_reported() {
    let folder = tempfile::tempdir().unwrap();
    let once = open(folder.path()).await;
    let what =
        CallIdentity { digest: WHAT, tool: "t".into(), role: "clerk".into(), contract_digest: "sha256:0".into() };
    assert_eq!(once.begin(&key("a"), what.clone()).await.unwrap(), Begin::Fresh);
    assert_eq!(once.begin(&key("b"), WHAT).await.unwrap(), Begin::Fresh);
    once.finish(&key("b"), &success("1")).await.unwrap();
    assert!(once.left().await.unwrap().is_empty());
    drop(once);

    for _ in 0..2 {
        let once = open(folder.path()).await;
        assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Unknown);
        assert_eq!(once.begin(&key("b"), WHAT).await.unwrap(), Begin::Done(success("1")));
        let left: Vec<_> = once.left().await.unwrap().into_iter().map(|left| (left.key, left.what)).collect();
        assert_eq!(left, [(key("a"), what.clone())]);
    }

    let once = open(folder.path()).await;
    once.finish(&key("a"), &unknown()).await.unwrap();
    assert!(once.left().await.unwrap().is_empty());
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Done(unknown()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_caller_disconnects_at_its_begin_may_run_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let once = open(folder.path()).await;
    for round in 0..200 {
        let key = Key { round, ..key("a") };
        let begun = {
            let (once, key) = (once.clone(), key.clone());
            tokio::spawn(async move { once.begin(&key, WHAT).await })
        };
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        begun.abort();
        // It was aborted, or it had begun already; then it would have run.
        if begun.await.is_err() {
            assert_eq!(once.begin(&key, WHAT).await.unwrap(), Begin::Fresh, "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_that_disconnects_while_it_waits_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let once = open(folder.path()).await;
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    for _ in 0..10 {
        let waiting = {
            let once = once.clone();
            tokio::spawn(async move { once.begin(&key("a"), WHAT).await })
        };
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.is_err());
    }
    once.finish(&key("a"), &success("1")).await.unwrap();
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Done(success("1")));
}

#[tokio::test]
async fn a_call_ends_once_and_only_if_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let once = open(folder.path()).await;
    assert!(matches!(once.finish(&key("a"), &success("1")).await, Err(OnceError::NotRunning)));
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    once.finish(&key("a"), &success("1")).await.unwrap();
    assert!(matches!(once.finish(&key("a"), &success("2")).await, Err(OnceError::NotRunning)));
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Done(success("1")));
}

#[tokio::test]
async fn two_executors_cannot_share_a_state_directory() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path()).await;
    let config = config(folder.path(), "");
    let error = Once::open(&config.state_dir, &config.once).await.unwrap_err().to_string();
    assert!(error.contains("calls.db: is in use by another executor; give each its own stateDir"), "{error}");
}

#[tokio::test]
async fn only_the_owner_can_read_the_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let once = open(folder.path()).await;
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/calls.db"), mode("state/calls.db-wal")), (0o700, 0o600, 0o600));
}

#[tokio::test]
async fn a_damaged_store_is_refused_and_named() {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::DirBuilder::new().mode(0o700).create(folder.path().join("state")).unwrap();
    std::fs::write(folder.path().join("state/calls.db"), "this is no database, but some text of its owner".repeat(100))
        .unwrap();
    let config = config(folder.path(), "");
    let error = Once::open(&config.state_dir, &config.once).await.unwrap_err().to_string();
    assert!(error.contains("state/calls.db: file is not a database"), "{error}");
}

#[test]
fn faults_of_the_section_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let fault = |more: &str| {
        let text = format!("contracts: [contract.yaml]\n{more}");
        Config::parse("executor.yaml", &text, folder.path()).unwrap_err().to_string()
    };
    for (more, expected) in [
        (
            "once: { keep: 1s }\n",
            "executor.yaml:2:15: once.keep: expected at least 1m: a repeat must find what it repeats",
        ),
        (
            "once: { postgres: { url: 'postgres://me:hunter2@db/x' } }\n",
            "executor.yaml:2:26: once.postgres.url: expected file: and the path of a file that holds it",
        ),
        (
            "once: { postgres: { url: 'file:x', lease: 1ms } }\n",
            "executor.yaml:2:43: once.postgres.lease: expected 1s to 10m",
        ),
        ("approvals: { deniedFor: 0s }\n", "executor.yaml:2:25: approvals.deniedFor: expected 1s to 7d"),
        ("approvals: { expiry: 8d }\n", "executor.yaml:2:22: approvals.expiry: expected 1s to 7d"),
        (
            "approvals: { pending: 5, pendingPerTenant: 6 }\n",
            "executor.yaml:2:44: approvals.pendingPerTenant: expected 1 to approvals.pending, 5, found 6",
        ),
    ] {
        assert_eq!(fault(more), expected);
    }
}
