//! Commands, operators and the places in which words may stand.

use super::level::{Construct, Expect, SubstitutionKind};
use super::text::Text;
use super::word::{OpenWord, Purpose};
use super::{OpenLevel, Reader, UNFINISHED, braces, keywords, narrow};
use crate::Refusal;
use crate::command::{Assignment, Connector, SimpleCommand, Span, Word};

const WORD_AFTER_COMPOUND: &str = "a word after the end of a compound command; put `;` between";
pub(super) const NO_COMMAND: &str = "an operator without a command before it; remove the operator, or add the command";

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Takes an operator, or begins a word. Returns false at the end of the line.
    pub(super) fn step(&mut self) -> Result<bool, Refusal> {
        let Some(byte) = self.peek() else {
            return self.end_of_text();
        };
        if self.level()?.is_case_head() && self.case_operator(byte)? {
            return Ok(true);
        }
        match (byte, self.peek_at(1)) {
            (b'&', Some(b'&')) | (b'|', Some(b'|')) if self.expect() == Expect::Condition => {
                self.connect_condition()?
            }
            (b'\n', _) => self.newline()?,
            (b';', Some(b';' | b'&' | b'|')) => self.end_case_branch()?,
            (b';', _) => self.semicolon()?,
            (b'&', Some(b'&')) => self.connect(Connector::And)?,
            (b'&', Some(b'>')) => self.redirect_both()?,
            (b'&', _) => self.background()?,
            (b'|', Some(b'|')) => self.connect(Connector::Or)?,
            (b'|', _) => self.pipe()?,
            (b'(', next) => self.open_parenthesis(next)?,
            (b')', _) => self.close_parenthesis()?,
            (b'<' | b'>', Some(b'(')) => self.process_substitution(Purpose::Plain)?,
            (b'<' | b'>', _) => self.redirect(None)?,
            (b'`', _) if self.levels.last().is_some_and(OpenLevel::is_backtick) => self.close_substitution()?,
            (b'0'..=b'9', _) if self.descriptor()? => {}
            _ => self.word = Some(OpenWord::new(self.at, Purpose::Plain)),
        }
        Ok(true)
    }

    /// Ends the line, or a substitution by backticks.
    fn end_of_text(&mut self) -> Result<bool, Refusal> {
        match self.levels.as_slice() {
            [_, .., last] if last.is_backtick() => {
                self.close_substitution()?;
                Ok(true)
            }
            [line] if line.expect == Expect::Start || line.command.is_some() || line.expect == Expect::Closed => {
                self.end_list()?;
                if !self.pending.is_empty() {
                    return self.refuse("a here-document without its text; add the text and its last line");
                }
                if self.out.commands.is_empty() {
                    return Err(Refusal::whole("nothing to run; write a command"));
                }
                Ok(false)
            }
            [line] => Err(Refusal::byte(line.start, "the line ends where a command must follow; add it")),
            [.., last] => Err(Refusal::byte(last.start, UNFINISHED)),
            [] => Err(Refusal::whole(UNFINISHED)),
        }
    }

    /// Takes a newline, and the here-documents after it.
    fn newline(&mut self) -> Result<(), Refusal> {
        match self.expect() {
            Expect::Start | Expect::Required => {}
            Expect::Command | Expect::Closed => self.end_list()?,
            Expect::ForItems => self.end_items()?,
            Expect::ForDo | Expect::CasePattern => {}
            Expect::Operand
            | Expect::ForName
            | Expect::ForIn
            | Expect::Condition
            | Expect::CaseSubject
            | Expect::CaseIn
            | Expect::CaseNext
            | Expect::CaseBar => {
                return self.refuse("a newline inside a command; remove it");
            }
        }
        self.at += 1;
        self.read_documents()
    }

    /// Takes `;`.
    fn semicolon(&mut self) -> Result<(), Refusal> {
        match self.expect() {
            Expect::Command | Expect::Closed => self.end_list()?,
            Expect::ForItems => self.end_items()?,
            _ => return self.refuse(NO_COMMAND),
        }
        self.at += 1;
        Ok(())
    }

    /// Takes `(` between words.
    fn open_parenthesis(&mut self, next: Option<u8>) -> Result<(), Refusal> {
        if !self.level()?.may_begin() {
            return self.refuse("`(` between words; quote it, or write programs in place of functions and arrays");
        }
        if next == Some(b'(') {
            return self.refuse("`((`, which some shells read as arithmetic; put a blank between");
        }
        if self.level()?.is_timed {
            return self.refuse(keywords::TIMED);
        }
        let connector = self.begin_compound(true)?;
        self.out.steps.push(crate::command::LineStep::Enter);
        self.open(Construct::Subshell, self.at, connector)?;
        self.at += 1;
        Ok(())
    }

    /// Takes `)`.
    fn close_parenthesis(&mut self) -> Result<(), Refusal> {
        match &self.level()?.construct {
            Construct::Subshell => self.close_compound(1),
            Construct::Substitution(inner) if inner.kind != SubstitutionKind::Backtick => self.close_substitution(),
            _ => self.refuse("`)` without its `(`; remove it, or close what is open"),
        }
    }

    /// Returns true if `=` may end the name of an assignment here.
    pub(super) fn may_assign(&self, word: &OpenWord<'a>) -> bool {
        let Some(level) = self.levels.last() else {
            return false;
        };
        word.purpose == Purpose::Plain
            && (level.may_begin()
                || (level.expect == Expect::Command && self.current_words().is_none_or(<[Word]>::is_empty)))
    }

    /// Returns the words of the simple command that is being read.
    pub(super) fn current_words(&self) -> Option<&[Word]> {
        let command = self.levels.last()?.command?;
        Some(&self.out.commands.get(command)?.words)
    }

    /// Returns the simple command that is being read, and begins one if none is open.
    pub(super) fn current(&mut self, start: usize) -> Result<&mut SimpleCommand, Refusal> {
        let next = self.out.commands.len();
        let level = self.level()?;
        let index = *level.command.get_or_insert(next);
        level.expect = Expect::Command;
        if index == next {
            let span = Span { start: narrow(start), end: narrow(start) };
            self.out.commands.push(SimpleCommand { span, ..SimpleCommand::default() });
        }
        self.out.commands.get_mut(index).ok_or(Refusal::whole(UNFINISHED))
    }

    /// Takes a finished word.
    pub(super) fn take_word(&mut self, word: OpenWord<'a>) -> Result<(), Refusal> {
        if !word.groups.is_empty() {
            return Err(Refusal::byte(word.start, braces::UNREAD));
        }
        match word.purpose {
            Purpose::Target { descriptor, kind } => self.take_target(word, descriptor, kind),
            Purpose::Plain => match self.expect() {
                Expect::Start | Expect::Required | Expect::Operand => self.take_first_word(word),
                Expect::Command => self.take_next_word(word),
                Expect::Closed => Err(Refusal::byte(word.start, WORD_AFTER_COMPOUND)),
                Expect::ForName => self.take_loop_name(&word),
                Expect::ForIn => self.take_in(&word),
                Expect::ForItems => self.take_item(word),
                Expect::ForDo => self.take_do(&word),
                Expect::Condition => self.take_tested(word),
                Expect::CaseSubject => self.take_subject(word),
                Expect::CaseIn => self.take_case_in(&word),
                Expect::CasePattern | Expect::CaseNext => self.take_pattern(word),
                Expect::CaseBar => Err(Refusal::byte(word.start, super::cases::PATTERN_END)),
            },
        }
    }

    /// Takes the first word of a command: a keyword, an assignment, or a program's name.
    fn take_first_word(&mut self, word: OpenWord<'a>) -> Result<(), Refusal> {
        if !word.is_quoted && !word.is_expanded && word.name.is_none() {
            let text = word.texts.first().and_then(Text::exact).unwrap_or_default();
            if let Some(keyword) = keywords::find(text) {
                if word.is_continued {
                    return Err(Refusal::byte(word.start, "a keyword on two lines; join it"));
                }
                return self.keyword(keyword, &word);
            }
        }
        if self.level()?.is_timed && word.name.is_some() {
            return Err(Refusal::byte(word.start, keywords::TIMED));
        }
        self.take_next_word(word)
    }

    /// Takes a word of a simple command.
    fn take_next_word(&mut self, word: OpenWord<'a>) -> Result<(), Refusal> {
        if let Some(name) = word.name {
            return self.take_assignment(word, name);
        }
        if self.current_words().is_none_or(<[Word]>::is_empty) {
            check_program(&word)?;
        } else if !word.is_quoted && !word.is_expanded {
            let text = word.texts.first().and_then(Text::exact);
            if matches!(text, Some("{" | "}" | "[[")) {
                return Err(Refusal::byte(word.start, "a brace or `[[` between words; quote it, or put `;` before it"));
            }
        }
        let end = self.at;
        let start = word.start;
        for word in self.finish(word)? {
            self.current(start)?.words.push(word);
        }
        self.current(start)?.span.end = narrow(end);
        Ok(())
    }

    /// Takes an assignment before a command.
    fn take_assignment(&mut self, word: OpenWord<'a>, name: &'a str) -> Result<(), Refusal> {
        let start = word.start;
        let value_start = start + name.len() + 1;
        let end = self.at;
        for mut value in self.finish(word)? {
            if let Ok(position) = self.numbers.binary_search(&value.span.start) {
                self.numbers.remove(position);
                self.note_number(narrow(value_start));
            }
            value.span.start = narrow(value_start);
            let command = self.current(start)?;
            command.assignments.push(Assignment { name: name.to_owned(), value });
            command.span.end = narrow(end);
        }
        Ok(())
    }

    /// Counts the words that an open word became, and returns them.
    pub(super) fn finish(&mut self, word: OpenWord<'a>) -> Result<Vec<Word>, Refusal> {
        let span = Span { start: narrow(word.start), end: narrow(self.at) };
        let mut words = Vec::with_capacity(word.texts.len());
        for text in word.texts {
            self.count_word()?;
            if text == Text::Number {
                self.note_number(span.start);
            }
            words.push(Word { text: text.into_word_text(), is_quoted: word.is_quoted, span });
        }
        Ok(words)
    }

    /// Notes that the word at a byte is a number. Most words come in order, so few move others.
    fn note_number(&mut self, start: u32) {
        if let Err(position) = self.numbers.binary_search(&start) {
            self.numbers.insert(position, start);
        }
    }
}

/// Refuses a program's name that is not a literal.
fn check_program(word: &OpenWord<'_>) -> Result<(), Refusal> {
    let refuse = |reason| Err(Refusal::byte(word.start, reason));
    if word.is_expanded {
        return refuse("the program's name is not a literal; write it out");
    }
    match word.texts.first().and_then(Text::exact) {
        None | Some("") => refuse("the program's name is empty; write it out"),
        Some(name) if name.starts_with('-') => refuse("the program's name begins with `-`; write a program"),
        Some(name) if name.contains('=') => refuse("the program's name contains `=`; assign before it, without quotes"),
        // A quoted keyword is a program to every shell, but such a program exists nowhere.
        Some(name) if keywords::find(name).is_some() => {
            refuse("a keyword as a program's name; put it first, without quotes")
        }
        Some(_) => Ok(()),
    }
}
