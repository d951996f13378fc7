//! Why the log cannot be opened or written.

use std::path::PathBuf;

use callgate_state::StateError;

use crate::chain::Fault;

/// Why the log cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// It cannot be written, so nothing that it should tell of may happen.
    #[error("the audit log cannot be written: {0}")]
    Unwritable(String),
    /// The outcome of a call cannot be written: it is held in memory until that works, and nothing new is let in before.
    #[error("the audit log cannot be written, and an outcome is held in memory: {0}")]
    Held(String),
    /// It cannot be opened.
    #[error("{path}: the audit log cannot be opened: {reason}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Its place cannot be used; another executor writes to it, for one.
    #[error(transparent)]
    State(#[from] StateError),
    /// It was tampered with, or damaged.
    #[error(
        "{path}: the audit log is not whole: {fault}; nothing is written on. `callgate audit verify` says more; move audit.db, \
         audit.head and audit-segments away to begin a new log",
        path = path.display()
    )]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// The first thing that is wrong.
        fault: Fault,
    },
}
