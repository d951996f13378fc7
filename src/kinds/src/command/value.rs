//! Words as the judge compares them with a model.

use super::{Word, WordText};

/// The text of a word, or of a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// This text.
    One(&'a str),
    /// One of these texts.
    Any(&'a [String]),
    /// The names that match a pattern.
    Pattern(&'a str),
    /// A text that the line does not show: one word, or any number of words.
    Open {
        /// It is one word.
        is_one: bool,
        /// The literal text at its beginning.
        prefix: &'a str,
    },
    /// The name of a pipe that the shell makes.
    Stream,
    /// Any number of paths that another program finds.
    Found {
        /// A path may begin with `-`.
        may_be_option: bool,
    },
}

/// A word of a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    /// The position in the command, counted from 0. `None` for a word that the line does not have.
    pub(super) at: Option<usize>,
    /// The text.
    pub(super) value: Value<'a>,
}

/// A fault of a command: the position of a word, counted from 0, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The word, or `None` for the command as a whole.
    pub(super) at: Option<usize>,
    /// The reason.
    pub(super) reason: &'static str,
}

/// The role that a word can have, seen from its first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordRole {
    /// It begins with `-`.
    Option,
    /// It does not.
    Operand,
    /// It may.
    Either,
}

// === impl Value ===

impl<'a> Value<'a> {
    /// Returns the text of a word.
    pub(super) fn of(word: &'a Word) -> Self {
        match &word.text {
            WordText::Exact(text) => Self::One(text),
            WordText::OneOf(texts) => match texts.as_slice() {
                [text] => Self::One(text),
                texts => Self::Any(texts),
            },
            WordText::Glob(pattern) => Self::Pattern(pattern),
            WordText::Unknown { is_one, prefix } => Self::Open { is_one: *is_one, prefix },
            WordText::Stream => Self::Stream,
        }
    }

    /// Returns the text if there is one text.
    pub(super) const fn exact(self) -> Option<&'a str> {
        match self {
            Self::One(text) => Some(text),
            _ => None,
        }
    }

    /// Returns true for a word that may become any number of words.
    pub(super) const fn is_many(self) -> bool {
        matches!(self, Self::Pattern(_) | Self::Found { .. } | Self::Open { is_one: false, .. })
    }

    /// Returns the role of the word, if options have not ended.
    pub(super) fn role(self) -> WordRole {
        match self {
            Self::One(text) => of_text(text),
            Self::Any(texts) => {
                let mut roles = texts.iter().map(|text| of_text(text));
                match (roles.clone().any(|role| role == WordRole::Option), roles.all(|role| role == WordRole::Option)) {
                    (_, true) => WordRole::Option,
                    (false, _) => WordRole::Operand,
                    (true, false) => WordRole::Either,
                }
            }
            Self::Pattern(pattern) => match pattern.as_bytes().first() {
                Some(b'*' | b'?' | b'[') | None => WordRole::Either,
                Some(b'-') => WordRole::Option,
                Some(b'\\') if pattern.as_bytes().get(1) == Some(&b'-') => WordRole::Option,
                Some(_) => WordRole::Operand,
            },
            Self::Open { prefix, .. } => match prefix.as_bytes().first() {
                None => WordRole::Either,
                Some(b'-') => WordRole::Option,
                Some(_) => WordRole::Operand,
            },
            Self::Stream => WordRole::Operand,
            Self::Found { may_be_option } => {
                if may_be_option {
                    WordRole::Either
                } else {
                    WordRole::Operand
                }
            }
        }
    }
}

/// Returns the role of a text. `-` alone is an operand.
fn of_text(text: &str) -> WordRole {
    if text.len() > 1 && text.starts_with('-') { WordRole::Option } else { WordRole::Operand }
}

// === impl Given ===

impl<'a> Given<'a> {
    /// Returns a fault of this word.
    pub(super) const fn fault(self, reason: &'static str) -> Fault {
        Fault { at: self.at, reason }
    }

    /// Returns the same word with another value.
    pub(super) const fn with(self, value: Value<'a>) -> Self {
        Self { at: self.at, value }
    }
}
