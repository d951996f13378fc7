//! A text in normal form, and the search for whole tokens in it.
//!
//! A token is a run of letters, digits and [joining characters](is_joining) that stands next to a letter or digit. A value occurs if
//! its text stands there and neither end lies inside a token: `example.org` does not occur in `ann@example.org`, nor in
//! `example.org.evil.com`, but in `(example.org)` and `at example.org.`

use memchr::memmem;
use unicode_normalization::char::is_combining_mark;

use crate::normal;
use crate::number::{self, Decimal};

/// The maximum joining characters in a row that are looked through for the rest of a token.
const MAX_JOINING: usize = 64;

/// A text in normal form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(String);

// === impl Text ===

impl Text {
    /// Takes a text in any form.
    #[must_use]
    pub fn new(text: &str) -> Text {
        Text(normal(text))
    }

    /// Returns the normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if a value in normal form is the whole text.
    #[must_use]
    pub fn is(&self, value: &str) -> bool {
        self.0 == value
    }

    /// Returns true if a value in normal form occurs as whole tokens. The empty value occurs nowhere.
    #[must_use]
    pub fn holds(&self, value: &str) -> bool {
        self.find(value).next().is_some()
    }

    /// Joins texts in normal form, which have no line breaks, by line breaks. No value in normal form occurs across one.
    pub(crate) fn of_lines(lines: String) -> Text {
        Text(lines)
    }

    /// Returns the places at which a value in normal form occurs as whole tokens.
    pub(crate) fn find(&self, value: &str) -> impl Iterator<Item = usize> {
        let text = self.0.as_str();
        let ends = value.chars().next().zip(value.chars().next_back());
        let found = memmem::find_iter(text.as_bytes(), if ends.is_some() { value.as_bytes() } else { b"\0" });
        found.filter(move |start| {
            let Some((first, last)) = ends else { return false };
            let before = text.get(..*start).unwrap_or_default();
            let after = text.get(*start + value.len()..).unwrap_or_default();
            !continues(first, before.chars().rev()) && !continues(last, after.chars())
        })
    }

    /// Returns true if a number occurs with this value: a run of digits, with a fraction, in groups of three, and with a minus sign if
    /// the value is negative.
    #[must_use]
    pub fn holds_number(&self, value: &Decimal) -> bool {
        number::all(&self.0).any(|(_, found)| found == *value)
    }
}

/// Returns true if the characters beyond one end of a value continue its last token. They are in the order away from the value.
fn continues(end: char, beyond: impl Iterator<Item = char>) -> bool {
    let mut beyond = beyond.peekable();
    // A mark belongs to the character before it. At the front it has none there.
    if beyond.peek().is_some_and(|next| is_combining_mark(*next)) {
        return true;
    }
    if !end.is_alphanumeric() && !is_joining(end) && !is_combining_mark(end) {
        return false;
    }
    match beyond.by_ref().take(MAX_JOINING).find(|letter| !is_joining(*letter)) {
        Some(letter) => letter.is_alphanumeric() || is_combining_mark(letter),
        // A longer run could make the search slow, so it counts as a part of the token.
        None => beyond.next().is_some(),
    }
}

/// Returns true for a character that joins letters and digits to one token.
pub(crate) fn is_joining(letter: char) -> bool {
    matches!(letter, '@' | '.' | '+' | '-' | '_' | '/' | ':' | '#' | '&' | '=' | '?' | '%' | '~' | '$' | '\\')
}
