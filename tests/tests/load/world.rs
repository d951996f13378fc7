//! The stack of a load, and its state at the end.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callgate_tests::envoy::stats;
use callgate_tests::executor::{Behaviour, FakeExecutor};
use callgate_tests::http::get;
use callgate_tests::stack::{Artefacts, Gate, GateHost, GatePlan, Model, Plan, Stack, StackError, Switch};
use callgate_tests::stack::{prepare, workspace};
use callgate_tests::upstream::Upstream;
use serde_json::Value;
use tempfile::TempDir;

use crate::book::Book;

/// Contracts to roll out, one after the other.
const VERSIONS: usize = 3;
/// Lines of Envoy's log that must not be there.
const SIGNS: [&str; 10] = [
    "panic",
    "Caught ",
    "Backtrace",
    "assert failure",
    "in-VM failure",
    "Uncaught",
    "Proxy-Wasm plugin",
    "AddressSanitizer",
    "does not give or take the bytes",
    "does not fit its event",
];

pub struct World {
    pub stack: Stack,
    pub upstream: Upstream,
    /// The link to the model's provider.
    pub provider: Switch,
    /// The targets of calls: executors, good and bad, and nothing.
    pub executors: Vec<Option<SocketAddr>>,
    contracts: Vec<PathBuf>,
    turn: AtomicUsize,
    _fakes: Vec<FakeExecutor>,
    _folder: TempDir,
}

impl World {
    pub async fn start(host: GateHost) -> Result<Self, StackError> {
        let mut artefacts = Artefacts::find()?;
        artefacts.host = host;
        artefacts.filter = artefacts.built("the filter", host.module())?;
        let folder = tempfile::tempdir().map_err(StackError::io("a folder for the stack"))?;
        let anywhere = || (Ipv4Addr::LOCALHOST, 0).into();
        let upstream = Upstream::start(anywhere()).await.map_err(StackError::io("starting the upstream"))?;
        let provider = Switch::start(Some(upstream.address())).await.map_err(StackError::io("starting the link"))?;
        let contracts: Vec<PathBuf> =
            (0..VERSIONS).map(|n| contract(n, folder.path(), &artefacts)).collect::<Result<_, _>>()?;
        let mut gate = GatePlan { reloadable: true, ..GatePlan::new("load", &contracts[0]) };
        // The least for this contract: a worker that does not give its bytes back refuses exchanges soon.
        gate.render = ["--executor-timeout", "2s", "--held-bytes", "6MiB"].map(str::to_owned).to_vec();
        let plan = Plan { model: Model::At(provider.address()), gates: vec![gate], one_by_one: false };
        let stack = Stack::start(&plan, &artefacts, folder.path()).await?;
        let mut fakes = Vec::new();
        for behaviour in [
            Behaviour::Echo,
            Behaviour::Slow(Duration::from_millis(30)),
            Behaviour::Slow(Duration::from_secs(3)),
            Behaviour::TooFew,
            Behaviour::NotJson,
            Behaviour::Fails,
            Behaviour::Overloaded,
        ] {
            fakes.push(FakeExecutor::start(anywhere(), behaviour).await.map_err(StackError::io("a fake executor"))?);
        }
        let mut executors: Vec<_> = fakes.iter().map(|fake| Some(fake.address())).collect();
        executors.extend([Some(stack.executor().1), None]);
        let turn = AtomicUsize::new(0);
        Ok(Self { stack, upstream, provider, executors, contracts, turn, _fakes: fakes, _folder: folder })
    }

    pub fn gate(&self) -> &Gate {
        &self.stack.gates()[0]
    }

    /// Returns a contract other than the last one.
    pub fn next_contract(&self) -> PathBuf {
        self.contracts[(self.turn.fetch_add(1, Ordering::Relaxed) + 1) % VERSIONS].clone()
    }

    /// Restores the provider and an honest executor.
    pub fn mend(&self) {
        self.provider.turn(Some(self.upstream.address()));
        self.stack.switch().turn(self.executors[0]);
    }

    /// Returns true if Envoy lives. Nothing starts it again.
    pub async fn answers(&self) -> bool {
        matches!(get(self.gate().admin, "/ready").await, Ok((200, _)))
    }

    /// Checks Envoy, its log and its counters; returns what is wrong.
    pub async fn check(&self, book: &Book) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.answers().await {
            wrong.push("Envoy does not answer any more".to_owned());
        }
        let log = self.gate().envoy.log();
        let signs = log.lines().filter(|line| SIGNS.iter().any(|sign| line.contains(sign)));
        wrong.extend(signs.take(20).map(|line| format!("in Envoy's log: {line}")));
        let counters = stats(self.gate().admin, "(wasmcustom.callgate|listener_manager.lds)").await.unwrap_or_default();
        let of = |name: &str| counters.iter().filter(|(of, _)| of.contains(name)).map(|(_, count)| count).sum::<u64>();
        // Envoy may read a file once after two changes of it.
        if of("lds.update_rejected") > 0 || of("lds.update_success") * 2 <= book.of("contracts rolled out") {
            wrong.push(format!("Envoy did not take the contracts: {counters:?}"));
        }
        for name in ["exchanges.cancelled", "calls.released", "calls.run", "calls.refused", "exchanges.refused"] {
            println!("  callgate.{name}: {}", of(&format!("callgate.{name}")));
            if of(&format!("callgate.{name}")) == 0 {
                wrong.push(format!("the load had none of {name}"));
            }
        }
        wrong
    }

    /// Returns the verdicts in the access log, once it does not grow any more.
    pub async fn verdicts(&self) -> Vec<String> {
        let mut log = self.gate().envoy.log();
        loop {
            // Envoy writes it every 200 ms.
            tokio::time::sleep(Duration::from_millis(600)).await;
            let now = self.gate().envoy.log();
            if now == log {
                break;
            }
            log = now;
        }
        let verdict =
            |line: &str| serde_json::from_str::<Value>(line).ok()?.get("verdict")?.as_str().map(str::to_owned);
        log.lines().filter_map(verdict).collect()
    }
}

/// Prepares a version of the contract of the end-to-end tests, with a turn that ends soon.
fn contract(n: usize, folder: &Path, artefacts: &Artefacts) -> Result<PathBuf, StackError> {
    let original = workspace().join("tests/contracts/gate/contract.yaml");
    let contract = prepare(&original, &folder.join(format!("version-{n}")), Some("refuse"), &artefacts.cli)?;
    let failed = || StackError::io(contract.display().to_string());
    let text = fs::read_to_string(&contract).map_err(failed())?;
    let changed =
        text.replace("version: 1.0.0", &format!("version: 1.0.{n}")).replace("turnTimeout: 6s", "turnTimeout: 2s");
    fs::write(&contract, changed).map_err(failed())?;
    Ok(contract)
}
