//! The marks that stand for redacted values: `[redacted NAME]`, and `[redacted NAME 2]` for the second name of a member in an object.

use std::ops::Range;

use memchr::memmem;

const BEGIN: &str = "[redacted ";
const MOST_NAME: usize = 32;
/// A space and a number of members.
const MOST_NUMBER: usize = 8;

/// Appends a mark.
pub(crate) fn put(out: &mut String, name: &str) {
    out.push_str(BEGIN);
    out.push_str(name);
    out.push(']');
}

/// Returns the mark with this number.
pub(crate) fn numbered(name: &str, number: usize) -> String {
    if number == 1 { format!("{BEGIN}{name}]") } else { format!("{BEGIN}{name} {number}]") }
}

/// Returns true for a name in a mark: 1 to 32 of `a-z`, `0-9` and `_`, beginning with a letter.
pub(crate) fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= MOST_NAME
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.bytes().all(is_plain)
}

/// Returns true if the text may have a mark in it.
pub(crate) fn may_be_in(text: &str) -> bool {
    memmem::find(text.as_bytes(), BEGIN.as_bytes()).is_some()
}

/// Returns the marks in a text whose names are known, in their order.
pub(crate) fn find(text: &str, is_known: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let mark = |start: usize| {
        let rest = text.get(start + BEGIN.len()..)?;
        let length = rest.bytes().take(MOST_NAME + MOST_NUMBER + 1).position(|byte| byte == b']')?;
        let inside = rest.get(..length)?;
        let (name, number) = inside.split_once(' ').unwrap_or((inside, "2"));
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && is_known(name)).then_some(start..start + BEGIN.len() + length + 1)
    };
    memmem::find_iter(text.as_bytes(), BEGIN.as_bytes()).filter_map(mark).collect()
}
