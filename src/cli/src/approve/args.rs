//! The command line of `callgate approve`.

use std::path::PathBuf;

use clap::Args;

/// List the calls that wait for approval, show one, or answer it
#[derive(Args)]
#[command(
    after_help = "An approval counts for one call with the same tenant, role, contract, tool and arguments, byte for byte.\n\n\
                  Examples:\n  \
                  callgate approve\n  \
                  callgate approve 0199a5c2-7a51-7c3e-9d2f-6b1f8a3e4d5c\n  \
                  callgate approve 0199a5c2-7a51-7c3e-9d2f-6b1f8a3e4d5c --deny --reason 'not before Monday'\n  \
                  callgate approve --url https://callgate.example:7071 --token-file ~/.callgate-token"
)]
pub(crate) struct ApproveArguments {
    /// The ID of a request: shows it and asks you for an answer. Without an ID, lists the waiting requests
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Approve without asking
    #[arg(long, requires = "id", conflicts_with = "deny")]
    pub(crate) yes: bool,
    /// Deny without asking
    #[arg(long, requires = "id")]
    pub(crate) deny: bool,
    /// The reason for the answer; a denied caller gets it too
    #[arg(long, value_name = "TEXT", requires = "id")]
    pub(crate) reason: Option<String>,
    /// Also list requests that are answered or expired
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
    /// Print the executor's answer as JSON, without asking you anything
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) executor: ExecutorArguments,
}

/// The executor's address, and the token for it.
#[derive(Args)]
#[command(next_help_heading = "Executor")]
pub(crate) struct ExecutorArguments {
    /// The executor's HTTP address: http:// on this machine, https:// or unix:/PATH
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7071")]
    pub(crate) url: String,
    /// The executor's state directory, which holds the token it made
    #[arg(long, value_name = "DIR", default_value = "callgate-state")]
    pub(crate) state: PathBuf,
    /// A file with another token, instead of the one in the state directory
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// A CA bundle (PEM) to verify the executor's certificate with, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}
