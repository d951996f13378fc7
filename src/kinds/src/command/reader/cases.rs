//! `case WORD in PATTERN) …;; esac`, if bash is declared. Each branch may run or not, and its patterns are literal.

use super::keywords::EMPTY;
use super::level::{CasePart, Construct, Expect};
use super::text::Text;
use super::word::OpenWord;
use super::{OpenLevel, Reader, narrow};
use crate::Refusal;
use crate::command::{Connector, LineStep, SimpleCommand, Span};

pub(super) const NOT_BASH: &str = "`case` is read for bash alone; write `if`, or declare `shell: bash`";
const INSIDE: &str = "`case` inside a substitution, whose end old shells miss; write `if`";
const HEAD: &str = "`case` without one word and `in`; write `case WORD in`";
const PATTERN: &str = "a pattern of `case` that is not literal; write texts, `*`, `?` and `[…]`";
pub(super) const PATTERN_END: &str = "a pattern of `case` without `)`; add it";
const FALLS: &str = "`;&` and `;;&`, which run a branch whose pattern does not match; write `;;`";

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Takes `case`.
    pub(super) fn begin_case(&mut self, start: usize) -> Result<(), Refusal> {
        if !self.is_bash() {
            return Err(Refusal::byte(start, NOT_BASH));
        }
        if self.levels.iter().any(OpenLevel::is_substitution) {
            return Err(Refusal::byte(start, INSIDE));
        }
        self.begin(Construct::Case(CasePart::Head), start)?;
        self.level()?.expect = Expect::CaseSubject;
        Ok(())
    }

    /// Takes an operator of the head or of a pattern. Returns false if a word begins.
    pub(super) fn case_operator(&mut self, byte: u8) -> Result<bool, Refusal> {
        match (self.expect(), byte) {
            (Expect::CasePattern, b'\n') => return Ok(false),
            // In `(a)`, bash reads `esac` as a pattern.
            (Expect::CasePattern, b'(') => self.level()?.expect = Expect::CaseNext,
            (Expect::CaseBar, b'|') if !matches!(self.peek_at(1), Some(b'|' | b'&')) => {
                self.level()?.expect = Expect::CaseNext;
            }
            (Expect::CaseBar, b')') => {
                self.level()?.construct = Construct::Case(CasePart::Body);
                self.begin_branch()?;
            }
            (Expect::CaseBar, _) => return self.refuse(PATTERN_END),
            (Expect::CasePattern | Expect::CaseNext, b')' | b'|' | b'&' | b';' | b'<' | b'>' | b'(' | b'\n') => {
                return self.refuse(PATTERN);
            }
            (_, b')' | b'|' | b'&' | b';' | b'<' | b'>' | b'(' | b'\n') => return self.refuse(HEAD),
            _ => {
                self.word = Some(OpenWord::new(self.at, super::word::Purpose::Plain));
                return Ok(true);
            }
        }
        self.at += 1;
        Ok(true)
    }

    /// Takes the word after `case`. It becomes a command without words.
    pub(super) fn take_subject(&mut self, word: OpenWord<'a>) -> Result<(), Refusal> {
        let start = word.start;
        let span = Span { start: narrow(start), end: narrow(self.at) };
        if word.is_complete || self.finish(word)?.len() != 1 {
            return Err(Refusal::byte(start, HEAD));
        }
        let index = self.out.commands.len();
        self.out.commands.push(SimpleCommand { span, ..SimpleCommand::default() });
        let level = self.level()?;
        let connector = std::mem::replace(&mut level.connector, Connector::Always);
        level.expect = Expect::CaseIn;
        self.out.steps.push(LineStep::Run(narrow(index), connector));
        Ok(())
    }

    /// Takes the word `in` after the subject.
    pub(super) fn take_case_in(&mut self, word: &OpenWord<'a>) -> Result<(), Refusal> {
        if self.slice(word.start, self.at) != "in" {
            return Err(Refusal::byte(word.start, HEAD));
        }
        self.level()?.expect = Expect::CasePattern;
        Ok(())
    }

    /// Takes a pattern, or the `esac` after the last branch.
    pub(super) fn take_pattern(&mut self, word: OpenWord<'a>) -> Result<(), Refusal> {
        let start = word.start;
        let raw = self.slice(start, self.at);
        if raw == "esac" && self.expect() == Expect::CasePattern {
            return self.end_case(start);
        }
        let is_literal = matches!(word.texts.as_slice(), [Text::Pattern { .. }])
            || word.texts.first().and_then(Text::exact).is_some_and(|_| word.texts.len() == 1);
        if !is_literal || word.is_complete || word.is_continued || raw == "esac" || raw.contains(['$', '`']) {
            return Err(Refusal::byte(start, PATTERN));
        }
        self.finish(word)?;
        self.level()?.expect = Expect::CaseBar;
        Ok(())
    }

    /// Takes `;;` after a branch.
    pub(super) fn end_case_branch(&mut self) -> Result<(), Refusal> {
        let is_body = matches!(self.level()?.construct, Construct::Case(CasePart::Body));
        if !is_body {
            return self.refuse("`;;` outside `case`; write `;`");
        }
        if self.peek_at(1) != Some(b';') || matches!(self.peek_at(2), Some(b'&' | b';' | b'|')) {
            return self.refuse(FALLS);
        }
        self.end_list()?;
        self.end_branch()?;
        let level = self.level()?;
        level.construct = Construct::Case(CasePart::Patterns);
        level.expect = Expect::CasePattern;
        self.at += 2;
        Ok(())
    }

    /// Takes `esac`.
    pub(super) fn end_case(&mut self, start: usize) -> Result<(), Refusal> {
        let expect = self.expect();
        match self.level()?.construct {
            Construct::Case(CasePart::Body) if expect == Expect::Start => self.end_branch()?,
            Construct::Case(CasePart::Patterns) => {}
            Construct::Case(_) => return Err(Refusal::byte(start, EMPTY)),
            _ => return Err(Refusal::byte(start, "`esac` without its `case`; remove it")),
        }
        let level = self.level()?;
        level.expect = Expect::Start;
        level.is_filled = true;
        self.close_compound(0)
    }
}
