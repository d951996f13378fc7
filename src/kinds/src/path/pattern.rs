//! Patterns of one name (`*`, `?`, `[…]`), and the names that two patterns have in common.
//!
//! A pattern is a row of tokens. A comparison walks the tokens of one side once, and keeps the positions in the other side as bits of one
//! integer. So its cost is at most the product of both lengths, and nothing backtracks.

use std::borrow::Borrow;

use super::fold;
use super::token::{Token, read_class};

/// The most tokens of a pattern that others are compared with: one bit a position, and one for the end.
const MOST_TOKENS: usize = 127;

/// The characters that a trail holds.
pub(super) const TRAIL: [char; 2] = ['.', ' '];

/// The most stars in one name.
const MOST_STARS: usize = 8;

/// A pattern of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePattern {
    tokens: Vec<Token>,
    /// The positions of tokens that match nothing, too.
    optional: u128,
    /// The last byte of every name that matches, apart from dots and blanks at its end; `None` if names differ in it, or have another
    /// character than of ASCII there.
    last: Option<u8>,
    /// The first byte of every name that matches; `None` as above.
    first: Option<u8>,
}

/// The names that two patterns have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// None.
    Nothing,
    /// Some, but only through stars and `?`: `a*` and `*.pem`, or `*` and `.env`.
    Chance,
    /// Some in which a letter or digit is written in both patterns, or the first character is: `.e*` and `.env`, `*.p*` and `*.pem`.
    Aimed,
}

/// The positions that a comparison may be at, as bits.
#[derive(Clone, Copy, Default)]
struct Positions {
    any: u128,
    /// Those that were reached by a character that both sides write.
    aimed: u128,
}

// === impl NamePattern ===

