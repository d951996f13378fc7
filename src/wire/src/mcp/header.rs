//! Values of headers that repeat a part of a message: `Mcp-Name` and `Mcp-Param-*`.
//!
//! Source: revision 2026-07-28, *Streamable HTTP*, Value Encoding. A value that is not printable ASCII, has blanks at an end or
//! looks encoded is written as `=?base64?…?=`. The marks are exact; nothing else, such as a percent sign, is an escape.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "=?base64?";
const END: &str = "?=";

/// Writes a value for a header.
#[must_use]
pub fn encode(value: &str) -> Cow<'_, str> {
    let is_printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let has_blank_ends = value.starts_with(' ') || value.ends_with(' ');
    if is_printable && !has_blank_ends && inside(value).is_none() {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!("{BEGIN}{}{END}", STANDARD.encode(value)))
}

/// Reads the value of a header. `None` for one that no client may send: characters that are not printable ASCII, or an encoding that is
/// not the only one of its value.
#[must_use]
pub fn decode(value: &str) -> Option<Cow<'_, str>> {
    if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t') {
        return None;
    }
    match inside(value) {
        None => Some(Cow::Borrowed(value)),
        // This engine refuses missing padding and stray bits.
        Some(text) => String::from_utf8(STANDARD.decode(text).ok()?).ok().map(Cow::Owned),
    }
}

fn inside(value: &str) -> Option<&str> {
    value.strip_prefix(BEGIN)?.strip_suffix(END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_survives_the_header_and_has_one_form() {
        let table = [
            ("us-west1", "us-west1"),
            ("", ""),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("50%25", "50%25"),
        ];
        for (value, header) in table {
            assert_eq!(encode(value), header);
            assert_eq!(decode(header).as_deref(), Some(value));
        }
        for other in ["=?BASE64?YQ==?=", "=?base64?YQ==", "YQ=="] {
            assert_eq!(decode(other).as_deref(), Some(other), "only the exact marks are marks");
        }
        for wrong in ["=?base64?YQ?=", "=?base64?YR==?=", "=?base64?!?=", "=?base64?/w==?=", "é", "a\nb"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
