//! A kill at any moment: the idempotency store and the audit log agree after the next start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use callgate_audit::{LogReader, Query, verify};
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use rusqlite::Connection;
use serde_json::Value;

use crate::desk::{Desk, Ended};
use crate::drain::request;
use crate::guests;
use crate::program::Program;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running program and its client.
struct Started {
    program: Program,
    client: ExecutorClient<tonic::transport::Channel>,
    digest: String,
}

impl Started {
    async fn new(desk: &Desk) -> Self {
        let mut program = Program::start(desk, &[]);
        let digest = program.logged("contract is admitted")["digest"].as_str().unwrap().to_owned();
        let address = program.logged("ready")["address"].as_str().unwrap().to_owned();
        let client = ExecutorClient::connect(format!("http://{address}")).await.unwrap();
        Self { program, client, digest }
    }

    /// Calls the tool under this exchange's name; `None` if the program has ended.
    async fn call(&mut self, exchange: &str) -> Option<Ended> {
        let mut request = request(&self.digest, &["{}"]);
        request.exchange_id = exchange.to_owned();
        self.client.execute(request).await.ok().map(|answer| answer.into_inner().outcomes.remove(0).into())
    }

    fn stop(mut self) {
        self.program.terminate();
        assert_eq!(self.program.exit_code(PATIENCE), 0);
    }
}

/// The state of each call in the idempotency store, by exchange: 1 is ended.
fn rows(folder: &Path) -> BTreeMap<String, i64> {
    let store = Connection::open(folder.join("callgate-state/calls.db")).unwrap();
    let mut rows = store.prepare("SELECT exchange, state FROM calls").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// The words of the log on each call, in order.
fn records(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let reader = LogReader::open(&folder.join("callgate-state/audit.db")).unwrap();
    verify(&reader, None).unwrap();
    let mut records: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for stored in reader.query(&Query { limit: 1_000_000, ..Query::default() }).unwrap() {
        let record: Value = serde_json::from_str(&stored.text).unwrap();
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let word = format!("{} {}{}", text("kind"), text("verdict"), text("outcome"));
        records.entry(text("exchange_id")).or_default().push(word);
    }
    records
}

/// Starts the program until it has reported all orphans, and stops it.
async fn recovered(desk: &Desk) {
    let started = Started::new(desk).await;
    let until = Instant::now() + PATIENCE;
    while rows(desk.path()).values().any(|state| *state != 1) {
        assert!(Instant::now() < until, "an orphan is not reported");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    started.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_leaves_each_call_with_exactly_one_outcome() {
    let desk = Desk::with(&guests::echo(), "");
    let answered: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    for round in 0..5 {
        let started = Started::new(&desk).await;
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let (answered, client, digest) =
                    (Arc::clone(&answered), started.client.clone(), started.digest.clone());
                tokio::spawn(async move {
                    for n in 0.. {
                        let exchange = format!("e-{round}-{caller}-{n}");
                        let mut request = request(&digest, &["{}"]);
                        request.exchange_id.clone_from(&exchange);
                        let Ok(answer) = client.clone().execute(request).await else { return };
                        assert_eq!(Ended::from(answer.into_inner().outcomes.remove(0)).result(), "{}");
                        answered.lock().unwrap().insert(exchange);
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300 + 37 * round)).await;
        started.program.signal("KILL");
        for caller in callers {
            caller.await.unwrap();
        }
    }
    recovered(&desk).await;

    let (rows, records, answered) = (rows(desk.path()), records(desk.path()), answered.lock().unwrap().clone());
    assert!(answered.len() > 20, "{}", answered.len());
    // Every record is of a call that began.
    assert!(records.keys().all(|exchange| rows.contains_key(exchange)));
    for exchange in rows.keys() {
        let words = records.get(exchange).map(Vec::as_slice).unwrap_or_default();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["decision allow", "outcome success"] => {}
            ["decision allow", "outcome unknown"] | ["outcome unknown"] => {
                assert!(!answered.contains(exchange), "{exchange}");
            }
            other => panic!("{exchange}: {other:?}"),
        }
    }
    assert!(answered.iter().all(|exchange| rows.contains_key(exchange)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_in_the_log_alone_is_not_recorded_twice() {
    let desk = Desk::with(&guests::echo(), "");
    let mut started = Started::new(&desk).await;
    assert_eq!(started.call("e").await.unwrap().result(), "{}");
    started.stop();
    // The state after a kill between the outcome's record and its row.
    let store = Connection::open(desk.path().join("callgate-state/calls.db")).unwrap();
    assert_eq!(store.execute("UPDATE calls SET state = 0, outcome = NULL", []).unwrap(), 1);
    drop(store);
    recovered(&desk).await;
    assert_eq!(records(desk.path())["e"], ["decision allow", "outcome success"]);
    let mut started = Started::new(&desk).await;
    assert_eq!(started.call("e").await.unwrap().kind(), callgate_proto::executor::v1::FailureKind::Unknown);
    started.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beginning_without_a_decision_is_reported_once() {
    let desk = Desk::with(&guests::echo(), "");
    let mut started = Started::new(&desk).await;
    assert_eq!(started.call("e").await.unwrap().result(), "{}");
    started.stop();
    // The state after a kill between a beginning and its decision's record.
    let store = Connection::open(desk.path().join("callgate-state/calls.db")).unwrap();
    let begun = "INSERT INTO calls (exchange, round, position, tenant, what, state, begun, tool)
                 SELECT 'torn', round, position, tenant, what, 0, begun, tool FROM calls";
    assert_eq!(store.execute(begun, []).unwrap(), 1);
    drop(store);
    recovered(&desk).await;
    recovered(&desk).await;
    assert_eq!(records(desk.path())["torn"], ["outcome unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_at_any_moment_leaves_one_outcome_or_nothing() {
    let desk = Desk::with(&guests::echo(), "");
    let started = Started::new(&desk).await;
    for n in 0..300_u64 {
        let mut request = request(&started.digest, &["{}"]);
        request.exchange_id = format!("e-{n}");
        let mut client = started.client.clone();
        let calling = tokio::spawn(async move { client.execute(request).await });
        tokio::time::sleep(Duration::from_micros(n * 17)).await;
        calling.abort();
        let _ = calling.await;
    }
    // A caller that has left is noticed a moment later.
    let until = Instant::now() + PATIENCE;
    let ended = |words: &Vec<String>| words.len() == 2 && words[1].starts_with("outcome ");
    while !records(desk.path()).values().all(ended) || rows(desk.path()).values().any(|state| *state != 1) {
        assert!(Instant::now() < until, "{:?}", records(desk.path()));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (rows, records) = (rows(desk.path()), records(desk.path()));
    assert_eq!(rows.keys().collect::<Vec<_>>(), records.keys().collect::<Vec<_>>());
    started.stop();
}
