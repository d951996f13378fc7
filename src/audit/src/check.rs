//! Checks a log before a start, without writing.

use std::path::Path;

use super::AuditError;
use super::chain::ChainFault;
use super::head::KeptHead;
use super::store::{FILE, FORMAT, check_end};

/// Checks the end of the log in the state directory `folder`, as a start does. A missing log is a fault only if there
/// was one.
///
/// # Errors
/// The log is not whole or cannot be read.
pub fn check(folder: &Path) -> Result<(), AuditError> {
    let path = folder.join(FILE);
    // Read before the log: a running executor writes records first, and then the head.
    let kept = KeptHead::read(&path).map_err(|error| AuditError::Open {
        path: path.clone(),
        reason: format!("its head in audit.head cannot be read: {error}"),
    })?;
    match callgate_state::inspect(&path, FORMAT.version())? {
        Some(log) => check_end(&log, kept.as_ref(), &path),
        None if kept.is_some() => Err(AuditError::NotWhole { path, fault: ChainFault::Replaced }),
        None => Ok(()),
    }
}
