//! The places at which a value may begin.
//!
//! These are the beginnings of words and numbers and a few signs. Most of them begin nothing, and the bytes behind them tell so. A text
//! is mostly such bytes, so one look-up for each byte is most of the work.

use super::tokens::may_begin;
use super::{Haystack, Kind, Kinds};

/// A thing with which a value may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// The first letter of a word.
    Word,
    /// The first digit of a number, also at the end of a word.
    Number,
    /// A sign.
    Sign,
}

const LETTER: u8 = 1;
const DIGIT: u8 = 1 << 1;
const AT: u8 = 1 << 2;
const DASH: u8 = 1 << 3;
const ASSIGNED: u8 = 1 << 4;
const TILDE: u8 = 1 << 5;
const SIGNS: u8 = AT | DASH | ASSIGNED | TILDE;

/// The classes of each byte, and the classes that begin something behind it.
const CLASSES: [(u8, u8); 256] = {
    let mut classes = [(0, LETTER | DIGIT | SIGNS); 256];
    let mut byte = 0_u8;
    loop {
        let class = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => (LETTER, DIGIT | SIGNS),
            b'0'..=b'9' => (DIGIT, SIGNS),
            b'@' => (AT, u8::MAX),
            b'-' => (DASH, u8::MAX),
            b':' | b'=' => (ASSIGNED, u8::MAX),
            b'~' => (TILDE, u8::MAX),
            _ => (0, u8::MAX),
        };
        #[expect(clippy::indexing_slicing, reason = "a byte is a place in a table of 256")]
        {
            classes[byte as usize] = class;
        }
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

/// Shows each place at which a value of these kinds may begin, in their order. `look` returns the end of a value that it finds; the search
/// continues there as at the beginning of a text.
pub(super) fn visit(text: Haystack<'_>, kinds: Kinds, mut look: impl FnMut(usize, Begin) -> Option<usize>) {
    let wanted = wanted(kinds);
    let has_iban = kinds.has(Kind::Iban);
    let mut begins = u8::MAX;
    let mut at = 0;
    while let Some(byte) = text.bytes.get(at) {
        let (class, after) = CLASSES.get(usize::from(*byte)).copied().unwrap_or_default();
        let is_begin = class & begins & wanted != 0;
        begins = after;
        if is_begin && may_be(text, at, class, has_iban) {
            let begin = match class {
                LETTER => Begin::Word,
                DIGIT => Begin::Number,
                _ => Begin::Sign,
            };
            if let Some(end) = look(at, begin).filter(|end| *end > at) {
                at = end;
                begins = u8::MAX;
                continue;
            }
        }
        at += 1;
    }
}

/// Returns the classes at which values of these kinds begin.
fn wanted(kinds: Kinds) -> u8 {
    let of = |kind, classes| if kinds.has(kind) { classes } else { 0 };
    of(Kind::CreditCard, DIGIT)
        | of(Kind::Iban, LETTER)
        | of(Kind::Email, AT)
        | of(Kind::Phone, DIGIT)
        | of(Kind::PrivateKey, LETTER | DASH)
        | of(Kind::Secret, LETTER | DIGIT | ASSIGNED | TILDE)
        | of(Kind::Jwt, LETTER)
}

/// Returns false if no value begins at this place, whatever its kind.
#[inline]
fn may_be(text: Haystack<'_>, at: usize, class: u8, has_iban: bool) -> bool {
    match class {
        LETTER => may_begin(text.at(at), text.at(at + 1), text.at(at + 2)) || has_iban && may_be_iban(text, at),
        DIGIT => may_be_number(text, at),
        DASH => text.at(at + 1) == b'-',
        _ => true,
    }
}

/// Returns true for two letters and a digit, perhaps behind a separator.
#[inline]
fn may_be_iban(text: Haystack<'_>, at: usize) -> bool {
    let third = text.at(at + 2);
    third.is_ascii_digit() || matches!(third, b' ' | b'-') && text.at(at + 3).is_ascii_digit()
}

/// Returns false for fewer than seven digits that no other digits follow, as most numbers are. No value is as short.
#[inline]
fn may_be_number(text: Haystack<'_>, at: usize) -> bool {
    const LEAST: usize = 7;
    let end = text.run(at, LEAST, |byte| byte.is_ascii_digit());
    let follows = |place: usize| text.at(place).is_ascii_digit();
    end - at == LEAST
        || matches!(text.at(end), b' ' | b'-' | b'.' | b'_' | b'/' | b'(' | b')')
            && (follows(end + 1) || follows(end + 2) || follows(end + 3))
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader};
    use std::path::PathBuf;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::super::{Found, find, is_too_short, number, sign, word};
    use super::*;
    use crate::kinds::assigned;
    use crate::view::View;

    /// Looks at every place.
    fn find_slowly(text: Haystack<'_>, kinds: Kinds) -> Vec<Found> {
        let mut found = Vec::new();
        if is_too_short(text) {
            return found;
        }
        let mut add = |kind: Kind, range: Option<std::ops::Range<usize>>| {
            let range = range?;
            found.push(Found { kind, range: range.clone() });
            Some(range.end)
        };
        if kinds.has(Kind::Secret) && !text.label.is_empty() {
            add(Kind::Secret, assigned::whole(text));
        }
        let (mut at, mut before) = (0, b' ');
        while at < text.len() {
            let byte = text.at(at);
            let end = match byte {
                _ if byte.is_ascii_alphabetic() && !before.is_ascii_alphanumeric() => word(text, at, kinds, &mut add),
                _ if byte.is_ascii_digit() && !before.is_ascii_digit() => number(text, at, kinds, &mut add),
                b'@' | b'-' | b':' | b'=' | b'~' => sign(text, at, kinds, &mut add),
                _ => None,
            };
            (at, before) = match end.filter(|end| *end > at) {
                Some(end) => (end, b' '),
                None => (at + 1, byte),
            };
        }
        found
    }

    fn piece() -> impl Strategy<Value = String> {
        let fixed = [
            "4111111111111111",
            "4111 1111 1111 1111",
            "3782 822463 10005",
            "ann@example.org",
            "DE89 3704 0044 0532 0130 00",
            "GB82WEST12345698765432",
            "+49 30 901820",
            "(415) 555-0132",
            "415-555-0132",
            "phone: 555 0132",
            "tel ",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln",
            "-----BEGIN RSA PRIVATE KEY-----",
            "AGE-SECRET-KEY-1",
            "password",
            "api_key",
            "Authorization: Basic ",
            "hunter22x",
            "://",
            "a:b@",
            "ghp_",
            "sk-ant-",
            "AKIAIOSFODNN7EXAMPLE",
            "Bearer ",
            "12345678:AA",
            "abQ1Q~",
            "Q~",
            "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1",
            " ",
            "  ",
            ":",
            "=",
            "\"",
            "'",
            "-",
            ".",
            "_",
            "/",
            "(",
            ")",
            "0",
            "12",
            "1234567",
            "x",
            "é",
            "\n",
            "\t",
            "@",
        ];
        prop_oneof![6 => prop::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => "[ -~]{0,6}"]
    }

    #[test]
    fn recorded_texts_have_the_values_that_a_look_at_every_place_finds() {
        let folder = std::env::var_os("CALLGATE_DATA")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
        let mut kinds = Kinds::default();
        Kind::ALL.iter().for_each(|kind| kinds.add(*kind));
        // The requests of coding agents have no such values; recorded traffic has.
        for (name, step, has_values) in [("recorded.jsonl.gz", 9, true), ("agents.jsonl.gz", 2, false)] {
            let Ok(file) = File::open(folder.join(name)) else {
                eprintln!("SKIPPED: no {name} in {}", folder.display());
                continue;
            };
            let mut values = 0;
            for line in BufReader::new(GzDecoder::new(file)).lines().step_by(step) {
                let line = line.unwrap();
                let view = View::of(&line);
                let text = Haystack::new(view.text(), "");
                let mut found = Vec::new();
                find(text, kinds, &mut found);
                values += found.len();
                assert_eq!(found, find_slowly(text, kinds));
            }
            assert!(values > 0 || !has_values, "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

        #[test]
        fn nothing_begins_at_a_place_that_is_left_out(
            pieces in prop::collection::vec(piece(), 0..14),
            label in prop::sample::select(vec!["", "phone", "password", "client_secret", "x"]),
            chosen in 1_u8..128,
        ) {
            let text = pieces.concat();
            let mut kinds = Kinds::default();
            Kind::ALL.iter().filter(|kind| chosen >> **kind as u8 & 1 == 1).for_each(|kind| kinds.add(*kind));
            let text = Haystack::new(&text, label);
            let mut found = Vec::new();
            find(text, kinds, &mut found);
            prop_assert_eq!(found, find_slowly(text, kinds));
        }
    }
}
