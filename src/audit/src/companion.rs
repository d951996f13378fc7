//! A second store that the log's thread writes.
//!
//! Some events need both: a row in another store, and a record here. With a thread each, a call waits for one after the
//! other. A companion's store is written by the log's own thread, in turns:
//!
//! 1. The companion commits its waiting orders. It hands over the entries that had to wait for this commit.
//! 2. The log commits these entries with its own.
//! 3. The companion gets the answers. What had to wait for the records, it commits in the next turn.
//!
//! So under load all waiting calls share both commits. The files stay two, and no commit covers both: if the process
//! ends between two steps, the companion's store has what the first step wrote, and the log lacks the second.

use std::future::{Future, pending};

use crate::entry::{Appended, Entry};
use crate::error::AuditError;

/// A store of another part, written by the log's thread.
pub trait Companion: Send + 'static {
    /// Waits until there is something to commit. Dropping it loses nothing.
    fn ready(&mut self) -> impl Future<Output = ()>;

    /// Commits all that waits; returns the entries to record next, in order.
    fn commit(&mut self) -> Vec<Entry>;

    /// Takes the log's answers to the entries of the last commit, in their order.
    fn recorded(&mut self, answers: Vec<Result<Appended, AuditError>>);

    /// Closes the store: the log has ended.
    fn close(self);
}

/// The companion of a log alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoCompanion;

// === impl NoCompanion ===

impl Companion for NoCompanion {
    fn ready(&mut self) -> impl Future<Output = ()> {
        pending()
    }

    fn commit(&mut self) -> Vec<Entry> {
        Vec::new()
    }

    fn recorded(&mut self, _: Vec<Result<Appended, AuditError>>) {}

    fn close(self) {}
}
