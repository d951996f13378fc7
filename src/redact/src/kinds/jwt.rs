//! JSON Web Tokens in compact form (RFC 7519, RFC 7515): a header that begins with `{"` in base64url, and at least two more parts.

use std::ops::Range;

use super::Haystack;

/// The fewest bytes of a header and a payload.
const LEAST_PART: usize = 10;

/// Returns the token that begins at a letter.
pub(super) fn at(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    // A token in the midst of its own characters is a part of another word.
    if !text.rest(at).starts_with(b"eyJ") || matches!(text.before(at), b'_' | b'-') {
        return None;
    }
    let part =
        |from: usize| text.run(from, usize::MAX, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let header = part(at);
    if header - at < LEAST_PART || text.at(header) != b'.' {
        return None;
    }
    let mut end = part(header + 1);
    // An encrypted token has an empty key if it needs none.
    let is_signed = text.rest(header + 1).starts_with(b"eyJ") && end - header > LEAST_PART;
    let mut parts = 2;
    while text.at(end) == b'.' && parts < 5 {
        let next = part(end + 1);
        // A token without a signature ends in a full stop.
        if next == end + 1 && parts > 2 {
            break;
        }
        end = next;
        parts += 1;
    }
    (is_signed && parts >= 3 || parts == 5).then_some(at..end)
}
