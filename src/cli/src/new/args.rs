//! The command line of `callgate new`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::language::Lang;

/// Create a new tool
#[derive(Args)]
pub(crate) struct NewArguments {
    #[command(subcommand)]
    pub(crate) command: NewCommand,
}

/// The kinds of things to create.
#[derive(Subcommand)]
pub(crate) enum NewCommand {
    Tool(NewToolArguments),
}

/// Create a tool's folder: source, build script, schema, test and README, with an entry in the contract
#[derive(Args)]
#[command(
    after_help = "The folder is created beside the contract. No existing file is overwritten, and in an existing contract only \
                  the new entry changes.\n\n\
                  Example:\n  \
                  callgate new tool add --lang rust && add/build.sh && add/test.sh"
)]
pub(crate) struct NewToolArguments {
    /// The tool's name, for the model and for its folder
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The language of the source
    #[arg(long, value_enum)]
    pub(crate) lang: Lang,
    /// The contract that gets the entry; created if it does not exist
    #[arg(long, value_name = "FILE", default_value = "contract.yaml")]
    pub(crate) contract: PathBuf,
}
