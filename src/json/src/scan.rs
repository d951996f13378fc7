//! Finds the ends of strings and values in a valid JSON text. Strings are scanned eight bytes at a time, long ones sixty-four.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// Spreads the bits of a key's first bytes (2^64 divided by the golden ratio).
pub(crate) const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Returns the first quote, backslash or control character at or after `at`, or the text's length.
#[inline(always)]
pub(crate) fn special(text: &[u8], at: usize) -> usize {
    // Most strings, and most parts of strings with escapes, end within the first word.
    match word(text, at).map(specials) {
        Some(0) => long(text, at + 8),
        Some(hits) => at + place(hits),
        None => tail(text, at),
    }
}

fn long(text: &[u8], at: usize) -> usize {
    let mut rest = text.get(at..).unwrap_or_default();
    loop {
        // Most strings end within a few words.
        for _ in 0..4 {
            let Some((word, after)) = rest.split_first_chunk::<8>() else { return tail(text, text.len() - rest.len()) };
            let hits = specials(u64::from_le_bytes(*word));
            if hits != 0 {
                return text.len() - rest.len() + place(hits);
            }
            rest = after;
        }
        while let Some((block, after)) = rest.split_first_chunk::<64>()
            && !has_special(block)
        {
            rest = after;
        }
    }
}

/// Compilers test many of the bytes at once.
#[inline]
fn has_special(block: &[u8; 64]) -> bool {
    block.iter().fold(false, |found, byte| found | (*byte == b'"') | (*byte == b'\\') | (*byte < 0x20))
}

fn tail(text: &[u8], at: usize) -> usize {
    let tail = text.get(at..).unwrap_or_default();
    text.len() - tail.len() + tail.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}

/// Returns the eight bytes at `at`, the first in the lowest bits.
#[inline]
pub(crate) fn word(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().map(|word| u64::from_le_bytes(*word))
}

/// Returns true if both texts are the same. Names are short, so a call of the library's comparison costs more than it does.
#[inline]
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // The first and the last bytes overlap, and are all of a short text.
    if let (Some(a_first), Some(b_first), Some(a_last), Some(b_last)) =
        (a.first_chunk::<8>(), b.first_chunk::<8>(), a.last_chunk::<8>(), b.last_chunk::<8>())
    {
        return u64::from_le_bytes(*a_first) == u64::from_le_bytes(*b_first)
            && u64::from_le_bytes(*a_last) == u64::from_le_bytes(*b_last)
            && (a.len() <= 16 || a == b);
    }
    if let (Some(a_first), Some(b_first), Some(a_last), Some(b_last)) =
        (a.first_chunk::<4>(), b.first_chunk::<4>(), a.last_chunk::<4>(), b.last_chunk::<4>())
    {
        return u32::from_le_bytes(*a_first) == u32::from_le_bytes(*b_first)
            && u32::from_le_bytes(*a_last) == u32::from_le_bytes(*b_last);
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

/// Returns the number of bytes before the lowest mark.
#[inline]
pub(crate) const fn place(hits: u64) -> usize {
    hits.trailing_zeros() as usize / 8
}

/// Returns the bits of the bytes before the lowest mark.
#[inline]
pub(crate) const fn before(hits: u64) -> u64 {
    ((hits & hits.wrapping_neg()) - 1) >> 7
}

/// Marks such characters by their highest bit. The lowest mark is right; those above it may be wrong, because the subtractions borrow.
#[inline]
pub(crate) const fn specials(word: u64) -> u64 {
    // A quote (0x22) changes to 0x20, and control characters stay below it. A space (0x20) changes to 0x22.
    let quote_or_control = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let escape = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (quote_or_control | escape) & !word & HIGHS
}

/// Returns the end of a string, after its closing quote. `at` is after the opening one.
#[inline]
pub(crate) fn after_string(text: &[u8], at: usize) -> usize {
    string(text, at).0
}

/// Returns the same as [`after_string`], and true if the string has escapes.
#[inline]
pub(crate) fn string(text: &[u8], mut at: usize) -> (usize, bool) {
    let mut is_escaped = false;
    loop {
        at = special(text, at);
        match text.get(at) {
            Some(b'"') => return (at + 1, is_escaped),
            Some(b'\\') => {
                is_escaped = true;
                at += 2;
            }
            Some(_) => at += 1,
            None => return (text.len(), is_escaped),
        }
    }
}

/// Returns the end of the value at `at`: of a string or brackets after their last byte, of another value before what follows.
#[inline]
pub(crate) fn after_value(text: &[u8], at: usize) -> usize {
    match text.get(at) {
        Some(b'"') => after_string(text, at + 1),
        Some(b'{' | b'[') => after_brackets(text, at + 1),
        _ => skip(text, at, |byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')),
    }
}

fn after_brackets(text: &[u8], mut at: usize) -> usize {
    let mut depth = 1_usize;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => at = after_string(text, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    at
}

/// Returns the first byte at or after `at` that is not skipped, or the text's length.
#[inline]
pub(crate) fn skip(text: &[u8], at: usize, skipped: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|&&byte| skipped(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_character_is_found_at_every_place() {
        for length in 0..20 {
            for place in 0..length {
                for byte in 0..=255_u8 {
                    let mut text = vec![b'a'; length];
                    text[place] = byte;
                    let is_special = byte == b'"' || byte == b'\\' || byte < 0x20;
                    assert_eq!(
                        special(&text, 0),
                        if is_special { place } else { length },
                        "{byte} at {place} of {length}"
                    );
                }
            }
        }
        // A byte next to a special one must not hide it, or be taken for one.
        for (text, first) in
            [("aaaaaa!\"", 7), ("\u{80}\u{81}\"", 4), ("aaa#\"#[\\", 4), ("aaaaaaa \"", 8), ("!!!!!!!!]", 9)]
        {
            assert_eq!(special(text.as_bytes(), 0), first, "{text}");
        }
        assert_eq!((special(b"ab", 2), special(b"ab", 5)), (2, 2));
    }

    #[test]
    fn texts_that_differ_in_one_byte_are_not_the_same() {
        let text: Vec<u8> = (b'a'..=b'z').collect();
        for length in 0..=text.len() {
            let one = &text[..length];
            assert!(same(one, one));
            assert!(length == 0 || !same(one, &text[..length - 1]));
            for place in 0..length {
                let mut other = one.to_vec();
                other[place] ^= 0x20;
                assert!(!same(one, &other), "{place} of {length}");
            }
        }
    }

    #[test]
    fn the_end_of_every_value_is_found() {
        for value in [r#""""#, r#""a\"]\\""#, "1.50", "null", "{}", r#"[{"a":"]}"},[2]]"#, r#"{"a\"":{"b":[]}}"#] {
            for after in ["", ",1", "]", "} ", " ,", "\n]"] {
                assert_eq!(after_value(format!("{value}{after}").as_bytes(), 0), value.len(), "{value}{after}");
            }
        }
        assert_eq!((after_value(b"\"a", 0), after_value(b"[1", 0), after_value(b"", 0)), (2, 2, 0));
    }
}
