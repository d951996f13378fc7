//! The command line of `callgate init`.

use std::path::PathBuf;

use clap::Args;

/// Propose a contract from captured requests and lists of tools
#[derive(Args, Debug)]
#[command(
    after_help = "A FILE has JSON, or one JSON value a line: bodies of requests of any API; exchanges with `path` or `dialect`, and `request` or \
                  `body`; answers of an MCP server to `tools/list`. Conversations in the requests also show the fields of results.\n\n\
                  Effects, egress and trust are guesses. The contract's first lines list what a person has to review.\n\n\
                  Examples:\n  \
                  callgate init --from captured.jsonl\n  \
                  callgate init --mcp-server github=github.json --mcp-server wiki=wiki.json\n  \
                  callgate init --from tools.json --role agent --model 'gpt-5*' --out desk.yaml && callgate lint desk.yaml --suggest"
)]
pub(crate) struct InitArguments {
    /// Files with captured requests or lists of tools
    #[arg(long, required_unless_present = "mcp_servers", num_args = 1.., value_name = "FILE")]
    pub(crate) from: Vec<PathBuf>,
    /// An MCP server's answer to `tools/list`, for a contract of many servers: its tools are named NAME__TOOL, and the executor calls them at its
    /// backend NAME; may be repeated
    #[arg(long = "mcp-server", value_name = "NAME=FILE")]
    pub(crate) mcp_servers: Vec<String>,
    /// The API of requests without a path: chatCompletions, responses, messages, gemini, ollama or converse; guessed by default
    #[arg(long, value_name = "API")]
    pub(crate) api: Option<String>,
    /// The role that gets all tools
    #[arg(long, value_name = "ROLE", default_value = "user")]
    pub(crate) role: String,
    /// Models that callers may name; those of the requests by default
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Vec<String>,
    /// The contract's name; that of the folder by default
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Write `enforce: false`, so that the gate reports and refuses nothing
    #[arg(long)]
    pub(crate) shadow: bool,
    /// Write each schema of arguments into a file of the folder `schemas` beside the contract
    #[arg(long)]
    pub(crate) schemas: bool,
    /// The contract to write, or `-` for standard output
    #[arg(long, value_name = "FILE|-", default_value = "contract.yaml")]
    pub(crate) out: PathBuf,
    /// Overwrite existing files
    #[arg(long)]
    pub(crate) force: bool,
}
