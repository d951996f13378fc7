//! The strict reader. It builds the tree from an [outline](crate::outline). A visitor over `serde_json`'s own parser reads refused texts
//! for their errors, and every number that is not a short whole one; it looks at a number again if it was read as a double.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::ReadError;
use crate::explain::{Findings, Reason};
use crate::number::{self, Exact};
use crate::outline::Outline;
use crate::text_scan::Unread;

/// The maximum nesting of arrays and objects: `[[1]]` is nested twice.
pub const MAX_DEPTH: usize = 64;

/// The maximum number of values in a text, including nested ones. A tree takes up to 120 bytes for each.
pub const MAX_VALUES: usize = 1 << 20;

/// Reads one JSON text (RFC 8259), strictly.
///
/// Besides invalid JSON it refuses:
///
/// - invalid UTF-8 and a byte order mark;
/// - a key twice in one object, compared after unescaping;
/// - more than [`MAX_DEPTH`] levels or [`MAX_VALUES`] values;
/// - half of a surrogate pair, and anything but white space after the value;
/// - numbers that it cannot hold exactly.
///
/// A number is held exactly if it is an integer in the range of `i64` or `u64`. Any other number is held exactly if the shortest
/// decimal of its double denotes the number itself: `0.1` does, `0.10000000000000000001` and `1e400` do not.
///
/// A number with an integer value in those ranges is read as this integer in any spelling (`1.0`, `1e2`, `-0`), so
/// `read(canonical(read(x)))` equals `read(x)`.
///
/// # Errors
/// [`ReadError`] names the reason and the position. It never quotes the text.
pub fn read(text: &[u8]) -> Result<Value, ReadError> {
    read_exact(text, Exact::All)
}

/// Reads as [`read`] does, but takes the nearest double for a number with a fraction or an exponent.
///
/// It serves results of tools: `%.17g` of C writes `0.10000000000000001`, which means 0.1 to its author. A number without fraction
/// and exponent is still held exactly or refused, since a rounded order number is another order. A number outside of the range of
/// doubles is refused too.
///
/// # Errors
/// As [`read`].
pub fn read_by_value(text: &[u8]) -> Result<Value, ReadError> {
    read_exact(text, Exact::Integers)
}

/// Reads a text by its outline. A text that is refused is read again for the reason.
fn read_exact(text: &[u8], exact: Exact) -> Result<Value, ReadError> {
    let text = utf8(text)?;
    match Outline::of(text).and_then(|outline| outline.tree(exact)) {
        Some(value) => Ok(value),
        None => read_by_visitor(text, exact),
    }
}

/// Returns the reason to refuse a text that has no outline.
pub(crate) fn refusal(text: &str) -> ReadError {
    match read_by_visitor(text, Exact::None) {
        Err(error) => error,
        // Places do not reach a text of 4 GiB; it has no other error.
        Ok(_) => ReadError::TooMany { line: 1, column: 1 },
    }
}

/// Reads a number that was scanned, and returns `None` if it breaks the rule.
pub(crate) fn read_number(literal: &str, exact: Exact) -> Option<Number> {
    match read_by_visitor(literal, exact) {
        Ok(Value::Number(number)) => Some(number),
        _ => None,
    }
}

fn read_by_visitor(text: &str, exact: Exact) -> Result<Value, ReadError> {
    let findings = Findings::default();
    let value = parse(text, &findings).map_err(|(Unread::Short(error) | Unread::Faulty(error))| error)?;
    if exact != Exact::None
        && findings.double.get()
        && let Some(offset) = number::first_inexact(text, exact)
    {
        let (line, column) = position(text, offset);
        return Err(ReadError::InexactNumber { line, column });
    }
    Ok(value)
}

/// Reads as [`read`] does, but takes the nearest double for every number that no double holds. It still refuses a number outside
/// of the range of doubles.
///
/// It serves texts whose bytes are forwarded and whose fractions decide nothing, such as the log probabilities in an answer: some
/// writers print more digits than a double has.
///
/// # Errors
/// As [`read`].
pub fn read_nearest(text: &[u8]) -> Result<Value, ReadError> {
    read_exact(text, Exact::None)
}

/// Returns a text that is UTF-8. A fault before the first other byte counts first, so later bytes never change the error of a text.
pub(crate) fn utf8(text: &[u8]) -> Result<&str, ReadError> {
    std::str::from_utf8(text).map_err(|error| {
        let offset = error.valid_up_to();
        let valid = text.get(..offset).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default();
        match explain_tree(valid) {
            Err(Unread::Faulty(error)) => error,
            Err(Unread::Short(_)) | Ok(()) => ReadError::NotUtf8 { offset },
        }
    })
}

/// Returns the first fault of a text that is read into a tree, but for numbers that are not held exactly.
pub(crate) fn explain_tree(text: &str) -> Result<(), Unread> {
    parse(text, &Findings::default()).map(drop)
}

fn parse(text: &str, findings: &Findings) -> Result<Value, Unread> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let value =
        ValueReader { findings, depth: 0 }.deserialize(&mut parser).map_err(|error| findings.unread(&error, text))?;
    match parser.end() {
        Ok(()) => Ok(value),
        Err(error) => Err(Unread::Faulty(ReadError::TrailingData { line: error.line(), column: error.column() })),
    }
}

#[derive(Clone, Copy)]
struct ValueReader<'s> {
    findings: &'s Findings,
    depth: usize,
}

impl ValueReader<'_> {
    fn nested<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.findings.refuse(Reason::TooDeep));
        }
        Ok(ValueReader { depth: self.depth + 1, ..self })
    }
}

// === impl ValueReader ===

impl<'de> DeserializeSeed<'de> for ValueReader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let values = self.findings.values.get();
        if values == MAX_VALUES {
            return Err(self.findings.refuse(Reason::TooMany));
        }
        self.findings.values.set(values + 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueReader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.findings.double.set(true);
        if let Some(integer) = number::integer(value) {
            return Ok(Value::Number(integer));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom(""))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.nested()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.nested()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            match object.entry(key) {
                Entry::Vacant(slot) => {
                    slot.insert(members.next_value_seed(inner)?);
                }
                Entry::Occupied(_) => return Err(self.findings.refuse(Reason::DuplicateKey)),
            }
        }
        Ok(Value::Object(object))
    }
}

/// Returns the line and the column of a byte.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
    (line, column)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
#[path = "../tests/near_json/mod.rs"]
mod near_json;

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::near_json::near_json;
    use super::{Exact, read, read_by_value, read_by_visitor, read_nearest};
    use crate::{canonical, read_canonical};

    /// Reads a text as each function does, and with the visitor alone.
    fn compare(text: &str) {
        let bytes = text.as_bytes();
        let exact = read_by_visitor(text, Exact::All);
        let with_text = exact.clone().map(|value| (value.clone(), canonical(&value)));
        assert_eq!(read_canonical(bytes), with_text, "{text}");
        assert_eq!(read(bytes), exact, "{text}");
        assert_eq!(read_by_value(bytes), read_by_visitor(text, Exact::Integers), "{text}");
        assert_eq!(read_nearest(bytes), read_by_visitor(text, Exact::None), "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_tree_of_an_outline_is_the_visitors(text in near_json()) {
            compare(&text);
        }

        #[test]
        fn a_number_is_read_alike(text in "-?(0|[1-9][0-9]{0,21})(\\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?") {
            compare(&text);
            compare(&format!("[1,{{\"a\": {text} }}]"));
        }
    }
}
