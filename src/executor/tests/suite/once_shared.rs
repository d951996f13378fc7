//! A call runs once among several executors, over a real PostgreSQL that comes and goes.

use std::time::Duration;

use callgate_executor::config::Config;
use callgate_executor::once::{Begin, Once, OnceError};
use tempfile::TempDir;

use crate::once::{WHAT, config, key, success};
use crate::services::{PASSWORD, Postgres};

/// A database, and the configuration of the executors that share it.
struct Shared {
    postgres: Postgres,
    folder: TempDir,
}

impl Shared {
    fn start() -> Option<Self> {
        let postgres = Postgres::start()?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("url"), format!("{}\n", postgres.url())).unwrap();
        Some(Self { postgres, folder })
    }

    fn config(&self) -> Config {
        config(self.folder.path(), "once: { postgres: { url: file:url, lease: 1s } }\n")
    }

    async fn executor(&self) -> Once {
        Once::open(&self.config()).await.unwrap()
    }
}

/// Asks until the answer is another than that the database is away.
async fn begin_when_back(once: &Once, exchange: &str) -> Begin {
    for _ in 0..600 {
        match once.begin(&key(exchange), WHAT).await {
            Ok(begun) => return begun,
            Err(OnceError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the database never came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_one_executor_ran_is_not_run_by_another() {
    let Some(shared) = Shared::start() else { return };
    let (one, other) = tokio::join!(shared.executor(), shared.executor());
    assert_eq!(one.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    assert_eq!(other.begin(&key("a"), [8; 32]).await.unwrap(), Begin::Other);
    let waits = {
        let other = other.clone();
        tokio::spawn(async move { other.begin(&key("a"), WHAT).await.unwrap() })
    };
    let here = {
        let one = one.clone();
        tokio::spawn(async move { one.begin(&key("a"), WHAT).await.unwrap() })
    };
    one.finish(&key("a"), &success("1")).await.unwrap();
    assert_eq!(waits.await.unwrap(), Begin::Done(success("1")));
    assert_eq!(here.await.unwrap(), Begin::Done(success("1")));
    assert!(matches!(one.finish(&key("a"), &success("2")).await, Err(OnceError::NotRunning)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_executors_that_begin_the_same_calls_at_once_one_runs_each() {
    let Some(shared) = Shared::start() else { return };
    let executors = [shared.executor().await, shared.executor().await];
    let mut all = tokio::task::JoinSet::new();
    for n in 0..50 {
        for once in executors.clone() {
            all.spawn(async move {
                let key = key(&format!("exchange-{n}"));
                match once.begin(&key, WHAT).await.unwrap() {
                    Begin::Fresh => {
                        once.finish(&key, &success("1")).await.unwrap();
                        1
                    }
                    repeated => {
                        assert_eq!(repeated, Begin::Done(success("1")));
                        0
                    }
                }
            });
        }
    }
    assert_eq!(all.join_all().await.into_iter().sum::<u32>(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_executor_left_is_unknown_to_all_and_told_of_by_one() {
    let Some(shared) = Shared::start() else { return };
    let gone = shared.executor().await;
    assert_eq!(gone.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    // As a crash would: nobody renews its lease any more.
    drop(gone);
    let (one, other) = (shared.executor().await, shared.executor().await);
    assert_eq!(one.begin(&key("a"), WHAT).await.unwrap(), Begin::Unknown);
    let mut left = one.left().await.unwrap();
    assert_eq!(left.remove(0).key, key("a"));
    assert!(left.is_empty() && other.left().await.unwrap().is_empty());
    one.finish(&key("a"), &success("unknown")).await.unwrap();
    assert!(one.left().await.unwrap().is_empty());
    assert_eq!(other.begin(&key("a"), WHAT).await.unwrap(), Begin::Done(success("unknown")));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_nothing_runs_and_what_ended_meanwhile_is_remembered() {
    let Some(mut shared) = Shared::start() else { return };
    let once = shared.executor().await;
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    shared.postgres.stop();
    let error = once.begin(&key("b"), WHAT).await.unwrap_err();
    assert!(matches!(error, OnceError::Unavailable(_)));
    assert!(!error.to_string().contains(PASSWORD), "{error}");
    once.finish(&key("a"), &success("1")).await.unwrap_err();
    let other = Once::open(&shared.config()).await.unwrap_err().to_string();
    assert!(!other.contains(PASSWORD), "{other}");

    shared.postgres.start_again();
    assert_eq!(begin_when_back(&once, "b").await, Begin::Fresh);
    assert_eq!(begin_when_back(&once, "a").await, Begin::Done(success("1")));
    let other = shared.executor().await;
    assert_eq!(other.begin(&key("a"), WHAT).await.unwrap(), Begin::Done(success("1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_while_it_begins_leaves_the_call_to_any_executor() {
    let Some(shared) = Shared::start() else { return };
    let (one, other) = (shared.executor().await, shared.executor().await);
    for n in 0..20 {
        let exchange = format!("exchange-{n}");
        let begun = {
            let (one, exchange) = (one.clone(), exchange.clone());
            tokio::spawn(async move { one.begin(&key(&exchange), WHAT).await })
        };
        tokio::time::sleep(Duration::from_micros(100 * n)).await;
        begun.abort();
        if begun.await.is_err() {
            assert_eq!(other.begin(&key(&exchange), WHAT).await.unwrap(), Begin::Fresh, "{exchange}");
        }
    }
}

#[tokio::test]
async fn a_connection_string_that_is_none_is_named_by_its_file_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("url"), format!("mysql//{PASSWORD}@x")).unwrap();
    let config = config(folder.path(), "once: { postgres: { url: file:url } }\n");
    let error = Once::open(&config).await.unwrap_err().to_string();
    assert!(error.contains("url: expected a connection string") && !error.contains(PASSWORD), "{error}");
}
