//! Measures the executor: calls of an empty tool through all of its steps (idempotency, audit, decision), against a bare gRPC echo of the
//! same messages; and its memory.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest};
use tonic::transport::Channel;

use super::instances::{Instances, instances};
use super::load::Sample;
use super::process::{self, CpuTimes};
use crate::stack::{
    Artefacts, Process, StackError, executor_ready, free_address, prepare, run, start_executor, workspace,
};

pub(super) const AT_ONCE: usize = 16;
/// Tools of the large contract, each a module of its own.
const TOOLS: usize = 100;

/// The measurements of the executor.
#[derive(Debug)]
pub(super) struct ExecutorFigures {
    /// Many calls at a time, in each round.
    pub(super) executor: Vec<Sample>,
    /// The same of the echo, in the same rounds.
    pub(super) echo: Vec<Sample>,
    /// The executor's own duration of a call, median of sequential calls, in microseconds.
    pub(super) duration: f64,
    pub(super) instances: Instances,
    /// Resident memory in bytes: idle with one tool, after the load, idle with [`TOOLS`].
    pub(super) resident: [u64; 3],
    /// Time to readiness with [`TOOLS`]: the first time, and again with its cache.
    pub(super) startup: [Duration; 2],
    /// Time to load and check `contracts/tool-desk`, with CPython (20 MB) and a tool in Python (19 MB): the first time, and the median of
    /// later starts with the cache.
    pub(super) interpreter: [Duration; 2],
}

/// A server under load.
#[derive(Debug, Clone, Copy)]
struct LoadedServer {
    address: SocketAddr,
    process: u32,
}

/// Measures it, in a folder of its own.
pub(super) async fn measure(
    artefacts: &Artefacts,
    folder: &Path,
    rounds: usize,
    time: Duration,
) -> Result<ExecutorFigures, StackError> {
    let folder = folder.join("executor");
    let (process, server, digest) = start(artefacts, &folder).await?;
    let idle = resident(process.id())?;
    let duration = load(server, &digest, 1, time / 4).await?.1;
    let (executor, echo) = against_echo(server, &digest, &folder, rounds, time).await?;
    let loaded = resident(process.id())?;
    drop(process);
    // In a thread of its own: running a guest blocks, and a runtime's thread must not.
    let instances = std::thread::spawn(instances).join().map_err(|_| unfit("measuring instances"))?;
    let instances = instances.map_err(|error| unfit(&error.to_string()))?;
    let (hundred, startup) = hundred(artefacts, &folder.join("hundred")).await?;
    let interpreter = interpreter(artefacts, &folder.join("interpreter"))?;
    Ok(ExecutorFigures { executor, echo, duration, instances, resident: [idle, loaded, hundred], startup, interpreter })
}

/// Measures only its calls against the echo.
pub(super) async fn calls(
    artefacts: &Artefacts,
    folder: &Path,
    rounds: usize,
    time: Duration,
) -> Result<(Vec<Sample>, Vec<Sample>), StackError> {
    let folder = folder.join("executor");
    let (_process, server, digest) = start(artefacts, &folder).await?;
    against_echo(server, &digest, &folder, rounds, time).await
}

/// Starts an executor with the bench's contract; returns the contract's digest too.
async fn start(artefacts: &Artefacts, folder: &Path) -> Result<(Process, LoadedServer, String), StackError> {
    let contract = workspace().join("tests/contracts/bench/contract.yaml");
    let contract = prepare(&contract, &folder.join("contract"), None, &artefacts.cli)?;
    let digest = run(Command::new(&artefacts.cli).arg("digest").arg(&contract))?;
    let digest = digest.split_whitespace().find(|word| word.starts_with("sha256:")).unwrap_or_default().to_owned();
    let (mut process, doors) = start_executor("executor", &[contract], artefacts, folder)?;
    executor_ready(&mut process, doors.calls).await?;
    let server = LoadedServer { address: doors.calls, process: process.id() };
    Ok((process, server, digest))
}

async fn against_echo(
    executor: LoadedServer,
    digest: &str,
    folder: &Path,
    rounds: usize,
    time: Duration,
) -> Result<(Vec<Sample>, Vec<Sample>), StackError> {
    let address = free_address()?;
    let program = std::env::current_exe().map_err(StackError::io("finding this program"))?;
    let mut command = Command::new(program);
    command.args(["echo", "--listen", &address.to_string()]);
    let mut echo = Process::start("echo", command, &folder.join("echo.log"))?;
    let listens = || async move { tokio::net::TcpStream::connect(address).await.is_ok() };
    echo.ready(Duration::from_secs(10), "starting", listens).await?;
    let (mut real, mut bare) = (Vec::new(), Vec::new());
    let echo = LoadedServer { address, process: echo.id() };
    for _ in 0..rounds.max(1) {
        for (server, samples) in [(executor, &mut real), (echo, &mut bare)] {
            load(server, digest, AT_ONCE, Duration::from_millis(200)).await?;
            samples.push(load(server, digest, AT_ONCE, time).await?.0);
        }
    }
    Ok((real, bare))
}

