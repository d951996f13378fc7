//! The reason behind a refused text: from the visitor's own words, or from the bytes at the parser's position.
//!
//! The reason never depends on the words of `serde_json`'s errors. They are shown to people, in [`ReadError::Syntax`] only.

use std::cell::Cell;

use serde_json::error::Category;

use crate::ReadError;
use crate::accept;
use crate::number::is_number_byte;
use crate::read::{MAX_VALUES, position};
use crate::scan::after_string;
use crate::text_scan::Unread;

/// The knowledge of a visitor that `serde_json`'s error type cannot carry.
#[derive(Default)]
pub(crate) struct Findings {
    refusal: Cell<Option<Reason>>,
    pub(crate) double: Cell<bool>,
    pub(crate) values: Cell<usize>,
}

/// The visitor's reasons to refuse a text.
#[derive(Clone, Copy)]
pub(crate) enum Reason {
    DuplicateKey,
    TooDeep,
    TooMany,
}

// === impl Findings ===

impl Findings {
    pub(crate) fn refuse<E: serde::de::Error>(&self, reason: Reason) -> E {
        self.refusal.set(Some(reason));
        E::custom("")
    }

    /// Names the reason as [`explain`](Findings::explain) does, and tells a text that ends too early from a faulty one.
    pub(crate) fn unread(&self, error: &serde_json::Error, text: &str) -> Unread {
        let reason = self.explain(error, text);
        if error.is_eof() { Unread::Short(reason) } else { Unread::Faulty(reason) }
    }

    /// Names the reason behind `serde_json`'s error on `text`.
    pub(crate) fn explain(&self, error: &serde_json::Error, text: &str) -> ReadError {
        let (line, column) = match self.refusal.get() {
            // The parser reads on after such a fault, so its place depends on later bytes.
            Some(_) => accept::fault(text.as_bytes(), MAX_VALUES).map(|fault| position(text, fault)),
            None => None,
        }
        .unwrap_or((error.line(), error.column()));
        match (self.refusal.get(), faulty_token(error, text)) {
            (Some(Reason::DuplicateKey), _) => ReadError::DuplicateKey { line, column },
            (Some(Reason::TooDeep), _) => ReadError::TooDeep { line, column },
            (Some(Reason::TooMany), _) => ReadError::TooMany { line, column },
            (None, Some(Token::Number(digits))) if is_infinite(digits) => ReadError::InexactNumber { line, column },
            (None, Some(Token::String(inside))) if has_lone_surrogate(inside) => {
                ReadError::LoneSurrogate { line, column }
            }
            (None, _) => ReadError::Syntax { line, column, reason: words(error) },
        }
    }
}

/// The string or number that the parser was reading when it gave up.
enum Token<'t> {
    /// The part of a number that was read.
    Number(&'t str),
    /// The part of a string that was read, without its opening quote, and the text after it.
    String(Read<'t>),
}

/// A text, of which the parser has read some bytes.
#[derive(Clone, Copy)]
struct Read<'t> {
    text: &'t [u8],
    bytes: usize,
}

/// Finds the token at the parser's position. A text that merely ends too early has no faulty token.
fn faulty_token<'t>(error: &serde_json::Error, text: &'t str) -> Option<Token<'t>> {
    if error.classify() != Category::Syntax {
        return None;
    }
    let bytes = text.as_bytes();
    let before: usize =
        bytes.split_inclusive(|&byte| byte == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let end = (before + error.column()).min(bytes.len());
    let mut at = 0;
    while at < end {
        match bytes.get(at)? {
            b'"' => {
                let close = after_string(bytes, at + 1);
                if close >= end {
                    return Some(Token::String(Read { text: bytes.get(at + 1..)?, bytes: end - at - 1 }));
                }
                at = close;
            }
            b'-' | b'0'..=b'9' => {
                let length = bytes.get(at..)?.iter().take_while(|byte| is_number_byte(**byte)).count();
                if at + length >= end {
                    return text.get(at..end).map(Token::Number);
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    None
}

/// Returns true if a number is outside of the range of doubles.
fn is_infinite(digits: &str) -> bool {
    digits.parse::<f64>().is_ok_and(f64::is_infinite)
}

/// Returns true if an escape that was read is half of a surrogate pair without the other half.
fn has_lone_surrogate(Read { text, bytes }: Read<'_>) -> bool {
    let mut at = 0;
    while at < bytes {
        let rest = text.get(at..).unwrap_or_default();
        at += match (rest, unicode_escape(rest)) {
            (_, Some(0xdc00..=0xdfff)) => return true,
            (_, Some(0xd800..=0xdbff)) => match rest.get(6..) {
                Some(after @ [b'\\', b'u', ..]) => match unicode_escape(after) {
                    Some(0xdc00..=0xdfff) => 12,
                    Some(_) => return true,
                    None => return false,
                },
                _ => return true,
            },
            ([b'\\', ..], _) => 2,
            _ => 1,
        };
    }
    false
}

/// Returns the number in a `\u` escape at the start of a text.
fn unicode_escape(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// The grammar's complaint for people, without the position. `serde_json` offers it as a text only; nothing is decided by it.
fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.split(" at line ").next().unwrap_or_default().to_owned()
}
