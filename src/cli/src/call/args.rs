//! The command line of `callgate call`.

use std::path::PathBuf;

use clap::Args;

/// Decide one call and run its tool on this machine, as the executor would
#[derive(Args)]
#[command(
    after_help = "Prints the result on standard output, and usage with its limits on standard error. Nothing is kept: no state, no \
                  audit log. A call that needs approval runs too.\n\n\
                  Exit code 0: a result. 2: the contract denies the call. 4: the tool gave no result. 1: an error, nothing ran.\n\n\
                  Examples:\n  \
                  callgate call contract.yaml --tool add --arguments '{\"a\": 1.5, \"b\": 2}'\n  \
                  callgate call contract.yaml --config executor.yaml --tool find --role clerk --tenant acme --arguments - < call.json"
)]
pub(crate) struct CallArguments {
    /// Contract file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The name that the model called
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: String,
    /// The arguments as the model wrote them, or `-` for standard input
    #[arg(long, value_name = "JSON|-", allow_hyphen_values = true)]
    pub(crate) arguments: String,
    /// The caller's tenant
    #[arg(long, value_name = "TENANT", default_value = "local")]
    pub(crate) tenant: String,
    /// The caller's role; by default the contract's only one
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// The executor's configuration: what may be granted, and where backends are. Without it, what lies below the contract's
    /// folder may be granted, and no backend is known
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print outcome, result, usage and limits as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
