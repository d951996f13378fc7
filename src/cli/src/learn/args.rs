//! The command line of `callgate learn`.

use std::path::PathBuf;

use clap::Args;

/// Propose a contract with roles, argument kinds and profiles from what a coding agent declared and did
#[derive(Args, Debug)]
#[command(
    after_help = "`init` proposes rules on the sources of values for an application, and marks as comments. `learn` proposes roles, profiles and\n\
                  marks for an agent that works on files and commands.\n\n\
                  REQUESTS has JSON, or one JSON value a line: bodies of requests of any API, or `{method, path, headers, body}`. An entry\n\
                  that cannot be read is named in the first lines of the contract.\n\n\
                  Everything is a guess with its reason beside it. What a person must answer stands in the contract's first lines, and on\n\
                  standard error.\n\n\
                  Examples:\n  \
                  callgate learn --agent codex --workspace \"$PWD\" --out contract.yaml\n  \
                  callgate learn captured.jsonl --workspace /work/project\n  \
                  callgate learn --har session.har\n  \
                  callgate learn --from-audit /var/lib/callgate"
)]
pub(crate) struct LearnArguments {
    /// Files with captured requests or lists of tools
    #[arg(value_name = "REQUESTS", required_unless_present_any = ["har", "from_audit", "agent"])]
    pub(crate) requests: Vec<PathBuf>,
    /// A recording of a browser or a proxy, in HTTP Archive form
    #[arg(long, value_name = "FILE")]
    pub(crate) har: Vec<PathBuf>,
    /// An executor's stateDir, an audit.db, or the output of `callgate audit export`. Only calls that were allowed count
    #[arg(long, value_name = "LOG")]
    pub(crate) from_audit: Vec<PathBuf>,
    /// Write the ready contract of an agent: claude-code, cline, codex, gemini-cli, opencode, pi or qwen-code
    #[arg(long, value_name = "NAME", conflicts_with_all = ["requests", "har", "from_audit", "api", "model", "name", "mcp_globs", "shadow"])]
    pub(crate) agent: Option<String>,
    /// The API of requests without a path: chatCompletions, responses, messages, gemini, ollama or converse; guessed by default
    #[arg(long, value_name = "API")]
    pub(crate) api: Option<String>,
    /// The project's directory; the one of the recorded paths by default
    #[arg(long, value_name = "DIR")]
    pub(crate) workspace: Option<String>,
    /// Models that callers may name; those of the requests by default
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Vec<String>,
    /// The contract's name; that of the folder by default
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Write one entry `mcp__SERVER__*` for all tools of an MCP server
    #[arg(long)]
    pub(crate) mcp_globs: bool,
    /// Write `enforce: false`, so that the gate reports and refuses nothing
    #[arg(long)]
    pub(crate) shadow: bool,
    /// The contract to write, or `-` for standard output
    #[arg(long, value_name = "FILE|-", default_value = "contract.yaml")]
    pub(crate) out: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    pub(crate) force: bool,
}
