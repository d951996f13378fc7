//! The same stack with Envoy and the executor in containers, on a network of their own.
//!
//! ```text
//! client ─► published port ─► gate (container) ─► upstream: scripted, in this process, at the network's gateway
//!                                └─ mutual TLS ─► executor (container, reached by name)
//! ```
//!
//! The filter is the file in the filter's image. The executor writes to a volume and nowhere else.

use std::fs::{self, Permissions};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::engine::{Engine, Network, Volume};
use super::{
    Artefacts, Doors, EXECUTOR_LIMIT, Gate, GateNames, GatePlan, Model, Plan, Process, Stack, StackError, Switch,
    configure, different, folders_of, free_address, prepare_all, run, tls,
};
use crate::upstream::Upstream;

const EXECUTOR_IMAGE: &str = "localhost/callgate-executor:latest";
const FILTER_IMAGE: &str = "localhost/callgate-filter:latest";
const ENVOY_IMAGE: &str = "localhost/callgate-envoy:latest";
/// The stack's folder inside each container.
const FOLDER: &str = "/etc/callgate";
const STATE: &str = "/var/lib/callgate";
/// Inside a container, which has no other process.
const EVERYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The shared parts of a stack's containers.
#[derive(Debug)]
pub(super) struct Containers {
    engine: Engine,
    /// Keeps the names of two stacks apart.
    prefix: String,
    network: Network,
    volume: Volume,
    folder: PathBuf,
}

impl Containers {
    fn start(engine: Engine, folder: &Path) -> Result<Self, StackError> {
        let prefix = format!("callgate-test-{}", std::process::id());
        let network = engine.network(&prefix)?;
        let volume = engine.volume(&prefix)?;
        // The containers run as other users.
        fs::set_permissions(folder, Permissions::from_mode(0o755))
            .map_err(StackError::io(folder.display().to_string()))?;
        tls::write(&folder.join("tls"))?;
        let containers = Self { engine, prefix, network, volume, folder: folder.into() };
        containers.take_filter()?;
        Ok(containers)
    }

    /// Copies the module out of its image, like a mesh. The image cannot run, so its container names a command it does not have.
    fn take_filter(&self) -> Result<(), StackError> {
        let name = format!("{}-filter", self.prefix);
        run(&mut self.engine.command(["create", "--name", &name, FILTER_IMAGE, "/plugin.wasm"]))?;
        let into = self.folder.join("callgate.wasm").display().to_string();
        let taken = run(&mut self.engine.command(["cp", &format!("{name}:/plugin.wasm"), &into]));
        run(&mut self.engine.command(["rm", &name]))?;
        taken.map(drop)
    }

    fn mount(&self) -> String {
        format!("--volume={}:{FOLDER}:ro", self.folder.display())
    }

