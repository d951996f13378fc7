//! Errors of opening and writing the log.

use std::path::PathBuf;

use callgate_state::StateError;

use crate::chain::ChainFault;

/// The reason the log cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log cannot be written, so the reported event must not happen.
    #[error("the audit log cannot be written: {0}")]
    Unwritable(String),
    /// The outcome of a call cannot be written. It stays in memory, and no calls are taken until it is written.
    #[error("the audit log cannot be written, and an outcome is held in memory: {0}")]
    Held(String),
    /// The log cannot be opened.
    #[error("{path}: the audit log cannot be opened: {reason}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The state directory cannot be used: another executor writes to it, for one.
    #[error(transparent)]
    State(#[from] StateError),
    /// The log was tampered with, or damaged.
    #[error(
        "{path}: the audit log is not whole: {fault}; nothing is written on. `callgate audit verify` says more; move audit.db, \
         audit.head and audit-segments away to begin a new log",
        path = path.display()
    )]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// The first fault.
        fault: ChainFault,
    },
}
