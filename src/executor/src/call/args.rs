//! The command line of `callgate-executor call`; `callgate call` passes its own on.

use std::path::PathBuf;

use clap::Args;

/// Decide one call, run its tool in this process, and keep nothing
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0: a result. 2: the contract denies the call. 4: the tool gave no result. 1: an error, nothing ran."
)]
pub struct CallArguments {
    /// Contract file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The tool's name, as the model called it
    #[arg(long, value_name = "TOOL")]
    pub tool: String,
    /// The arguments as the model wrote them, or `-` for standard input
    #[arg(long, value_name = "JSON|-", allow_hyphen_values = true)]
    pub arguments: String,
    /// The caller's tenant
    #[arg(long, value_name = "TENANT", default_value = "local")]
    pub tenant: String,
    /// The caller's role; by default the contract's only one
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// The caller's workspace, as the header states it that the contract names in `spec.workspace`
    #[arg(long, value_name = "PATH")]
    pub workspace: Option<String>,
    /// The executor's configuration; without it, the tool may be granted folders below the contract's, and no backend is known
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print outcome, result, usage and limits as one JSON object
    #[arg(long)]
    pub json: bool,
}
