//! A contract with its modules in a folder of its own, and an executor that serves it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callgate_executor::admission::{AdmissionError, AdmissionSettings, Registry};
use callgate_executor::config::Config;
use callgate_executor::queue::Load;
use callgate_executor::server::Server;
use callgate_executor::telemetry::{Instruments, Metrics};
use callgate_executor::transport::Bound;
use callgate_policies::WorkerProgram;
use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, CallOutcome, Caller, ExecuteRequest, FailureKind, Usage};
use callgate_sandbox::Network;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::Channel;

/// A contract under construction.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    tools: String,
    /// More lines of executor.yaml.
    configured: String,
    /// Folders it may grant, beside those of tests.
    allow: Vec<PathBuf>,
    /// A contract of another folder, served instead of this one.
    served: Option<PathBuf>,
    /// Further lines of the contract's `spec`.
    spec: String,
    pub(crate) concurrency: u32,
    network: Network,
}

/// An executor that serves a desk, until it is dropped.
pub(crate) struct Running {
    pub(crate) client: ExecutorClient<Channel>,
    pub(crate) channel: Channel,
    pub(crate) digest: String,
    load: Box<dyn Fn() -> Load + Send + Sync>,
    pub(crate) instruments: Instruments,
    _stop: oneshot::Sender<()>,
    folder: TempDir,
}

/// An executor that serves a configuration, until `stop` is dropped.
pub(crate) struct Served {
    pub(crate) bound: Bound,
    pub(crate) digest: String,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) ended: JoinHandle<()>,
    pub(crate) instruments: Instruments,
    load: Box<dyn Fn() -> Load + Send + Sync>,
}

/// Serves the files written by the desk of this configuration.
pub(crate) async fn serve(config: &Config) -> Served {
    serve_on(config, Network::system()).await
}

/// Starts an executor with this configuration, at a port of plaintext; `folder` is removed with it.
pub(crate) async fn running(config: Config, network: Network, folder: TempDir) -> Running {
    let Served { bound, digest, stop, instruments, load, .. } = serve_on(&config, network).await;
    let channel = Channel::from_shared(format!("http://{bound}")).unwrap().connect().await.unwrap();
    Running { client: ExecutorClient::new(channel.clone()), channel, digest, load, instruments, _stop: stop, folder }
}

async fn serve_on(config: &Config, network: Network) -> Served {
    let metrics = Metrics::new();
    let registry = tokio::task::spawn_blocking({
        let (config, metrics) = (config.clone(), metrics.clone());
        move || Registry::admit_on(&admission(&config), network, metrics.modules())
    });
    let registry = Arc::new(registry.await.unwrap().unwrap_or_else(|error| panic!("{error}")));
    let digest = registry.digests()[0].to_owned();
    let instruments = Instruments::start(&config.telemetry, metrics).unwrap();
    let server = Server::bind(config, registry, instruments.clone()).await.unwrap();
    let bound = server.address().clone();
    let load = Box::new(server.load());
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(async {
        let stopped = async {
            let _ = stopped.await;
        };
        server.serve(stopped).await.unwrap();
    });
    Served { bound, digest, stop, ended, instruments, load }
}

/// The settings of a configuration. The program of this test cannot evaluate policies.
fn admission(config: &Config) -> AdmissionSettings {
    AdmissionSettings {
        policy_worker: WorkerProgram::at(env!("CARGO_BIN_EXE_callgate-executor")),
        ..config.admission()
    }
}

/// The variables a desk's contracts may grant.
const VARIABLES: &str = "CARGO_PKG_NAME, TEST_VARIABLE_THAT_NOBODY_SETS";

