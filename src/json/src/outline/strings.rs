//! Finds the end of a string, eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The end of a string.
pub(super) struct StringEnd {
    /// The byte after the closing quote.
    pub(super) at: usize,
    pub(super) escaped: bool,
}

/// Reads the string whose inside begins at `at`. Returns `None` if it is not strict JSON.
pub(super) fn read(text: &[u8], mut at: usize) -> Option<StringEnd> {
    let mut escaped = false;
    loop {
        at = special(text, at)?;
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

/// Returns the next quote, backslash or control character.
fn special(text: &[u8], mut at: usize) -> Option<usize> {
    while let Some(bytes) = text.get(at..)?.first_chunk::<8>() {
        let word = u64::from_le_bytes(*bytes);
        let quote = word ^ (ONES * 0x22);
        let slash = word ^ (ONES * 0x5c);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        // A borrow can mark bytes after the first marked one, never before it.
        let found = (zero(quote) | zero(slash) | control) & HIGH;
        if found != 0 {
            return Some(at + usize::try_from(found.trailing_zeros() / 8).ok()?);
        }
        at += 8;
    }
    let rest = text.get(at..)?;
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).map(|found| at + found)
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
