//! New texts for strings of an outlined text.

use super::Item;

/// New texts for strings of one outlined value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// In the order of the text.
    strings: Vec<Change>,
}

/// A new text for one string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// The place of the string in the text, its quotes included.
    pub(super) start: usize,
    /// The byte after it.
    pub(super) end: usize,
    pub(super) meaning: String,
}

// === impl Changes ===

impl Changes {
    /// Gives a string another meaning.
    pub fn set(&mut self, string: Item<'_>, meaning: String) {
        let change = Change { start: string.start(), end: string.end(), meaning };
        match self.strings.binary_search_by_key(&change.start, |other| other.start) {
            Ok(at) => {
                if let Some(old) = self.strings.get_mut(at) {
                    *old = change;
                }
            }
            Err(at) => self.strings.insert(at, change),
        }
    }

    /// Returns true if a string in the value, or the value itself, was changed.
    #[must_use]
    pub fn touch(&self, value: Item<'_>) -> bool {
        !self.within(value).is_empty()
    }

    /// Returns the changes in a value.
    pub(super) fn within(&self, value: Item<'_>) -> &[Change] {
        let (_, later) = split(&self.strings, value.start());
        split(later, value.end()).0
    }

    /// Returns the bytes of the new texts.
    pub(crate) fn len(&self) -> usize {
        self.strings.iter().map(|change| change.meaning.len()).sum()
    }

    /// Returns true if nothing was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }
}

/// Returns the changes before a place, and the others.
pub(super) fn split(changes: &[Change], place: usize) -> (&[Change], &[Change]) {
    changes.split_at_checked(changes.partition_point(|change| change.start < place)).unwrap_or_default()
}
