//! The reasons to refuse a condition, and to fail in evaluating one.

use std::fmt;

use thiserror::Error;

/// A place in the source. Line and column count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A condition that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem} ({place})")]
pub struct ConditionError {
    /// The first place at fault.
    pub place: Place,
    /// The fault.
    pub problem: Problem,
}

/// The fault of a condition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// The source is longer than [`MAX_SOURCE`](crate::MAX_SOURCE).
    #[error("the condition is longer than {max} bytes; split it", max = crate::MAX_SOURCE)]
    TooLong,
    /// Parentheses, operators or macros are nested more than [`MAX_NESTING`](crate::MAX_NESTING) times.
    #[error("the condition is nested more than {max} times; split it", max = crate::MAX_NESTING)]
    TooDeep,
    /// A character that no token begins with.
    #[error("unexpected character {0:?}; remove it")]
    Character(char),
    /// A string without an end.
    #[error("the string has no end; close it with its quote")]
    OpenString,
    /// An escape that CEL does not have, or that stands for no character.
    #[error("unknown escape in a string; write `\\\\` for a backslash, or a raw string r\"…\"")]
    Escape,
    /// A number that does not fit.
    #[error("the number does not fit into 64 bits; write a smaller one")]
    Number,
    /// Another token was expected.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// The expected token.
        expected: &'static str,
        /// The token in its place.
        found: String,
    },
    /// A construct of CEL that conditions leave out.
    #[error("{what} is not supported; {remedy}")]
    Unsupported {
        /// The construct.
        what: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A name that is not known here.
    #[error("unknown name `{name}`; known: {known}")]
    UnknownName {
        /// The name.
        name: String,
        /// The known ones, separated by commas.
        known: String,
    },
    /// A member that the type does not have.
    #[error("`{of}` has no member `{name}`; it has: {known}")]
    UnknownMember {
        /// The expression before the dot.
        of: String,
        /// The member.
        name: String,
        /// The known ones, separated by commas.
        known: String,
    },
    /// A function that does not exist, or not for this type.
    #[error("unknown function `{name}` {of}")]
    UnknownFunction {
        /// The function.
        name: String,
        /// The value that it was called on.
        of: String,
    },
    /// A function with another number of arguments.
    #[error("`{name}` takes {expected} argument(s), not {found}")]
    Arguments {
        /// The function.
        name: String,
        /// The number that it takes.
        expected: usize,
        /// The number that it was given.
        found: usize,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// The expected type.
        expected: String,
        /// The type of the value.
        found: String,
    },
    /// Two operands that do not fit.
    #[error("`{operator}` cannot join {left} and {right}")]
    Operands {
        /// The operator.
        operator: &'static str,
        /// The type of the left operand.
        left: String,
        /// The type of the right operand.
        right: String,
    },
    /// A value whose schema gives it no single type.
    #[error("`{name}` has no single type in its schema; give it a `type`")]
    Opaque {
        /// The value.
        name: String,
    },
    /// An optional member is read without a guard.
    #[error("`{name}` may be absent; write `has({name}) && …` before it")]
    Unguarded {
        /// The member.
        name: String,
    },
    /// A value that may be null is used without a guard.
    #[error("`{name}` may be null; write `{name} != null && …` before it")]
    Nullable {
        /// The value.
        name: String,
    },
    /// A guard of something that needs none, or cannot be guarded.
    #[error("`has` takes a member, such as `has(args.note)`")]
    Has,
    /// A macro's first argument is no new name.
    #[error("the first argument of `{macro_name}` is a new name, such as `item`")]
    MacroName {
        /// The macro.
        macro_name: String,
    },
    /// A list without a bound is searched.
    #[error("`{name}` has no largest size, so the cost has no bound; give it `maxItems` in its schema")]
    Unbounded {
        /// The list.
        name: String,
    },
    /// The worst case takes too many steps.
    #[error("the condition can take {steps} steps, more than {max}; lower `maxItems`, or nest fewer macros", max = crate::MAX_STEPS)]
    TooCostly {
        /// The steps of the worst case.
        steps: u64,
    },
    /// A pattern that is not a literal.
    #[error("`matches` takes a literal pattern, which is compiled once")]
    PatternLiteral,
    /// A pattern that cannot be compiled.
    #[error("the pattern cannot be used: {reason}")]
    Pattern {
        /// The complaint of the compiler.
        reason: String,
    },
    /// A literal time that is none.
    #[error("{0}")]
    Time(&'static str),
}

/// A condition that has no result. The caller denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EvalError {
    /// It took more than the allowed steps.
    #[error("the condition took too many steps")]
    Steps,
    /// A result does not fit into 64 bits.
    #[error("a number in the condition does not fit into 64 bits")]
    Overflow,
    /// A division by zero.
    #[error("the condition divides by zero")]
    DivisionByZero,
    /// A text that is no timestamp or duration.
    #[error("a text in the condition is no timestamp or duration")]
    Time,
    /// A member is absent or null, or has another type than its schema says.
    #[error("a value of the condition is not there")]
    Absent,
}
