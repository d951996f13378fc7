//! The text of a word while it is read: known, a pattern, or unknown.

use super::super::WordText;

/// The maximum number of texts that a word may be one of.
pub(super) const MAX_ALTERNATIVES: usize = 32;

/// The text of a word, or the value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// One of these texts. Never empty.
    Known(Vec<String>),
    /// The names that match a pattern. `prefix` is the literal text before its first special character.
    Pattern { pattern: String, prefix: String },
    /// Any text, in one word or in any number of them. `prefix` is the literal text at the beginning.
    Unknown { is_one: bool, prefix: String },
    /// A number of the shell, such as a status.
    Number,
    /// A name that the shell makes for a process substitution.
    Stream,
}

/// The number of bytes that expansions may still produce. A word over it becomes unknown.
#[derive(Debug)]
pub(super) struct Budget(usize);

/// Inserts a text into an ordered list that has each text once. Returns false, and inserts nothing, if the list is full.
pub(super) fn insert(texts: &mut Vec<String>, text: String) -> bool {
    match texts.binary_search(&text) {
        Ok(_) => true,
        Err(_) if texts.len() >= MAX_ALTERNATIVES => false,
        Err(at) => {
            texts.insert(at, text);
            true
        }
    }
}

// === impl Text ===

impl Default for Text {
    /// Returns the empty text.
    fn default() -> Self {
        Self::Known(vec![String::new()])
    }
}

impl Text {
    /// Returns a text of any content in one word.
    pub(super) fn any() -> Self {
        Self::Unknown { is_one: true, prefix: String::new() }
    }

    /// Appends text that means itself.
    pub(super) fn push_literal(&mut self, text: &str, budget: &mut Budget) {
        match self {
            Self::Known(texts) => {
                if texts.len() > 1 && !budget.take(texts.len().saturating_mul(text.len())) {
                    return self.push_unknown(true);
                }
                for known in texts {
                    known.push_str(text);
                }
            }
            Self::Pattern { pattern, .. } => push_escaped(pattern, text),
            Self::Unknown { .. } => {}
            Self::Number | Self::Stream => self.push_unknown(true),
        }
    }

    /// Appends an unquoted `*`, `?`, `[`, or a character inside brackets.
    pub(super) fn push_special(&mut self, character: char) {
        match self {
            Self::Known(texts) => match texts.as_slice() {
                [only] => {
                    let prefix = only.clone();
                    let mut pattern = String::with_capacity(prefix.len() + 1);
                    push_escaped(&mut pattern, &prefix);
                    pattern.push(character);
                    *self = Self::Pattern { pattern, prefix };
                }
                _ => self.push_unknown(false),
            },
            Self::Pattern { pattern, .. } => pattern.push(character),
            Self::Unknown { .. } | Self::Number | Self::Stream => self.push_unknown(false),
        }
    }

    /// Appends any text. `is_one` is false if the shell may split it.
    pub(super) fn push_unknown(&mut self, is_one: bool) {
        *self = match std::mem::replace(self, Self::Stream) {
            Self::Known(texts) => Self::Unknown { is_one, prefix: common_prefix(texts) },
            Self::Pattern { prefix, .. } => Self::Unknown { is_one: false, prefix },
            Self::Unknown { is_one: was_one, prefix } => Self::Unknown { is_one: is_one && was_one, prefix },
            Self::Number | Self::Stream => Self::Unknown { is_one, prefix: String::new() },
        };
    }

    /// Appends a number of the shell.
    pub(super) fn push_number(&mut self) {
        match self {
            Self::Known(texts) if texts.iter().all(String::is_empty) => *self = Self::Number,
            _ => self.push_unknown(true),
        }
    }

    /// Appends the value of a variable, or a word of braces. `is_quoted` says that the shell does not split it.
    pub(super) fn push_text(&mut self, value: &Self, is_quoted: bool, budget: &mut Budget) {
        match value {
            Self::Known(more) if is_quoted || more.iter().all(|text| stays_one(text)) => self.push_known(more, budget),
            Self::Pattern { pattern, prefix } if is_quoted => self.push_pattern(pattern, prefix, budget),
            Self::Unknown { is_one, prefix } if is_quoted && self.is_known() => {
                self.push_literal(prefix, budget);
                self.push_unknown(*is_one);
            }
            Self::Number => self.push_number(),
            _ => self.push_unknown(is_quoted),
        }
    }

