//! `callgate-executor --config FILE`: loads everything, serves until SIGTERM, drains, ends.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use callgate_executor::admission::Registry;
use callgate_executor::config::{Config, Http};
use callgate_executor::sandbox::Network;
use callgate_executor::server::Server;
use callgate_executor::telemetry::logs::{self, Logs};
use callgate_executor::telemetry::{Instruments, Metrics};
use callgate_executor::transport::{self, Port};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Calls are many small allocations on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs approved tool calls, each in its own sandbox.
#[derive(Debug, Parser)]
#[command(name = "callgate-executor", version)]
struct Args {
    /// The executor's configuration, a YAML file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Load and check everything that the configuration lists, then end.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let logs = logs::start();
    let code = match run(&args.config, args.check, &logs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line each, so that every fault of a contract can be read and found by itself.
            for line in error.to_string().lines() {
                tracing::error!("{line}");
            }
            ExitCode::FAILURE
        }
    };
    logs.flush();
    code
}

fn run(file: &Path, check: bool, logs: &Logs) -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::from_file(file)?;
    logs.set_levels(&config.telemetry.log);
    let metrics = Metrics::new();
    let registry = Arc::new(Registry::admit_on(&config, Network::system(), &metrics)?);
    if check {
        transport::check(&config.listen, Port::Grpc)?;
        if let Http::On { listen, .. } = &config.http {
            transport::check(listen, Port::Http)?;
        }
        tracing::info!(contracts = registry.digests().len(), "checked");
        return Ok(());
    }
    let side = match &config.http {
        Http::On { listen, .. } => listen.connections.max,
        Http::Off => 0,
    };
    transport::raise_open_files(config.listen.connections.max.saturating_add(side));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before "ready": whoever reads that line may send a signal at once.
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let server = Server::bind(&config, registry, Instruments::start(&config, metrics)?).await?;
        // Ends with the runtime.
        drop(tokio::spawn(server.reloading(file.to_owned(), config.clone())?));
        let http = server.http_address().map_or_else(|| "off".to_owned(), ToString::to_string);
        tracing::info!(address = %server.address(), http, "ready");
        server
            .serve(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            })
            .await?;
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    // Whatever still blocks in the system must not hold up the end.
    runtime.shutdown_background();
    Ok(())
}
