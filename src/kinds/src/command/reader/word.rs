//! Words: quotes, escapes and special characters, up to the end of the word or to a substitution in it.

use super::braces::BraceGroup;
use super::characters::{self, is_delimiter, is_ordinary};
use super::level::SubstitutionKind;
use super::redirects::TargetKind;
use super::text::Text;
use super::{Reader, UNFINISHED};
use crate::Refusal;

/// A word that is being read.
#[derive(Debug)]
pub(super) struct OpenWord<'a> {
    /// The first byte.
    pub(super) start: usize,
    /// The use of the word.
    pub(super) purpose: Purpose,
    /// The variable, if the word is an assignment. The texts are then its value.
    pub(super) name: Option<&'a str>,
    /// The texts: several after braces.
    pub(super) texts: Vec<Text>,
    /// The braces that are open.
    pub(super) groups: Vec<BraceGroup>,
    /// The word is inside double quotes.
    pub(super) in_quotes: bool,
    /// A part of the word is quoted.
    pub(super) is_quoted: bool,
    /// The word has an expansion, a pattern or braces.
    pub(super) is_expanded: bool,
    /// The word continues on another line.
    pub(super) is_continued: bool,
    /// The word must end here: it is a process substitution.
    pub(super) is_complete: bool,
}

/// The use of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A word of a command, of a `for` loop, or a keyword.
    Plain,
    /// The target of a redirect.
    Target {
        /// The descriptor, if the line writes one.
        descriptor: Option<u8>,
        /// The kind of the redirect.
        kind: TargetKind,
    },
}

/// The reason why reading stops.
enum Stop {
    /// The word has ended.
    End,
    /// A substitution begins.
    Open(SubstitutionKind),
}

// === impl OpenWord ===

impl<'a> OpenWord<'a> {
    /// Begins a word.
    pub(super) fn new(start: usize, purpose: Purpose) -> Self {
        Self {
            start,
            purpose,
            name: None,
            texts: vec![Text::default()],
            groups: Vec::new(),
            in_quotes: false,
            is_quoted: false,
            is_expanded: false,
            is_continued: false,
            is_complete: false,
        }
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Reads more of a word, and hands it over when it ends.
    pub(super) fn continue_word(&mut self, mut word: OpenWord<'a>) -> Result<(), Refusal> {
        let stop = loop {
            let stop = if word.in_quotes { self.quoted(&mut word)? } else { self.unquoted(&mut word)? };
            if let Some(stop) = stop {
                break stop;
            }
        };
        match stop {
            Stop::End => self.take_word(word),
            Stop::Open(kind) => self.open_substitution(word, kind),
        }
    }

    /// Reads one item outside double quotes.
    fn unquoted(&mut self, word: &mut OpenWord<'a>) -> Result<Option<Stop>, Refusal> {
        let Some(byte) = self.peek() else {
            return Ok(Some(Stop::End));
        };
        if is_delimiter(byte) {
            if byte == b'(' {
                return self.refuse("`(` inside a word; quote it, or write programs in place of functions");
            }
            if matches!(byte, b'<' | b'>') {
                self.check_before_redirect(word)?;
            }
            return Ok(Some(Stop::End));
        }
        if byte == b'`' && self.levels.last().is_some_and(super::Level::is_backtick) {
            return Ok(Some(Stop::End));
        }
        if word.is_complete {
            return self.refuse("text directly after a process substitution; put a blank between");
        }
        let is_first = self.at == word.start;
        match byte {
            b'\'' => self.single_quotes(word)?,
            b'"' => {
                word.in_quotes = true;
                word.is_quoted = true;
                self.at += 1;
            }
            b'\\' => self.escape(word)?,
            b'$' => return Ok(self.dollar(word)?.map(Stop::Open)),
            b'`' => return Ok(Some(Stop::Open(SubstitutionKind::Backtick))),
            b'*' | b'?' | b'[' | b']' => self.special(word, byte),
            b'{' | b',' | b'}' => self.brace(word, byte)?,
            b'=' => self.equals(word)?,
            b'~' if is_first || matches!(self.previous(), Some(b'=' | b':')) => {
                return self.refuse("`~` that shells replace by a home directory; write the path");
            }
            b'!' if is_first && !self.peek_at(1).is_none_or(|next| is_delimiter(next) || next == b'=') => {
                return self.refuse("`!` at the start of a word; put a blank after it, or quote it");
            }
            _ => self.run_of_ordinary(word)?,
        }
        Ok(None)
    }

    /// Refuses a word that a redirect directly after it may take as its descriptor.
    fn check_before_redirect(&self, word: &OpenWord<'a>) -> Result<(), Refusal> {
        if self.peek_at(1) == Some(b'(') {
            return self.refuse("a process substitution inside a word; put a blank before it");
        }
        if word.is_continued || self.previous() == Some(b'}') {
            return self.refuse("a redirect directly after a brace or a continued word; put a blank between");
        }
        Ok(())
    }

    /// Takes a byte that means itself, and the ordinary bytes after it.
    fn run_of_ordinary(&mut self, word: &mut OpenWord<'a>) -> Result<(), Refusal> {
        let rest = self.rest().as_bytes();
        let end =
            rest.iter().skip(1).position(|byte| !is_ordinary(*byte) || *byte == b',').map_or(rest.len(), |at| at + 1);
        let text = self.slice(self.at, self.at + end);
        for (at, character) in text.char_indices() {
            if let Some(reason) = characters::refused_outside_quotes(character) {
                return Err(Refusal::byte(self.at + at, reason));
            }
        }
        self.push_literal(word, text);
        self.at += end;
        Ok(())
    }

    /// Reads one item inside double quotes.
    fn quoted(&mut self, word: &mut OpenWord<'a>) -> Result<Option<Stop>, Refusal> {
        let Some(byte) = self.peek() else {
            return Err(Refusal::byte(word.start, UNFINISHED));
        };
        match byte {
            b'"' => {
                word.in_quotes = false;
                self.at += 1;
            }
            b'\\' => match self.peek_at(1) {
                Some(b'$' | b'`' | b'"' | b'\\') => {
                    self.push_literal(word, self.slice(self.at + 1, self.at + 2));
                    self.at += 2;
                }
                Some(b'\n') => {
                    self.no_pending()?;
                    self.at += 2;
                }
                _ => {
                    self.push_literal(word, "\\");
                    self.at += 1;
                }
            },
            b'$' => return Ok(self.dollar(word)?.map(Stop::Open)),
            b'`' => return Ok(Some(Stop::Open(SubstitutionKind::Backtick))),
            _ => {
                let rest = self.rest();
                let end = rest.find(['"', '\\', '$', '`']).unwrap_or(rest.len());
                self.take_quoted(word, end)?;
            }
        }
        Ok(None)
    }

    /// Takes text in single quotes.
    fn single_quotes(&mut self, word: &mut OpenWord<'a>) -> Result<(), Refusal> {
        let quote = self.at;
        self.at += 1;
        let end = self.rest().find('\'').ok_or(Refusal::byte(quote, UNFINISHED))?;
        word.is_quoted = true;
        self.take_quoted(word, end)?;
        self.at += 1;
        Ok(())
    }

    /// Takes quoted text of this length.
    fn take_quoted(&mut self, word: &mut OpenWord<'a>, length: usize) -> Result<(), Refusal> {
        let text = self.slice(self.at, self.at + length);
        if text.contains('\n') {
            self.no_pending()?;
        }
        self.push_literal(word, text);
        self.at += length;
        Ok(())
    }

    /// Takes a backslash outside quotes, and the character after it.
    fn escape(&mut self, word: &mut OpenWord<'a>) -> Result<(), Refusal> {
        match self.slice(self.at + 1, self.limit).chars().next() {
            None => self.refuse("a backslash at the end; remove it"),
            Some('\n') => {
                self.no_pending()?;
                word.is_continued = true;
                self.at += 2;
                Ok(())
            }
            Some(character) => {
                let end = self.at + 1 + character.len_utf8();
                word.is_quoted = true;
                self.push_literal(word, self.slice(self.at + 1, end));
                self.at = end;
                Ok(())
            }
        }
    }

    /// Refuses a newline inside a word between `<<` and its text.
    fn no_pending(&self) -> Result<(), Refusal> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.refuse("a newline in a word between `<<` and its text; put the word before `<<`")
    }

