//! The number of redacted values, by kind. Nothing of the values is in it.

use std::cell::Cell;

use crate::kinds::Kind;

/// Redacted values by kind. A value that is redacted again in a later request counts again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedactionCounts {
    kinds: [u32; Kind::ALL.len()],
    patterns: u32,
}

/// RedactionCounts the values that one policy redacts.
#[derive(Debug, Default)]
pub struct RedactionCounter(Cell<RedactionCounts>);

// === impl RedactionCounts ===

impl RedactionCounts {
    /// Returns the number of values of each kind; `None` stands for all patterns of the contract.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Kind>, u32)> {
        let kinds = Kind::ALL.into_iter().map(Some).zip(self.kinds);
        kinds.chain([(None, self.patterns)])
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &RedactionCounts) {
        for (sum, more) in self.kinds.iter_mut().zip(other.kinds) {
            *sum = sum.saturating_add(more);
        }
        self.patterns = self.patterns.saturating_add(other.patterns);
    }

    fn count(&mut self, kind: Option<Kind>) {
        let place = match kind {
            Some(kind) => self.kinds.get_mut(kind as usize),
            None => Some(&mut self.patterns),
        };
        if let Some(place) = place {
            *place = place.saturating_add(1);
        }
    }
}

// === impl RedactionCounter ===

impl RedactionCounter {
    /// Returns the counts so far.
    #[must_use]
    pub fn counts(&self) -> RedactionCounts {
        self.0.get()
    }

    pub(crate) fn count(&self, kind: Option<Kind>) {
        let mut counts = self.0.get();
        counts.count(kind);
        self.0.set(counts);
    }
}
