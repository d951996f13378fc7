//! Starts a stack of real processes on free loopback ports: the executor, one Envoy per gate, and their upstream.
//!
//! ```text
//! client ─► gate (Envoy + callgate.wasm) ─► upstream: scripted, in this process, or a real API
//!                    └─► switch ─► executor
//! ```
//!
//! Dropping a stack ends everything it started, by the ids of its own processes.

mod artefacts;
mod bootstrap;
mod containers;
mod contract;
mod engine;
mod error;
mod gate;
mod plan;
mod process;
mod switch;
mod tls;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub use artefacts::{Artefacts, GateHost, workspace};
pub use bootstrap::Bootstrap;
use containers::Containers;
pub use contract::{prepare, run};
pub use engine::{Container, Engine};
pub use error::StackError;
pub use gate::Gate;
use gate::{ENVOY_OPTIONS, GateNames, configure, start_gate};
pub use plan::{BaseUrl, Change, GatePlan, Model, Plan};
pub use process::{Process, end};
pub use switch::Switch;

use crate::upstream::Upstream;

/// Compiling a large tool (an interpreter) takes longer still, the first time.
const EXECUTOR_LIMIT: Duration = Duration::from_secs(180);

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    gates: Vec<Gate>,
    upstream: Option<Upstream>,
    switch: Switch,
    executor: Process,
    doors: Doors,
    folder: PathBuf,
    /// Network and volume of the containers, if any. Last, because they can be removed only when nothing uses them.
    _containers: Option<Containers>,
}

impl Stack {
    /// Starts everything in `plan`; files and logs go to `folder`. Reports progress on standard error.
    pub async fn start(plan: &Plan, artefacts: &Artefacts, folder: &Path) -> Result<Self, StackError> {
        let folder = folder.canonicalize().map_err(StackError::io(folder.display().to_string()))?;
        let (upstream, model) = match &plan.model {
            Model::Scripted { listen } => {
                let upstream = Upstream::start(*listen).await.map_err(StackError::io("starting the upstream"))?;
                let options = vec!["--upstream".to_owned(), upstream.address().to_string()];
                (Some(upstream), options)
            }
            Model::At(address) => (None, vec!["--upstream".to_owned(), address.to_string()]),
            Model::Real(base) => (None, base.options()),
        };
        let contracts = prepare_all(plan, artefacts, &folder)?;
        let (mut executor, doors) = start_executor("executor", &different(&contracts), artefacts, &folder)?;
        let switch = Switch::start(Some(doors.calls)).await.map_err(StackError::io("starting the switch"))?;
        let mut gates = Vec::new();
        if plan.one_by_one {
            executor_ready(&mut executor, doors.calls).await?;
        }
        for (gate, contract) in plan.gates.iter().zip(contracts) {
            let mut gate = start_gate(gate, contract, &model, switch.address(), artefacts, &folder)?;
            if plan.one_by_one {
                gate.ready().await?;
            }
            gates.push(gate);
        }
        executor_ready(&mut executor, doors.calls).await?;
        for gate in &mut gates {
            gate.ready().await?;
        }
        Ok(Self { gates, upstream, switch, executor, doors, folder, _containers: None })
    }

    /// Returns the gate with this name.
    pub fn gate(&self, name: &str) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.name == name)
    }

    /// All gates.
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// The scripted upstream, unless the model is a real API.
    pub fn upstream(&self) -> Option<&Upstream> {
        self.upstream.as_ref()
    }

    /// The door between the gates and the executor.
    pub fn switch(&self) -> &Switch {
        &self.switch
    }

    /// The executor.
    pub fn executor(&self) -> (&Process, SocketAddr) {
        (&self.executor, self.doors.calls)
    }

    /// Returns the address of the executor's HTTP side, and its token.
    pub fn executor_http(&self) -> Result<(SocketAddr, String), StackError> {
        let file = self.folder.join("callgate-state/http-token");
        let token = fs::read_to_string(&file).map_err(StackError::io(file.display().to_string()))?;
        Ok((self.doors.http, token.trim().to_owned()))
    }

    /// Returns the folder of files and logs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the ids of all processes.
    pub fn processes(&self) -> Vec<u32> {
        self.gates.iter().map(|gate| gate.envoy.id()).chain([self.executor.id()]).collect()
    }
}

