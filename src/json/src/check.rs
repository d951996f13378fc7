//! Checks a text without building a value. One pass [accepts](crate::accept) it; `serde_json` reads the others again, for their faults.
//!
//! The memory that a check needs is bounded by the text: a small list for each open object, and eight bytes for each further key
//! of an object that has many.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::ReadError;
use crate::accept::FEW_MEMBERS;
use crate::explain::{Findings, Reason};
use crate::object::Members;
use crate::places::Places;
use crate::read::MAX_DEPTH;
use crate::text_scan::{TextScan, Unread};

/// Checks one JSON text as [`read_nearest`](crate::read_nearest) does.
///
/// It serves texts whose bytes are forwarded. Single values in them are read later, by themselves.
///
/// # Errors
/// The same as [`read_nearest`](crate::read_nearest). A repeated key is reported at the end of its object if the object has many keys before
/// it.
pub fn check(text: &[u8]) -> Result<(), ReadError> {
    check_object(text).map(drop)
}

/// Checks one JSON text as [`check`] does, and returns the places of its members if it is an object.
///
/// # Errors
/// The same as [`check`].
pub fn check_object(text: &[u8]) -> Result<Members, ReadError> {
    Ok(check_places(text, 1, "")?.members(text))
}

/// Checks one JSON text as [`check`] does. If it is an object, the result has the places of its members, and of the values in them down to
/// `depth`: its members have depth 1. The values in the member `except` get no places; they are searched when they are read. Neither does a
/// text with escapes in keys or with many members. So the places cost less than the text.
///
/// # Errors
/// The same as [`check`].
pub fn check_places(text: &[u8], depth: usize, except: &'static str) -> Result<Places, ReadError> {
    TextScan::new(depth, except).finish(text)
}

/// Returns the first fault of a text.
pub(crate) fn explain(text: &str) -> Result<(), Unread> {
    let findings = Findings::default();
    let mut parser = serde_json::Deserializer::from_str(text);
    let checker = Checker { findings: &findings, depth: 0 };
    checker.deserialize(&mut parser).map_err(|error| findings.unread(&error, text))?;
    let trailing = |error: serde_json::Error| ReadError::TrailingData { line: error.line(), column: error.column() };
    parser.end().map_err(|error| Unread::Faulty(trailing(error)))
}

#[derive(Clone, Copy)]
struct Checker<'s> {
    findings: &'s Findings,
    depth: usize,
}

impl Checker<'_> {
    fn nested<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.findings.refuse(Reason::TooDeep));
        }
        Ok(Checker { depth: self.depth + 1, ..self })
    }
}

// === impl Checker ===

impl<'de> DeserializeSeed<'de> for Checker<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checker<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.nested()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.nested()?;
        let mut keys = Keys::default();
        while let Some(key) = members.next_key_seed(Key)? {
            if !keys.insert(key) {
                return Err(self.findings.refuse(Reason::DuplicateKey));
            }
            members.next_value_seed(inner)?;
        }
        if keys.are_unique() { Ok(()) } else { Err(self.findings.refuse(Reason::DuplicateKey)) }
    }
}

/// The keys of one object. The first ones are compared one by one, and further ones by their hashes when the object ends.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    hasher: RandomState,
    /// Hashes of all keys. Two later keys with one hash count as one key, so chance can only refuse a text.
    hashes: Vec<u64>,
}

// === impl Keys ===

impl<'de> Keys<'de> {
    /// Adds a key. Returns false if the object is known to have it already.
    fn insert(&mut self, key: Cow<'de, str>) -> bool {
        let hash = self.hasher.hash_one(key.as_ref());
        let has = |hashes: &[u64]| hashes.contains(&hash);
        if has(self.hashes.get(..self.few.len()).unwrap_or_default()) && self.few.contains(&key) {
            return false;
        }
        if self.few.len() < FEW_MEMBERS {
            self.few.push(key);
        }
        if self.hashes.len() == self.hashes.capacity() {
            self.hashes.reserve_exact(self.hashes.len() / 2 + 16);
        }
        self.hashes.push(hash);
        true
    }

    fn are_unique(mut self) -> bool {
        let late = self.hashes.get_mut(self.few.len()..).unwrap_or_default();
        late.sort_unstable();
        late.windows(2).all(|pair| pair.first() != pair.last())
    }
}

/// Reads a key for comparison, without a copy.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
