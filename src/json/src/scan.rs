//! Finds the ends of strings and values in a valid JSON text. Long strings are scanned eight bytes at a time.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// Returns the first quote, backslash or control character at or after `at`, or the text's length.
#[inline]
pub(crate) fn special(text: &[u8], at: usize) -> usize {
    let (words, tail) = text.get(at..).unwrap_or_default().as_chunks::<8>();
    for (position, word) in words.iter().enumerate() {
        let hits = specials(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + position * 8 + hits.trailing_zeros() as usize / 8;
        }
    }
    let length = tail.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
    text.len() - tail.len() + length
}

/// Marks such characters by their highest bit. The lowest mark is right; those above it may be wrong, because the subtractions borrow.
const fn specials(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let escape = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote.wrapping_sub(ONES) & !quote | escape.wrapping_sub(ONES) & !escape | control) & HIGHS
}

/// Returns the end of a string, after its closing quote. `at` is after the opening one.
#[inline]
pub(crate) fn after_string(text: &[u8], mut at: usize) -> usize {
    loop {
        at = special(text, at);
        match text.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return text.len(),
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
    fn the_end_of_every_value_is_found() {
        for value in [r#""""#, r#""a\"]\\""#, "1.50", "null", "{}", r#"[{"a":"]}"},[2]]"#, r#"{"a\"":{"b":[]}}"#] {
            for after in ["", ",1", "]", "} ", " ,", "\n]"] {
                assert_eq!(after_value(format!("{value}{after}").as_bytes(), 0), value.len(), "{value}{after}");
            }
        }
        assert_eq!((after_value(b"\"a", 0), after_value(b"[1", 0), after_value(b"", 0)), (2, 2, 0));
    }
}
