//! One call on this machine, decided and run as the executor would. Nothing is kept: no state, no audit log, no approval.
//!
//! For whoever writes a tool. Of a contract only the tool that is called is compiled and granted anything, so that a secret or a
//! folder of another tool need not be here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use callgate_contract::{Contract, Conversation, ProposedCall, Run, Verdict, Violation, decide};
use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::{CallOutcome, Usage};
use tokio::time::Instant;
use uuid::Uuid;

use crate::admission::{AdmissionError, Runnable, admit_one, read_contract};
use crate::backends::{BackendError, Backends, Invocation};
use crate::config::{Config, ConfigError};
use crate::outcome;
use crate::telemetry::Metrics;
use callgate_sandbox::{Caller, Finished};

/// A configuration that grants a tool what lies beside its contract, and has no backends.
const CONFIG: &str =
    "contracts: [contract.yaml]\nconcurrency: 1\nsandbox: { cacheBytes: 0, allow: [.] }\nsecrets: { allow: [.] }\n";
/// Its name in errors.
const CONFIG_NAME: &str = "executor.yaml, which --config names";

/// One call, as a person asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The contract's file.
    pub contract: &'a Path,
    /// The executor's configuration: what may be granted, and where the backends are.
    pub config: Option<&'a Path>,
    /// The caller's tenant.
    pub tenant: &'a str,
    /// The caller's role; by default the contract's only one.
    pub role: Option<&'a str>,
    /// The tool's name.
    pub tool: &'a str,
    /// The arguments as the model wrote them.
    pub arguments: &'a str,
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The contract does not allow it. Nothing ran.
    Denied(Violation),
    /// It ran and ended.
    Ended(Ended),
}

/// A call that ran.
#[derive(Clone, Debug)]
pub struct Ended {
    /// A short stable name of the outcome, such as `success` or `out_of_fuel`.
    pub outcome: &'static str,
    /// The canonical result, or a sentence that says why there is none.
    pub result: Result<String, String>,
    /// True if in production a person must agree first.
    pub needs_approval: bool,
    /// Wall clock over the whole call.
    pub duration: Duration,
    /// The limit of `duration`.
    pub timeout: Duration,
    /// The limit of the result, in bytes.
    pub output_bytes: u64,
    /// Fuel and memory, if the tool ran in the sandbox.
    pub sandbox: Option<SandboxUsage>,
}

/// Fuel and memory of a call in the sandbox, and their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SandboxUsage {
    /// Units of fuel that were consumed; 0 after a timeout, when nobody knows.
    pub fuel: u64,
    /// The most that may be consumed.
    pub fuel_limit: u64,
    /// The most linear memory that was held, in bytes.
    pub peak_memory: u64,
    /// The most that may be held, in bytes.
    pub memory_limit: u64,
}

/// Why nothing could be decided or run.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The contract, the tool's module or its grants cannot be used.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The backends cannot be used.
    #[error(transparent)]
    Backends(#[from] BackendError),
    /// Several roles, and none is named.
    #[error("role is not given; choose one of {known}")]
    Role {
        /// The roles of the contract.
        known: String,
    },
    /// The application runs the tool.
    #[error("tool {0} is run by the calling application (`run: client`); there is nothing to run here")]
    Client(String),
    /// A backend, and no configuration that says where it is.
    #[error("tool {tool} runs at the backend {cluster}; say where that is with --config executor.yaml")]
    Backend {
        /// The tool.
        tool: String,
        /// The backend that it names.
        cluster: String,
    },
}

