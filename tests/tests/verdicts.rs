//! The same verdicts through the gate in Envoy and by the executor.
//!
//! Both tables of `callgate-verdicts` run through a real Envoy, whole and streamed, and through the executor's `Execute`.
//! The gates have `onViolation: error`, so that an error names the code and the pointer. No tool of the tables runs: for an
//! allowed call the executor answers `run_by_client`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that fails may panic, and a replay prints its counts"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, CallOutcome, Caller, ExecuteRequest};
use callgate_tests::http::{Accumulated, Connection, Protocol, Request};
use callgate_tests::stack::{Artefacts, GatePlan, Model, Plan, Stack};
use callgate_tests::upstream::script::{Round, Script};
use callgate_verdicts::{BEFORE, Case, Found, Table, corpus, difference};
use serde_json::{Value, json};
use tonic::transport::Channel;

/// Connections, and calls of the executor, at the same time.
const AT_ONCE: usize = 8;

/// The executor's code for an allowed call of a tool the client runs.
const RUN_BY_CLIENT: &str = "run_by_client";

#[tokio::test(flavor = "multi_thread")]
async fn envoy_and_executor_reach_the_verdicts_of_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let mut tables = vec![("own", Table::own().unwrap())];
    match corpus::read(&corpus::folder()).unwrap() {
        Some(table) => tables.push(("corpus", table)),
        None => eprintln!("SKIPPED: verdicts of the corpus in Envoy: {} does not have it", corpus::folder().display()),
    }
    let gates = tables.iter().map(|(name, table)| GatePlan::new(name, &written(folder.path(), name, table))).collect();
    let plan = Plan { model: Model::scripted(), gates, one_by_one: false };
    let stack = Stack::start(&plan, &Artefacts::find().unwrap(), folder.path()).await.unwrap();
    for (name, table) in tables {
        let (gate, table) = (stack.gate(name).unwrap(), Arc::new(table));
        let digest = table.compile().unwrap().digest().to_owned();
        let channel = Channel::from_shared(format!("http://{}", stack.executor().1)).unwrap().connect().await.unwrap();
        let (mut whole, mut streamed, mut executor) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..AT_ONCE {
            whole.push(Decider::Whole(Connection::open(gate.address, Protocol::Http2).await.unwrap()));
            streamed.push(Decider::Streamed(Connection::open(gate.address, Protocol::Http2).await.unwrap()));
            executor.push(Decider::Executor(ExecutorClient::new(channel.clone()), digest.clone()));
        }
        let mut found = compare(&table, whole).await;
        // The corpus is large, and its streams differ from its whole answers only in the framing.
        if name == "own" {
            found.extend(compare(&table, streamed).await);
        }
        found.extend(compare(&table, executor).await);
        assert!(found.is_empty(), "{} differ in {}:\n{}", found.len(), table.name, found.join("\n"));
        eprintln!("COVERED verdicts in Envoy and by the executor: {} cases of {}", table.cases.len(), table.name);
    }
}

/// Writes the contract of a table into a folder of its own.
fn written(folder: &Path, name: &str, table: &Table) -> PathBuf {
    let folder = folder.join("tables").join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("contract.yaml"), &table.contract).unwrap();
    folder.join("contract.yaml")
}

/// Decides a case, over a connection of its own.
enum Decider {
    Whole(Connection),
    Streamed(Connection),
    Executor(ExecutorClient<Channel>, String),
}

/// Returns the differences over all cases, several cases at a time, each over its own connection.
async fn compare(table: &Arc<Table>, deciders: Vec<Decider>) -> Vec<String> {
    let at_once = deciders.len();
    let mut lanes = Vec::new();
    for (start, mut decider) in deciders.into_iter().enumerate() {
        let table = Arc::clone(table);
        lanes.push(tokio::spawn(async move {
            let mut different = Vec::new();
            for case in table.cases.iter().skip(start).step_by(at_once) {
                let found = decider.decide(case).await;
                if !found.fits(case) {
                    different.push(difference(decider.name(), case, &found));
                }
            }
            different
        }));
    }
    let mut different = Vec::new();
    for lane in lanes {
        different.extend(lane.await.unwrap());
    }
    different
}

