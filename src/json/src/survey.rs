//! The keys and the kinds of objects in a list: of the turns of a conversation, and of the blocks in them. A conversation of a thousand
//! turns has a dozen keys, so a reader that looks for a key can ask for it once.

use std::ops::Range;

use crate::Key;
use crate::scan::string;

/// The maximum number of different keys, and of different kinds. A list with more is searched.
const MOST: usize = 16;

/// The objects in a list.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    objects: usize,
    keys: Vec<SeenKey>,
    kinds: Vec<Range<usize>>,
    /// Something is not known: the list has other values than objects, too many different keys, or a kind other than a plain string.
    is_partial: bool,
    /// The list was found.
    is_found: bool,
}

#[derive(Debug)]
struct SeenKey {
    first: u64,
    /// Without its quotes.
    place: Range<usize>,
    times: usize,
}

/// The objects in a list of a text that was checked.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'t> {
    text: &'t [u8],
    survey: &'t Survey,
}

// === impl Survey ===

impl Survey {
    /// Begins the list.
    pub(crate) fn begin(&mut self) {
        self.is_found = true;
    }

    /// Returns true if the list was found. An empty one is not.
    pub(crate) fn is_found(&self) -> bool {
        self.is_found
    }

    /// Notes an item of the list.
    pub(crate) fn item(&mut self, begin: u8) {
        self.objects += 1;
        self.is_partial |= begin != b'{';
    }

    /// Notes a key between its quotes, without escapes. `first` are its first eight bytes.
    #[inline]
    pub(crate) fn key(&mut self, text: &[u8], first: u64, place: Range<usize>) {
        // The first eight bytes are all of a shorter key.
        let is_same = |seen: &SeenKey| {
            seen.first == first
                && seen.place.len() == place.len()
                && (place.len() <= 8 || text.get(seen.place.clone()) == text.get(place.clone()))
        };
        if let Some(seen) = self.keys.iter_mut().find(|seen| is_same(seen)) {
            seen.times += 1;
        } else if self.keys.len() < MOST {
            self.keys.push(SeenKey { first, place, times: 1 });
        } else {
            self.is_partial = true;
        }
    }

    /// Notes the value at `start` of a member `type`.
    pub(crate) fn kind(&mut self, text: &[u8], start: usize) {
        if text.get(start) != Some(&b'"') {
            self.is_partial = true;
            return;
        }
        let (end, is_escaped) = string(text, start + 1);
        let place = start + 1..end.saturating_sub(1);
        let kind = text.get(place.clone());
        if is_escaped {
            self.is_partial = true;
        } else if !self.kinds.iter().any(|known| text.get(known.clone()) == kind) {
            if self.kinds.len() < MOST {
                self.kinds.push(place);
            } else {
                self.is_partial = true;
            }
        }
    }

    /// Returns the objects, if all of the list is known.
    pub(crate) fn of<'t>(&'t self, text: &'t [u8]) -> Option<Objects<'t>> {
        (!self.is_partial).then_some(Objects { text, survey: self })
    }
}

// === impl Objects ===

impl<'t> Objects<'t> {
    /// Returns the different keys of all of them.
    pub fn keys(self) -> impl Iterator<Item = Key<'t>> {
        self.survey
            .keys
            .iter()
            .filter_map(move |seen| Some(Key::plain(self.text.get(seen.place.start - 1..seen.place.end + 1)?)))
    }

    /// Returns the different strings of their members `type`.
    pub fn kinds(self) -> impl Iterator<Item = &'t [u8]> {
        self.survey.kinds.iter().filter_map(move |place| self.text.get(place.clone()))
    }

    /// Returns true if each of them has this member.
    #[must_use]
    pub fn all_have(self, key: &str) -> bool {
        let times = self.survey.keys.iter().filter(|seen| self.text.get(seen.place.clone()) == Some(key.as_bytes()));
        times.map(|seen| seen.times).sum::<usize>() == self.survey.objects
    }
}
