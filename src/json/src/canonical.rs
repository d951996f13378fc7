//! Canonical writing: the JSON Canonicalization Scheme, RFC 8785.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use crate::number::Exact;
use crate::outline::strings;
use crate::{Item, Outline, ReadError, read};

/// Writes a value as canonical JSON text (RFC 8785): no white space, members sorted by the UTF-16 units of their keys, the
/// shortest escapes, numbers as ECMAScript writes them.
///
/// One deliberate difference: integers beyond 2^53 are written with their own digits. RFC 8785 knows doubles only and would
/// round them, and `9007199254740993` would name another order than the one that was checked. `serde_json_canonicalizer`
/// rounds so; it writes the doubles here, and only those.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = Vec::with_capacity(128);
    write_value(&mut out, value);
    // Only UTF-8 is written above, so this never replaces anything; a lossless conversion would need `unsafe`.
    String::from_utf8(out).unwrap_or_default()
}

/// Reads one JSON text as [`read`] does, and returns its value with the [canonical] text.
///
/// # Errors
/// As [`read`].
pub fn read_canonical(text: &[u8]) -> Result<(Value, String), ReadError> {
    let outline = Outline::read(text)?;
    let Some(value) = outline.tree(Exact::All) else {
        return read(text).map(|value| {
            let canonical = canonical(&value);
            (value, canonical)
        });
    };
    let root = outline.root();
    if root.is_written_so() && is_sorted(root) {
        return Ok((value, root.text().to_owned()));
    }
    let mut out = Vec::with_capacity(text.len());
    write_item(&mut out, root);
    Ok((value, String::from_utf8(out).unwrap_or_default()))
}

/// Returns true if the members of every object in a value are in canonical order.
fn is_sorted(item: Item<'_>) -> bool {
    let mut before = None;
    for (key, value) in item.pairs() {
        if before.is_some_and(|before| key_order(before, key) == Ordering::Greater) || !is_sorted(value) {
            return false;
        }
        before = Some(key);
    }
    item.items().all(is_sorted)
}

/// Writes an outlined value, whose numbers are exact.
fn write_item(out: &mut Vec<u8>, item: Item<'_>) {
    if item.is_object() {
        let is_in_order = item.pairs().is_sorted_by(|(a, _), (b, _)| key_order(*a, *b) != Ordering::Greater);
        if is_in_order {
            write_members(out, item.pairs());
        } else {
            let mut members = Vec::with_capacity(item.pairs().count());
            members.extend(item.pairs());
            members.sort_unstable_by(|(a, _), (b, _)| key_order(*a, *b));
            write_members(out, members.into_iter());
        }
    } else if item.is_array() {
        out.push(b'[');
        for (position, item) in item.items().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            write_item(out, item);
        }
        out.push(b']');
    } else if item.is_written_so() {
        out.extend_from_slice(item.raw());
    } else if let Some(number) = item.number(Exact::All) {
        write_number(out, &number);
    } else {
        strings::write(out, &item.string().unwrap_or_default());
    }
}

fn write_members<'t>(out: &mut Vec<u8>, members: impl Iterator<Item = (Item<'t>, Item<'t>)>) {
    out.push(b'{');
    for (position, (key, value)) in members.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_item(out, key);
        out.push(b':');
        write_item(out, value);
    }
    out.push(b'}');
}

fn key_order(a: Item<'_>, b: Item<'_>) -> Ordering {
    match (a.plain(), b.plain()) {
        (Some(a), Some(b)) => order(a, b),
        _ => order(&a.string().unwrap_or_default(), &b.string().unwrap_or_default()),
    }
}

/// Returns the order of two keys by their UTF-16 units.
fn order(a: &str, b: &str) -> Ordering {
    // For ASCII keys, which nearly all are, bytes sort as UTF-16 units do.
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => strings::write(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write_value(out, item);
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(out, members),
    }
}

fn write_object(out: &mut Vec<u8>, members: &Map<String, Value>) {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| order(a, b));
    out.push(b'{');
    for (position, (key, value)) in sorted.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        strings::write(out, key);
        out.push(b':');
        write_value(out, value);
    }
    out.push(b'}');
}

fn write_number(out: &mut Vec<u8>, number: &Number) {
    let written = match number.as_f64() {
        Some(double) if number.is_f64() => serde_json_canonicalizer::to_writer(&double, out),
        _ => serde_json::to_writer(out, number),
    };
    debug_assert!(written.is_ok(), "writing to a vector does not fail");
}
