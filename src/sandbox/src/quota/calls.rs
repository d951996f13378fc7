//! The running calls of a folder, and the deleted files they may still hold open.

use std::collections::{BTreeMap, BTreeSet};

/// Orders the calls of one folder by their beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallNumber(u64);

/// The running calls of one folder.
#[derive(Debug, Default)]
pub(super) struct FolderCalls {
    running: BTreeSet<CallNumber>,
    next: u64,
    /// Bytes of files without a name, by the last call that could hold them open.
    nameless: BTreeMap<CallNumber, u64>,
}

// === impl FolderCalls ===

impl FolderCalls {
    pub(super) fn begin(&mut self) -> CallNumber {
        let call = CallNumber(self.next);
        self.next += 1;
        self.running.insert(call);
        call
    }

    /// Ends a call, and forgets the files no running call can hold open.
    pub(super) fn end(&mut self, call: CallNumber) {
        self.running.remove(&call);
        match self.running.first() {
            Some(oldest) => self.nameless.retain(|last, _| last >= oldest),
            None => self.nameless.clear(),
        }
    }

    /// Notes bytes without a name. Only the calls running now can hold them open.
    pub(super) fn grow_nameless(&mut self, bytes: u64) {
        if let Some(last) = self.running.last().filter(|_| bytes > 0) {
            let held = self.nameless.entry(*last).or_default();
            *held = held.saturating_add(bytes);
        }
    }

    /// Returns the bytes without a name.
    pub(super) fn nameless(&self) -> u64 {
        self.nameless.values().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }
}
