//! `[[ … ]]`, if bash is declared. Files that it looks at become redirects of a command without words.

use super::builtins::exact;
use super::keywords::TIMED;
use super::level::Expect;
use super::word::OpenWord;
use super::{Reader, narrow};
use crate::Refusal;
use crate::command::{LineStep, Redirect, RedirectKind, SimpleCommand, Span, Word};

const UNREAD: &str = "a condition in `[[` that is not read; compare texts, or test files";
/// Tests of a text, and of a file.
const TEXT: &[&str] = &["-n", "-z"];
const FILE: &[&str] =
    &["-e", "-f", "-d", "-r", "-w", "-x", "-s", "-L", "-h", "-b", "-c", "-p", "-S", "-g", "-u", "-k", "-O", "-G"];

/// A condition that is being read.
#[derive(Debug, Default)]
pub(super) struct OpenCondition {
    /// The words since the last `&&` or `||`.
    words: Vec<Word>,
    files: Vec<Redirect>,
    start: usize,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Takes `[[`.
    pub(super) fn begin_condition(&mut self, start: usize) -> Result<(), Refusal> {
        if !self.is_bash() {
            return Err(Refusal::byte(start, "`[[`, which only some shells know; write `[`, or declare `shell: bash`"));
        }
        if self.level()?.is_timed {
            return Err(Refusal::byte(start, TIMED));
        }
        let part = self.out.steps.len();
        let level = self.level()?;
        level.closed = (part, level.connector);
        level.expect = Expect::Condition;
        level.condition = OpenCondition { start, ..OpenCondition::default() };
        Ok(())
    }

    /// Takes a word of a condition.
    pub(super) fn take_tested(&mut self, word: OpenWord<'a>) -> Result<(), Refusal> {
        let is_end = !word.is_quoted && self.slice(word.start, self.at) == "]]";
        let start = word.start;
        let words = self.finish(word)?;
        if is_end {
            return self.end_condition();
        }
        if words.len() > 1 {
            return Err(Refusal::byte(start, UNREAD));
        }
        self.level()?.condition.words.extend(words);
        Ok(())
    }

    /// Takes `&&` or `||` inside a condition.
    pub(super) fn connect_condition(&mut self) -> Result<(), Refusal> {
        self.check_condition()?;
        self.at += 2;
        Ok(())
    }

    /// Ends the condition.
    fn end_condition(&mut self) -> Result<(), Refusal> {
        self.check_condition()?;
        let end = self.at;
        let index = self.out.commands.len();
        let level = self.level()?;
        let connector = level.connector;
        level.expect = Expect::Closed;
        let OpenCondition { files, start, .. } = std::mem::take(&mut level.condition);
        let span = Span { start: narrow(start), end: narrow(end) };
        self.out.commands.push(SimpleCommand { redirects: files, span, ..SimpleCommand::default() });
        self.out.steps.push(LineStep::Run(narrow(index), connector));
        Ok(())
    }

    /// Checks the words since the last `&&` or `||`.
    fn check_condition(&mut self) -> Result<(), Refusal> {
        let at = self.at;
        let condition = &mut self.level()?.condition;
        let words = std::mem::take(&mut condition.words);
        let mut tested = words.as_slice();
        while let [not, rest @ ..] = tested {
            if exact(not) != Some("!") || not.is_quoted || rest.is_empty() {
                break;
            }
            tested = rest;
        }
        let mut reads = Vec::new();
        let is_read = match tested {
            [_] => true,
            [operator, word] => match plain(operator) {
                Some(operator) if TEXT.contains(&operator) => true,
                Some(operator) if FILE.contains(&operator) => {
                    reads.push(word.clone());
                    true
                }
                _ => false,
            },
            [one, operator, other] => match plain(operator) {
                Some("=" | "==" | "!=") => true,
                Some("-nt" | "-ot" | "-ef") => {
                    reads.extend([one.clone(), other.clone()]);
                    true
                }
                Some("-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge") => self.is_number(one) && self.is_number(other),
                _ => false,
            },
            _ => false,
        };
        if !is_read {
            return Err(Refusal::byte(at, UNREAD));
        }
        let files = reads.into_iter().map(|word| Redirect { descriptor: None, kind: RedirectKind::Read(word) });
        self.level()?.condition.files.extend(files);
        Ok(())
    }
}

/// Returns the text of a word without quotes.
fn plain(word: &Word) -> Option<&str> {
    if word.is_quoted { None } else { exact(word) }
}