/// Returns the calls of a case's turn, its own last.
fn calls(case: &Case) -> impl Iterator<Item = (&str, &str)> {
    let before = (0..case.before).map(|_| (BEFORE, "{}"));
    before.chain([(case.tool.as_str(), case.arguments.as_str())])
}

// === impl Decider ===

impl Decider {
    fn name(&self) -> &'static str {
        match self {
            Self::Whole(_) => "the gate in Envoy, whole",
            Self::Streamed(_) => "the gate in Envoy, streamed",
            Self::Executor(..) => "the executor",
        }
    }

    async fn decide(&mut self, case: &Case) -> Found {
        match self {
            Self::Whole(connection) => {
                let mut response = connection.send(request(case, false)).await.unwrap();
                let body = response.json().await.unwrap();
                of_answer(body.get("error"), &Accumulated::of_whole(&body))
            }
            Self::Streamed(connection) => {
                let mut response = connection.send(request(case, true)).await.unwrap();
                if response.status != 200 {
                    let body = response.json().await.unwrap();
                    return of_answer(body.get("error"), &Accumulated::default());
                }
                let answer = response.accumulate().await.unwrap();
                of_answer(answer.error.as_ref(), &answer)
            }
            Self::Executor(client, digest) => {
                let response = client.execute(execute(case, digest)).await.unwrap();
                of_outcome(case, response.into_inner().outcomes.pop().expect("an outcome for each call"))
            }
        }
    }
}

/// Returns a request with a user message that makes the scripted model call the tools of the case.
fn request(case: &Case, stream: bool) -> Request {
    let round = calls(case).fold(Round::default(), |round, (tool, arguments)| round.and_call(tool, arguments));
    let content = Script::once(round).message();
    let body = json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": content}]});
    Request::post("/v1/chat/completions", body.to_string())
        .header("x-callgate-tenant", "acme")
        .header("x-callgate-role", &case.role)
}

fn of_answer(error: Option<&Value>, answer: &Accumulated) -> Found {
    if let Some(error) = error {
        let text = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
        return Found::refused(text("code"), text("param"));
    }
    match answer.first().calls.pop() {
        Some((_, _, arguments)) => Found::allowed(Some(arguments)),
        None => Found::refused("no call", ""),
    }
}

fn execute(case: &Case, digest: &str) -> ExecuteRequest {
    let call = |(position, (tool, arguments)): (usize, (&str, &str))| Call {
        id: format!("call_{position}"),
        tool: tool.to_owned(),
        arguments: arguments.to_owned(),
        ..Call::default()
    };
    ExecuteRequest {
        contract_digest: digest.to_owned(),
        caller: Some(Caller { tenant: "acme".to_owned(), role: case.role.clone(), ..Default::default() }),
        exchange_id: uuid::Uuid::new_v4().to_string(),
        round: 0,
        calls: calls(case).enumerate().map(call).collect(),
        request_id: String::new(),
        ..ExecuteRequest::default()
    }
}

/// The executor's outcome has the pointer in its sentence: `at /pointer: …`.
fn of_outcome(case: &Case, outcome: CallOutcome) -> Found {
    let Some(Outcome::Failure(failure)) = outcome.outcome else { return Found::refused("it ran", "") };
    if failure.violation_code == RUN_BY_CLIENT {
        return Found::allowed(None);
    }
    let said = match failure.message.strip_prefix("at /") {
        Some(_) if failure.message.starts_with(&format!("at {}: ", case.pointer)) => case.pointer.clone(),
        Some(_) => failure.message,
        None => String::new(),
    };
    Found::refused(&failure.violation_code, &said)
}
