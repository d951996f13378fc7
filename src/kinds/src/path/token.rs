//! A part of a pattern of one name: a character, `?`, `*`, or a class such as `[a-z]`.

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// This character.
    Char(char),
    /// `?`: one character.
    Any,
    /// `*`: any characters.
    Star,
    /// Dots and blanks at the end of a name, which Windows drops. Only patterns that forbid have it.
    Trail,
    /// `[a-z]` or `[!a-z]`: one character that the ranges hold, or that they do not. A range holds both its ends.
    Class { is_negated: bool, ranges: Vec<(char, char)> },
}

// === impl Token ===

impl Token {
    /// Returns the character, if the token is one.
    pub(super) fn as_char(&self) -> Option<char> {
        match self {
            Self::Char(c) => Some(*c),
            _ => None,
        }
    }

    /// Returns true if the token matches no character, too.
    pub(super) fn is_optional(&self) -> bool {
        matches!(self, Self::Star | Self::Trail)
    }

    /// Returns true if one character matches both. Neither is optional.
    pub(super) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Char(a), Self::Char(b)) => a == b,
            (Self::Class { is_negated, ranges }, Self::Char(c))
            | (Self::Char(c), Self::Class { is_negated, ranges }) => {
                ranges.iter().any(|(low, high)| low <= c && c <= high) != *is_negated
            }
            (Self::Class { is_negated: false, ranges: a }, Self::Class { is_negated: false, ranges: b }) => {
                a.iter().any(|(low, high)| b.iter().any(|(start, end)| low <= end && start <= high))
            }
            // Two classes of which one says what it is not have a character in common, as far as a rule cares.
            _ => true,
        }
    }

    /// Returns true if both write the character, and it is a letter, a digit, or the first one of the name.
    pub(super) fn is_aimed_by(&self, other: &Self, is_first: bool) -> bool {
        match (self, other) {
            (Self::Char(c), Self::Char(_) | Self::Class { is_negated: false, .. })
            | (Self::Class { is_negated: false, .. }, Self::Char(c)) => is_first || c.is_ascii_alphanumeric(),
            _ => false,
        }
    }
}

/// Reads a class after its `[`, and returns the text after its `]`.
pub(super) fn read_class(text: &str) -> Result<(Token, &str), &'static str> {
    let (is_negated, body) = match text.strip_prefix(['!', '^']) {
        Some(body) => (true, body),
        None => (false, text),
    };
    let end = body.find(']').ok_or("has `[` without `]`")?;
    let (inside, after) = (body.get(..end).unwrap_or_default(), body.get(end + 1..).unwrap_or_default());
    if inside.is_empty() {
        return Err("has an empty class");
    }
    if inside.contains(['[', '\\', '!', '^']) {
        return Err("has a class that programs read in two ways");
    }
    let mut ranges = Vec::new();
    let mut letters = inside.chars().peekable();
    while let Some(low) = letters.next() {
        if letters.peek() != Some(&'-') {
            ranges.push((low, low));
            continue;
        }
        letters.next();
        let high = letters.next().ok_or("has a class that ends in `-`")?;
        if high < low || !is_plain_range(low, high) {
            return Err("has a range that is not one of digits, of small or of capital letters");
        }
        ranges.push((low, high));
    }
    Ok((Token::Class { is_negated, ranges }, after))
}

/// Returns true for a range of digits, of small letters or of capital ones: every language orders these alike.
fn is_plain_range(low: char, high: char) -> bool {
    [char::is_ascii_digit, char::is_ascii_lowercase, char::is_ascii_uppercase].iter().any(|is| is(&low) && is(&high))
}
