//! Reads and writes strings.

use crate::scan::special;

/// The end of a string.
pub(crate) struct StringEnd {
    /// The byte after the closing quote.
    pub(crate) at: usize,
    /// True if [`write`] would write the string with the same escapes.
    pub(crate) is_shortest: bool,
}

/// The reason why a string has no end.
pub(crate) enum Endless {
    /// The text ends first. More of it is read from this place.
    Cut(usize),
    /// It is not strict JSON.
    Invalid,
}

/// Reads the string whose inside begins at `at`. Returns `None` if it is not strict JSON.
pub(crate) fn read(text: &[u8], at: usize) -> Option<StringEnd> {
    read_on(text, at).ok()
}

/// Reads a string from a place in it that is not inside of an escape.
#[inline]
pub(crate) fn read_on(text: &[u8], mut at: usize) -> Result<StringEnd, Endless> {
    let mut is_shortest = true;
    loop {
        at = special(text, at);
        match text.get(at) {
            Some(b'"') => return Ok(StringEnd { at: at + 1, is_shortest }),
            Some(b'\\') => {
                is_shortest &= !matches!(text.get(at + 1), Some(b'u' | b'/'));
                match escape(text, at + 1) {
                    Some(end) => at = end,
                    None if is_cut(text.get(at..).unwrap_or_default()) => return Err(Endless::Cut(at)),
                    None => return Err(Endless::Invalid),
                }
            }
            // A control character.
            Some(_) => return Err(Endless::Invalid),
            None => return Err(Endless::Cut(at)),
        }
    }
}

/// Returns true if the escape at the begin of a text may be one if more of the text comes. Digits are read four at a time.
#[cold]
fn is_cut(rest: &[u8]) -> bool {
    match rest {
        [_] => true,
        [_, b'u', digits @ ..] if digits.len() < 4 => true,
        [_, b'u', _, _, _, _, low @ ..] => {
            let needs_low = matches!(hex(rest, 2), Some(0xd800..=0xdbff));
            needs_low && (matches!(low, [] | [b'\\']) || low.starts_with(b"\\u") && low.len() < 6)
        }
        _ => false,
    }
}

/// Reads an escape after its backslash. Returns the byte after it.
fn escape(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => match hex(text, at + 1)? {
            0xd800..=0xdbff => {
                let low = text.get(at + 5..at + 7) == Some(b"\\u");
                matches!(hex(text, at + 7)?, 0xdc00..=0xdfff if low).then_some(at + 11)
            }
            0xdc00..=0xdfff => None,
            _ => Some(at + 5),
        },
        _ => None,
    }
}

/// Reads four hexadecimal digits.
fn hex(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..at + 4)?.iter().try_fold(0, |unit, byte| Some(unit << 4 | char::from(*byte).to_digit(16)?))
}

/// Returns the meaning of the inside of a string that was read.
pub(crate) fn unescaped(inside: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(inside.len());
    let mut at = 0;
    loop {
        let end = special(inside, at);
        text.extend_from_slice(inside.get(at..end)?);
        let Some(letter) = inside.get(end + 1) else { return String::from_utf8(text).ok() };
        at = end + 2;
        match letter {
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let mut unit = hex(inside, at)?;
                at += 4;
                if let 0xd800..=0xdbff = unit {
                    unit = 0x1_0000 + ((unit - 0xd800) << 10) + hex(inside, at + 2)?.checked_sub(0xdc00)?;
                    at += 6;
                }
                text.extend_from_slice(char::from_u32(unit)?.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => text.push(*other),
        }
    }
}

/// Appends a text as a string, with the shortest escapes (RFC 8785, section 3.2.2.2).
pub(crate) fn write(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut at = 0;
    loop {
        let end = special(bytes, at);
        out.extend_from_slice(bytes.get(at..end).unwrap_or_default());
        let Some(&byte) = bytes.get(end) else { break };
        at = end + 1;
        match byte {
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(if byte < 16 { b"\\u000" } else { b"\\u001" });
                out.push(b"0123456789abcdef".get(usize::from(byte % 16)).copied().unwrap_or_default());
            }
            other => out.extend_from_slice(&[b'\\', other]),
        }
    }
    out.push(b'"');
}
