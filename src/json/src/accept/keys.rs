//! The keys of open objects. Each is compared with those before it in its object.
//!
//! The first keys of an object are compared one by one, further ones by their hashes when the object ends: eight bytes for each.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

use super::Reader;
use super::state::ReadKey;
use crate::outline::strings;
use crate::scan::{SPREAD, before, place, same, special, specials, word};

/// The number of members of an object whose keys are compared one by one.
pub(crate) const FEW_MEMBERS: usize = 64;

/// Keys that a text does not hold, or not alone.
#[derive(Default)]
pub(super) struct LateKeys {
    /// The unescaped texts of keys with escapes.
    pub(super) unescaped: Vec<u8>,
    hasher: Option<RandomState>,
    /// Hashes of the later keys of open objects. Two keys with one hash count as one key, so chance can only refuse a text.
    hashes: Vec<u64>,
}

// === impl LateKeys ===

impl LateKeys {
    pub(super) fn hashed(&self) -> usize {
        self.hashes.len()
    }

    fn hash(&mut self, key: &[u8]) -> u64 {
        self.hasher.get_or_insert_with(RandomState::new).hash_one(key)
    }

    fn push(&mut self, hash: u64) {
        if self.hashes.len() == self.hashes.capacity() {
            self.hashes.reserve_exact(self.hashes.len() / 2 + FEW_MEMBERS);
        }
        self.hashes.push(hash);
    }

    /// Returns the bytes held.
    pub(super) fn held(&self) -> usize {
        self.unescaped.capacity() + self.hashes.capacity() * size_of::<u64>()
    }
}

// === impl Reader ===

impl Reader<'_> {
    #[inline]
    pub(super) fn text_of(&self, key: ReadKey) -> &[u8] {
        let text = if key.is_escaped { &self.late.unescaped } else { self.text };
        text.get(key.start..key.end).unwrap_or_default()
    }

    /// Reads a key that differs from those of the same object. Returns the place after its closing quote; `None` leaves it to
    /// [`slow_key`](Reader::slow_key).
    #[inline]
    pub(super) fn key(&mut self, at: usize) -> Option<usize> {
        if self.byte(at)? != b'"' {
            return None;
        }
        let start = at + 1;
        let (end, first) = match word(self.text, start) {
            Some(word) => match specials(word) {
                0 => (special(self.text, start + 8), word),
                hits => (start + place(hits), word & before(hits)),
            },
            None => {
                let end = special(self.text, start);
                (end, first_bytes(self.text.get(start..end)?))
            }
        };
        if self.byte(end)? != b'"' {
            return None;
        }
        self.push_key(ReadKey { first, start, end, is_escaped: false })?;
        Some(end + 1)
    }

    /// Takes any other key, from its opening quote to the place after the closing one. Returns `None` if the object has it already.
    #[cold]
    pub(super) fn slow_key(&mut self, start: usize, end: usize) -> Option<()> {
        let (start, end) = (start + 1, end - 1);
        let inside = self.text.get(start..end)?;
        if !inside.contains(&b'\\') {
            let first = first_bytes(inside);
            return self.push_key(ReadKey { first, start, end, is_escaped: false });
        }
        self.forget_places();
        let name = strings::unescaped(inside)?;
        let start = self.late.unescaped.len();
        self.late.unescaped.extend_from_slice(name.as_bytes());
        let end = self.late.unescaped.len();
        self.push_key(ReadKey { first: first_bytes(name.as_bytes()), start, end, is_escaped: true })
    }

    #[inline]
    fn push_key(&mut self, key: ReadKey) -> Option<()> {
        let mark = 1 << (key.first.wrapping_mul(SPREAD) >> 58);
        if self.open.marks & mark != 0 && !self.is_new(key) {
            return None;
        }
        self.open.marks |= mark;
        self.keys.push(key);
        Some(())
    }

    /// Returns true if none of the first members of the innermost object has this key. Hashes the later ones.
    #[cold]
    fn is_new(&mut self, new: ReadKey) -> bool {
        let others = self.keys.get(self.open.keys..).unwrap_or_default();
        let few = others.get(..FEW_MEMBERS).unwrap_or(others);
        if few.iter().any(|key| key.first == new.first && same(self.text_of(*key), self.text_of(new))) {
            return false;
        }
        if others.len() > FEW_MEMBERS {
            self.hash_late();
        }
        true
    }

    /// Hashes the later keys of the innermost object, and drops them.
    fn hash_late(&mut self) {
        let few = self.open.keys + FEW_MEMBERS;
        for place in few..self.keys.len() {
            let Some(key) = self.keys.get(place).copied() else { break };
            let name: Cow<'_, [u8]> = match key.is_escaped {
                true => self.text_of(key).to_vec().into(),
                false => self.text.get(key.start..key.end).unwrap_or_default().into(),
            };
            let hash = self.late.hash(&name);
            self.late.push(hash);
        }
        self.keys.truncate(few);
        if self.outer.len() == 1 && self.has_places {
            // Each member of the outermost object would get a place.
            self.forget_places();
        }
    }

    /// Ends the keys of an object. Returns `None` if two of the later ones are the same.
    #[inline]
    pub(super) fn end_keys(&mut self, keys: usize, hashes: usize) -> Option<()> {
        if self.late.hashes.len() > hashes || !self.late.unescaped.is_empty() {
            self.end_late_keys(keys, hashes)?;
        }
        self.keys.truncate(keys);
        Some(())
    }

    #[cold]
    fn end_late_keys(&mut self, keys: usize, hashes: usize) -> Option<()> {
        if self.late.hashes.len() > hashes {
            self.hash_late();
            let late = self.late.hashes.get_mut(hashes..)?;
            late.sort_unstable();
            late.windows(2).all(|pair| pair.first() != pair.last()).then_some(())?;
            self.late.hashes.truncate(hashes);
        }
        if let Some(first) = self.keys.get(keys..)?.iter().find(|key| key.is_escaped) {
            self.late.unescaped.truncate(first.start);
        }
        Some(())
    }
}

fn first_bytes(text: &[u8]) -> u64 {
    text.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}
