//! What begins with `$`, and substitutions of commands.

use super::characters::{self, is_delimiter};
use super::level::{Construct, Expect, Interrupted, Level, SubstitutionKind};
use super::text::Text;
use super::word::{OpenWord, Purpose};
use super::{MAX_DEPTH, Reader, UNFINISHED};
use crate::Refusal;
use crate::command::LineStep;

const TOO_DEEP: &str = "more than 16 commands inside each other; split the line";

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Reads an expansion. Returns the kind of the substitution that begins here, if one does.
    pub(super) fn dollar(&mut self, word: &mut OpenWord<'a>) -> Result<Option<SubstitutionKind>, Refusal> {
        match self.peek_at(1) {
            Some(b'(') if self.peek_at(2) == Some(b'(') => self.arithmetic(word)?,
            Some(b'(') => return Ok(Some(SubstitutionKind::Dollar)),
            Some(b'{') => self.braced_variable(word)?,
            Some(byte) if characters::begins_name(byte) => {
                let rest = self.slice(self.at + 1, self.limit);
                let length = rest.bytes().take_while(|byte| characters::continues_name(*byte)).count();
                let name = self.slice(self.at + 1, self.at + 1 + length);
                self.variable(word, name, 1 + length)?;
                if self.peek() == Some(b':') && !self.is_bash() {
                    return self
                        .refuse("`:` directly after a variable, which zsh reads as a modifier; write `${NAME}`");
                }
            }
            Some(parameter @ (b'?' | b'$' | b'!')) => {
                match parameter {
                    // Empty before the first background command.
                    b'!' => self.push_unknown(word, word.in_quotes),
                    _ => push_number(word),
                }
                self.at += 2;
                self.no_subscript()?;
                if self.peek() == Some(b':') && !self.is_bash() {
                    return self
                        .refuse("`:` directly after a parameter, which zsh reads as a modifier; quote it apart");
                }
            }
            Some(b'\'') if !word.in_quotes => self.ansi_quotes(word)?,
            Some(b'"') if !word.in_quotes => return self.refuse("`$\"` translates text; leave the `$` out"),
            next => {
                let is_literal = match next {
                    None => true,
                    Some(byte) if word.in_quotes => matches!(byte, b'"' | b' ' | b'\t' | b'\n' | b'|' | b')' | b'/'),
                    Some(byte) => is_delimiter(byte) && byte != b'(',
                };
                if !is_literal {
                    return self.refuse("a `$` that is no plain variable or substitution; quote it with `'`");
                }
                self.push_literal(word, "$");
                self.at += 1;
            }
        }
        Ok(None)
    }

    /// Appends text that is not known.
    pub(super) fn push_unknown(&mut self, word: &mut OpenWord<'a>, is_one: bool) {
        word.is_expanded = true;
        for text in &mut word.texts {
            text.push_unknown(is_one || word.name.is_some());
        }
    }

    /// Reads `${NAME}`.
    fn braced_variable(&mut self, word: &mut OpenWord<'a>) -> Result<(), Refusal> {
        let rest = self.slice(self.at + 2, self.limit);
        let length = rest.bytes().take_while(|byte| characters::continues_name(*byte)).count();
        let name = self.slice(self.at + 2, self.at + 2 + length);
        if !characters::is_name(name) || self.peek_at(2 + length) != Some(b'}') {
            return self.refuse("an expansion other than `${NAME}`; write its value");
        }
        self.variable(word, name, length + 3)
    }

    /// Appends the value of a variable, and takes `length` bytes.
    fn variable(&mut self, word: &mut OpenWord<'a>, name: &'a str, length: usize) -> Result<(), Refusal> {
        word.is_expanded = true;
        let is_one = word.in_quotes || word.name.is_some();
        let in_command = self.levels.last().and_then(|level| level.command);
        let is_assigned_here = in_command
            .and_then(|at| self.out.commands.get(at))
            .is_some_and(|command| command.assignments.iter().any(|assignment| assignment.name == name));
        let value = if is_assigned_here { None } else { self.variables.value(name, self.at) };
        for text in &mut word.texts {
            match value {
                Some(value) => text.push_text(value, is_one, &mut self.budget),
                None => text.push_unknown(is_one),
            }
        }
        self.at += length;
        self.no_subscript()
    }

    /// Refuses `[` after a variable.
    fn no_subscript(&self) -> Result<(), Refusal> {
        if self.peek() == Some(b'[') {
            return self.refuse("`[` directly after a variable, which zsh reads as a subscript; quote it apart");
        }
        Ok(())
    }

    /// Reads `$((…))` of numbers and signs.
    fn arithmetic(&mut self, word: &mut OpenWord<'a>) -> Result<(), Refusal> {
        let rest = self.slice(self.at + 3, self.limit);
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'+' | b'-' | b'*' | b'/' | b'%'))
            .count();
        let has_digit = rest.bytes().take(length).any(|byte| byte.is_ascii_digit());
        if !has_digit || rest.as_bytes().get(length..length + 2) != Some(b"))") {
            return self.refuse("arithmetic with more than numbers and signs; write the result");
        }
        push_number(word);
        self.at += length + 5;
        Ok(())
    }

    /// Opens a substitution inside a word.
    pub(super) fn open_substitution(&mut self, word: OpenWord<'a>, kind: SubstitutionKind) -> Result<(), Refusal> {
        self.no_newline_pending()?;
        let start = self.at;
        let limit = self.limit;
        self.at += if kind == SubstitutionKind::Backtick { 1 } else { 2 };
        if kind == SubstitutionKind::Backtick {
            let inner = self.rest();
            let length = inner.find('`').ok_or(Refusal::byte(start, UNFINISHED))?;
            let inner = self.slice(self.at, self.at + length);
            if inner.contains('\\') || inner.contains("<<") || (word.in_quotes && inner.contains('"')) {
                return Err(Refusal::byte(
                    start,
                    "a backslash, a here-document or double quotes inside backticks; use `$( )`",
                ));
            }
            self.limit = self.at + length;
        }
        let connector = self.level()?.connector;
        self.out.steps.push(LineStep::Enter);
        self.open(Construct::Substitution(Box::new(Interrupted { word, kind, limit })), start, connector)
    }

    /// Refuses a substitution between `<<` and its text.
    fn no_newline_pending(&self) -> Result<(), Refusal> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.refuse("a substitution between `<<` and its text; put it before `<<`")
    }

    /// Opens a construct. The connector is the one of its first command.
    pub(super) fn open(
        &mut self,
        construct: Construct<'a>,
        start: usize,
        connector: crate::command::Connector,
    ) -> Result<(), Refusal> {
        if self.levels.len() > MAX_DEPTH {
            return Err(Refusal::byte(start, TOO_DEEP));
        }
        let mut level = Level::new(construct, start, self.out.steps.len());
        level.connector = connector;
        let mark = self.variables.mark();
        level.list_mark = mark;
        level.element_mark = mark;
        level.region_mark = mark;
        self.levels.push(level);
        Ok(())
    }

    /// Ends the innermost construct, which is a substitution, at its closing byte.
    pub(super) fn close_substitution(&mut self) -> Result<(), Refusal> {
        self.end_list()?;
        if !self.level()?.is_filled {
            return self.refuse("an empty substitution; remove it");
        }
        if !self.pending.is_empty() {
            return self.refuse("the text of a here-document is outside its substitution; put it inside");
        }
        let Some(Level { construct: Construct::Substitution(inner), region_mark, .. }) = self.levels.pop() else {
            return self.refuse(UNFINISHED);
        };
        self.variables.forget_since(region_mark);
        self.out.steps.push(LineStep::Leave);
        let Interrupted { mut word, kind, limit } = *inner;
        self.limit = limit;
        self.at += 1;
        if kind == SubstitutionKind::Process {
            word.texts = vec![Text::Stream];
            word.is_expanded = true;
            word.is_complete = true;
        } else {
            let is_one = word.in_quotes;
            self.push_unknown(&mut word, is_one);
        }
        self.word = Some(word);
        Ok(())
    }

    /// Begins a word with a process substitution.
    pub(super) fn process_substitution(&mut self, purpose: Purpose) -> Result<(), Refusal> {
        if matches!(self.expect(), Expect::Closed) {
            return self.refuse("a word after the end of a compound command; put `;` between");
        }
        let word = OpenWord::new(self.at, purpose);
        self.open_substitution(word, SubstitutionKind::Process)
    }
}

/// Appends a number of the shell.
fn push_number(word: &mut OpenWord<'_>) {
    word.is_expanded = true;
    for text in &mut word.texts {
        text.push_number();
    }
}
