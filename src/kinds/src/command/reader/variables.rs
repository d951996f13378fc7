//! Variables whose values are known: assigned, or looped over, on every way to their use.

use super::text::Text;

/// The maximum number of variables whose values are known. Those after them count as unknown.
const MAX_VARIABLES: usize = 256;

/// The variables of a line.
#[derive(Debug, Default)]
pub(super) struct Variables<'a> {
    values: Vec<(&'a str, Known)>,
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
        let known = self.known(name)?;
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
        let new = Known { text, assigned: at, used: None };
        match self.known(name) {
            Some(known) => !is_stale(&std::mem::replace(known, new), loops),
            None => {
                if self.values.len() < MAX_VARIABLES {
                    self.values.push((name, new));
                }
                true
            }
        }
    }

    /// Returns the mark of a region that begins here.
    pub(super) fn mark(&self) -> usize {
        self.log.len()
    }

    /// Forgets the values that were assigned since a mark.
    pub(super) fn forget_since(&mut self, mark: usize) {
        for position in mark..self.log.len() {
            if let Some(known) = self.log.get(position).copied().and_then(|name| self.known(name)) {
                known.text = None;
            }
        }
    }

    /// Forgets a value, because a command may change it. Returns false as [`assign`](Self::assign) does.
    #[must_use]
    pub(super) fn forget(&mut self, name: &str, loops: &[LoopStart]) -> bool {
        match self.known(name) {
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
        let is_fresh = !self.values.iter().any(|(_, known)| is_stale(known, loops));
        self.values.clear();
        is_fresh
    }

    fn known(&mut self, name: &str) -> Option<&mut Known> {
        self.values.iter_mut().find(|(own, _)| *own == name).map(|(_, known)| known)
    }
}

/// Returns true if a value from outside one of the loops was used inside it.
fn is_stale(known: &Known, loops: &[LoopStart]) -> bool {
    known.used.is_some_and(|used| loops.iter().any(|start| known.assigned < *start && used >= *start))
}
