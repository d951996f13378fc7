//! `up` and `down`: a stack in the background, with a state file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use callgate_stack::stack::{Artefacts, GatePlan, Model, Plan, Stack, StackError, end, workspace};
use callgate_stack::upstream::Upstream;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use super::Up;

/// The time limits for starting and ending a stack.
const START_LIMIT: Duration = Duration::from_secs(240);
const END_LIMIT: Duration = Duration::from_secs(20);

/// The running stack, for `down` and for clients.
#[derive(Debug, Serialize, Deserialize)]
struct StackState {
    /// The process with the stack.
    pid: u32,
    /// Base URL of each gate, by its `onViolation`.
    gates: BTreeMap<String, String>,
    /// The scripted model, if the stack has it.
    upstream: Option<String>,
    /// The folder of the logs.
    logs: PathBuf,
}

/// Starts a stack in the background; returns when it is ready.
pub(crate) async fn up(options: &Up) -> Result<(), StackError> {
    let file = state_file(options.state.clone());
    if let Some(state) = read(&file).filter(|state| is_stack(state.pid)) {
        println!("It is up already, as process {}:", state.pid);
        tell(&state);
        return Ok(());
    }
    let folder = folder(&file)?;
    let log = folder.join("stack.log");
    let output = File::create(&log).map_err(StackError::io(log.display().to_string()))?;
    let errors = output.try_clone().map_err(StackError::io(log.display().to_string()))?;
    let program = std::env::current_exe().map_err(StackError::io("finding this program"))?;
    let mut command = Command::new(program);
    // A process group of its own: Ctrl-C here does not end it.
    command.args(std::env::args_os().skip(1)).arg("--foreground").process_group(0);
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let mut child = command.spawn().map_err(StackError::io("starting the stack"))?;
    println!("starting the stack (log: {})", log.display());
    let began = Instant::now();
    let mut told = 0;
    loop {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let new = text.get(told..).unwrap_or_default();
        let whole = new.rfind('\n').map_or(0, |at| at + 1);
        eprint!("{}", new.get(..whole).unwrap_or_default());
        told += whole;
        if let Some(state) = read(&file).filter(|state| state.pid == child.id()) {
            tell(&state);
            println!("`make down` ends it.");
            return Ok(());
        }
        if let Ok(Some(_)) = child.try_wait() {
            return Err(StackError::Unfit { what: format!("The stack did not start:\n{text}") });
        }
        if began.elapsed() > START_LIMIT {
            end(child.id(), Signal::TERM);
            return Err(StackError::Unfit {
                what: format!("The stack was not ready after {} s.", START_LIMIT.as_secs()),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs the scripted model until a signal ends it.
pub(crate) async fn model(listen: SocketAddr) -> Result<(), StackError> {
    let mut terminated = signal(SignalKind::terminate()).map_err(StackError::io("waiting for signals"))?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(StackError::io("waiting for signals"))?;
    let model = Upstream::start(listen).await.map_err(StackError::io(format!("listening on {listen}")))?;
    println!("the scripted model listens on {}", model.address());
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}

/// Starts a stack and holds it until a signal ends it.
pub(crate) async fn stay(options: &Up) -> Result<(), StackError> {
    let file = state_file(options.state.clone());
    let folder = folder(&file)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(StackError::io("waiting for signals"))?;
    let model = Model::from_environment()?;
    let path = if let Model::Real(base) = &model { base.path().to_owned() } else { "/v1".to_owned() };
    let artefacts = Artefacts::find()?;
    let contract = match &options.contract {
        Some(contract) => contract.canonicalize().map_err(StackError::io(contract.display().to_string()))?,
        None => artefacts.built("the example contract", "contracts/order-desk/contract.yaml")?,
    };
    let gates = (0..).zip(&options.on_violation).map(|(n, on_violation)| {
        let listen = (options.port != 0).then(|| ([127, 0, 0, 1], options.port.saturating_add(n)).into());
        GatePlan { listen, ..GatePlan::new(on_violation, &contract).on_violation(on_violation) }
    });
    let plan = Plan { model, gates: gates.collect(), one_by_one: false };
    let stack = tokio::select! {
        stack = Stack::start(&plan, &artefacts, &folder) => stack?,
        _ended = terminated.recv() => return Ok(()),
    };
    let state = StackState {
        pid: std::process::id(),
        gates: stack.gates().iter().map(|gate| (gate.name.clone(), format!("http://{}{path}", gate.address))).collect(),
        upstream: stack.upstream().map(|upstream| format!("http://{}", upstream.address())),
        logs: folder,
    };
    write(&file, &state)?;
    tokio::select! {
        _ended = terminated.recv() => {}
        _ended = tokio::signal::ctrl_c() => {}
    }
    let _removed = fs::remove_file(&file);
    drop(stack);
    Ok(())
}

/// Ends the stack of a state file.
pub(crate) async fn down(state: Option<PathBuf>) -> Result<(), StackError> {
    let file = state_file(state);
    let Some(state) = read(&file).filter(|state| is_stack(state.pid)) else {
        println!("Nothing is up.");
        let _removed = fs::remove_file(&file);
        return Ok(());
    };
    end(state.pid, Signal::TERM);
    let began = Instant::now();
    while is_stack(state.pid) {
        if began.elapsed() > END_LIMIT {
            let what = format!("Process {} did not end within {} s.", state.pid, END_LIMIT.as_secs());
            return Err(StackError::Unfit { what });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("It is down.");
    Ok(())
}

fn tell(state: &StackState) {
    for (on_violation, url) in &state.gates {
        println!("  {url}  onViolation: {on_violation}");
    }
    if let Some(upstream) = &state.upstream {
        println!("  {upstream}  the scripted model; GET /_/requests shows what reached it");
    }
}

fn state_file(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| workspace().join(".callgate/run/stack.json"))
}

fn folder(file: &Path) -> Result<PathBuf, StackError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(StackError::io(folder.display().to_string()))?;
    folder.canonicalize().map_err(StackError::io(folder.display().to_string()))
}

fn read(file: &Path) -> Option<StackState> {
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

fn write(file: &Path, state: &StackState) -> Result<(), StackError> {
    let text = serde_json::to_string_pretty(state).unwrap_or_default();
    // Renamed into place, so no reader sees half of it.
    let partial = file.with_extension("partial");
    fs::write(&partial, text).map_err(StackError::io(partial.display().to_string()))?;
    fs::rename(&partial, file).map_err(StackError::io(file.display().to_string()))
}

/// True if this process id is a running stack: the system reuses ids.
fn is_stack(pid: u32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("callgate-stack")
}