    /// Returns the path of a file of the stack's folder, inside a container.
    fn inside(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.folder).map_or_else(|_| path.into(), |path| Path::new(FOLDER).join(path))
    }

    async fn executor(&self, contracts: &[PathBuf]) -> Result<Process, StackError> {
        let list: String =
            contracts.iter().map(|contract| format!("  - {}\n", self.inside(contract).display())).collect();
        let text = format!(
            "listen: 0.0.0.0:7070\n\
             tls:\n  certificate: tls/executor.crt\n  key: tls/executor.key\n  clientCa: tls/ca.crt\n  allowedClients: [\"dns:{}\"]\n\
             stateDir: {STATE}\ncontracts:\n{list}concurrency: 16\n{}",
            tls::ENVOY,
            folders_of(contracts.iter().map(|contract| self.inside(contract)).collect::<Vec<_>>().iter())
        );
        let file = self.folder.join("executor.yaml");
        fs::write(&file, text).map_err(StackError::io(file.display().to_string()))?;
        let options = [format!("--network-alias={}", tls::EXECUTOR), self.mount(), self.volume.at(STATE)];
        let name = format!("{}-executor", self.prefix);
        let (command, container) = self.engine.run(&name, &self.network, &options, EXECUTOR_IMAGE);
        let log = self.folder.join("executor.log");
        let mut executor = Process::start("executor", command, &log)?.in_container(container);
        // Its port refuses clients without a certificate, so the log shows readiness.
        let log = log.as_path();
        let ready = || async move { fs::read_to_string(log).is_ok_and(|log| log.contains("\"message\":\"ready\"")) };
        executor.ready(EXECUTOR_LIMIT, "compiling the tools", ready).await?;
        Ok(executor)
    }

    fn gate(
        &self,
        plan: &GatePlan,
        contract: PathBuf,
        model: &[String],
        artefacts: &Artefacts,
    ) -> Result<Gate, StackError> {
        let (address, admin) = (plan.listen.map_or_else(free_address, Ok)?, free_address()?);
        let names = GateNames {
            listen: (EVERYWHERE, 10_000).into(),
            admin: (EVERYWHERE, 9_901).into(),
            executor: format!("{}:7070", tls::EXECUTOR),
            filter: Path::new(FOLDER).join(artefacts.host.module()),
        };
        let mut plan = plan.clone();
        for (option, file) in
            [("--executor-ca", "ca.crt"), ("--executor-certificate", "envoy.crt"), ("--executor-key", "envoy.key")]
        {
            let file = Path::new(FOLDER).join("tls").join(file);
            plan.render.extend([option.to_owned(), file.display().to_string()]);
        }
        let rendered = configure(&plan, &contract, model, &names, artefacts)?;
        let file = self.folder.join(format!("envoy-{}.yaml", plan.name));
        fs::write(&file, rendered).map_err(StackError::io(file.display().to_string()))?;
        let options = [self.mount(), format!("--publish={address}:10000"), format!("--publish={admin}:9901")];
        let image = std::env::var("ENVOY_IMAGE").ok().filter(|image| !image.is_empty());
        let name = format!("{}-envoy-{}", self.prefix, plan.name);
        let (mut command, container) =
            self.engine.run(&name, &self.network, &options, image.as_deref().unwrap_or(ENVOY_IMAGE));
        command.arg("--config-path").arg(self.inside(&file)).args(super::ENVOY_OPTIONS);
        let log = self.folder.join(format!("envoy-{}.log", plan.name));
        let envoy = Process::start(&format!("envoy ({})", plan.name), command, &log)?.in_container(container);
        Ok(Gate { name: plan.name.clone(), address, admin, contract, envoy, startup: Duration::ZERO, reload: None })
    }
}

impl Stack {
    /// Starts the processes of `plan` in containers of `engine`. `make images` must have built the images. The gates reach the executor by
    /// its name and not through the switch, so a test cannot replace it.
    pub async fn start_in_containers(
        engine: Engine,
        plan: &Plan,
        artefacts: &Artefacts,
        folder: &Path,
    ) -> Result<Self, StackError> {
        let folder = folder.canonicalize().map_err(StackError::io(folder.display().to_string()))?;
        let contracts = prepare_all(plan, artefacts, &folder)?;
        let containers = Containers::start(engine, &folder)?;
        // First, because the network is up, and its gateway an address of this machine, only once a container is on it.
        let executor = containers.executor(&different(&contracts)).await?;
        let gateway = containers.network.gateway();
        let (upstream, model) = match &plan.model {
            Model::Scripted { listen } => {
                let listen = SocketAddr::new(gateway, listen.port());
                let upstream = Upstream::start(listen).await.map_err(StackError::io("starting the upstream"))?;
                let options = vec!["--upstream".to_owned(), upstream.address().to_string()];
                (Some(upstream), options)
            }
            Model::At(address) => (None, vec!["--upstream".to_owned(), format!("{gateway}:{}", address.port())]),
            Model::Real(base) => (None, base.options()),
        };
        // Not published: only Envoy reaches them.
        let doors = Doors { calls: (EVERYWHERE, 7_070).into(), http: (EVERYWHERE, 7_071).into() };
        let switch = Switch::start(Some(doors.calls)).await.map_err(StackError::io("starting the switch"))?;
        let mut gates = Vec::new();
        for (gate, contract) in plan.gates.iter().zip(contracts) {
            gates.push(containers.gate(gate, contract, &model, artefacts)?);
        }
        for gate in &mut gates {
            gate.ready().await?;
        }
        Ok(Self { gates, upstream, switch, executor, doors, folder, _containers: Some(containers) })
    }
}
