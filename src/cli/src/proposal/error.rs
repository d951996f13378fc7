//! The errors of `callgate init` and `callgate learn`.

use std::path::PathBuf;

use crate::disk::FileError;

/// Reasons why no contract was proposed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProposalError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{place}: not JSON: {reason}")]
    NotJson { place: String, reason: String },
    #[error("{place}: neither a request of a known API nor a list of tools; give --api, or remove it")]
    Unknown { place: String },
    #[error("{place}: not a request of {api}: {reason}")]
    Request { place: String, api: &'static str, reason: String },
    #[error("--api {0}: unknown API; known: {1}")]
    Api(String, String),
    #[error("{place}: tool \"{tool}\" is declared in a form without a schema; remove it")]
    Form { place: String, tool: String },
    #[error(
        "no tool is declared in the given files; capture a request with tools, or the answer to an MCP server's tools/list"
    )]
    NoTools,
    #[error("{place}: not an answer to tools/list; save the JSON that the server answers with")]
    NoList { place: String },
    #[error("{place}: tools of two servers would have the name {tool:?}; give one server another name")]
    OneName { place: String, tool: String },
    #[error(
        "--mcp-server {0:?}: expected NAME=FILE, with a name of small letters, digits, `-` and `_`, such as github=github.json"
    )]
    Server(String),
    #[error("--schemas needs a folder; give --out FILE")]
    NoFolder,
    #[error("{file}: exists; give --force to overwrite it", file = file.display())]
    Exists { file: PathBuf },
    /// The proposal is not valid: a fault of this program, or an odd role, model or name.
    #[error("the proposal would not be valid; nothing was written:\n{0}")]
    Invalid(FileError),
}
