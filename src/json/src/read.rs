//! The strict reader: a visitor over `serde_json`'s own parser, and a second look at numbers only where a double was read.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::ReadError;
use crate::number::{self, Exact};

/// How deep arrays and objects may be nested: `[[1]]` is 2 deep.
pub const MAX_DEPTH: usize = 64;

/// The maximum number of values in a text, nested ones included. A tree takes up to 120 bytes for each.
pub const MAX_VALUES: usize = 1 << 20;

/// Reads one JSON text (RFC 8259), strictly.
///
/// Refused, besides what is not JSON: invalid UTF-8, a byte order mark, a key twice in one object (compared after unescaping),
/// more than [`MAX_DEPTH`] levels or [`MAX_VALUES`] values, half surrogate pairs, anything but white space after the value, and numbers that are not
/// held exactly. A number is held exactly if it is an integer in the range of `i64` or `u64`, or if the shortest decimal that
/// gives its double back denotes the number itself (`0.1` does, `0.10000000000000000001` and `1e400` do not).
///
/// A number whose value is an integer in those ranges is read as that integer however it was written (`1.0`, `1e2`, `-0`), so
/// `read(canonical(read(x)))` equals `read(x)`.
///
/// # Errors
/// [`ReadError`] names the reason and where; it never quotes the text.
pub fn read(text: &[u8]) -> Result<Value, ReadError> {
    read_exact(text, Exact::All)
}

/// As [`read`], but a number that is written with a fraction or an exponent is read as the nearest double.
///
/// For results of tools: `%.17g` of C writes `0.10000000000000001`, which means 0.1 to its author. A number without fraction and
/// exponent is still held exactly or refused, since a rounded order number is another order. So is one that no double comes near.
///
/// # Errors
/// As [`read`].
pub fn read_by_value(text: &[u8]) -> Result<Value, ReadError> {
    read_exact(text, Exact::Integers)
}

fn read_exact(text: &[u8], exact: Exact) -> Result<Value, ReadError> {
    let text = utf8(text)?;
    let state = State::default();
    let value = parse(text, &state)?;
    if state.double.get()
        && let Some(offset) = number::first_inexact(text, exact)
    {
        let (line, column) = position(text, offset);
        return Err(ReadError::InexactNumber { line, column });
    }
    Ok(value)
}

/// As [`read`], but a number that no double holds is read as the nearest one instead of refused (one outside the range of
/// doubles is still refused).
///
/// For texts that are passed on as they are and whose fractions decide nothing, such as the log probabilities in an answer:
/// some writers print them with digits that no double has.
///
/// # Errors
/// As [`read`].
pub fn read_nearest(text: &[u8]) -> Result<Value, ReadError> {
    parse(utf8(text)?, &State::default())
}

pub(crate) fn utf8(text: &[u8]) -> Result<&str, ReadError> {
    std::str::from_utf8(text).map_err(|error| ReadError::NotUtf8 { offset: error.valid_up_to() })
}

fn parse(text: &str, state: &State) -> Result<Value, ReadError> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Reader { state, depth: 0 }.deserialize(&mut parser).map_err(|error| explain(&error, state))?;
    match parser.end() {
        Ok(()) => Ok(value),
        Err(error) => Err(ReadError::TrailingData { line: error.line(), column: error.column() }),
    }
}

/// What the visitor knows and `serde_json`'s error type cannot carry.
#[derive(Default)]
pub(crate) struct State {
    refusal: Cell<Option<Refusal>>,
    double: Cell<bool>,
    values: Cell<usize>,
}

#[derive(Clone, Copy)]
pub(crate) enum Refusal {
    DuplicateKey,
    TooDeep,
    TooMany,
}

impl State {
    pub(crate) fn refuse<E: serde::de::Error>(&self, refusal: Refusal) -> E {
        self.refusal.set(Some(refusal));
        E::custom("")
    }
}

#[derive(Clone, Copy)]
struct Reader<'s> {
    state: &'s State,
    depth: usize,
}

impl Reader<'_> {
    fn nested<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.state.refuse(Refusal::TooDeep));
        }
        Ok(Reader { depth: self.depth + 1, ..self })
    }
}

// === impl Reader ===

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let values = self.state.values.get();
        if values == MAX_VALUES {
            return Err(self.state.refuse(Refusal::TooMany));
        }
        self.state.values.set(values + 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
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
        self.state.double.set(true);
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
                Entry::Occupied(_) => return Err(self.state.refuse(Refusal::DuplicateKey)),
            }
        }
        Ok(Value::Object(object))
    }
}

/// Only reached on refusal: names the reason behind `serde_json`'s error.
pub(crate) fn explain(error: &serde_json::Error, state: &State) -> ReadError {
    let (line, column) = (error.line(), error.column());
    match state.refusal.get() {
        Some(Refusal::DuplicateKey) => return ReadError::DuplicateKey { line, column },
        Some(Refusal::TooDeep) => return ReadError::TooDeep { line, column },
        Some(Refusal::TooMany) => return ReadError::TooMany { line, column },
        None => {}
    }
    // `serde_json` tells these apart only by their words; the tests hold it to them.
    let words = error.to_string();
    let reason = words.split(" at line ").next().unwrap_or_default();
    match reason {
        "number out of range" => ReadError::InexactNumber { line, column },
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            ReadError::LoneSurrogate { line, column }
        }
        _ => ReadError::Syntax { line, column, reason: reason.to_owned() },
    }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
    (line, column)
}
