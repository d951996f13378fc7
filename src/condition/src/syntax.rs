//! The syntax tree.

use crate::Place;

/// An expression and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) place: Place,
    pub(crate) kind: ExprKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
    Literal(Literal),
    List(Vec<Expr>),
    Name(String),
    Select(Box<Expr>, String),
    /// A function, or a method of its receiver.
    Call {
        receiver: Option<Box<Expr>>,
        name: String,
        arguments: Vec<Expr>,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Conditional(Box<[Expr; 3]>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Compare(Comparison),
    In,
    Arithmetic(Arithmetic),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

// === impl Operator ===

impl Operator {
    /// Returns the operator of a symbol, and its precedence; a higher one binds tighter.
    pub(crate) fn of(symbol: &str) -> Option<(Operator, u8)> {
        use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        Some(match symbol {
            "||" => (Operator::Or, 1),
            "&&" => (Operator::And, 2),
            "==" => (Operator::Compare(Equal), 3),
            "!=" => (Operator::Compare(NotEqual), 3),
            "<" => (Operator::Compare(Less), 3),
            "<=" => (Operator::Compare(LessOrEqual), 3),
            ">" => (Operator::Compare(Greater), 3),
            ">=" => (Operator::Compare(GreaterOrEqual), 3),
            "in" => (Operator::In, 3),
            "+" => (Operator::Arithmetic(Add), 4),
            "-" => (Operator::Arithmetic(Subtract), 4),
            "*" => (Operator::Arithmetic(Multiply), 5),
            "/" => (Operator::Arithmetic(Divide), 5),
            "%" => (Operator::Arithmetic(Remainder), 5),
            _ => return None,
        })
    }

    /// Returns its symbol.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Operator::Or => "||",
            Operator::And => "&&",
            Operator::In => "in",
            Operator::Compare(comparison) => match comparison {
                Comparison::Equal => "==",
                Comparison::NotEqual => "!=",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
                Comparison::Greater => ">",
                Comparison::GreaterOrEqual => ">=",
            },
            Operator::Arithmetic(arithmetic) => match arithmetic {
                Arithmetic::Add => "+",
                Arithmetic::Subtract => "-",
                Arithmetic::Multiply => "*",
                Arithmetic::Divide => "/",
                Arithmetic::Remainder => "%",
            },
        }
    }
}

// === impl Expr ===

impl Expr {
    /// Its dotted name, such as `args.to`.
    pub(crate) fn path(&self) -> Option<String> {
        match &self.kind {
            ExprKind::Name(name) => Some(name.clone()),
            ExprKind::Select(of, name) => of.path().map(|of| format!("{of}.{name}")),
            _ => None,
        }
    }

    /// Its dotted name, or a phrase.
    pub(crate) fn shown(&self) -> String {
        self.path().unwrap_or_else(|| "the value".to_owned())
    }
}
