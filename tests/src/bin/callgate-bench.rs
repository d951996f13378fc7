//! Measures the gate against the same Envoy without it; writes target/bench/summary.json.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use callgate_tests::bench;
use callgate_tests::stack::{GateHost, StackError};

#[derive(Parser)]
#[command(name = "callgate-bench", about, disable_help_subcommand = true, args_conflicts_with_subcommands = true)]
struct BenchArguments {
    #[command(flatten)]
    options: bench::Options,
    #[command(subcommand)]
    command: Option<BenchCommand>,
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Serves the bare gRPC echo that the executor is compared with
    #[command(hide = true)]
    Echo {
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Runs many exchanges through each host, prints Envoy's memory after each tenth, and fails if it grew in the second half
    ///
    /// `CALLGATE_HOST` leaves the other host out.
    Growth {
        #[arg(long, default_value_t = 1_000_000)]
        exchanges: u64,
    },
}

fn main() -> ExitCode {
    let arguments = BenchArguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&StackError::io("starting")(error)),
    };
    let done = runtime.block_on(async {
        match arguments.command {
            Some(BenchCommand::Echo { listen }) => bench::echo(listen).await,
            Some(BenchCommand::Growth { exchanges }) => match GateHost::chosen() {
                Ok(hosts) => bench::growth(exchanges, &hosts).await,
                Err(error) => Err(error),
            },
            None => bench::bench(&arguments.options).await,
        }
    });
    done.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

fn failed(error: &StackError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}
