//! Canonical writing: the JSON Canonicalization Scheme, RFC 8785.

use serde_json::{Map, Number, Value};

use crate::outline::strings;

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
    sorted.sort_unstable_by(|(a, _), (b, _)| {
        // For ASCII keys, which nearly all are, bytes sort as UTF-16 units do.
        if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
    });
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