/// Decides a call and runs it if the contract allows it. A call that needs approval runs, too.
///
/// # Errors
/// A fault that must be corrected before anything can be decided or run.
pub async fn call(asked: &Asked<'_>) -> Result<Answer, LocalError> {
    let mut config = config(asked)?;
    let contract = read_contract(asked.contract)?;
    if asked.config.is_none() {
        config.sandbox.env = variables(&contract);
    }
    let role = role(&contract, asked)?;
    let caller = callgate_contract::Caller { tenant: asked.tenant.to_owned(), role };
    let given = ProposedCall { name: asked.tool, arguments: asked.arguments };
    let (approved, needs_approval) = match decide(&contract, &caller, &Conversation { calls_before: 0 }, &given) {
        Verdict::Allow(approved) => (approved, false),
        Verdict::NeedsApproval(approved) => (approved, true),
        Verdict::Deny(violation) => return Ok(Answer::Denied(violation)),
    };
    let tool = approved.tool;
    let exchange_id = Uuid::new_v4().to_string();
    let (outcome, sandbox, output_bytes, timeout) = match tool.run() {
        Run::Client => return Err(LocalError::Client(tool.name().to_owned())),
        Run::Wasm(run) => {
            let finished = match admit_one(&config, asked.contract, tool.name())? {
                Some(Runnable::Sandbox { sandbox, program, grants }) => {
                    let deadline = Instant::now() + run.timeout;
                    match Caller::new(&caller.tenant, &caller.role, &exchange_id, "local") {
                        Ok(caller) => sandbox.run(&program, &grants, caller, approved.canonical, deadline).await,
                        Err(stop) => Finished::never_began(stop),
                    }
                }
                Some(Runnable::Backend(_)) | None => return Err(LocalError::Client(tool.name().to_owned())),
            };
            let usage = SandboxUsage {
                fuel: finished.fuel,
                fuel_limit: run.fuel,
                peak_memory: finished.peak_memory,
                memory_limit: run.memory,
            };
            (outcome::ran(String::new(), tool, finished), Some(usage), run.output_bytes, run.timeout)
        }
        Run::Grpc(callgate_contract::GrpcRun { bounds, .. })
        | Run::Http(callgate_contract::HttpRun { bounds, .. })
        | Run::Mcp(callgate_contract::McpRun { bounds, .. }) => {
            if asked.config.is_none() {
                let (tool, cluster) = (tool.name().to_owned(), tool.run().cluster().to_owned());
                return Err(LocalError::Backend { tool, cluster });
            }
            let backends = Backends::new(&config, Metrics::new().backends())?;
            backends.check(&contract)?;
            let began = Instant::now();
            let invocation = Invocation {
                tool,
                arguments: &approved.canonical,
                tenant: &caller.tenant,
                role: &caller.role,
                idempotency_key: &exchange_id,
                deadline: began + bounds.timeout,
            };
            let answered = backends.call(&invocation).await;
            let outcome = outcome::answered(String::new(), tool, answered, began.elapsed());
            (outcome, None, bounds.output_bytes, bounds.timeout)
        }
    };
    Ok(Answer::Ended(ended(&outcome, needs_approval, sandbox, output_bytes, timeout)))
}

/// With `--config` it is the operator's; else one that grants what lies beside the contract.
fn config(asked: &Asked<'_>) -> Result<Config, ConfigError> {
    let mut config = match asked.config {
        Some(file) => Config::from_file(file)?,
        None => Config::parse(CONFIG_NAME, CONFIG, &folder(asked.contract))?,
    };
    config.contracts = vec![asked.contract.to_owned()];
    config.concurrency = 1;
    Ok(config)
}

/// The variables that a contract grants: whoever calls a tool of their own has them all anyway.
fn variables(contract: &Contract) -> Vec<String> {
    let env = |tool: &callgate_contract::Tool| match tool.run() {
        Run::Wasm(run) => run.env.clone(),
        Run::Client | Run::Grpc(_) | Run::Http(_) | Run::Mcp(_) => Vec::new(),
    };
    contract.tools().iter().flat_map(env).collect()
}

/// The contract's folder without links, since what is allowed is reached through none.
fn folder(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

fn role(contract: &Contract, asked: &Asked<'_>) -> Result<String, LocalError> {
    if let Some(role) = asked.role {
        return Ok(role.to_owned());
    }
    let mut known: Vec<_> = contract.roles().map(callgate_contract::Role::name).collect();
    known.sort_unstable();
    match known.as_slice() {
        [only] => Ok((*only).to_owned()),
        _ => Err(LocalError::Role { known: known.join(", ") }),
    }
}

fn ended(
    outcome: &CallOutcome,
    needs_approval: bool,
    sandbox: Option<SandboxUsage>,
    output_bytes: u64,
    timeout: Duration,
) -> Ended {
    let Usage { duration_us, .. } = outcome.usage.unwrap_or_default();
    let result = match &outcome.outcome {
        Some(Outcome::Success(success)) => Ok(success.result.clone()),
        Some(Outcome::Failure(failure)) => Err(failure.message.clone()),
        None => Err(String::new()),
    };
    let duration = Duration::from_micros(duration_us);
    Ended { outcome: outcome::name(outcome), result, needs_approval, duration, timeout, output_bytes, sandbox }
}
