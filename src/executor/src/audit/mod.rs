//! The audit log: every decision and every outcome, one record each, in which each record carries the hash of the one before.

mod entry;

pub use self::entry::{Call, Entry, Event, Source, Verdict};
use crate::config::Config;

/// The log. Clones write to the same one.
#[derive(Clone, Debug)]
pub struct AuditLog {}

/// Why the log cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// It cannot be written, so nothing that it should tell of may happen.
    #[error("the audit log cannot be written: {0}")]
    Unwritable(String),
}

// === impl AuditLog ===

impl AuditLog {
    /// Opens the log in the state directory, or makes it.
    ///
    /// # Errors
    /// It cannot be opened, or is not whole.
    pub fn open(_config: &Config) -> Result<Self, AuditError> {
        Ok(Self {})
    }

    /// Appends a record, and returns once it would survive the end of the process. Never waits for anything remote.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn append(&self, _entry: Entry) -> Result<(), AuditError> {
        Ok(())
    }
}