impl NamePattern {
    /// Reads a pattern. With `has_escapes`, a backslash makes the next character a plain one.
    ///
    /// # Errors
    ///
    /// The byte, and the reason.
    pub(crate) fn read(text: &str, has_escapes: bool) -> Result<Self, (usize, &'static str)> {
        let mut tokens = Vec::new();
        let mut stars = 0;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let at = text.len() - rest.len();
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            tokens.push(match c {
                '*' => {
                    stars += 1;
                    Token::Star
                }
                '?' => Token::Any,
                '[' => {
                    let (class, after) = read_class(rest).map_err(|reason| (at, reason))?;
                    rest = after;
                    class
                }
                '\\' if has_escapes => {
                    let c = rest.chars().next().ok_or((at, "ends in a backslash"))?;
                    rest = rest.get(c.len_utf8()..).unwrap_or_default();
                    Token::Char(c)
                }
                c => Token::Char(c),
            });
            if stars > MOST_STARS {
                return Err((at, "has more than 8 `*` in one name"));
            }
        }
        Ok(Self::new(tokens))
    }

    /// Returns true if other patterns can be compared with this one: it has at most 127 tokens.
    pub(crate) fn is_comparable(&self) -> bool {
        self.tokens.len() <= MOST_TOKENS
    }

    /// Returns the name, if the pattern is one.
    pub(crate) fn as_name(&self) -> Option<String> {
        self.tokens.iter().map(Token::as_char).collect()
    }

    /// Returns the name, if the pattern is one with any dots and blanks after it. The name ends in neither.
    pub(crate) fn as_name_with_trail(&self) -> Option<String> {
        let (trail, name) = self.tokens.split_last()?;
        if *trail != Token::Trail || !self.is_comparable() {
            return None;
        }
        let name: String = name.iter().map(Token::as_char).collect::<Option<_>>()?;
        (!name.is_empty() && !name.ends_with(TRAIL)).then_some(name)
    }

    /// Returns true if the pattern writes its first character, and does not leave it to `*` or `?`: these match no leading dot.
    pub(crate) fn begins_with_dot(&self) -> bool {
        let first = self.tokens.first();
        first.is_some_and(|token| !matches!(token, Token::Star | Token::Any) && token.meets(&Token::Char('.')))
    }

    /// Returns true if every name that matches begins with a dot.
    pub(crate) fn needs_dot(&self) -> bool {
        self.tokens.first() == Some(&Token::Char('.'))
    }

    /// Returns true if the pattern writes a letter or a digit.
    pub(crate) fn writes(&self) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::Char(c) if c.is_alphanumeric()))
    }

    /// Returns true if a class of the pattern says what it does not hold.
    pub(crate) fn has_negation(&self) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::Class { is_negated: true, .. }))
    }

    /// Returns a pattern that matches the folded form of every name that this one matches. See [`fold`](super::fold).
    pub(crate) fn widen(&self) -> Self {
        let mut tokens = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::Char(c) => fold::push(*c, &mut |c| tokens.push(Token::Char(c))),
                Token::Class { is_negated: false, ranges } if ranges.iter().all(|(_, high)| high.is_ascii()) => {
                    let ranges = ranges.iter().map(|(a, b)| (a.to_ascii_lowercase(), b.to_ascii_lowercase())).collect();
                    tokens.push(Token::Class { is_negated: false, ranges });
                }
                Token::Class { .. } | Token::Any => tokens.push(Token::Any),
                Token::Star | Token::Trail => tokens.push(token.clone()),
            }
        }
        Self::new(tokens)
    }

    /// Returns a pattern that matches any dots and blanks after what this one matches, too.
    pub(crate) fn with_trail(mut self) -> Self {
        self.tokens.push(Token::Trail);
        Self::new(self.tokens)
    }

    /// Returns the pattern of one name.
    pub(crate) fn name(name: &str) -> Self {
        Self::new(name.chars().map(Token::Char).collect())
    }

    /// Returns the pattern of every name.
    pub(crate) fn any() -> Self {
        Self::new(vec![Token::Star])
    }

    /// Returns true if the pattern matches the whole name. A leading dot is a character like any other.
    pub(crate) fn matches(&self, name: &str) -> bool {
        if self.first.is_some_and(|first| name.as_bytes().first() != Some(&first)) {
            return false;
        }
        // Most names fail here. Without it, `*.pem` reads every character of every name.
        if self.last.is_some_and(|last| name.trim_end_matches(TRAIL).as_bytes().last() != Some(&last)) {
            return false;
        }
        self.run(name.chars().map(Token::Char)) != Overlap::Nothing
    }

    /// Compares the names of both patterns. `self` must be [comparable](Self::is_comparable).
    pub(crate) fn overlap(&self, other: &Self) -> Overlap {
        let differ = |one: Option<u8>, other: Option<u8>| one.zip(other).is_some_and(|(one, other)| one != other);
        // Most names that forbid end here, too.
        if differ(self.first, other.first) || differ(self.last, other.last) {
            return Overlap::Nothing;
        }
        self.run(other.tokens.iter())
    }

    /// Holds tokens. Those after the 127th are never compared.
    fn new(tokens: Vec<Token>) -> Self {
        let bits = tokens.iter().take(MOST_TOKENS).enumerate();
        let optional = bits.fold(0, |bits, (at, token)| bits | (u128::from(token.is_optional()) << at));
        let last = match tokens.iter().rev().find(|token| **token != Token::Trail) {
            Some(Token::Char(c)) if !TRAIL.contains(c) && tokens.len() <= MOST_TOKENS => Some(*c),
            _ => None,
        };
        let first = match tokens.first() {
            Some(Token::Char(c)) => Some(*c),
            _ => None,
        };
        let byte = |c: char| u8::try_from(c).ok().filter(u8::is_ascii);
        Self { tokens, optional, last: last.and_then(byte), first: first.and_then(byte) }
    }

    /// Walks the tokens of the other side.
    fn run<T: Borrow<Token>>(&self, others: impl Iterator<Item = T>) -> Overlap {
        let mut at = Positions { any: self.skip_optional(1), aimed: 0 };
        let mut is_first = true;
        for other in others {
            at = self.step(at, other.borrow(), is_first);
            if at.any == 0 {
                return Overlap::Nothing;
            }
            is_first = false;
        }
        let end = 1u128 << self.tokens.len().min(MOST_TOKENS);
        match (at.any & end != 0, at.aimed & end != 0) {
            (_, true) => Overlap::Aimed,
            (true, false) => Overlap::Chance,
            (false, false) => Overlap::Nothing,
        }
    }

    /// Moves all positions over one token of the other side.
    fn step(&self, from: Positions, other: &Token, is_first: bool) -> Positions {
        if *other == Token::Star {
            // A star can be a text that leads from a position to any later one.
            return Positions { any: from_lowest(from.any), aimed: from_lowest(from.aimed) };
        }
        let mut to = Positions::default();
        let mut left = from.any;
        while left != 0 {
            let index = left.trailing_zeros();
            let here = left & left.wrapping_neg();
            left ^= here;
            // The position after the last token has none.
            let Some(token) = self.tokens.get(index as usize) else { break };
            if token.is_optional() {
                if *token == Token::Star || TRAIL.iter().any(|c| other.meets(&Token::Char(*c))) {
                    to.any |= here;
                    to.aimed |= from.aimed & here;
                }
            } else if token.meets(other) {
                to.any |= here << 1;
                let is_aimed = token.is_aimed_by(other, is_first && index == 0);
                if is_aimed || from.aimed & here != 0 {
                    to.aimed |= here << 1;
                }
            }
        }
        Positions { any: self.skip_optional(to.any), aimed: self.skip_optional(to.aimed) }
    }

    /// Adds the positions after tokens that match nothing.
    fn skip_optional(&self, mut positions: u128) -> u128 {
        loop {
            let more = positions | ((positions & self.optional) << 1);
            if more == positions {
                return positions;
            }
            positions = more;
        }
    }
}

/// Returns the positions from the lowest one on.
fn from_lowest(positions: u128) -> u128 {
    if positions == 0 { 0 } else { u128::MAX << positions.trailing_zeros() }
}

#[cfg(test)]
mod tests {
    use super::{NamePattern, Overlap, Token};

    #[test]
    fn the_quick_looks_at_the_ends_of_names_change_no_result() {
        let patterns =
            ["*.pem", "a", "a*", "*", "?", "*a?", "[a-c]", "*.[a-c]", "x.", "*a.", "a b", "", "*é", "id_*_a", "**a"];
        let names = [
            "a.pem", "a.pem.. ", "a", "A", "a.", "a. .", ".", "", " ", "x.", "x", "aé", "é", "b", "*.b", "id_x_a",
            "pem", "aab",
        ];
        for pattern in patterns {
            let read =
                NamePattern::read(pattern, false).unwrap_or_else(|(at, reason)| panic!("{pattern} {at} {reason}"));
            for pattern in [read.clone(), read.widen(), read.widen().with_trail(), read.with_trail()] {
                for name in names {
                    let slowly = pattern.run(name.chars().map(Token::Char)) != Overlap::Nothing;
                    assert_eq!(pattern.matches(name), slowly, "{pattern:?} {name:?}");
                }
                for other in patterns {
                    let other = NamePattern::read(other, false).unwrap_or_else(|(at, reason)| panic!("{at} {reason}"));
                    assert_eq!(pattern.overlap(&other), pattern.run(other.tokens.iter()), "{pattern:?} {other:?}");
                }
            }
        }
    }
}
