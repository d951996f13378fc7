//! One call, decided and run in this process.
//!
//! Only the called tool is compiled and granted anything. The secrets and folders of the contract's other tools need not exist.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use callgate_contract::{
    Approved, Bounds, Caller, Contract, Conversation, ConversationFacts, GrpcRun, HttpRun, McpRun, ProposedCall, Role,
    Run, Texts, Tool, Verdict, Violation, WasmRun, decide,
};
use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::{CallOutcome, Usage};
use callgate_sandbox::Finished;
use tokio::time::Instant;
use uuid::Uuid;

use crate::admission::{AdmissionError, Runnable, admit_one, read_contract};
use crate::backends::{BackendError, BackendMetrics, Backends, Invocation};
use crate::config::{Config, ConfigError};
use crate::outcome;

/// A configuration that grants a tool the folders and files below the contract's folder, and has no backends.
const CONFIG: &str =
    "contracts: [contract.yaml]\nconcurrency: 1\nsandbox: { cacheBytes: 0, allow: [.] }\nsecrets: { allow: [.] }\n";
/// The name of that configuration in errors.
const CONFIG_NAME: &str = "executor.yaml, which --config names";
/// The call's id, as the tool sees it.
const CALL_ID: &str = "local";

/// One call, as the command line gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalCall<'a> {
    /// The contract's file.
    pub(super) contract: &'a Path,
    /// The executor's configuration: the allowed grants, and the backends' addresses.
    pub(super) config: Option<&'a Path>,
    /// The caller's tenant.
    pub(super) tenant: &'a str,
    /// The caller's role; by default the contract's only one.
    pub(super) role: Option<&'a str>,
    /// The caller's workspace, if the contract reads one.
    pub(super) workspace: Option<&'a str>,
    /// The tool's name.
    pub(super) tool: &'a str,
    /// The arguments as the model wrote them.
    pub(super) arguments: &'a str,
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub(super) enum LocalAnswer {
    /// The contract denies it. Nothing ran.
    Denied(Violation),
    /// It ran and ended.
    Ended(EndedCall),
}

/// A call that ran.
#[derive(Clone, Debug)]
pub(super) struct EndedCall {
    /// A short stable name of the outcome, such as `success` or `out_of_fuel`.
    pub(super) outcome: &'static str,
    /// The canonical result, or a sentence with the reason for having none.
    pub(super) result: Result<String, String>,
    /// True if in production a person must approve the call first.
    pub(super) needs_approval: bool,
    /// Wall clock over the whole call.
    pub(super) duration: Duration,
    /// The limit of `duration`.
    pub(super) timeout: Duration,
    /// The limit of the result, in bytes.
    pub(super) output_bytes: u64,
    /// Fuel and memory, if the tool ran in the sandbox.
    pub(super) sandbox: Option<SandboxUsage>,
}

/// Fuel and memory of a call in the sandbox, and their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SandboxUsage {
    /// Units of fuel consumed; 0 after a timeout, which leaves no count.
    pub(super) fuel: u64,
    /// The maximum number of units.
    pub(super) fuel_limit: u64,
    /// The peak of linear memory, in bytes.
    pub(super) peak_memory: u64,
    /// The maximum of linear memory, in bytes.
    pub(super) memory_limit: u64,
}

/// Why a call was neither denied nor run.
#[derive(Debug, thiserror::Error)]
pub(super) enum LocalError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The contract, the tool's module or its grants cannot be used.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The backends cannot be used.
    #[error(transparent)]
    Backends(#[from] BackendError),
    /// The contract has several roles, and the command line names none.
    #[error("role is not given; choose one of {known}")]
    Role {
        /// The roles of the contract.
        known: String,
    },
    /// The contract reads no workspace.
    #[error(
        "--workspace: the contract reads no header for it; write `root: header:NAME` in `spec.workspace`, or leave it out"
    )]
    Workspace,
    /// The calling application runs the tool.
    #[error("tool {0} is run by the calling application (`run: client`); there is nothing to run here")]
    Client(String),
    /// The tool runs at a backend, and no configuration gives its address.
    #[error("tool {tool} runs at the backend {cluster}; say where that is with --config executor.yaml")]
    Backend {
        /// The tool.
        tool: String,
        /// The named backend.
        cluster: String,
    },
}

// === impl LocalCall ===

