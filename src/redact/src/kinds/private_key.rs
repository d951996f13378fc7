//! Private keys in text: PEM blocks (RFC 7468) with a label ending in `PRIVATE KEY`, keys of OpenSSH and PGP among them; PuTTY; age.

use std::ops::Range;

use memchr::memmem::find;

use super::Haystack;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const MOST_LABEL: usize = 64;
const AGE: &[u8] = b"AGE-SECRET-KEY-1";
const PUTTY: &[u8] = b"PuTTY-User-Key-File-";
const PUTTY_END: &[u8] = b"Private-MAC: ";

/// Returns the block with its first dash at `at`. Without an end it reaches as far as the characters of such blocks do.
pub(super) fn block(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    let rest = text.rest(at);
    let label = rest.strip_prefix(BEGIN)?;
    let length = find(label.get(..MOST_LABEL.min(label.len()))?, DASHES)?;
    let name = label.get(..length)?;
    if !(name.ends_with(b"PRIVATE KEY") || name.ends_with(b"PRIVATE KEY BLOCK")) {
        return None;
    }
    let body = at + BEGIN.len() + length + DASHES.len();
    let is_body = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || byte.is_ascii_whitespace()
            || matches!(byte, b'+' | b'/' | b'=' | b':' | b',' | b'-' | b'.' | b'(' | b')')
    };
    let end = text.run(body, usize::MAX, is_body);
    let inside = text.part(body..end);
    Some(match find(inside, END).map(|found| body + found + END.len()) {
        Some(after) => {
            let close = find(text.part(after..end), DASHES).map_or(end, |found| after + found + DASHES.len());
            at..close
        }
        None => at..body + inside.trim_ascii_end().len(),
    })
}

/// Returns the key with its first letter at `at`.
pub(super) fn word(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    let rest = text.rest(at);
    if rest.starts_with(AGE) {
        let end = text.run(at + AGE.len(), 64, |byte| byte.is_ascii_alphanumeric());
        return (end - at > 60).then_some(at..end);
    }
    if rest.starts_with(PUTTY) {
        let end = match find(rest, PUTTY_END) {
            Some(found) => text.run(at + found + PUTTY_END.len(), 128, |byte| byte.is_ascii_hexdigit()),
            None => text.len(),
        };
        return Some(at..end);
    }
    None
}
