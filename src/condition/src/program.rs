//! A checked condition.

use std::sync::Arc;

use regex::Regex;

use crate::evaluate::{Evaluation, Facts};
use crate::syntax::{Arithmetic, Comparison};
use crate::time::Field;
use crate::{ConditionError, Duration, Environment, EvalError, Place, Problem, Timestamp, Type, check, parse};

/// A condition, checked against an environment.
#[derive(Debug, Clone)]
pub struct Condition {
    op: Op,
    facts: Vec<usize>,
    functions: Vec<usize>,
    literals: Vec<LiteralArgument>,
    cost: u64,
}

/// A literal argument of a method of a named text: `'docs'` in `path(args.p).within('docs')`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiteralArgument {
    /// The position of the function in the environment.
    pub function: usize,
    /// The place in the source.
    pub place: Place,
    /// The text.
    pub text: String,
}

/// An operation.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    /// The dotted name of an item, such as `args.files[2].path`.
    ItemName(Vec<NamePart>),
    Timestamp(Timestamp),
    Duration(Duration),
    List(Vec<Op>),
    Fact(usize),
    HasFact(usize),
    /// The variable of a macro, counted from the outermost.
    Local(usize),
    Member(Box<Op>, String),
    HasMember(Box<Op>, String),
    Not(Box<Op>),
    Negate(Box<Op>),
    Or(Box<[Op; 2]>),
    And(Box<[Op; 2]>),
    Conditional(Box<[Op; 3]>),
    Compare(Comparison, Box<[Op; 2]>),
    In(Box<[Op; 2]>),
    /// Arithmetic of whole numbers.
    IntArithmetic(Arithmetic, Box<[Op; 2]>),
    /// Arithmetic of doubles.
    DoubleArithmetic(Arithmetic, Box<[Op; 2]>),
    /// Arithmetic of timestamps and durations.
    TimeArithmetic(Arithmetic, Box<[Op; 2]>),
    Join(Box<[Op; 2]>),
    /// The characters of a text, or the items of a list.
    Size(Box<Op>),
    Test(TextTest, Box<[Op; 2]>),
    Matches(Box<Op>, Arc<Regex>),
    Each(Macro, Box<[Op; 2]>),
    ReadTimestamp(Box<Op>),
    ReadDuration(Box<Op>),
    /// A field of a timestamp, so many seconds east of UTC.
    TimeField(Field, i64, Box<Op>),
    /// A function of the environment.
    Ask(usize, Vec<Op>),
}

/// A part of the dotted name of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamePart {
    Text(String),
    /// The position of the item in its list, in brackets. The item is the variable of a macro, counted from the outermost.
    Item(usize),
}

/// A test of a text by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

/// A macro over a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Macro {
    All,
    Exists,
    Filter,
}

// === impl Condition ===

impl Condition {
    /// Parses and checks a condition.
    ///
    /// # Errors
    /// [`ConditionError`] with the first fault and its place.
    pub fn compile(source: &str, environment: &Environment) -> Result<Condition, ConditionError> {
        let tree = parse::parse(source)?;
        let place = tree.place;
        let mut checker = check::Checker::new(environment);
        let checked = checker.check(&tree)?;
        if checked.kind != Type::Bool || checked.nullable {
            let (expected, found) = (Type::Bool.to_string(), checked.kind.to_string());
            return Err(ConditionError { place, problem: Problem::Type { expected, found } });
        }
        if checked.cost > crate::MAX_STEPS {
            return Err(ConditionError { place, problem: Problem::TooCostly { steps: checked.cost } });
        }
        let (facts, functions, literals) = checker.into_used();
        Ok(Condition { op: checked.op, facts, functions, literals, cost: checked.cost })
    }

    /// Evaluates the condition, in [`MAX_STEPS`](crate::MAX_STEPS) at most.
    ///
    /// # Errors
    /// [`EvalError`] if it has no result. The caller denies.
    pub fn holds(&self, facts: &dyn Facts) -> Result<bool, EvalError> {
        Evaluation::new(facts).evaluate(&self.op)?.bool()
    }

    /// Returns the used facts, sorted.
    #[must_use]
    pub fn facts(&self) -> &[usize] {
        &self.facts
    }

    /// Returns the used functions, sorted.
    #[must_use]
    pub fn functions(&self) -> &[usize] {
        &self.functions
    }

    /// Returns the literal arguments of methods of named texts.
    #[must_use]
    pub fn literals(&self) -> &[LiteralArgument] {
        &self.literals
    }

    /// Returns the steps of the worst case, without those for the length of texts.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.cost
    }
}

// === impl Condition: helper ===

/// An error at a place.
pub(crate) fn at<T>(place: Place, problem: Problem) -> Result<T, ConditionError> {
    Err(ConditionError { place, problem })
}