    /// Takes a character of a pattern.
    fn special(&mut self, word: &mut OpenWord<'a>, byte: u8) {
        // `[` alone is a program, and `]` its last word; `[[` is a keyword. An assignment's value holds no pattern.
        let is_end = self.peek_at(1).is_none_or(is_delimiter);
        let is_alone = match self.slice(word.start, self.at + 1) {
            "[" => is_end || (self.peek_at(1) == Some(b'[') && self.peek_at(2).is_none_or(is_delimiter)),
            "[[" | "]" => is_end,
            _ => false,
        };
        let opens = byte != b']' || word.texts.iter().any(|text| matches!(text, Text::Pattern { .. }));
        if word.name.is_some() || is_alone || !opens {
            self.push_literal(word, self.slice(self.at, self.at + 1));
        } else {
            word.is_expanded = true;
            for text in &mut word.texts {
                text.push_special(char::from(byte));
            }
        }
        self.at += 1;
    }

    /// Takes `=`, which may end the name of a variable.
    fn equals(&mut self, word: &mut OpenWord<'a>) -> Result<(), Refusal> {
        let before = self.slice(word.start, self.at);
        if before.is_empty() && !self.is_bash() && !self.peek_at(1).is_none_or(is_delimiter) {
            return self.refuse("`=` at the start of a word; zsh replaces the word by a program's path, so quote it");
        }
        if word.name.is_none() && !word.is_continued && characters::is_name(before) && self.may_assign(word) {
            word.name = Some(before);
            word.texts = vec![Text::default()];
            self.at += 1;
            if self.peek() == Some(b'=') {
                return self.refuse("`=` at the start of a value; quote it");
            }
            return Ok(());
        }
        if word.name.is_some() && self.previous() == Some(b':') {
            return self.refuse("`=` after `:` in a value; quote it");
        }
        self.push_literal(word, "=");
        self.at += 1;
        Ok(())
    }

    /// Appends text that means itself.
    pub(super) fn push_literal(&mut self, word: &mut OpenWord<'a>, literal: &str) {
        if word.texts.len() > 1 && !self.budget.take(literal.len().saturating_mul(word.texts.len())) {
            word.texts = vec![Text::Unknown { is_one: false, prefix: String::new() }];
        }
        for text in &mut word.texts {
            text.push_literal(literal, &mut self.budget);
        }
    }
}
