//! The view in which values are searched: look-alikes of ASCII are ASCII, invisible characters are left out, escapes are resolved.
//!
//! | text | view |
//! |---|---|
//! | a full-width, mathematical or foreign digit or letter that is compatible with one ASCII character | this character |
//! | another dash or space | `-`, a space |
//! | invisible characters and controls of the writing direction | nothing |
//! | `\u0034`, `\n`, `\"`, `\/` behind any number of backslashes, as in JSON inside of JSON | the character |
//! | `%40` | the printable ASCII character |
//!
//! A text without such characters is its own view and costs one test.

use std::borrow::Cow;
use std::ops::Range;

use callgate_provenance::is_invisible;
use memchr::memchr2;
use unicode_normalization::char::decompose_compatible;

/// A text as it is searched, and the way back to the original.
#[derive(Debug)]
pub(crate) struct View<'t> {
    text: Cow<'t, str>,
    parts: Vec<Stretch>,
}

/// A part of the view.
#[derive(Debug)]
struct Stretch {
    /// Its first byte in the view.
    view: usize,
    /// Its first byte in the original.
    source: usize,
    /// The length in the original of a character that was changed. `None` for a part with its own bytes.
    changed: Option<usize>,
}

/// The first digits of the decimal digits beyond ASCII that no compatibility maps to ASCII (Unicode, general category Nd).
const ZEROS: [u32; 60] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
    0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
    0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450,
    0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0,
    0x16b50, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e950,
];

// === impl View ===

