//! International bank account numbers (ISO 13616): country, length and checksum.

use std::ops::Range;

use super::Haystack;

/// The countries and the lengths of their numbers, from the IBAN registry (SWIFT, release 99).
const LENGTHS: [(&[u8; 2], usize); 89] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// Returns the account number that begins at a letter, in one piece or with one space or dash between its characters.
pub(super) fn at(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    let country = [text.at(at).to_ascii_uppercase(), text.at(at + 1).to_ascii_uppercase()];
    let mut end = at + 2;
    if !text.at(skip_separator(text, end)).is_ascii_digit() {
        return None;
    }
    let (_, length) = LENGTHS.iter().find(|(known, _)| **known == country)?;
    let mut number = Vec::with_capacity(*length);
    number.extend_from_slice(&country);
    while number.len() < *length {
        let next = skip_separator(text, end);
        let letter = text.at(next).to_ascii_uppercase();
        // The check digits are digits.
        let fits = if number.len() < 4 { letter.is_ascii_digit() } else { letter.is_ascii_alphanumeric() };
        if !fits {
            return None;
        }
        number.push(letter);
        end = next + 1;
    }
    let is_whole = !text.at(end).is_ascii_alphanumeric();
    // The end of a UUID.
    let is_behind_dash = text.before(at) == b'-' && text.before(at - 1).is_ascii_alphanumeric();
    if is_behind_dash && text.part(at..end).contains(&b'-') {
        return None;
    }
    (is_whole && is_valid(&number)).then_some(at..end)
}

fn skip_separator(text: Haystack<'_>, at: usize) -> usize {
    if matches!(text.at(at), b' ' | b'-') { at + 1 } else { at }
}

/// Checks the number modulo 97: the country and the check digits stand last, and letters are two digits (ISO 7064).
fn is_valid(number: &[u8]) -> bool {
    let (head, body) = number.split_at_checked(4).unwrap_or_default();
    let rest = body.iter().chain(head).fold(0_u32, |rest, letter| match letter {
        b'0'..=b'9' => (rest * 10 + u32::from(letter - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    rest == 1
}