/// The end of a call, for assertions.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) result: Result<String, (FailureKind, String, String)>,
    pub(crate) usage: Usage,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            tools: String::new(),
            configured: String::new(),
            allow: vec![std::env::temp_dir()],
            served: None,
            spec: String::new(),
            concurrency: 4,
            network: Network::system(),
        }
    }

    /// Makes a desk with one tool, `t`.
    pub(crate) fn with(wat: &str, grants: &str) -> Self {
        Self::new().tool("t", &wasm(wat), grants)
    }

    /// Adds a tool; `grants` is YAML inside `run.wasm`, such as `fuel: 1M, timeout: 2s`.
    pub(crate) fn tool(self, name: &str, module: &[u8], grants: &str) -> Self {
        self.tool_with(name, module, grants, "")
    }

    /// Adds a tool with more fields of its own, such as `result: { type: object }`.
    pub(crate) fn tool_with(self, name: &str, module: &[u8], grants: &str, more: &str) -> Self {
        let hash = hex(&Sha256::digest(module));
        self.tool_pinned(name, module, &hash, grants, more)
    }

    /// Adds a tool with this hash of its module, right or wrong.
    pub(crate) fn tool_pinned(mut self, name: &str, module: &[u8], hash: &str, grants: &str, more: &str) -> Self {
        std::fs::write(self.folder.path().join(format!("{name}.wasm")), module).unwrap();
        let comma = if grants.is_empty() { "" } else { ", " };
        writeln!(
            self.tools,
            "    - name: {name}\n      effects: read\n      parameters: {{ type: object, properties: {{ n: {{ type: integer }} }} }}\n      \
             run: {{ wasm: {{ module: {name}.wasm, sha256: \"{hash}\"{comma}{grants} }} }}"
        )
        .unwrap();
        if !more.is_empty() {
            writeln!(self.tools, "      {more}").unwrap();
        }
        self
    }

    /// Adds a tool the calling application runs.
    pub(crate) fn client_tool(mut self, name: &str) -> Self {
        writeln!(
            self.tools,
            "    - {{ name: {name}, effects: read, parameters: {{ type: object }}, run: {{ client: {{}} }} }}"
        )
        .unwrap();
        self
    }

    /// Adds a tool the calling application runs, with more fields of its own.
    pub(crate) fn client_tool_with(mut self, name: &str, more: &str) -> Self {
        let comma = if more.is_empty() { "" } else { ", " };
        writeln!(
            self.tools,
            "    - {{ name: {name}, effects: write, parameters: {{ type: object }}, run: {{ client: {{}} }}{comma}{more} }}"
        )
        .unwrap();
        self
    }

    pub(crate) fn at_once(mut self, concurrency: u32) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Adds a line to executor.yaml.
    pub(crate) fn configured(mut self, line: &str) -> Self {
        writeln!(self.configured, "{line}").unwrap();
        self
    }

    /// Lets contracts grant nothing but these folders and files.
    pub(crate) fn allowing(mut self, paths: &[&Path]) -> Self {
        self.allow = paths.iter().map(|path| (*path).to_owned()).collect();
        self
    }

    /// Adds a tool at a backend; `rest` is YAML of its `effects`, `run` and other fields.
    pub(crate) fn backend_tool(mut self, name: &str, rest: &str) -> Self {
        writeln!(self.tools, "    - {{ name: {name}, parameters: {{ type: object }}, {rest} }}").unwrap();
        self
    }

    /// Serves an existing contract file.
    pub(crate) fn serving(mut self, contract: PathBuf) -> Self {
        self.served = Some(contract);
        self
    }

    pub(crate) fn calls_per_turn(mut self, calls: u32) -> Self {
        writeln!(self.spec, "  limits: {{ maxToolCallsPerTurn: {calls} }}").unwrap();
        self
    }

    /// Adds a line to the contract's `spec`.
    pub(crate) fn in_spec(mut self, line: &str) -> Self {
        writeln!(self.spec, "  {line}").unwrap();
        self
    }

    /// Uses another network than the system's.
    pub(crate) fn on(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the contract and returns the configuration that serves it.
    pub(crate) fn config(&self) -> Config {
        let contract = format!(
            "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: desk, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n  \
             roles: {{ clerk: {{ tools: [\"*\"] }}, guest: {{ tools: [] }} }}\n{}  tools:\n{}",
            self.spec, self.tools
        );
        std::fs::write(self.path().join("contract.yaml"), contract).unwrap();
        // All of them share one port.
        let http =
            if self.configured.lines().any(|line| line.starts_with("http:")) { "" } else { "http: { listen: off }\n" };
        let allow = if self.allow.is_empty() { String::new() } else { format!(" allow: {:?} ", self.allow) };
        let lists = ["sandbox", "secrets"].into_iter().filter(|section| {
            let begins = |line: &str| line.starts_with(&format!("{section}:"));
            !self.configured.lines().any(begins)
        });
        let env = |section| {
            let comma = if allow.is_empty() { "" } else { "," };
            if section == "sandbox" { format!("{comma} env: [{VARIABLES}] ") } else { String::new() }
        };
        let lists: String = lists.map(|section| format!("{section}: {{{allow}{}}}\n", env(section))).collect();
        let text = format!(
            "listen: 127.0.0.1:0\ncontracts: [{}]\nconcurrency: {}\nrequestBytes: 64KiB\ngracePeriod: 10s\n{http}{lists}{}",
            self.served.as_deref().unwrap_or(Path::new("contract.yaml")).display(),
            self.concurrency,
            self.configured
        );
        std::fs::write(self.path().join("executor.yaml"), &text).unwrap();
        Config::parse("executor.yaml", &text, self.path()).unwrap()
    }

    /// Returns the digest of the contract.
    pub(crate) fn digest(&self) -> String {
        Registry::admit(&admission(&self.config())).unwrap().digests()[0].to_owned()
    }

    /// Returns the reason why this desk cannot be served, without its folder's path.
    pub(crate) fn refused(&self) -> String {
        let error: AdmissionError = match Registry::admit(&admission(&self.config())) {
            Ok(_) => panic!("the executor would start"),
            Err(error) => error,
        };
        error.to_string().replace(&format!("{}/", self.path().display()), "")
    }

    /// Returns the reason why the executor would not start, if there is one.
    pub(crate) fn fault(&self) -> Option<String> {
        Registry::admit(&admission(&self.config())).err().map(|error| error.to_string())
    }

    pub(crate) async fn start(self) -> Running {
        let config = self.config();
        self.start_as(config).await
    }

    /// Starts with this configuration, at a port of plaintext.
    pub(crate) async fn start_as(self, config: Config) -> Running {
        running(config, self.network, self.folder).await
    }

    /// Starts, calls `t` once with no arguments, stops.
    pub(crate) async fn once(self) -> Ended {
        self.start().await.call("t", "{}").await
    }
}