    /// Appends a part of a word that keeps its meaning, such as an alternative of braces.
    pub(super) fn push_piece(&mut self, piece: &Self, budget: &mut Budget) {
        match piece {
            Self::Unknown { is_one, prefix } => {
                self.push_literal(prefix, budget);
                self.push_unknown(*is_one);
            }
            _ => self.push_text(piece, true, budget),
        }
    }

    fn push_known(&mut self, more: &[String], budget: &mut Budget) {
        if let [only] = more {
            if budget.take(only.len()) {
                self.push_literal(only, budget)
            } else {
                self.push_unknown(true)
            }
            return;
        }
        let Self::Known(texts) = self else {
            return self.push_unknown(true);
        };
        let size: usize = texts.iter().chain(more).map(String::len).sum();
        let count = texts.len().saturating_mul(more.len());
        if count > MAX_ALTERNATIVES || !budget.take(size.saturating_mul(count)) {
            return self.push_unknown(true);
        }
        let mut product: Vec<String> = Vec::with_capacity(count);
        for text in texts.iter() {
            for end in more {
                insert(&mut product, [text.as_str(), end].concat());
            }
        }
        *texts = product;
    }

    fn push_pattern(&mut self, more: &str, more_prefix: &str, budget: &mut Budget) {
        if !budget.take(more.len()) {
            return self.push_unknown(true);
        }
        match self {
            Self::Known(texts) if texts.len() == 1 => {
                let mut prefix = texts.pop().unwrap_or_default();
                let mut pattern = String::with_capacity(prefix.len() + more.len());
                push_escaped(&mut pattern, &prefix);
                pattern.push_str(more);
                prefix.push_str(more_prefix);
                *self = Self::Pattern { pattern, prefix };
            }
            Self::Pattern { pattern, .. } => pattern.push_str(more),
            Self::Known(_) | Self::Unknown { .. } | Self::Number | Self::Stream => self.push_unknown(true),
        }
    }

    fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// Returns the number of bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Known(texts) => texts.iter().map(String::len).sum(),
            Self::Pattern { pattern, prefix } => pattern.len() + prefix.len(),
            Self::Unknown { prefix, .. } => prefix.len(),
            Self::Number | Self::Stream => 0,
        }
    }

    /// Returns the text if there is only one.
    pub(super) fn exact(&self) -> Option<&str> {
        match self {
            Self::Known(texts) => match texts.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            Self::Pattern { .. } | Self::Unknown { .. } | Self::Number | Self::Stream => None,
        }
    }

    /// Returns the text of a finished word.
    pub(super) fn into_word_text(self) -> WordText {
        match self {
            Self::Known(mut texts) if texts.len() <= 1 => WordText::Exact(texts.pop().unwrap_or_default()),
            Self::Known(texts) => WordText::OneOf(texts),
            Self::Pattern { pattern, .. } => WordText::Glob(pattern),
            Self::Unknown { is_one, prefix } => WordText::Unknown { is_one, prefix },
            Self::Number => WordText::Unknown { is_one: true, prefix: String::new() },
            Self::Stream => WordText::Stream,
        }
    }
}

impl From<&WordText> for Text {
    fn from(text: &WordText) -> Self {
        match text {
            WordText::Exact(text) => Self::Known(vec![text.clone()]),
            WordText::OneOf(texts) => Self::Known(texts.clone()),
            WordText::Glob(_) | WordText::Stream => Self::any(),
            WordText::Unknown { prefix, .. } => Self::Unknown { is_one: true, prefix: prefix.clone() },
        }
    }
}

// === impl Budget ===

impl Budget {
    /// Allows expansions to produce this number of bytes.
    pub(super) const fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Takes bytes. Returns false if fewer are left.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        match self.0.checked_sub(bytes) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

/// Returns true if an unquoted expansion of the text is one word in every shell, with the same text.
fn stays_one(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| super::characters::is_ordinary(byte) || byte == b'=')
}

/// Appends text to a pattern in which it means itself.
fn push_escaped(pattern: &mut String, text: &str) {
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | '!' | '^' | '-' | ',') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
}

/// Returns the longest text that all begin with.
fn common_prefix(texts: Vec<String>) -> String {
    let mut texts = texts.into_iter();
    let mut prefix = texts.next().unwrap_or_default();
    for text in texts {
        let common = prefix.chars().zip(text.chars()).take_while(|(one, other)| one == other);
        let length = common.map(|(character, _)| character.len_utf8()).sum();
        prefix.truncate(length);
    }
    prefix
}
