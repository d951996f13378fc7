//! Reads strings.

use crate::scan::special;

/// The end of a string.
pub(crate) struct StringEnd {
    /// The byte after the closing quote.
    pub(crate) at: usize,
    pub(crate) escaped: bool,
}

/// Reads the string whose inside begins at `at`. Returns `None` if it is not strict JSON.
pub(crate) fn read(text: &[u8], mut at: usize) -> Option<StringEnd> {
    let mut escaped = false;
    loop {
        at = special(text, at);
        match text.get(at)? {
            b'"' => return Some(StringEnd { at: at + 1, escaped }),
            b'\\' => {
                escaped = true;
                at = escape(text, at + 1)?;
            }
            // A control character.
            _ => return None,
        }
    }
}

/// Reads an escape after its backslash. Returns the byte after it.
fn escape(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => match unit(text, at + 1)? {
            0xd800..=0xdbff => {
                let low = text.get(at + 5..at + 7) == Some(b"\\u");
                matches!(unit(text, at + 7)?, 0xdc00..=0xdfff if low).then_some(at + 11)
            }
            0xdc00..=0xdfff => None,
            _ => Some(at + 5),
        },
        _ => None,
    }
}

/// Reads four hexadecimal digits.
fn unit(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..at + 4)?.iter().try_fold(0, |unit, byte| Some(unit << 4 | char::from(*byte).to_digit(16)?))
}
