//! Reserved words.

use super::level::{Branching, Construct, Expect};
use super::word::OpenWord;
use super::{Reader, UNFINISHED};
use crate::Refusal;
use crate::command::LineStep;

pub(super) const TIMED: &str = "`time` before more than a plain command; put `time` before the program";
const MISPLACED: &str = "a keyword where none may stand; quote it, or complete the command";
pub(super) const EMPTY: &str = "a list without a command; add one";

/// A reserved word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Not,
    Time,
    Open,
    Close,
    If,
    Then,
    Elif,
    Else,
    Fi,
    While,
    Do,
    Done,
    For,
    Case,
    Esac,
    Condition,
    /// A word that is reserved in some shell, with the reason why it is refused.
    Refused(&'static str),
}

/// Returns the keyword that a text is.
pub(super) fn find(text: &str) -> Option<Keyword> {
    Some(match text {
        "!" => Keyword::Not,
        "time" => Keyword::Time,
        "{" => Keyword::Open,
        "}" => Keyword::Close,
        "if" => Keyword::If,
        "then" => Keyword::Then,
        "elif" => Keyword::Elif,
        "else" => Keyword::Else,
        "fi" => Keyword::Fi,
        "while" | "until" => Keyword::While,
        "do" => Keyword::Do,
        "done" => Keyword::Done,
        "for" => Keyword::For,
        "case" => Keyword::Case,
        "esac" => Keyword::Esac,
        "[[" => Keyword::Condition,
        "]]" => Keyword::Refused("`]]` without its `[[`; remove it"),
        "function" => Keyword::Refused("a function may take the name of a program; write its commands"),
        "coproc" | "select" => Keyword::Refused("`select` and `coproc` are not read; write plain commands"),
        "foreach" | "repeat" | "end" | "nocorrect" | "noglob" | "in" | "always" => {
            Keyword::Refused("a word that some shell reserves; write a program")
        }
        _ => return None,
    })
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Takes a keyword in the place of a command.
    pub(super) fn keyword(&mut self, keyword: Keyword, word: &OpenWord<'a>) -> Result<(), Refusal> {
        let start = word.start;
        let refuse = |reason| Err(Refusal::byte(start, reason));
        let is_timed = self.level()?.is_timed;
        match keyword {
            Keyword::Refused(reason) => return refuse(reason),
            _ if is_timed => return refuse(TIMED),
            Keyword::Not => self.negate(start)?,
            Keyword::Time => {
                let level = self.level()?;
                level.is_timed = true;
                level.expect = Expect::Operand;
            }
            Keyword::Case => self.begin_case(start)?,
            Keyword::Esac => self.end_case(start)?,
            Keyword::Condition => self.begin_condition(start)?,
            Keyword::Open => self.begin(Construct::Group, start)?,
            Keyword::If => self.begin(Construct::If(Branching::Condition), start)?,
            Keyword::While => {
                self.begin(Construct::While { is_body: false }, start)?;
                self.begin_loop()?;
            }
            Keyword::For => {
                self.begin(Construct::For(super::level::ForLoop::default()), start)?;
                self.level()?.expect = Expect::ForName;
            }
            Keyword::Close
            | Keyword::Then
            | Keyword::Elif
            | Keyword::Else
            | Keyword::Fi
            | Keyword::Do
            | Keyword::Done => {
                if self.expect() != Expect::Start {
                    return refuse(MISPLACED);
                }
                if !self.level()?.is_filled {
                    return refuse(EMPTY);
                }
                self.part_ends(keyword, start)?;
            }
        }
        Ok(())
    }

    /// Takes a keyword that ends a part of the innermost construct.
    fn part_ends(&mut self, keyword: Keyword, start: usize) -> Result<(), Refusal> {
        let Some(level) = self.levels.last_mut() else {
            return Err(Refusal::whole(UNFINISHED));
        };
        match (keyword, &mut level.construct) {
            (Keyword::Close, Construct::Group) => self.close_compound(0),
            (Keyword::Then, Construct::If(branching @ Branching::Condition)) => {
                *branching = Branching::Then;
                self.begin_branch()
            }
            (Keyword::Then, Construct::If(branching @ Branching::ElseCondition)) => {
                *branching = Branching::Then;
                self.end_branch()?;
                self.begin_branch()
            }
            (Keyword::Elif, Construct::If(branching @ Branching::Then)) => {
                *branching = Branching::ElseCondition;
                self.end_branch()?;
                self.begin_branch()
            }
            (Keyword::Else, Construct::If(branching @ Branching::Then)) => {
                *branching = Branching::Else;
                self.end_branch()?;
                self.begin_branch()
            }
            (Keyword::Fi, Construct::If(Branching::Then | Branching::Else)) => {
                self.end_branch()?;
                self.close_compound(0)
            }
            (Keyword::Do, Construct::While { is_body: is_body @ false }) => {
                *is_body = true;
                self.begin_branch()
            }
            (
                Keyword::Done,
                Construct::While { is_body: true } | Construct::For(super::level::ForLoop { is_body: true, .. }),
            ) => {
                self.end_branch()?;
                self.out.steps.push(LineStep::EndLoop);
                self.close_compound(0)
            }
            _ => Err(Refusal::byte(start, MISPLACED)),
        }
    }
}