/// Prepares the contract of each gate, in a folder of its own.
fn prepare_all(plan: &Plan, artefacts: &Artefacts, folder: &Path) -> Result<Vec<PathBuf>, StackError> {
    let prepare = |gate: &GatePlan| {
        let into = folder.join("contracts").join(&gate.name);
        prepare(&gate.contract, &into, gate.on_violation.as_deref(), &artefacts.cli)
    };
    plan.gates.iter().map(prepare).collect()
}

/// Removes contracts with a repeated text: they have one digest.
fn different(contracts: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let mut new = |contract: &&PathBuf| {
        let text = fs::read(contract).ok();
        let new = !seen.contains(&text);
        seen.push(text);
        new
    };
    contracts.iter().filter(|contract| new(contract)).cloned().collect()
}

/// The addresses of an executor.
#[derive(Debug, Clone, Copy)]
pub struct Doors {
    /// gRPC.
    pub calls: SocketAddr,
    /// Approvals, audit, metrics.
    pub http: SocketAddr,
}

/// Writes the setting that lets contracts grant files in their own folders.
fn folders_of<'a>(contracts: impl Iterator<Item = &'a PathBuf>) -> String {
    let folders: BTreeSet<_> = contracts.filter_map(|contract| contract.parent()).collect();
    let folders: String = folders.iter().map(|folder| format!("    - {}\n", folder.display())).collect();
    if folders.is_empty() { String::new() } else { format!("sandbox:\n  allow:\n{folders}") }
}

/// Starts an executor with `contracts`, its state in `folder`; wait for it with [`executor_ready`].
pub fn start_executor(
    name: &str,
    contracts: &[PathBuf],
    artefacts: &Artefacts,
    folder: &Path,
) -> Result<(Process, Doors), StackError> {
    let doors = Doors { calls: free_address()?, http: free_address()? };
    let Doors { calls, http } = doors;
    let list: String = contracts.iter().map(|contract| format!("  - {}\n", contract.display())).collect();
    let file = folder.join(format!("{name}.yaml"));
    let allow = folders_of(contracts.iter());
    let text = format!("listen: {calls}\nhttp: {{ listen: \"{http}\" }}\ncontracts:\n{list}concurrency: 16\n{allow}");
    fs::write(&file, text).map_err(StackError::io(file.display().to_string()))?;
    let mut command = Command::new(&artefacts.executor);
    command.arg("--config").arg(&file).current_dir(folder);
    // Not beside the configuration: the executor watches that folder, and each line would wake it.
    let logs = folder.join("logs");
    fs::create_dir_all(&logs).map_err(StackError::io(logs.display().to_string()))?;
    Ok((Process::start(name, command, &logs.join(format!("{name}.log")))?, doors))
}

/// Waits until an executor takes connections.
pub async fn executor_ready(executor: &mut Process, address: SocketAddr) -> Result<(), StackError> {
    let ready = || async move { tokio::net::TcpStream::connect(address).await.is_ok() };
    executor.ready(EXECUTOR_LIMIT, "compiling the tools", ready).await.map(drop)
}

/// Returns a free loopback address. Its port is below those that the system gives to outgoing connections, so none of them takes it before
/// a server does.
pub fn free_address() -> Result<SocketAddr, StackError> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let seed =
        std::process::id().wrapping_mul(7919).wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed).wrapping_mul(17));
    (0..2_000_u32)
        .filter_map(|step| u16::try_from(20_000 + seed.wrapping_add(step * 31) % 12_000).ok())
        .find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?.local_addr().ok())
        .ok_or_else(|| StackError::Unfit { what: "no port from 20000 to 31999 is free on 127.0.0.1".to_owned() })
}
