//! The command line of `callgate new`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::language::Lang;

/// Begin a tool: a folder that builds, with its entry in the contract and a test
#[derive(Args)]
pub(crate) struct NewArguments {
    #[command(subcommand)]
    pub(crate) command: NewCommand,
}

/// The things that can be begun.
#[derive(Subcommand)]
pub(crate) enum NewCommand {
    Tool(NewToolArguments),
}

/// Write a folder with a tool that builds, its schema, a test and a README, and its entry into the contract
#[derive(Args)]
#[command(
    after_help = "The folder is made beside the contract. Nothing that is there is overwritten, and of a contract that is \
                  there only the new entry changes.\n\n\
                  Example:\n  \
                  callgate new tool add --lang rust && add/build.sh && add/test.sh"
)]
pub(crate) struct NewToolArguments {
    /// The name that the model calls it by; also its folder
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The language to write it in
    #[arg(long, value_enum)]
    pub(crate) lang: Lang,
    /// The contract that gets the entry; made if it is not there
    #[arg(long, value_name = "FILE", default_value = "contract.yaml")]
    pub(crate) contract: PathBuf,
}
