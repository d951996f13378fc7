//! Values behind the name of a secret: `password: …`, `api_key=…`, `Authorization: Basic …`, a member `client_secret`.

use std::ops::Range;

use super::Haystack;
use super::secret::{is_placeholder, is_random, is_token};

/// The value behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// Chosen by a person: eight characters or more.
    Password,
    /// Made by a program: sixteen characters or more.
    Key,
    /// A scheme and credentials.
    Header,
}

/// The endings of names, in lower case and without `_`, `-` and spaces.
const NAMES: [(&str, Value); 27] = [
    ("password", Value::Password),
    ("passwd", Value::Password),
    ("passphrase", Value::Password),
    ("pwd", Value::Password),
    ("secret", Value::Key),
    ("apikey", Value::Key),
    ("secretkey", Value::Key),
    ("accountkey", Value::Key),
    ("sharedkey", Value::Key),
    ("privatekey", Value::Key),
    ("signingkey", Value::Key),
    ("encryptionkey", Value::Key),
    ("masterkey", Value::Key),
    ("licensekey", Value::Key),
    ("secretaccesskey", Value::Key),
    ("sharedaccesskey", Value::Key),
    ("accesstoken", Value::Key),
    ("refreshtoken", Value::Key),
    ("idtoken", Value::Key),
    ("authtoken", Value::Key),
    ("apitoken", Value::Key),
    ("bottoken", Value::Key),
    ("bearertoken", Value::Key),
    ("sessiontoken", Value::Key),
    ("securitytoken", Value::Key),
    ("authorization", Value::Header),
    ("credential", Value::Key),
];
const SCHEMES: [&[u8]; 4] = [b"basic ", b"bearer ", b"token ", b"apikey "];
const LEAST_PASSWORD: usize = 8;
const LEAST_KEY: usize = 16;
const MOST: usize = 512;

/// Returns the value behind `:` or `=`.
pub(super) fn at(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    // Most names end otherwise.
    let last = match text.before(at) {
        b'"' | b'\'' | b' ' => text.before(at - 1),
        byte => byte,
    };
    if !matches!(last | 0x20, b'd' | b'e' | b'l' | b'n' | b's' | b't' | b'y') {
        return None;
    }
    let kind = named(text.label_before(at))?;
    let is_between = |byte: u8| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'=' | b'>');
    value(text, text.run(at + 1, 4, is_between), kind)
}

/// Returns the value of a text whose label names a secret.
pub(super) fn whole(text: Haystack<'_>) -> Option<Range<usize>> {
    value(text, 0, named(text.label.as_bytes())?)
}

fn value(text: Haystack<'_>, start: usize, kind: Value) -> Option<Range<usize>> {
    let start = match kind {
        Value::Password | Value::Key => start,
        Value::Header => {
            let has = |scheme: &&&[u8]| {
                text.rest(start).get(..scheme.len()).is_some_and(|word| word.eq_ignore_ascii_case(scheme))
            };
            start + SCHEMES.iter().find(has)?.len()
        }
    };
    let is_part = |byte: u8| match kind {
        Value::Password => {
            byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>') || byte >= 0x80
        }
        Value::Key | Value::Header => is_token(byte),
    };
    let end = text.run(start, MOST, is_part);
    let value = text.part(start..end);
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    let fits = match kind {
        Value::Password => {
            // A call or an index in code.
            value.len() >= LEAST_PASSWORD
                && has(u8::is_ascii_digit)
                && has(u8::is_ascii_alphabetic)
                && !has(|byte| matches!(byte, b'(' | b'['))
        }
        Value::Key => {
            value.len() >= LEAST_KEY && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && is_random(value)
        }
        Value::Header => value.len() >= LEAST_PASSWORD,
    };
    let is_call = matches!(text.at(end), b'(' | b'[');
    (fits && !is_call && !is_placeholder(value)).then_some(start..end)
}

fn named(label: &[u8]) -> Option<Value> {
    let mut name = [0_u8; 24];
    let mut start = name.len();
    let letters = label.iter().rev().filter(|byte| byte.is_ascii_alphanumeric());
    for (place, letter) in name.iter_mut().rev().zip(letters) {
        *place = letter.to_ascii_lowercase();
        start -= 1;
    }
    let name = name.get(start..)?;
    // Most words end otherwise.
    let may_be =
        matches!(name.last_chunk(), Some(b"rd" | b"wd" | b"se" | b"et" | b"ey" | b"en" | b"on" | b"al" | b"ls"));
    if !may_be {
        return None;
    }
    let name = name.strip_suffix(b"s").filter(|name| name.ends_with(b"credential")).unwrap_or(name);
    NAMES.iter().find(|(ending, _)| name.ends_with(ending.as_bytes())).map(|(_, kind)| *kind)
}
