//! `callgate-executor --config FILE`: loads everything, serves until SIGTERM, drains and exits.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use callgate_confine::{CONFINE_ARGUMENT, run_confined};
use callgate_executor::admission::Registry;
use callgate_executor::call::{CallArguments, call};
use callgate_executor::check;
use callgate_executor::config::{Config, Http};
use callgate_executor::server::Server;
use callgate_executor::signals::Signals;
use callgate_executor::telemetry::logs::{self, Logs};
use callgate_executor::telemetry::{Instruments, Metrics};
use callgate_executor::transport::raise_open_files;
use callgate_policies::{WORKER_ARGUMENT, run_worker};
use callgate_sandbox::Network;
use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;

/// Calls make many small allocations on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs approved tool calls, each in its own sandbox.
#[derive(Debug, Parser)]
#[command(
    name = "callgate-executor",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
struct Arguments {
    /// The executor's configuration, a YAML file.
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// Load and check the whole configuration, then exit
    #[arg(long)]
    check: bool,
    #[command(subcommand)]
    command: Option<ExecutorCommand>,
}

/// A command instead of serving.
#[derive(Debug, Subcommand)]
enum ExecutorCommand {
    Call(CallArguments),
    /// Evaluates policies for the executor that started this process
    #[command(name = WORKER_ARGUMENT, hide = true)]
    PolicyWorker,
    /// Becomes a program that the executor confines
    #[command(name = CONFINE_ARGUMENT, hide = true, disable_help_flag = true)]
    Confined {
        #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
        arguments: Vec<String>,
    },
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => return usage_error(&usage),
    };
    match &arguments.command {
        Some(ExecutorCommand::Call(arguments)) => return call(arguments),
        Some(ExecutorCommand::PolicyWorker) => return run_worker(),
        Some(ExecutorCommand::Confined { arguments }) => return run_confined(arguments),
        None => {}
    }
    // Without a command, the parser requires it.
    let Some(config) = &arguments.config else { return ExitCode::FAILURE };
    let logs = logs::start();
    let done = if arguments.check { check_only(config, &logs) } else { run(config, &logs) };
    let code = match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line each, so every fault of a contract is readable on its own.
            for line in error.to_string().lines() {
                tracing::error!("{line}");
            }
            ExitCode::FAILURE
        }
    };
    logs.flush();
    code
}

/// Prints a usage error or the help. A usage error of `call` has exit code 1, since 2 always means "denied".
fn usage_error(usage: &clap::Error) -> ExitCode {
    // If not even the help can be printed, no way is left to report it.
    drop(usage.print());
    let call = std::env::args_os().nth(1).is_some_and(|first| first == "call");
    match usage.exit_code() {
        0 => ExitCode::SUCCESS,
        _ if call => ExitCode::FAILURE,
        code => u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

fn check_only(file: &Path, logs: &Logs) -> Result<(), Failed> {
    let config = Config::from_file(file)?;
    logs.set_levels(&config.telemetry.log);
    let contracts = Runtime::new()?.block_on(check::check(&config))?;
    tracing::info!(contracts, "checked");
    Ok(())
}

fn run(file: &Path, logs: &Logs) -> Result<(), Failed> {
    let runtime = Runtime::new()?;
    let signals = {
        let _entered = runtime.enter();
        // Installed before anything else: a start takes as long as modules take to compile.
        Signals::catch()?
    };
    let config = Config::from_file(file)?;
    logs.set_levels(&config.telemetry.log);
    raise_open_files(connections(&config));
    let served = runtime.block_on(serve(file, &config, signals));
    // A thread blocked in the system must not delay the exit.
    runtime.shutdown_background();
    served
}

/// Returns the maximum connections of both ports together.
fn connections(config: &Config) -> usize {
    let side = match &config.http {
        Http::On { listen, .. } => listen.connections.max,
        Http::Off => 0,
    };
    config.listen.connections.max.saturating_add(side)
}

/// Starts, serves until a stop signal, and drains until the second one at the latest.
async fn serve(file: &Path, config: &Config, signals: Signals) -> Result<(), Failed> {
    let Signals { hangup, stops } = signals;
    let server = tokio::select! {
        started = start(config) => started?,
        () = stops.reached(1) => {
            tracing::info!("stopped before it was ready");
            return Ok(());
        }
    };
    // Ends with the runtime.
    drop(tokio::spawn(server.reloading(file.to_owned(), config.clone(), hangup)));
    let http = server.http_address().map_or_else(|| "off".to_owned(), ToString::to_string);
    tracing::info!(address = %server.address(), http, "ready");
    Ok(server.serve_until(stops.reached(1), stops.reached(2)).await?)
}

/// Loads everything and opens the ports.
async fn start(config: &Config) -> Result<Server, Failed> {
    let metrics = Metrics::new();
    let admitted = spawn_blocking({
        let (settings, metrics) = (config.admission(), metrics.clone());
        move || Registry::admit_on(&settings, Network::system(), metrics.modules())
    });
    let registry = Arc::new(admitted.await??);
    Ok(Server::bind(config, registry, Instruments::start(&config.telemetry, metrics)?).await?)
}
