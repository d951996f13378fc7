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

/// A refused condition.
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
    /// A character without a meaning.
    #[error("unexpected character {0:?}; remove it")]
    Character(char),
    /// A string without an end.
    #[error("the string has no end; close it with its quote")]
    OpenString,
    /// An escape unknown to CEL, or one without a character.
    #[error("unknown escape in a string; write `\\\\` for a backslash, or a raw string r\"…\"")]
    Escape,
    /// A number over 64 bits.
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
    /// A construct of CEL, left out here.
    #[error("{what} is not supported; {remedy}")]
    Unsupported {
        /// The construct.
        what: &'static str,
        /// The remedy.
        remedy: &'static str,
    },
    /// An unknown name.
    #[error("unknown name `{name}`; known: {known}")]
    UnknownName {
        /// The name.
        name: String,
        /// The known ones, separated by commas.
        known: String,
    },
    /// An unknown member.
    #[error("`{of}` has no member `{name}`; it has: {known}")]
    UnknownMember {
        /// The expression before the dot.
        of: String,
        /// The member.
        name: String,
        /// The known ones, separated by commas.
        known: String,
    },
    /// An unknown function, or one of another type.
    #[error("unknown function `{name}` {of}")]
    UnknownFunction {
        /// The function.
        name: String,
        /// The receiver.
        of: String,
    },
    /// A function with another number of arguments.
    #[error("`{name}` takes {expected} argument(s), not {found}")]
    Arguments {
        /// The function.
        name: String,
        /// The right number.
        expected: usize,
        /// The given number.
        found: usize,
    },
    /// A function of known names got something else than a literal.
    #[error("`{function}` takes a literal name, such as {function}('name')")]
    NameLiteral {
        /// The function.
        function: String,
    },
    /// A function of known names got an unknown one.
    #[error("`{function}` does not know `{name}`; known: {known}")]
    UnknownArgument {
        /// The function.
        function: String,
        /// The name.
        name: String,
        /// The known ones, separated by commas.
        known: String,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// The expected type.
        expected: String,
        /// The type of the value.
        found: String,
    },
    /// Two operands of types which do not fit.
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
    /// A nullable value is used without a guard.
    #[error("`{name}` may be null; write `{name} != null && …` before it")]
    Nullable {
        /// The value.
        name: String,
    },
    /// A guard of something else than a member.
    #[error("`has` takes a member, such as `has(args.note)`")]
    Has,
    /// A macro's first argument is not a new name.
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
    /// A pattern is computed.
    #[error("`matches` takes a literal pattern, which is compiled once")]
    PatternLiteral,
    /// A pattern cannot be compiled.
    #[error("the pattern cannot be used: {reason}")]
    Pattern {
        /// The complaint of the compiler.
        reason: String,
    },
    /// A literal with a malformed time.
    #[error("{0}")]
    Time(&'static str),
}

/// An evaluation without a result. The caller denies.
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
    /// A text without a timestamp or duration.
    #[error("a text in the condition is not a timestamp or duration")]
    Time,
    /// A member is absent or null, or has another type than its schema says.
    #[error("a value of the condition is not there")]
    Absent,
}
