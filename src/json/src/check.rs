//! Checks a text without building a value. Most texts are [plain](crate::accept) and take one pass; the others are read by `serde_json`.
//!
//! The memory that a check needs is bounded by the text: a small list for each open object, and eight bytes for each further key
//! of an object that has many.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::ReadError;
use crate::accept::accept;
use crate::explain::{Findings, Reason};
use crate::object::Members;
use crate::places::{Places, Reach};
use crate::read::{MAX_DEPTH, utf8};

/// Checks one JSON text as [`read_nearest`](crate::read_nearest) does.
///
/// It serves texts whose bytes are forwarded. Single values in them are read later, by themselves.
///
/// # Errors
/// The same as [`read_nearest`](crate::read_nearest). A repeated key is reported at the end of its object if the object has many keys.
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
/// `depth`: its members have depth 1. A text that is not plain gets no places, and neither do the values in the member `except`; they are
/// searched when they are read. So the places cost less than the text.
///
/// # Errors
/// The same as [`check`].
pub fn check_places(text: &[u8], depth: usize, except: &str) -> Result<Places, ReadError> {
    // Long texts in ASCII alone are common, and the faster test.
    if !text.is_ascii() {
        utf8(text)?;
    }
    match accept(text, Reach { depth, except: except.as_bytes() }) {
        Some(accepted) => Ok(Places::new(accepted)),
        None => explain(utf8(text)?).map(|()| Places::default()),
    }
}

/// Checks a text that is not [plain](accept).
fn explain(text: &str) -> Result<(), ReadError> {
    let findings = Findings::default();
    let mut parser = serde_json::Deserializer::from_str(text);
    let checker = Checker { findings: &findings, depth: 0 };
    checker.deserialize(&mut parser).map_err(|error| findings.explain(&error, text))?;
    parser.end().map_err(|error| ReadError::TrailingData { line: error.line(), column: error.column() })
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

/// The number of keys compared one by one before further ones are hashed.
const FEW: usize = 16;

/// The keys of one object.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    hasher: Option<RandomState>,
    /// Hashes of all further keys. Two keys with one hash count as one key, so chance can only refuse a text.
    many: Vec<u64>,
}

// === impl Keys ===

impl<'de> Keys<'de> {
    /// Adds a key. Returns false if the object is known to have it already.
    fn insert(&mut self, key: Cow<'de, str>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(key);
            return true;
        }
        let hash = self.hasher.get_or_insert_with(RandomState::new).hash_one(key.as_ref());
        if self.many.len() == self.many.capacity() {
            self.many.reserve_exact(self.many.len() / 2 + FEW);
        }
        self.many.push(hash);
        true
    }

    fn are_unique(mut self) -> bool {
        self.many.sort_unstable();
        self.many.windows(2).all(|pair| pair.first() != pair.last())
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
