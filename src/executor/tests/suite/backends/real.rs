//! The whole way, with real programs at its end: the example worker in Python, and `mcp-server-time`, a real MCP server.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use callgate_executor::backends::Backends;
use callgate_executor::config::Config;
use callgate_proto::executor::v1::FailureKind;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

use super::kit::{answer, header, serve};
use crate::desk::{Desk, Running};
use crate::services::free_port;

const SOON: Duration = Duration::from_secs(60);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Returns the Python of set-up if it has the servers' dependencies; otherwise reports that it is missing.
fn python() -> Option<PathBuf> {
    let ours = root().join(".callgate/venv/bin/python");
    let python = std::env::var_os("CALLGATE_PYTHON").map_or(ours, PathBuf::from);
    let check = "import grpc, grpc_health.v1, grpc_tools, mcp_server_time";
    let checked = std::process::Command::new(&python).args(["-c", check]).stderr(Stdio::null()).status();
    if checked.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    println!(
        "SKIPPED: the Python worker and the MCP server: {} does not have them: make setup-python",
        python.display()
    );
    None
}

struct Worker {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Worker {
    async fn start(python: &Path) -> Self {
        let mut child = Command::new(python)
            .args(["-m", "callgate_worker", "--port", "0"])
            .current_dir(root().join("contracts/rag-desk/tools/worker"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        tokio::time::timeout(SOON, stdout.read_line(&mut line)).await.unwrap().unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, stdout, address }
    }
}

/// `mcp-server-time` on a free port, as the tests of the filter start it.
async fn clock(python: &Path) -> (Child, String) {
    let port = free_port();
    let child = Command::new(python)
        .args(["mcp_server.py", &port.to_string()])
        .current_dir(root().join("tests/python"))
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let up = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, up).await.unwrap();
    (child, format!("http://127.0.0.1:{port}/mcp"))
}

/// `contracts/rag-desk`, with these backends.
async fn desk(workers: &str, tickets: &str, clock: &str) -> Running {
    let backends = format!(
        "backends:\n  workers: {{ address: 'http://{workers}' }}\n  tickets: {{ address: '{tickets}' }}\n  clock: {{ address: '{clock}' }}"
    );
    Desk::new().serving(root().join("contracts/rag-desk/contract.yaml")).configured(&backends).start().await
}

async fn run(desk: &Running, tool: &str, arguments: &str) -> Value {
    let ended = desk.execute(desk.request("agent", &[(tool, arguments)])).await.unwrap().remove(0);
    serde_json::from_str(ended.result()).unwrap()
}

#[test]
fn the_example_configuration_knows_every_backend_of_its_contract() {
    let file = root().join("contracts/rag-desk/executor.yaml");
    let config = Config::from_file(&file).unwrap();
    assert_eq!(config.backends.addresses.keys().collect::<Vec<_>>(), ["clock", "tickets", "workers"]);
    // The operator brings its secret; nothing else is missing.
    let error = Backends::new(&config.backends, callgate_executor::telemetry::Metrics::new().backends())
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("backends.tickets.headers.authorization: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_contract_runs_on_a_python_worker_an_http_api_and_an_mcp_server() {
    let Some(python) = python() else { return };
    let mut worker = Worker::start(&python).await;
    let (_clock, clock) = clock(&python).await;
    let (tickets, log) = serve(async |_| answer(201, "application/json", r#"{"ticket_id": "T-7"}"#)).await;
    let desk = desk(&worker.address, &format!("{tickets}/api"), &clock).await;

    let found = run(&desk, "search_documents", r#"{"query":"lost parcel carrier","top_k":2}"#).await;
    assert_eq!((&found["hits"][0]["id"], found["hits"].as_array().unwrap().len()), (&"shipping-2".into(), 2));

    let text = run(&desk, "complete_text", r#"{"prompt":"An order","max_words":5}"#).await;
    assert_eq!(text["text"].as_str().unwrap().split(' ').count(), 5);
    assert_eq!(text, run(&desk, "complete_text", r#"{"prompt":"An order","max_words":5}"#).await, "the same again");

    // Two calls of one turn are two jobs; the idempotency key identifies a call.
    let two = [("start_fine_tune", r#"{"topic":"billing"}"#); 2];
    let jobs: Vec<String> =
        desk.execute(desk.request("agent", &two)).await.unwrap().iter().map(|e| e.result().to_owned()).collect();
    assert_ne!(jobs[0], jobs[1]);
    let trained = async {
        loop {
            let job = run(&desk, "get_fine_tune", &jobs[0]).await;
            if job["status"] == "succeeded" {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, trained).await.unwrap()["perplexity"].as_f64().unwrap() > 1.0);

    // Another tenant's job is unknown.
    let mut foreign = desk.request("agent", &[("get_fine_tune", &jobs[0])]);
    foreign.caller.as_mut().unwrap().tenant = "other".into();
    let ended = desk.execute(foreign).await.unwrap().remove(0);
    assert_eq!(ended.kind(), FailureKind::BackendError);
    assert_eq!(ended.message(), "get_fine_tune failed at the backend workers: gRPC status NotFound");

    assert_eq!(run(&desk, "open_ticket", r#"{"subject":"Where is it?"}"#).await["ticket_id"], "T-7");
    let asked = log.lock().unwrap().remove(0);
    assert_eq!((asked.line.as_str(), header(&asked, "callgate-tenant").as_str()), ("POST /api/v1/tickets", "acme"));

    let time = run(&desk, "get_current_time", r#"{"timezone":"Europe/Berlin"}"#).await;
    assert_eq!(time["timezone"], "Europe/Berlin");
    let ended = desk.execute(desk.request("agent", &[("get_current_time", r#"{"timezone":"Mars/Base"}"#)])).await;
    let ended = ended.unwrap().remove(0);
    assert_eq!(ended.kind(), FailureKind::BackendError, "{ended:?}");
    assert!(!ended.message().contains("Mars"), "{ended:?}");

    // It ends by itself when it is told to.
    let told = std::process::Command::new("kill").args(["-TERM", &worker.child.id().unwrap().to_string()]).status();
    assert!(told.unwrap().success());
    assert!(tokio::time::timeout(SOON, worker.child.wait()).await.unwrap().unwrap().success());
    assert_eq!(worker.stdout.fill_buf().await.unwrap(), b"");
    let ended =
        desk.execute(desk.request("agent", &[("search_documents", r#"{"query":"x"}"#)])).await.unwrap().remove(0);
    assert_eq!(ended.kind(), FailureKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backends_answer_must_satisfy_the_contracts_result() {
    for (said, kind, code) in [
        (r#"{"id": "7"}"#, FailureKind::OutputInvalid, "result_invalid"),
        (r#"{"id": 7, "id": 8}"#, FailureKind::OutputInvalid, ""),
        ("{\"id\": 7", FailureKind::OutputInvalid, ""),
        ("", FailureKind::OutputInvalid, ""),
    ] {
        let (address, _) = serve(move |_| async move { answer(200, "application/json", said) }).await;
        let tool = "effects: read, run: { http: { cluster: b, path: / } }, \
                    result: { type: object, properties: { id: { type: integer } } }";
        let backends = format!("backends: {{ b: {{ address: '{address}' }} }}");
        let ended = Desk::new().backend_tool("t", tool).configured(&backends).once().await;
        assert_eq!((ended.kind(), ended.code()), (kind, code), "{said}");
    }
}
