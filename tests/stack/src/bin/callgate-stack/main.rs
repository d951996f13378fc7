//! Starts a whole Callgate on this machine: to see it (`demo`), or to try it (`up`, `down`).

mod background;
mod demo;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use callgate_stack::stack::StackError;

#[derive(Parser)]
#[command(name = "callgate-stack", about, disable_help_subcommand = true)]
struct StackArguments {
    #[command(subcommand)]
    command: StackCommand,
}

#[derive(Subcommand)]
enum StackCommand {
    /// Shows the gate at work, one line each, and ends
    ///
    /// The model is scripted, unless LLM_BASE_URL names a real API; the caller's key is then OPENAI_API_KEY, the model
    /// LLM_MODEL. `make demo LLM=local` sets both for a small model on this machine. Exit code 0 only if every line succeeds.
    Demo,
    /// Starts the stack and leaves it running
    Up(Up),
    /// Ends the stack of `up`
    Down {
        /// The state file of `up`
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
    },
    /// The scripted model alone, until SIGTERM or Ctrl-C
    Model {
        /// The listening address
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
}

/// The options of `up`.
#[derive(clap::Args)]
struct Up {
    /// The contract; by default contracts/order-desk/contract.yaml in the build
    #[arg(long, value_name = "FILE")]
    contract: Option<PathBuf>,
    /// One gate for each, on consecutive ports
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "refuse,feedback")]
    on_violation: Vec<String>,
    /// Port of the first gate; 0 takes free ports
    #[arg(long, default_value_t = 10_000)]
    port: u16,
    /// The state file; its folder takes logs too
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Stay in the foreground until SIGTERM or Ctrl-C
    #[arg(long)]
    foreground: bool,
}

fn main() -> ExitCode {
    let arguments = StackArguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&StackError::io("starting")(error)),
    };
    let done = runtime.block_on(async {
        match arguments.command {
            StackCommand::Demo => demo::demo().await,
            StackCommand::Up(up) if up.foreground => background::stay(&up).await.map(|()| true),
            StackCommand::Up(up) => background::up(&up).await.map(|()| true),
            StackCommand::Down { state } => background::down(state).await.map(|()| true),
            StackCommand::Model { listen } => background::model(listen).await.map(|()| true),
        }
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

fn failed(error: &StackError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}