impl Running {
    pub(crate) fn request(&self, role: &str, calls: &[(&str, &str)]) -> ExecuteRequest {
        let call = |(position, (tool, arguments)): (usize, &(&str, &str))| Call {
            id: format!("call_{position}"),
            tool: (*tool).to_owned(),
            arguments: (*arguments).to_owned(),
            ..Call::default()
        };
        ExecuteRequest {
            contract_digest: self.digest.clone(),
            caller: Some(Caller { tenant: "acme".into(), role: role.into(), ..Caller::default() }),
            // Each request has its own exchange, as the filter makes it: the same call of the same exchange runs once.
            exchange_id: uuid::Uuid::new_v4().to_string(),
            request_id: String::new(),
            round: 0,
            calls: calls.iter().enumerate().map(call).collect(),
            ..ExecuteRequest::default()
        }
    }

    pub(crate) async fn execute(&self, request: ExecuteRequest) -> Result<Vec<Ended>, Status> {
        Self::send(self.client.clone(), request).await
    }

    /// Waits until so many calls run in the sandbox.
    pub(crate) async fn until_running(&self, calls: u32) {
        while (self.load)().running < calls {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn send(
        mut client: ExecutorClient<Channel>,
        request: ExecuteRequest,
    ) -> Result<Vec<Ended>, Status> {
        let ids: Vec<_> = request.calls.iter().map(|call| call.id.clone()).collect();
        let outcomes = client.execute(request).await?.into_inner().outcomes;
        assert_eq!(outcomes.iter().map(|outcome| outcome.id.clone()).collect::<Vec<_>>(), ids);
        Ok(outcomes.into_iter().map(Ended::from).collect())
    }

    /// Returns the text of a file in the desk's folder.
    pub(crate) fn file(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join(path)).ok()
    }

    pub(crate) fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) async fn call(&self, tool: &str, arguments: &str) -> Ended {
        self.execute(self.request("clerk", &[(tool, arguments)])).await.unwrap().remove(0)
    }
}

impl Ended {
    /// Returns the kind of failure; panics on a success.
    pub(crate) fn kind(&self) -> FailureKind {
        match &self.result {
            Err((kind, ..)) => *kind,
            Ok(result) => panic!("expected a failure, found the result {result}"),
        }
    }

    pub(crate) fn message(&self) -> &str {
        match &self.result {
            Err((_, message, _)) => message,
            Ok(result) => panic!("expected a failure, found the result {result}"),
        }
    }

    pub(crate) fn code(&self) -> &str {
        match &self.result {
            Err((.., code)) => code,
            Ok(result) => panic!("expected a failure, found the result {result}"),
        }
    }

    /// Returns the result; panics on a failure.
    pub(crate) fn result(&self) -> &str {
        match &self.result {
            Ok(result) => result,
            Err(failure) => panic!("expected a result, found {failure:?}"),
        }
    }
}

impl From<CallOutcome> for Ended {
    fn from(outcome: CallOutcome) -> Self {
        let usage = outcome.usage.unwrap();
        let result = match outcome.outcome.unwrap() {
            Outcome::Success(success) => Ok(success.result),
            Outcome::Failure(failure) => Err((failure.kind(), failure.message, failure.violation_code)),
        };
        Self { result, usage }
    }
}

pub(crate) fn wasm(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
