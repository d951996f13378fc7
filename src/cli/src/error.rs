//! Everything that can go wrong in a command, in the words its user reads.

use std::path::PathBuf;

/// Why a command did not do what it was asked; exit code 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{file}: cannot be read: {reason}", file = file.display())]
    Read { file: PathBuf, reason: std::io::Error },
    #[error("{file}: cannot be written: {reason}", file = file.display())]
    Write { file: PathBuf, reason: std::io::Error },
    #[error("{file}: is not UTF-8 text", file = file.display())]
    NotText { file: PathBuf },
    /// One line for each diagnostic, each with file, line and column.
    #[error("{0}")]
    Contract(callgate_contract::Errors),
    #[error("--arguments -: standard input cannot be read: {0}")]
    Stdin(std::io::Error),
    #[error("--arguments -: standard input is not UTF-8 text")]
    StdinNotText,
    #[error(transparent)]
    New(#[from] crate::new::NewError),
    #[error(transparent)]
    Call(#[from] crate::call::CallError),
    #[error(transparent)]
    Pin(#[from] crate::pin::PinError),
    #[error(transparent)]
    Render(#[from] crate::render::RenderError),
    #[error(transparent)]
    Executor(#[from] crate::approve::ClientError),
    #[error("--reason: expected one line of at most 500 characters")]
    Reason,
    #[error(
        "no answer was given, and nobody is at a terminal to ask (approve {id}); pass --yes or --deny, or --json to only look"
    )]
    NoAnswer { id: String },
    #[error("the answer cannot be read: {0}")]
    Answer(std::io::Error),
    #[error("the system does not let this program wait for answers: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Audit(#[from] callgate_executor::audit::ReadError),
    #[error(transparent)]
    Backup(#[from] callgate_executor::audit::BackupError),
    #[error("{path}: cannot be written: {reason}; run this as the executor's user", path = path.display())]
    Rotate { path: std::path::PathBuf, reason: std::io::Error },
    #[error("no executor sealed the log in time; start one with this stateDir, or look at its log")]
    NotRotated,
    #[error("there is no record {record} in this log")]
    NoRecord { record: u64 },
    #[error("record {record} is damaged; `callgate audit verify` says where the log stops being whole")]
    NotARecord { record: u64 },
    #[error("standard output cannot be written: {0}")]
    Print(std::io::Error),
}
