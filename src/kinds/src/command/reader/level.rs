//! The constructs that are open at a place of the line, and the state of the list in each.

use super::conditions::OpenCondition;
use super::text::Text;
use super::word::OpenWord;
use crate::command::Connector;

/// The state of the list inside one construct.
#[derive(Debug)]
pub(super) struct OpenLevel<'a> {
    pub(super) construct: Construct<'a>,
    /// The byte at which the construct begins.
    pub(super) start: usize,
    pub(super) expect: Expect,
    /// The simple command that is being read: its position in the line's commands.
    pub(super) command: Option<usize>,
    /// The command that holds the redirects of the compound command that has just ended.
    pub(super) redirects: Option<usize>,
    /// The start of the compound command that has just ended: its first part, and its connector.
    pub(super) closed: (usize, Connector),
    /// The condition that is being read, after `[[`.
    pub(super) condition: OpenCondition,
    /// The connector of the next command.
    pub(super) connector: Connector,
    /// The number of steps when the list of `&&` and `||` began.
    pub(super) list_part: usize,
    /// The number of steps when the pipeline began.
    pub(super) pipeline_part: usize,
    /// The number of steps when the part of the pipeline began.
    pub(super) element_part: usize,
    /// A mark of the variables at the start of the list.
    pub(super) list_mark: usize,
    /// A mark of the variables at the start of the part of the pipeline.
    pub(super) element_mark: usize,
    /// A mark of the variables at the first `&&` or `||` of the list.
    pub(super) connected_mark: Option<usize>,
    /// A mark of the variables at the start of the branch, the subshell or the loop.
    pub(super) region_mark: usize,
    /// The pipeline has a `|` before the command.
    pub(super) is_piped: bool,
    /// The pipeline begins with `!`.
    pub(super) is_negated: bool,
    /// The command is a compound one other than a subshell.
    pub(super) is_compound: bool,
    /// The command is a subshell.
    pub(super) is_subshell: bool,
    /// The list has a `||` before the command.
    pub(super) has_or: bool,
    /// The list has a `||` that no connector tells. No later connector of the list is told either.
    pub(super) is_untold: bool,
    /// The word `time` is before the command.
    pub(super) is_timed: bool,
    /// This part of the construct has a command.
    pub(super) is_filled: bool,
}

/// An open construct.
#[derive(Debug)]
pub(super) enum Construct<'a> {
    /// The line itself.
    Line,
    /// `( … )`
    Subshell,
    /// `{ …; }`
    Group,
    /// `if …; then …; fi`
    If(Branching),
    /// `while …; do …; done`, and `until`.
    While { is_body: bool },
    /// `for NAME in WORDS; do …; done`
    For(ForLoop<'a>),
    /// `case WORD in PATTERN) …;; esac`
    Case(CasePart),
    /// `$( … )`, `` `…` ``, `<( … )` or `>( … )`, inside a word.
    Substitution(Box<Interrupted<'a>>),
}

/// The part of an `if` that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Branching {
    /// The condition of `if`.
    Condition,
    /// The condition of `elif`.
    ElseCondition,
    /// The commands after `then`.
    Then,
    /// The commands after `else`.
    Else,
}

/// The part of a `case` that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CasePart {
    /// `case WORD in`, and the first pattern.
    Head,
    /// The commands of a branch.
    Body,
    /// The patterns after a branch.
    Patterns,
}

/// The head of a `for` loop.
#[derive(Debug, Default)]
pub(super) struct ForLoop<'a> {
    pub(super) name: &'a str,
    /// The words after `in`.
    pub(super) items: Vec<Text>,
    /// The body has begun.
    pub(super) is_body: bool,
}

/// A word that a substitution interrupts, and the kind of the substitution.
#[derive(Debug)]
pub(super) struct Interrupted<'a> {
    pub(super) word: OpenWord<'a>,
    pub(super) kind: SubstitutionKind,
    /// The limit of the text outside.
    pub(super) limit: usize,
}

/// The kind of a substitution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubstitutionKind {
    /// `$( … )`
    Dollar,
    /// `` `…` ``
    Backtick,
    /// `<( … )` or `>( … )`
    Process,
}

/// The next thing that a construct expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// A command or the construct's end. Newlines before it are skipped.
    Start,
    /// A command, after `&&`, `||` or `|`. Newlines before it are skipped.
    Required,
    /// A command on the same line, after `!` or `time`.
    Operand,
    /// More of the simple command.
    Command,
    /// Redirects or the end of a compound command.
    Closed,
    /// The name after `for`.
    ForName,
    /// The word `in`.
    ForIn,
    /// The words of a `for` loop.
    ForItems,
    /// The word `do` of a `for` loop.
    ForDo,
    /// The words of `[[ … ]]`.
    Condition,
    /// The word after `case`.
    CaseSubject,
    /// The word `in` of a `case`.
    CaseIn,
    /// A pattern, or `esac`. Newlines before it are skipped.
    CasePattern,
    /// A pattern after `(` or `|`.
    CaseNext,
    /// `|` or `)` after a pattern.
    CaseBar,
}

// === impl OpenLevel ===

impl<'a> OpenLevel<'a> {
    /// Opens a construct at a byte, with this number of steps before it.
    pub(super) fn new(construct: Construct<'a>, start: usize, part: usize) -> Self {
        Self {
            construct,
            start,
            expect: Expect::Start,
            command: None,
            redirects: None,
            closed: (part, Connector::Always),
            condition: OpenCondition::default(),
            connector: Connector::Always,
            list_part: part,
            pipeline_part: part,
            element_part: part,
            list_mark: 0,
            element_mark: 0,
            connected_mark: None,
            region_mark: 0,
            is_piped: false,
            is_negated: false,
            is_compound: false,
            is_subshell: false,
            has_or: false,
            is_untold: false,
            is_timed: false,
            is_filled: false,
        }
    }

    /// Returns true for a substitution by backticks.
    pub(super) fn is_backtick(&self) -> bool {
        matches!(&self.construct, Construct::Substitution(inner) if inner.kind == SubstitutionKind::Backtick)
    }

    /// Returns true for a substitution of any kind.
    pub(super) fn is_substitution(&self) -> bool {
        matches!(self.construct, Construct::Substitution(_))
    }

    /// Returns the byte at which the commands of a loop begin.
    pub(super) fn loop_start(&self) -> Option<usize> {
        match &self.construct {
            Construct::While { .. } => Some(self.start),
            Construct::For(head) if head.is_body => Some(self.start),
            _ => None,
        }
    }

    /// Returns true in the head or the patterns of a `case`.
    pub(super) fn is_case_head(&self) -> bool {
        use Expect::{CaseBar, CaseIn, CaseNext, CasePattern, CaseSubject};
        matches!(self.expect, CaseSubject | CaseIn | CasePattern | CaseNext | CaseBar)
    }

    /// Returns true if a command may begin here.
    pub(super) fn may_begin(&self) -> bool {
        matches!(self.expect, Expect::Start | Expect::Required | Expect::Operand)
    }
}
