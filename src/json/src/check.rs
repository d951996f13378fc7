//! Checks a text without building anything of it.
//!
//! The memory that a check needs is bounded by the text: a small list for each open object, and eight bytes for each further key
//! of an object that has many.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::ReadError;
use crate::read::{MAX_DEPTH, Refusal, State, explain, utf8};

/// Checks one JSON text as [`read_nearest`](crate::read_nearest) does.
///
/// For texts that are forwarded as they are, and of which only some values are read later, by themselves.
///
/// # Errors
/// As [`read_nearest`](crate::read_nearest). A repeated key is reported at the end of its object if the object has many keys.
pub fn check(text: &[u8]) -> Result<(), ReadError> {
    let state = State::default();
    let mut parser = serde_json::Deserializer::from_str(utf8(text)?);
    Checker { state: &state, depth: 0 }.deserialize(&mut parser).map_err(|error| explain(&error, &state))?;
    parser.end().map_err(|error| ReadError::TrailingData { line: error.line(), column: error.column() })
}

#[derive(Clone, Copy)]
struct Checker<'s> {
    state: &'s State,
    depth: usize,
}

impl Checker<'_> {
    fn nested<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.state.refuse(Refusal::TooDeep));
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
                return Err(self.state.refuse(Refusal::DuplicateKey));
            }
            members.next_value_seed(inner)?;
        }
        if keys.are_unique() { Ok(()) } else { Err(self.state.refuse(Refusal::DuplicateKey)) }
    }
}

/// Keys that are compared one by one before they are hashed.
const FEW: usize = 16;

/// The keys of one object.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    hasher: Option<RandomState>,
    /// Hashes of all further keys. Two keys of one hash are taken for one key, so that chance can only refuse a text.
    many: Vec<u64>,
}

// === impl Keys ===

impl<'de> Keys<'de> {
    /// False if the key is known to be there already.
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

/// A key that is compared and not kept.
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
