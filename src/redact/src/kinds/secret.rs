//! Keys that a prefix gives away, tokens behind `Bearer`, passwords in URLs.

use std::ops::Range;

use super::Haystack;
use super::tokens::{Letters, Shape, shapes};

/// The fewest different characters of a key. Placeholders such as `xxxx` have fewer.
const LEAST_DIFFERENT: usize = 8;
const BEARER: &[u8] = b"bearer ";
const LEAST_BEARER: usize = 20;
const SLACK_HOOK: &[u8] = b"hooks.slack.com/services/";

/// Returns the key that begins at a letter.
pub(super) fn at(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    let rest = text.rest(at);
    // All shapes of a first letter are tried, so most are told apart without a call.
    let may_be = |shape: &&Shape| shape.prefix.as_bytes().get(1) == rest.get(1);
    for shape in shapes(text.at(at)).iter().filter(may_be) {
        if rest.starts_with(shape.prefix.as_bytes()) {
            let start = at + shape.prefix.len();
            let end = text.run(start, shape.most + 1, |byte| shape.letters.has(byte));
            // The full stop of a sentence.
            let end = if end > start && text.before(end) == b'.' { end - 1 } else { end };
            let fits = (shape.least..=shape.most).contains(&(end - start)) && !text.at(end).is_ascii_alphanumeric();
            if fits && is_random(text.part(start..end)) {
                return Some(at..end);
            }
        }
    }
    match text.at(at) {
        b'b' | b'B' => bearer(text, at),
        b'h' if rest.starts_with(SLACK_HOOK) => {
            let start = at + SLACK_HOOK.len();
            let end = text.run(start, 100, |byte| byte.is_ascii_alphanumeric() || byte == b'/');
            (end - start > 30).then_some(at..end)
        }
        _ => None,
    }
}

/// Returns the token behind `Bearer` (RFC 6750).
fn bearer(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    let rest = text.rest(at);
    rest.get(..BEARER.len()).filter(|word| word.eq_ignore_ascii_case(BEARER))?;
    let start = at + BEARER.len();
    let end = text.run(start, 4096, is_token);
    let token = text.part(start..end);
    (token.len() >= LEAST_BEARER && is_random(token) && token.iter().any(u8::is_ascii_digit)).then_some(start..end)
}

/// Returns the token of a Telegram bot, which begins with its number.
pub(super) fn number(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    let colon = text.run(at, 11, |byte| byte.is_ascii_digit());
    if !(8..=10).contains(&(colon - at)) || !text.rest(colon).starts_with(b":AA") {
        return None;
    }
    let end = text.run(colon + 1, 36, |byte| Letters::Url.has(byte));
    (end - colon == 36 && is_random(text.part(colon + 1..end))).then_some(at..end)
}

/// Returns the secret of an Azure application around a `~`: three characters, a digit, `Q~`, and 31 to 34 more.
pub(super) fn tilde(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~');
    let start = at.checked_sub(5)?;
    let fits = text.before(at) == b'Q'
        && text.before(at - 1).is_ascii_digit()
        && text.part(start..at).iter().all(|byte| is_part(*byte))
        && !text.before(start).is_ascii_alphanumeric();
    let end = text.run(at + 1, 35, is_part);
    (fits && (31..=34).contains(&(end - at - 1))).then_some(start..end)
}

/// Returns the password in the user information of a URL. `at` is the colon of `://`.
pub(super) fn in_url(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    let start = at + 3;
    let end = text.run(start, 512, |byte| {
        byte.is_ascii_graphic() && !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`')
    });
    let authority = text.part(start..end);
    let host = authority.iter().rposition(|byte| *byte == b'@')?;
    let colon = authority.iter().position(|byte| *byte == b':').filter(|colon| colon + 1 < host)?;
    let password = authority.get(colon + 1..host)?;
    (!is_placeholder(password)).then_some(start + colon + 1..start + host)
}

/// Returns true for a character of a bearer token.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Returns true for a value that stands for another: `***`, `<password>`, `${PASSWORD}`, `{password}`.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    matches!(value.first(), None | Some(b'<' | b'{' | b'$' | b'%' | b'*' | b'[' | b'('))
        || value.iter().all(|byte| matches!(byte, b'x' | b'X' | b'.' | b'*' | b'_' | b'-'))
}

/// Returns true for a text with enough different characters.
pub(super) fn is_random(value: &[u8]) -> bool {
    let seen = value.iter().fold(0_u128, |seen, byte| seen | 1 << (byte & 0x7f));
    seen.count_ones() as usize >= LEAST_DIFFERENT
}
