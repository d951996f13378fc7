//! Records on their way to a real PostgreSQL and a real Redis.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use callgate_audit::{AuditLog, Lag, Source};
use redis::streams::StreamRangeReply;

use super::{StateFolder, calls, decision, everything};
use crate::services::{PASSWORD, Postgres, Redis};

const PATIENCE: Duration = Duration::from_secs(60);

/// A record as a sink has it: number, text, hash.
type Row = (u64, String, String);

/// A place with a sink for its log; `more` is YAML, such as `, maxLength: 5`.
fn place(sink: &str, url: &str, more: &str) -> StateFolder {
    let place = StateFolder::with(&format!("{{ {sink}: {{ url: 'file:url'{more} }} }}"));
    std::fs::write(place.folder.path().join("url"), format!("{url}\n")).unwrap();
    place
}

/// Waits for the expected lag.
async fn lag(log: &AuditLog, what: &str, wanted: impl Fn(&Lag) -> bool) -> Lag {
    let until = Instant::now() + PATIENCE;
    loop {
        let lag = log.lag().unwrap().remove(0);
        if wanted(&lag) {
            return lag;
        }
        assert!(Instant::now() < until, "{what}: {lag:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn all_arrived(log: &AuditLog) {
    lag(log, "not all records arrive", |lag| lag.records == 0 && lag.fault.is_none()).await;
}

fn kept(place: &StateFolder) -> Vec<Row> {
    let row = |record: &callgate_audit::Stored| (record.seq, record.text.clone(), record.hash.to_string());
    everything(&place.reader()).iter().map(row).collect()
}

async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn in_postgres(postgres: &Postgres) -> Vec<Row> {
    let ask = "SELECT seq, record::text, encode(hash, 'hex') FROM callgate_audit ORDER BY executor, seq";
    let rows = client(&postgres.url()).await.query(ask, &[]).await.unwrap();
    rows.iter().map(|row| (u64::try_from(row.get::<_, i64>(0)).unwrap(), row.get(1), row.get(2))).collect()
}

async fn in_redis(redis: &Redis, log: &AuditLog, from: &str) -> Vec<Row> {
    let mut connection = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let key = format!("callgate:audit:{}", log.executor());
    let entries: StreamRangeReply =
        redis::cmd("XRANGE").arg(key).arg(from).arg("+").query_async(&mut connection).await.unwrap();
    let row = |entry: &redis::streams::StreamId| {
        let seq = entry.id.strip_suffix("-0").unwrap().parse().unwrap();
        (seq, entry.get("record").unwrap(), entry.get("hash").unwrap())
    };
    entries.ids.iter().map(row).collect()
}

/// Appends from several tasks while a server is stopped and started again, twice.
async fn under_load<S: Send + 'static>(log: &AuditLog, mut server: S, stop_and_start: fn(&mut S)) -> S {
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                for part in 0..40 {
                    calls(&log, &format!("e-{writer}-{part}"), 5).await;
                    tokio::time::sleep(Duration::from_millis(25)).await;
                }
            })
        })
        .collect();
    let server = tokio::task::spawn_blocking(move || {
        for _ in 0..2 {
            stop_and_start(&mut server);
        }
        server
    });
    let server = server.await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgresql_stopped_and_started_under_load_gets_every_record_once_and_in_order() {
    let Some(postgres) = Postgres::start() else { return };
    let place = place("postgres", &postgres.url(), "");
    let log = place.open();
    let stop_and_start = |postgres: &mut Postgres| {
        postgres.stop();
        postgres.start_again();
    };
    let postgres = under_load(&log, postgres, stop_and_start).await;
    all_arrived(&log).await;
    assert_eq!(place.whole(), 4 * 40 * 5 * 2);
    assert_eq!(in_postgres(&postgres).await, kept(&place));
    // The hash can be checked there, too.
    let wrong = "SELECT count(*) FROM callgate_audit WHERE hash <> sha256(convert_to(record::text, 'UTF8'))";
    assert_eq!(client(&postgres.url()).await.query_one(wrong, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_stopped_and_started_under_load_gets_every_record_once_and_in_order() {
    let Some(redis) = Redis::start() else { return };
    let place = place("redis", &redis.url(), "");
    let log = place.open();
    let stop_and_start = |redis: &mut Redis| {
        redis.stop();
        redis.start_again();
    };
    let redis = under_load(&log, redis, stop_and_start).await;
    all_arrived(&log).await;
    assert_eq!(place.whole(), 4 * 40 * 5 * 2);
    let kept = kept(&place);
    assert_eq!(in_redis(&redis, &log, "-").await, kept);
    // A consumer that has seen 1000 records replays from there.
    assert_eq!(in_redis(&redis, &log, "(1000-0").await, kept[1000..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_written_while_a_sink_is_down_arrive_after_a_restart_of_the_executor() {
    let Some(mut postgres) = Postgres::start() else { return };
    let place = place("postgres", &postgres.url(), "");
    let log = place.open();
    calls(&log, "before", 5).await;
    all_arrived(&log).await;
    postgres.stop();
    calls(&log, "meanwhile", 5).await;
    let behind = lag(&log, "a sink that is down has no fault", |lag| lag.fault.is_some()).await;
    assert_eq!((behind.sink, behind.records), ("postgres", 10));
    assert!(behind.failures > 0, "{behind:?}");
    drop(log);
    let log = place.open();
    assert_eq!(log.lag().unwrap()[0].records, 10, "what a sink has is remembered");
    postgres.start_again();
    all_arrived(&log).await;
    assert_eq!(in_postgres(&postgres).await, kept(&place));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_lost_its_records_gets_them_again() {
    let Some(redis) = Redis::start() else { return };
    let place = place("redis", &redis.url(), "");
    let log = place.open();
    calls(&log, "e-1", 20).await;
    all_arrived(&log).await;
    drop(log);
    let mut connection = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await.unwrap();
    let log = place.open();
    calls(&log, "e-2", 1).await;
    let until = Instant::now() + PATIENCE;
    while in_redis(&redis, &log, "-").await.len() < 42 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(in_redis(&redis, &log, "-").await, kept(&place));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_bounded_length_keeps_the_newest() {
    let Some(redis) = Redis::start() else { return };
    let place = place("redis", &redis.url(), ", maxLength: 100");
    let log = place.open();
    calls(&log, "e-1", 500).await;
    all_arrived(&log).await;
    let there = in_redis(&redis, &log, "-").await;
    assert!((100..500).contains(&there.len()), "{}", there.len());
    let kept = kept(&place);
    assert_eq!(there, kept[kept.len() - there.len()..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_log_is_not_mixed_with_a_sinks_records() {
    let Some(postgres) = Postgres::start() else { return };
    let place = place("postgres", &postgres.url(), "");
    let log = place.open();
    calls(&log, "e-1", 5).await;
    all_arrived(&log).await;
    let delivered = kept(&place);
    drop(log);
    // Closed for good once another process may have it.
    drop(place.open());
    // As if somebody restored an older copy.
    place.tamper("DELETE FROM record WHERE seq > 4; DELETE FROM cursor; UPDATE log SET head_kept = 0");
    std::fs::remove_file(place.file().with_file_name("audit.head")).unwrap();
    let log = place.open();
    calls(&log, "e-2", 10).await;
    let fault = lag(&log, "nothing is said of the cut", |lag| lag.fault.is_some()).await.fault.unwrap();
    assert!(fault.contains("it has record 10, and that is not record 10 of this log"), "{fault}");
    assert_eq!(in_postgres(&postgres).await, delivered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_altered_before_it_is_sent_is_not_sent() {
    let Some(mut postgres) = Postgres::start() else { return };
    let place = place("postgres", &postgres.url(), "");
    let log = place.open();
    calls(&log, "e-1", 2).await;
    all_arrived(&log).await;
    let delivered = kept(&place);
    postgres.stop();
    calls(&log, "e-2", 2).await;
    place.tamper("UPDATE record SET text = replace(text, 'timeout', 'success') WHERE seq = 6");
    postgres.start_again();
    let altered = |lag: &Lag| lag.fault.as_ref().is_some_and(|fault| fault.contains("record 6 does not follow"));
    lag(&log, "nothing is said of the alteration", altered).await;
    assert_eq!(in_postgres(&postgres).await, delivered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_to_postgresql_takes_a_certificate_of_the_named_ca_only() {
    let Some(mut postgres) = Postgres::start() else { return };
    let made =
        |names: &[&str]| rcgen::generate_simple_self_signed(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    let (server, other) = (made(&["localhost"]).unwrap(), made(&["localhost"]).unwrap());
    postgres.serve_tls(&server.cert.pem(), &server.signing_key.serialize_pem());
    let url = postgres.url().replace("127.0.0.1", "localhost");

    let trusting = place("postgres", &url, ", ca: ca.pem");
    std::fs::write(trusting.folder.path().join("ca.pem"), server.cert.pem()).unwrap();
    let log = trusting.open();
    calls(&log, "e-1", 2).await;
    all_arrived(&log).await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE ssl AND application_name = 'callgate-executor'";
    assert_eq!(client(&postgres.url()).await.query_one(encrypted, &[]).await.unwrap().get::<_, i64>(0), 1);

    let wary = place("postgres", &url, ", ca: ca.pem");
    std::fs::write(wary.folder.path().join("ca.pem"), other.cert.pem()).unwrap();
    let log = wary.open();
    let fault = lag(&log, "the certificate is taken", |lag| lag.fault.is_some()).await.fault.unwrap();
    assert!(fault.contains("certificate"), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_of_postgresql_will_do() {
    let Some(postgres) = Postgres::start() else { return };
    let place = place("postgres", &postgres.unix_url(), "");
    let log = place.open();
    calls(&log, "e-1", 2).await;
    all_arrived(&log).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_sink_delays_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u:{PASSWORD}@{}/d", silent.local_addr().unwrap());
    let place = place("postgres", &url, "");
    let log = place.open();
    calls(&log, "e-1", 100).await;
    assert_eq!(place.whole(), 200);
    assert_eq!(log.lag().unwrap()[0].records, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sinks_fault_is_reported_without_secrets() {
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (sink, url, expected) in [
        ("postgres", format!("postgres://u:{PASSWORD}@db.example.com/d"), "set audit.postgres.ca"),
        ("postgres", format!("postgres://u:{PASSWORD}@{nowhere}/d"), "error connecting"),
        ("postgres", format!("postgres://u:{PASSWORD}@h:port/d"), "expected a connection string, such as postgres://"),
        ("redis", format!("redis://:{PASSWORD}@192.0.2.7/"), "audit.redis.unencrypted: true"),
        ("redis", format!("redis://:{PASSWORD}@{nowhere}/"), "refused"),
        ("redis", format!("http://:{PASSWORD}@h/"), "expected an address such as redis://"),
    ] {
        let place = place(sink, &url, "");
        let log = place.open();
        log.append(decision(Source::Executor, "e-1", 0)).await.unwrap();
        let fault = lag(&log, "there is no fault", |lag| lag.fault.is_some()).await.fault.unwrap();
        assert!(fault.contains(expected), "{sink}: {fault}");
        assert!(!fault.contains(PASSWORD), "{sink}: {fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_reported_without_showing_it() {
    let (Some(postgres), Some(redis)) = (Postgres::start(), Redis::start()) else { return };
    for (sink, url) in [("postgres", postgres.url()), ("redis", redis.url())] {
        let place = place(sink, &url.replace(PASSWORD, "wrong-password-7"), "");
        let log = place.open();
        let fault = lag(&log, "it is let in", |lag| lag.fault.is_some()).await.fault.unwrap();
        assert!(fault.contains("assword") && !fault.contains("wrong-password-7"), "{sink}: {fault}");
        // A corrected password is used without a restart.
        std::fs::write(place.folder.path().join("url"), url).unwrap();
        calls(&log, "e-1", 1).await;
        all_arrived(&log).await;
    }
}
