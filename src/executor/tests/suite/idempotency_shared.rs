//! A call runs once among several executors, over a real PostgreSQL that stops and restarts.

use std::time::Duration;

use callgate_executor::config::Config;
use callgate_executor::idempotency::{Begin, Once, OnceError};
use tempfile::TempDir;

use crate::idempotency::{WHAT, config, key, success};
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
        open(&self.config()).await.unwrap()
    }
}

/// Asks until the answer is another than "the database is unreachable".
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

async fn open(config: &Config) -> Result<Once, OnceError> {
    Once::open(&config.state_dir, &config.once).await
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
async fn of_two_executors_with_the_same_calls_one_runs_each() {
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
async fn orphaned_calls_of_an_executor_are_unknown_to_all_and_reported_by_one() {
    let Some(shared) = Shared::start() else { return };
    let gone = shared.executor().await;
    assert_eq!(gone.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    // As after a crash: nobody renews its lease any more.
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
async fn without_the_database_nothing_runs_and_ended_calls_are_remembered() {
    let Some(mut shared) = Shared::start() else { return };
    let once = shared.executor().await;
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    shared.postgres.stop();
    let error = once.begin(&key("b"), WHAT).await.unwrap_err();
    assert!(matches!(error, OnceError::Unavailable(_)));
    assert!(!error.to_string().contains(PASSWORD), "{error}");
    once.finish(&key("a"), &success("1")).await.unwrap_err();
    let other = open(&shared.config()).await.unwrap_err().to_string();
    assert!(!other.contains(PASSWORD), "{other}");

    shared.postgres.start_again();
    assert_eq!(begin_when_back(&once, "b").await, Begin::Fresh);
    assert_eq!(begin_when_back(&once, "a").await, Begin::Done(success("1")));
    let other = shared.executor().await;
    assert_eq!(other.begin(&key("a"), WHAT).await.unwrap(), Begin::Done(success("1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_caller_disconnects_at_its_begin_may_run_on_any_executor() {
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
async fn an_invalid_connection_string_is_named_by_its_file_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("url"), format!("mysql//{PASSWORD}@x")).unwrap();
    let config = config(folder.path(), "once: { postgres: { url: file:url } }\n");
    let error = open(&config).await.unwrap_err().to_string();
    assert!(error.contains("url: expected a connection string") && !error.contains(PASSWORD), "{error}");
}

/// A server certificate for `localhost`, which is its own CA.
fn certificate() -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_only_the_named_ca_and_the_right_name_are_taken() {
    let Some(mut postgres) = Postgres::start() else { return };
    let (server, other) = (certificate(), certificate());
    postgres.serve_tls(&server.cert.pem(), &server.signing_key.serialize_pem());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), server.cert.pem()).unwrap();
    std::fs::write(folder.path().join("other.pem"), other.cert.pem()).unwrap();
    std::fs::write(folder.path().join("none.pem"), "no certificate").unwrap();
    let right_name = postgres.url().replace("127.0.0.1", "localhost");
    let executor = async |url: &str, ca: &str| {
        std::fs::write(folder.path().join("url"), url).unwrap();
        open(&config(folder.path(), &format!("once: {{ postgres: {{ url: file:url, ca: {ca} }} }}\n"))).await
    };
    let once = executor(&right_name, "ca.pem").await.unwrap();
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    let (client, connection) = tokio_postgres::connect(&postgres.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE ssl AND application_name = 'callgate-executor'";
    assert_eq!(client.query_one(encrypted, &[]).await.unwrap().get::<_, i64>(0), 1);
    // The connection string cannot turn it off.
    let _second = executor(&format!("{right_name}?sslmode=disable"), "ca.pem").await.unwrap();
    assert_eq!(client.query_one(encrypted, &[]).await.unwrap().get::<_, i64>(0), 2);

    for (url, ca, expected) in [
        (&right_name, "other.pem", "certificate"),
        // It is for localhost.
        (&postgres.url(), "ca.pem", "certificate"),
        (&right_name, "none.pem", "none.pem: expected certificates in PEM"),
        (&right_name, "missing.pem", "missing.pem: "),
    ] {
        let error = executor(url, ca).await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains(PASSWORD), "{ca}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_if_a_ca_is_set() {
    let Some(postgres) = Postgres::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate().cert.pem()).unwrap();
    std::fs::write(folder.path().join("url"), postgres.url()).unwrap();
    let config = config(folder.path(), "once: { postgres: { url: file:url, ca: ca.pem } }\n");
    let error = open(&config).await.unwrap_err().to_string();
    assert!(error.contains("TLS") && !error.contains(PASSWORD), "{error}");
}

#[tokio::test]
async fn another_machine_is_not_spoken_to_in_plaintext() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("url"), format!("postgres://u:{PASSWORD}@192.0.2.7/d")).unwrap();
    let config = config(folder.path(), "once: { postgres: { url: file:url } }\n");
    let error = open(&config).await.unwrap_err().to_string();
    assert!(error.contains("set once.postgres.ca") && !error.contains(PASSWORD), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_databases_clock_forgets_nothing() {
    let Some(shared) = Shared::start() else { return };
    let config = || config(shared.folder.path(), "once: { keep: 1m, postgres: { url: file:url, lease: 1s } }\n");
    let once = open(&config()).await.unwrap();
    assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Fresh);
    once.finish(&key("a"), &success("1")).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&shared.postgres.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let read = async || client.query_one("SELECT now, seen FROM callgate_clock", &[]).await.unwrap();
    let now = async || read().await.get::<_, std::time::SystemTime>(0);
    let began = now().await;
    // To the executors a clock that advanced by a day and one last read a day ago look the same.
    for jump in ["- interval '1 day'", "+ interval '1 day'"] {
        client.execute(&format!("UPDATE callgate_clock SET seen = seen {jump}"), &[]).await.unwrap();
        let jumped: std::time::SystemTime = read().await.get(1);
        for _ in 0..600 {
            if read().await.get::<_, std::time::SystemTime>(1) != jumped {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(read().await.get::<_, std::time::SystemTime>(1) != jumped, "no sign of life came");
        assert_eq!(once.begin(&key("a"), WHAT).await.unwrap(), Begin::Done(success("1")));
    }
    assert!(now().await.duration_since(began).unwrap() < Duration::from_secs(3600));
    // Calls old enough by that time are forgotten.
    client.execute("UPDATE callgate_clock SET now = now + interval '2 minutes'", &[]).await.unwrap();
    for _ in 0..600 {
        if once.begin(&key("a"), WHAT).await.unwrap() == Begin::Fresh {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was never forgotten");
}
