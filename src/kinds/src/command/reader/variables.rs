//! Variables whose values are known: assigned, or looped over, on every way to their use.

use super::text::Text;
use std::collections::BTreeMap;

/// The variables of a line.
#[derive(Debug, Default)]
pub(super) struct Variables<'a> {
    values: BTreeMap<&'a str, Known>,
    /// The names in the order of their assignments. A region of the line is a range of it.
    log: Vec<&'a str>,
}

/// The value of a variable.
#[derive(Debug)]
struct Known {
    /// `None` if it is not known.
    text: Option<Text>,
    /// The byte at which the value was assigned.
    assigned: usize,
    /// The byte at which the value was used last.
    used: Option<usize>,
}

/// A loop that is open: the byte at which it begins.
pub(super) type LoopStart = usize;

// === impl Variables ===

impl<'a> Variables<'a> {
    /// Returns the value for a use at this byte.
    pub(super) fn value(&mut self, name: &str, at: usize) -> Option<&Text> {
        let known = self.values.get_mut(name)?;
        let text = known.text.as_ref()?;
        known.used = Some(at);
        Some(text)
    }

    /// Assigns a value; `None` for an unknown one.
    ///
    /// Returns false if an earlier use in one of the open loops took another value, which the next turn of the loop does not have.
    #[must_use]
    pub(super) fn assign(&mut self, name: &'a str, text: Option<Text>, at: usize, loops: &[LoopStart]) -> bool {
        self.log.push(name);
        let old = self.values.insert(name, Known { text, assigned: at, used: None });
        old.is_none_or(|old| !is_stale(&old, loops))
    }

    /// Returns the mark of a region that begins here.
    pub(super) fn mark(&self) -> usize {
        self.log.len()
    }

    /// Forgets the values that were assigned since a mark.
    pub(super) fn forget_since(&mut self, mark: usize) {
        for name in self.log.get(mark..).unwrap_or_default() {
            if let Some(known) = self.values.get_mut(name) {
                known.text = None;
            }
        }
    }

    /// Forgets a value, because a command may change it. Returns false as [`assign`](Self::assign) does.
    #[must_use]
    pub(super) fn forget(&mut self, name: &str, loops: &[LoopStart]) -> bool {
        match self.values.get_mut(name) {
            Some(known) => {
                known.text = None;
                !is_stale(known, loops)
            }
            None => true,
        }
    }

    /// Forgets every value. Returns false as [`assign`](Self::assign) does.
    #[must_use]
    pub(super) fn forget_all(&mut self, loops: &[LoopStart]) -> bool {
        let is_fresh = !self.values.values().any(|known| is_stale(known, loops));
        self.values.clear();
        is_fresh
    }
}

/// Returns true if a value from outside one of the loops was used inside it.
fn is_stale(known: &Known, loops: &[LoopStart]) -> bool {
    known.used.is_some_and(|used| loops.iter().any(|start| known.assigned < *start && used >= *start))
}