impl<'t> View<'t> {
    pub(crate) fn of(text: &'t str) -> View<'t> {
        if text.is_ascii() && memchr2(b'\\', b'%', text.as_bytes()).is_none() {
            return View { text: Cow::Borrowed(text), parts: Vec::new() };
        }
        let mut out = Builder::default();
        let mut at = 0;
        // A text without a change is not copied.
        let mut is_changed = false;
        loop {
            let start = at;
            at = next_special(text, at);
            if is_changed {
                out.keep(text, start..at);
            }
            let Some(letter) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
            let (step, new) = match letter {
                '\\' => escape(text, at),
                '%' => percent(text, at),
                letter => (letter.len_utf8(), folded(letter)),
            };
            if !is_changed && (new != Some(letter) || step != letter.len_utf8()) {
                is_changed = true;
                out.keep(text, 0..at);
            }
            if is_changed {
                out.put(text, at..at + step, new);
            }
            at += step;
        }
        if is_changed {
            View { text: Cow::Owned(out.text), parts: out.parts }
        } else {
            View { text: Cow::Borrowed(text), parts: Vec::new() }
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns true if the view is the text itself.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// Returns the range of the original that a range of the view stands for.
    pub(crate) fn source(&self, range: &Range<usize>) -> Range<usize> {
        if self.is_plain() {
            return range.clone();
        }
        let start = self.part(range.start).map_or(0, |part| match part.changed {
            Some(_) => part.source,
            None => part.source + (range.start - part.view),
        });
        let end = self.part(range.end.saturating_sub(1)).map_or(0, |part| match part.changed {
            Some(length) => part.source + length,
            None => part.source + (range.end - part.view),
        });
        start..end.max(start)
    }

    /// Returns the part with a byte of the view.
    fn part(&self, at: usize) -> Option<&Stretch> {
        let after = self.parts.partition_point(|part| part.view <= at);
        self.parts.get(after.checked_sub(1)?)
    }
}

#[derive(Default)]
struct Builder {
    text: String,
    parts: Vec<Stretch>,
    /// The end in the original of the last part with its own bytes.
    end: Option<usize>,
}

// === impl Builder ===

impl Builder {
    /// Appends a part of the original as it is.
    fn keep(&mut self, text: &str, source: Range<usize>) {
        if source.is_empty() {
            return;
        }
        if self.end != Some(source.start) {
            self.parts.push(Stretch { view: self.text.len(), source: source.start, changed: None });
        }
        self.end = Some(source.end);
        self.text.push_str(text.get(source).unwrap_or_default());
    }

    /// Appends a character of the original as `new`, or leaves it out.
    fn put(&mut self, text: &str, source: Range<usize>, new: Option<char>) {
        let Some(new) = new else {
            self.end = None;
            return;
        };
        let is_same = text.get(source.clone()).is_some_and(|raw| raw.chars().eq([new]));
        if is_same {
            return self.keep(text, source);
        }
        self.parts.push(Stretch { view: self.text.len(), source: source.start, changed: Some(source.len()) });
        self.end = None;
        self.text.push(new);
    }
}

/// Returns the first place at or after `at` whose character may have another one in the view, or the text's length.
fn next_special(text: &str, at: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let mut rest = text.as_bytes().get(at..).unwrap_or_default();
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        // Marks a byte that is zero. The lowest mark is right.
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let marks = (word | zero(word ^ (ONES * b'\\' as u64)) | zero(word ^ (ONES * b'%' as u64))) & HIGHS;
        if marks != 0 {
            return text.len() - rest.len() + marks.trailing_zeros() as usize / 8;
        }
        rest = after;
    }
    let is_special = |byte: &u8| !byte.is_ascii() || matches!(byte, b'\\' | b'%');
    text.len() - rest.len() + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// Returns the length of the escape at `at`, and its character.
fn escape(text: &str, at: usize) -> (usize, Option<char>) {
    let rest = text.get(at..).unwrap_or_default();
    let letters = rest.trim_start_matches('\\');
    let slashes = rest.len() - letters.len();
    match letters.chars().next() {
        Some('n' | 'r' | 't' | 'b' | 'f') => (slashes + 1, Some('\n')),
        Some('u') => {
            let code = letters.get(1..5).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
            match code.and_then(|code| u32::from_str_radix(code, 16).ok()) {
                Some(code) => match char::from_u32(code) {
                    Some(letter) if letter.is_ascii() => (slashes + 5, Some(letter)),
                    Some(letter) => (slashes + 5, folded(letter)),
                    // Half of a pair.
                    None => (slashes + 5, Some('\u{fffd}')),
                },
                None => (slashes, Some('\n')),
            }
        }
        Some(letter) if letter.is_ascii_punctuation() => (slashes + 1, Some(letter)),
        _ => (slashes, Some('\n')),
    }
}

fn percent(text: &str, at: usize) -> (usize, Option<char>) {
    let digits = text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    match byte.filter(|byte| (0x20..0x7f).contains(byte)) {
        Some(byte) => (3, Some(char::from(byte))),
        None => (1, Some('%')),
    }
}

/// Returns the character that stands for another in the view, and `None` for an invisible one.
fn folded(letter: char) -> Option<char> {
    let code = u32::from(letter);
    match letter {
        // Letters of the most common scripts are compatible with nothing in ASCII.
        '\u{c0}'..='\u{17e}' | '\u{391}'..='\u{52f}' | '\u{3041}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' => {
            return Some(letter);
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' => return Some('-'),
        _ if is_invisible(letter) => return None,
        _ if letter.is_whitespace() => return Some(' '),
        _ => {}
    }
    let zero = ZEROS.get(ZEROS.partition_point(|zero| *zero <= code).wrapping_sub(1));
    if let Some(digit) = zero.map(|zero| code - zero).filter(|digit| *digit < 10) {
        return char::from_digit(digit, 10);
    }
    let (mut first, mut count) = (letter, 0);
    decompose_compatible(letter, |part| {
        first = part;
        count += 1;
    });
    Some(if count == 1 && first.is_ascii() { first } else { letter })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_and_escapes_are_resolved() {
        for (text, view) in [
            ("plain", "plain"),
            ("４１１１", "4111"),
            ("𝟒𝟏𝟏𝟏 ①", "4111 1"),
            ("٤١١١", "4111"),
            ("41\u{200b}11\u{2011}2\u{a0}3", "4111-2 3"),
            ("a＠b．de", "a@b.de"),
            (r"\u0034\\u0031 \n\\\nx\q", "41 \n\nx\nq"),
            ("a%40b.de 5%", "a@b.de 5%"),
            ("é 你好 ñ", "é 你好 ñ"),
        ] {
            assert_eq!(View::of(text).text(), view, "{text}");
        }
    }

    /// Returns the view, made character by character.
    fn slowly(text: &str) -> String {
        let (mut view, mut at) = (String::new(), 0);
        while let Some(letter) = text[at..].chars().next() {
            let (step, new) = match letter {
                '\\' => escape(text, at),
                '%' => percent(text, at),
                '\u{0}'..='\u{7f}' => (1, Some(letter)),
                _ => (letter.len_utf8(), folded(letter)),
            };
            view.extend(new);
            at += step;
        }
        view
    }

    #[test]
    fn characters_without_another_one_are_left_as_they_are() {
        let pieces = [
            "a long run of plain letters",
            "é",
            "４",
            "\u{200b}",
            "\\n",
            "\\u0034",
            "%40",
            "%",
            "5% of it",
            "你好",
            "x",
            "",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let text = [first, second, third].concat();
                    let view = View::of(&text);
                    let slow = slowly(&text);
                    assert_eq!((view.text(), view.is_plain()), (slow.as_str(), slow == text), "{text}");
                }
            }
        }
    }

    #[test]
    fn ranges_lead_back_to_the_original() {
        for (text, found, original) in [
            ("x４１\u{200b}１1y", "4111", "４１\u{200b}１1"),
            (r"a\nkey\u0031\n", "key1", r"key\u0031"),
            ("é a%40b.de", "a@b.de", "a%40b.de"),
            ("plain text", "text", "text"),
        ] {
            let view = View::of(text);
            let start = view.text().find(found).unwrap();
            assert_eq!(&text[view.source(&(start..start + found.len()))], original, "{text}");
        }
    }
}