/// Measures an executor with many tools: its memory, and two starts.
async fn hundred(artefacts: &Artefacts, folder: &Path) -> Result<(u64, [Duration; 2]), StackError> {
    let failed = |path: &Path| StackError::io(path.display().to_string());
    let tools = folder.join("contract/tools");
    fs::create_dir_all(&tools).map_err(failed(&tools))?;
    let module = workspace().join("tests/contracts/bench/tools/nothing.wat");
    let module = wat::parse_file(&module).map_err(|error| unfit(&error.to_string()))?;
    let mut text =
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: { name: hundred, version: 1.0.0 }\nspec:\n  \
                    models: [\"*\"]\n  roles: { clerk: { tools: [\"*\"] } }\n  tools:\n"
            .to_owned();
    for n in 0..TOOLS {
        // Each has another custom section, so no compiled code is shared.
        let mut other = module.clone();
        let section = format!("\u{3}n{n:02}");
        other.extend([0, u8::try_from(section.len()).unwrap_or_default()]);
        other.extend(section.bytes());
        let file = tools.join(format!("t{n}.wasm"));
        fs::write(&file, other).map_err(failed(&file))?;
        let zeros = "0".repeat(64);
        text += &format!(
            "    - {{ name: t{n}, effects: read, parameters: {{ type: object }}, run: {{ wasm: {{ module: tools/t{n}.wasm, \
             sha256: \"{zeros}\", memory: 1MiB }} }} }}\n"
        );
    }
    let contract = folder.join("contract/contract.yaml");
    fs::write(&contract, text).map_err(failed(&contract))?;
    run(Command::new(&artefacts.cli).arg("pin").arg(&contract))?;
    let mut startup = [Duration::ZERO; 2];
    let mut held = 0;
    for took in &mut startup {
        let began = Instant::now();
        let (mut process, doors) = start_executor("executor", std::slice::from_ref(&contract), artefacts, folder)?;
        executor_ready(&mut process, doors.calls).await?;
        *took = began.elapsed();
        held = resident(process.id())?;
    }
    Ok((held, startup))
}

/// Measures loading the contract with CPython, without and with compiled code from an earlier start.
fn interpreter(artefacts: &Artefacts, folder: &Path) -> Result<[Duration; 2], StackError> {
    const WARM: usize = 9;
    let failed = |path: &Path| StackError::io(path.display().to_string());
    let desk = artefacts.built("the contract with an interpreter", "contracts/tool-desk/contract.yaml")?;
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let file = folder.join("executor.yaml");
    let desk = desk.canonicalize().map_err(failed(&desk))?;
    let granted = desk.parent().unwrap_or(Path::new("/")).display();
    let text = format!("contracts: [\"{}\"]\nsandbox: {{ allow: [\"{granted}\"] }}\n", desk.display());
    fs::write(&file, text).map_err(failed(&file))?;
    let check = || {
        let began = Instant::now();
        run(Command::new(&artefacts.executor).arg("--check").arg("--config").arg(&file)).map(|_| began.elapsed())
    };
    let cold = check()?;
    let mut warm = (0..WARM).map(|_| check()).collect::<Result<Vec<_>, _>>()?;
    warm.sort_unstable();
    Ok([cold, warm.get(WARM / 2).copied().unwrap_or_default()])
}

/// Returns the client's view, and the median of the server's own durations.
async fn load(server: LoadedServer, digest: &str, at_once: usize, time: Duration) -> Result<(Sample, f64), StackError> {
    let endpoint =
        Channel::from_shared(format!("http://{}", server.address)).map_err(|error| unfit(&error.to_string()))?;
    let channel = endpoint.tcp_nodelay(true).connect().await.map_err(|error| unfit(&error.to_string()))?;
    let failed = StackError::io("the processor time of a server");
    let times = CpuTimes::start(server.process).map_err(failed)?;
    let began = Instant::now();
    let clients: Vec<_> = (0..at_once)
        .map(|_| tokio::spawn(client(ExecutorClient::new(channel.clone()), digest.to_owned(), began + time)))
        .collect();
    let (mut latencies, mut durations) = (Vec::new(), Vec::new());
    for client in clients {
        let (mut seen, mut said) = client.await.map_err(|error| unfit(&error.to_string()))??;
        latencies.append(&mut seen);
        durations.append(&mut said);
    }
    let took = began.elapsed();
    let used = times.used().map_err(StackError::io("the processor time of a server"))?;
    Ok((Sample::of(latencies, took).with_cpu(used, took), Sample::of(durations, took).p50))
}

async fn client(
    mut client: ExecutorClient<Channel>,
    digest: String,
    until: Instant,
) -> Result<(Vec<f64>, Vec<f64>), StackError> {
    let (mut latencies, mut durations) = (Vec::new(), Vec::new());
    while Instant::now() < until {
        let sent = Instant::now();
        let request = ExecuteRequest {
            contract_digest: digest.clone(),
            caller: Some(Caller { tenant: "acme".into(), role: "clerk".into(), ..Default::default() }),
            // Different each time: the same call of the same exchange runs once.
            exchange_id: uuid::Uuid::now_v7().to_string(),
            request_id: String::new(),
            round: 1,
            calls: vec![Call {
                id: "call_1".into(),
                tool: "nothing".into(),
                arguments: "{}".into(),
                ..Call::default()
            }],
            ..ExecuteRequest::default()
        };
        let answer = client.execute(request).await.map_err(|status| unfit(&status.to_string()))?.into_inner();
        let took = sent.elapsed();
        let outcome = answer.outcomes.first();
        match outcome.and_then(|outcome| outcome.outcome.as_ref()) {
            Some(Outcome::Success(_)) => latencies.push(took.as_secs_f64() * 1e6),
            other => return Err(unfit(&format!("{other:?}"))),
        }
        let said = outcome.and_then(|outcome| outcome.usage).map(|usage| Duration::from_micros(usage.duration_us));
        durations.extend(said.map(|said| said.as_secs_f64() * 1e6));
    }
    Ok((latencies, durations))
}

fn resident(process: u32) -> Result<u64, StackError> {
    process::resident(process).map_err(StackError::io("the executor's memory"))
}

fn unfit(what: &str) -> StackError {
    StackError::Unfit { what: format!("calling the executor: {what}") }
}