impl LocalCall<'_> {
    /// Decides the call and runs it if the contract allows it. A call that needs approval runs, too.
    ///
    /// # Errors
    /// A fault to correct before the call can be decided or run.
    pub(super) async fn run(&self) -> Result<LocalAnswer, LocalError> {
        let mut config = self.configuration()?;
        let contract = read_contract(self.contract)?;
        if self.config.is_none() {
            config.sandbox.env = variables(&contract);
        }
        if self.workspace.is_some() && contract.workspace_header().is_none() {
            return Err(LocalError::Workspace);
        }
        let caller = Caller::new(self.tenant.to_owned(), self.role(&contract)?);
        let caller = Caller { workspace: self.workspace.map(str::to_owned), ..caller };
        let call = ProposedCall { name: self.tool, arguments: self.arguments };
        // The first call of an empty conversation. The person who makes it is the source of its values.
        let facts = ConversationFacts::default();
        let conversation = Conversation {
            now: unix_millis(),
            facts: Some(&facts),
            texts: Texts::Decided(None),
            ..Conversation::default()
        };
        let (approved, needs_approval) = match decide(&contract, &caller, &conversation, &call) {
            Verdict::Allow(approved) => (approved, false),
            Verdict::NeedsApproval(approved) => (approved, true),
            Verdict::Deny(violation) => return Ok(LocalAnswer::Denied(violation)),
        };
        let ended = match approved.tool.run() {
            Run::Client => return Err(LocalError::Client(approved.tool.name().to_owned())),
            Run::Wasm(run) => self.in_sandbox(&config, run, &caller, approved).await?,
            Run::Grpc(GrpcRun { bounds, .. }) | Run::Http(HttpRun { bounds, .. }) | Run::Mcp(McpRun { bounds, .. }) => {
                self.at_backend(&config, &contract, *bounds, &caller, &approved).await?
            }
        };
        Ok(LocalAnswer::Ended(EndedCall { needs_approval, ..ended }))
    }

    /// Runs the tool in a sandbox of its own.
    async fn in_sandbox(
        &self,
        config: &Config,
        run: &WasmRun,
        caller: &Caller,
        approved: Approved<'_>,
    ) -> Result<EndedCall, LocalError> {
        let tool = approved.tool;
        let Some(Runnable::Sandbox { sandbox, program, grants }) =
            admit_one(&config.admission(), self.contract, tool.name())?
        else {
            return Err(LocalError::Client(tool.name().to_owned()));
        };
        let deadline = Instant::now() + run.timeout;
        let exchange = Uuid::new_v4().to_string();
        let finished = match callgate_sandbox::Caller::new(&caller.tenant, &caller.role, &exchange, CALL_ID) {
            Ok(caller) => sandbox.run(&program, &grants, caller, approved.canonical, deadline).await,
            Err(stop) => Finished::never_began(stop),
        };
        let usage = SandboxUsage {
            fuel: finished.fuel,
            fuel_limit: run.fuel,
            peak_memory: finished.peak_memory,
            memory_limit: run.memory,
        };
        let outcome = outcome::ran(String::new(), tool, finished);
        let bounds = Bounds { timeout: run.timeout, output_bytes: run.output_bytes };
        Ok(EndedCall { sandbox: Some(usage), ..EndedCall::of(&outcome, bounds) })
    }

    /// Sends the call to the tool's backend.
    async fn at_backend(
        &self,
        config: &Config,
        contract: &Contract,
        bounds: Bounds,
        caller: &Caller,
        approved: &Approved<'_>,
    ) -> Result<EndedCall, LocalError> {
        let tool = approved.tool;
        if self.config.is_none() {
            let (tool, cluster) = (tool.name().to_owned(), tool.run().cluster().to_owned());
            return Err(LocalError::Backend { tool, cluster });
        }
        let backends = Backends::new(&config.backends, &BackendMetrics::default())?;
        backends.check(contract)?;
        let began = Instant::now();
        let invocation = Invocation {
            tool,
            arguments: &approved.canonical,
            tenant: &caller.tenant,
            role: &caller.role,
            idempotency_key: &Uuid::new_v4().to_string(),
            deadline: began + bounds.timeout,
        };
        let answered = backends.call(&invocation).await;
        let outcome = outcome::answered(String::new(), tool, answered, began.elapsed());
        Ok(EndedCall::of(&outcome, bounds))
    }

    /// The operator's configuration if `--config` names it; else one that grants the folders below the contract's.
    fn configuration(&self) -> Result<Config, ConfigError> {
        let mut config = match self.config {
            Some(file) => Config::from_file(file)?,
            None => Config::parse(CONFIG_NAME, CONFIG, &folder(self.contract))?,
        };
        config.contracts = vec![self.contract.to_owned()];
        config.concurrency = 1;
        Ok(config)
    }

    fn role(&self, contract: &Contract) -> Result<String, LocalError> {
        if let Some(role) = self.role {
            return Ok(role.to_owned());
        }
        match roles(contract).as_slice() {
            [only] => Ok((*only).to_owned()),
            known => Err(LocalError::Role { known: known.join(", ") }),
        }
    }
}

/// Returns the names of the contract's roles, sorted.
pub(super) fn roles(contract: &Contract) -> Vec<&str> {
    let mut roles: Vec<_> = contract.roles().map(Role::name).collect();
    roles.sort_unstable();
    roles
}

/// Returns the variables a contract grants. The author of a tool has them all already.
fn variables(contract: &Contract) -> Vec<String> {
    let env = |tool: &Tool| match tool.run() {
        Run::Wasm(run) => run.env.clone(),
        Run::Client | Run::Grpc(_) | Run::Http(_) | Run::Mcp(_) => Vec::new(),
    };
    contract.tools().iter().flat_map(env).collect()
}

/// Returns the contract's folder with links resolved, since no allowed path goes through a link.
/// Returns the time, in milliseconds since the Unix epoch.
fn unix_millis() -> Option<u64> {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(time.as_millis()).ok()
}

fn folder(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

// === impl EndedCall ===

impl EndedCall {
    /// The end of a call without approval and without the sandbox.
    fn of(outcome: &CallOutcome, bounds: Bounds) -> Self {
        let Usage { duration_us, .. } = outcome.usage.unwrap_or_default();
        let result = match &outcome.outcome {
            Some(Outcome::Success(success)) => Ok(success.result.clone()),
            Some(Outcome::Failure(failure)) => Err(failure.message.clone()),
            None => Err(String::new()),
        };
        Self {
            outcome: outcome::name(outcome),
            result,
            needs_approval: false,
            duration: Duration::from_micros(duration_us),
            timeout: bounds.timeout,
            output_bytes: bounds.output_bytes,
            sandbox: None,
        }
    }
}
