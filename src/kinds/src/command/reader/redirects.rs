//! Redirects.

use super::documents::PendingDocument;
use super::level::Expect;
use super::word::{OpenWord, Purpose};
use super::{Reader, UNFINISHED, characters, narrow};
use crate::Refusal;
use crate::command::{HereText, LineStep, Redirect, RedirectKind, SimpleCommand, Span, WordText};

/// The kind of a redirect with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetKind {
    /// `<`
    Read,
    /// `>`, `>|`, `>>`
    Write,
    /// `<>`
    ReadWrite,
    /// `&>`, `&>>`
    WriteBoth,
    /// `<<<`
    HereString,
}

const NO_TARGET: &str = "a redirect without a target; write the file on the same line";

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Takes a digit that is a redirect's descriptor, with the redirect. Returns false if the digit begins a word.
    pub(super) fn descriptor(&mut self) -> Result<bool, Refusal> {
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        match (self.peek_at(digits), self.peek_at(digits + 1)) {
            (Some(b'<' | b'>'), Some(b'(')) => {
                self.refuse("a process substitution inside a word; put a blank before it")
            }
            (Some(b'<' | b'>'), _) if digits > 1 => self.refuse("a descriptor of two digits; use one"),
            (Some(b'&'), Some(b'>')) => self.refuse("a digit directly before `&>`; put a blank between"),
            (Some(b'<' | b'>'), _) => {
                let descriptor = self.peek().map(|digit| digit - b'0');
                self.at += 1;
                self.redirect(descriptor)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Takes a redirect, up to its target.
    pub(super) fn redirect(&mut self, descriptor: Option<u8>) -> Result<(), Refusal> {
        self.check_place()?;
        let rest = self.rest().as_bytes();
        let (length, kind) = match rest {
            [b'<', b'<', b'<', ..] => (3, TargetKind::HereString),
            [b'<', b'<', ..] => return self.here_document(descriptor),
            [b'<' | b'>', b'&', ..] => return self.duplicate(descriptor),
            [b'<', b'>', ..] => (2, TargetKind::ReadWrite),
            [b'>', b'>' | b'|', ..] => (2, TargetKind::Write),
            [b'>', b'!' | b'#', ..] | [b'<', b'#', ..] => {
                return self.refuse("an operator that is not read; write `>` or `<`");
            }
            [b'<', b'0'..=b'9' | b'-', ..] => {
                return self.refuse("`<` directly before a digit, which zsh reads as a pattern; put a blank between");
            }
            [b'<', ..] => (1, TargetKind::Read),
            _ => (1, TargetKind::Write),
        };
        self.at += length;
        self.target(descriptor, kind)
    }

    /// Takes `&>`, which dash reads as `&` and `>`.
    pub(super) fn redirect_both(&mut self) -> Result<(), Refusal> {
        if !self.is_bash() {
            return self.refuse("`&>`, which only some shells know; write `>FILE 2>&1`");
        }
        self.check_place()?;
        self.at += if self.peek_at(2) == Some(b'>') { 3 } else { 2 };
        self.target(None, TargetKind::WriteBoth)
    }

    /// Refuses a redirect where neither a command nor its end is.
    fn check_place(&self) -> Result<(), Refusal> {
        match self.expect() {
            Expect::Start | Expect::Required | Expect::Command | Expect::Closed => Ok(()),
            _ => self.refuse("a redirect inside the head of a command; put it after the command"),
        }
    }

    /// Begins the word of a target.
    fn target(&mut self, descriptor: Option<u8>, kind: TargetKind) -> Result<(), Refusal> {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let purpose = Purpose::Target { descriptor, kind };
        match (self.peek(), self.peek_at(1)) {
            (Some(b'<' | b'>'), Some(b'(')) => {
                let word = OpenWord::new(self.at, purpose);
                self.open_substitution(word, super::level::SubstitutionKind::Process)
            }
            (None | Some(b'#'), _) | (Some(b'\\'), Some(b'\n')) => self.refuse(NO_TARGET),
            (Some(byte), _) if characters::is_delimiter(byte) => self.refuse(NO_TARGET),
            _ => {
                self.word = Some(OpenWord::new(self.at, purpose));
                Ok(())
            }
        }
    }

    /// Takes the target of a redirect.
    pub(super) fn take_target(
        &mut self,
        word: OpenWord<'a>,
        descriptor: Option<u8>,
        kind: TargetKind,
    ) -> Result<(), Refusal> {
        let start = word.start;
        let mut words = self.finish(word)?;
        let (Some(word), true) = (words.pop(), words.is_empty()) else {
            return Err(Refusal::byte(start, "braces in the target of a redirect; write one file"));
        };
        let kind = match (kind, word) {
            (TargetKind::Read, word) => RedirectKind::Read(word),
            (TargetKind::ReadWrite, word) => RedirectKind::ReadWrite(word),
            (TargetKind::Write, word) => RedirectKind::Write(word),
            (TargetKind::WriteBoth, word) => {
                self.push_redirect(Redirect { descriptor: None, kind: RedirectKind::Write(word) })?;
                RedirectKind::Duplicate
            }
            (TargetKind::HereString, word) => match word.text {
                WordText::Exact(mut text) => {
                    text.push('\n');
                    RedirectKind::HereDocument(HereText { text })
                }
                _ => return Err(Refusal::byte(start, "`<<<` before a text that is not known; write the text")),
            },
        };
        self.push_redirect(Redirect { descriptor, kind })
    }

    /// Takes `2>&1`, `<&3`, `>&-`.
    fn duplicate(&mut self, descriptor: Option<u8>) -> Result<(), Refusal> {
        let is_read = self.peek() == Some(b'<');
        self.at += 2;
        let is_plain = matches!(self.peek(), Some(b'0'..=b'9' | b'-'))
            && self.peek_at(1).is_none_or(|next| characters::is_delimiter(next) || next == b'`');
        if !is_plain {
            let reason = if is_read {
                "`<&` before more than one digit; write `<`"
            } else {
                "`>&` before more than one digit; write `>FILE 2>&1`"
            };
            return self.refuse(reason);
        }
        self.at += 1;
        self.push_redirect(Redirect { descriptor, kind: RedirectKind::Duplicate })
    }

    /// Takes `<<` with its delimiter.
    fn here_document(&mut self, descriptor: Option<u8>) -> Result<(), Refusal> {
        let start = self.at;
        self.at += 2;
        let strips_tabs = self.peek() == Some(b'-');
        if strips_tabs {
            self.at += 1;
        }
        if self.levels.iter().any(super::Level::is_backtick) {
            return self.refuse("a here-document inside backticks; use `$( )`");
        }
        let (delimiter, is_quoted) = self.delimiter()?;
        let kind = RedirectKind::HereDocument(HereText { text: String::new() });
        let (command, redirect) =
            self.push_redirect(Redirect { descriptor, kind }).and_then(|()| self.last_redirect())?;
        let is_nested = self.levels.iter().any(super::Level::is_substitution);
        self.pending.push(PendingDocument { start, command, redirect, delimiter, is_quoted, strips_tabs, is_nested });
        Ok(())
    }

    /// Appends a redirect to the command that it belongs to.
    fn push_redirect(&mut self, redirect: Redirect) -> Result<(), Refusal> {
        let at = self.at;
        self.count_word()?;
        if self.expect() == Expect::Closed {
            return self.push_compound_redirect(redirect);
        }
        let command = self.current(at)?;
        command.redirects.push(redirect);
        command.span.end = narrow(at);
        Ok(())
    }

    /// Appends a redirect to a command without words, which runs before the compound command.
    fn push_compound_redirect(&mut self, redirect: Redirect) -> Result<(), Refusal> {
        let at = self.at;
        let next = self.out.commands.len();
        let level = self.level()?;
        let (part, connector) = level.closed;
        let is_first = level.redirects.is_none();
        let index = *level.redirects.get_or_insert(next);
        if is_first {
            let span = Span { start: narrow(at), end: narrow(at) };
            self.out.commands.push(SimpleCommand { span, ..SimpleCommand::default() });
            self.out.steps.insert(part, LineStep::Run(narrow(index), connector));
        }
        if let Some(command) = self.out.commands.get_mut(index) {
            command.redirects.push(redirect);
            command.span.end = narrow(at);
        }
        Ok(())
    }

    /// Returns the place of the redirect that was appended last.
    fn last_redirect(&self) -> Result<(usize, usize), Refusal> {
        let place = self.levels.last().and_then(|level| {
            let command = if level.expect == Expect::Closed { level.redirects } else { level.command }?;
            Some((command, self.out.commands.get(command)?.redirects.len().checked_sub(1)?))
        });
        place.ok_or(Refusal::whole(UNFINISHED))
    }
}
