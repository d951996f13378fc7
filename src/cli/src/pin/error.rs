//! Reasons why a contract is not pinned.

use crate::disk::FileError;
use crate::document::NotYaml;

/// The reason why a contract was not pinned; nothing was written then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PinError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    NotYaml(#[from] NotYaml),
    #[error("{file}:{line}:{column}: nothing is pinned: {reason}")]
    Place { file: String, line: usize, column: usize, reason: &'static str },
    #[error("{file}: nothing is pinned: the module of {tool} cannot be read: {module}: {reason}")]
    Module { file: String, tool: String, module: String, reason: std::io::Error },
    #[error("{file}: nothing is pinned: the module of {tool}, {module}, is not a WebAssembly module or component")]
    NotWasm { file: String, tool: String, module: String },
    #[error(
        "{file}: nothing is pinned: expected the JSON of a `tools/list`: an object with `tools`, or a message with `result`"
    )]
    NotList { file: String },
    #[error("{file}: nothing is pinned: the list has no tool of the contract that a client runs")]
    NothingListed { file: String },
    #[error("{file}: nothing is pinned: tool {tool} has no module; name a tool with `run: {{ wasm: … }}`")]
    NoTool { file: String, tool: String },
    #[error("{file}: nothing is pinned: replacing the sha256 values would change more than them; please report this")]
    Damage { file: String },
}
