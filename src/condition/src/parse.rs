//! Parses a source into a syntax tree (CEL, "Syntax"), by precedence climbing.

use crate::syntax::{Expr, ExprKind, Literal, Operator};
use crate::token::{self, Token};
use crate::{ConditionError, MAX_NESTING, Place, Problem};

/// Parses a whole source.
pub(crate) fn parse(source: &str) -> Result<Expr, ConditionError> {
    let tokens = token::read(source)?;
    let mut parser = Parser { tokens: tokens.into_iter(), next: None, depth: 0 };
    let expr = parser.conditional()?;
    match parser.peek() {
        (_, Token::End) => Ok(expr),
        _ => Err(parser.expected("an operator or the end")),
    }
}

struct Parser {
    tokens: std::vec::IntoIter<(Place, Token)>,
    next: Option<(Place, Token)>,
    depth: usize,
}

// === impl Parser ===

impl Parser {
    fn peek(&mut self) -> &(Place, Token) {
        let tokens = &mut self.tokens;
        // The last token is the end, and it is never taken.
        self.next.get_or_insert_with(|| tokens.next().unwrap_or((Place { line: 1, column: 1 }, Token::End)))
    }

    fn place(&mut self) -> Place {
        self.peek().0
    }

    /// Takes a symbol if it is next.
    fn takes(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), (_, Token::Symbol(next)) if *next == symbol);
        if is_next {
            self.next = None;
        }
        is_next
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), ConditionError> {
        if self.takes(symbol) { Ok(()) } else { Err(self.expected(symbol)) }
    }

    fn expected(&mut self, expected: &'static str) -> ConditionError {
        let (place, token) = self.peek();
        let found = match token {
            Token::Name(name) | Token::Quoted(name) => format!("`{name}`"),
            Token::Int(_) | Token::Double(_) => "a number".to_owned(),
            Token::Text(_) => "a string".to_owned(),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::End => "the end".to_owned(),
        };
        ConditionError { place: *place, problem: Problem::Expected { expected, found } }
    }

    /// Runs a rule one level deeper.
    fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T, ConditionError>) -> Result<T, ConditionError> {
        if self.depth >= MAX_NESTING {
            return Err(ConditionError { place: self.place(), problem: Problem::TooDeep });
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// `a ? b : c`, or a binary expression.
    fn conditional(&mut self) -> Result<Expr, ConditionError> {
        self.deeper(|parser| {
            let condition = parser.binary(1)?;
            if !parser.takes("?") {
                return Ok(condition);
            }
            let place = condition.place;
            let then = parser.binary(1)?;
            parser.expect(":")?;
            let otherwise = parser.conditional()?;
            Ok(Expr { place, kind: ExprKind::Conditional(Box::new([condition, then, otherwise])) })
        })
    }

    /// Operands joined by operators of this precedence and higher ones. All of them join from the left.
    fn binary(&mut self, least: u8) -> Result<Expr, ConditionError> {
        let mut left = self.unary()?;
        let mut joined = 0_usize;
        loop {
            let (place, operator) = match self.peek() {
                (place, Token::Symbol(symbol)) => (*place, Operator::of(symbol)),
                _ => return Ok(left),
            };
            let Some((operator, precedence)) = operator.filter(|(_, precedence)| *precedence >= least) else {
                return Ok(left);
            };
            joined += 1;
            // A chain is a tree as deep as it is long.
            if joined > MAX_NESTING {
                return Err(ConditionError { place, problem: Problem::TooDeep });
            }
            self.next = None;
            let right = self.binary(precedence + 1)?;
            left = Expr { place, kind: ExprKind::Binary(operator, Box::new(left), Box::new(right)) };
        }
    }

    fn unary(&mut self) -> Result<Expr, ConditionError> {
        let place = self.place();
        if self.takes("!") {
            let of = self.deeper(Self::unary)?;
            return Ok(Expr { place, kind: ExprKind::Not(Box::new(of)) });
        }
        if !self.takes("-") {
            return self.member();
        }
        let literal = match self.peek() {
            (_, Token::Int(size)) => {
                let negative = 0_i64.checked_sub_unsigned(*size);
                Some(Literal::Int(negative.ok_or(ConditionError { place, problem: Problem::Number })?))
            }
            (_, Token::Double(number)) => Some(Literal::Double(-number)),
            _ => None,
        };
        match literal {
            Some(literal) => {
                self.next = None;
                self.members_of(Expr { place, kind: ExprKind::Literal(literal) })
            }
            None => {
                let of = self.deeper(Self::unary)?;
                Ok(Expr { place, kind: ExprKind::Negate(Box::new(of)) })
            }
        }
    }

    fn member(&mut self) -> Result<Expr, ConditionError> {
        let primary = self.primary()?;
        self.members_of(primary)
    }

    /// The members and methods behind an expression.
    fn members_of(&mut self, mut expr: Expr) -> Result<Expr, ConditionError> {
        let mut depth = 0_usize;
        loop {
            let place = self.place();
            if self.takes("[") {
                let (what, remedy) = ("an index", "use `exists` or `all`");
                return Err(ConditionError { place, problem: Problem::Unsupported { what, remedy } });
            }
            if !self.takes(".") {
                return Ok(expr);
            }
            depth += 1;
            if depth > MAX_NESTING {
                return Err(ConditionError { place, problem: Problem::TooDeep });
            }
            let place = self.place();
            let quoted = if let (_, Token::Quoted(name)) = self.peek() { Some(name.clone()) } else { None };
            if let Some(name) = quoted {
                self.next = None;
                expr = Expr { place, kind: ExprKind::Select(Box::new(expr), name) };
                continue;
            }
            let name = self.name()?;
            let kind = match self.arguments()? {
                Some(arguments) => ExprKind::Call { receiver: Some(Box::new(expr)), name, arguments },
                None => ExprKind::Select(Box::new(expr), name),
            };
            expr = Expr { place, kind };
        }
    }

    fn name(&mut self) -> Result<String, ConditionError> {
        let (_, Token::Name(name)) = self.peek() else { return Err(self.expected("a name")) };
        let name = name.clone();
        self.next = None;
        Ok(name)
    }

    /// The arguments in parentheses, if there are any.
    fn arguments(&mut self) -> Result<Option<Vec<Expr>>, ConditionError> {
        if self.takes("(") { self.list(")").map(Some) } else { Ok(None) }
    }

    /// Expressions separated by commas, and the symbol at their end.
    fn list(&mut self, end: &'static str) -> Result<Vec<Expr>, ConditionError> {
        let mut items = Vec::new();
        while !self.takes(end) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(self.conditional()?);
        }
        Ok(items)
    }

    fn primary(&mut self) -> Result<Expr, ConditionError> {
        let place = self.place();
        if self.takes("(") {
            let inside = self.conditional()?;
            self.expect(")")?;
            return Ok(inside);
        }
        if self.takes("[") {
            return Ok(Expr { place, kind: ExprKind::List(self.list("]")?) });
        }
        let literal = match self.peek() {
            (_, Token::Name(name)) => match name.as_str() {
                "true" => Literal::Bool(true),
                "false" => Literal::Bool(false),
                "null" => Literal::Null,
                name if token::RESERVED.contains(&name) => {
                    let (what, remedy) = ("a reserved word of CEL as a variable", "choose another name");
                    return Err(ConditionError { place, problem: Problem::Unsupported { what, remedy } });
                }
                _ => {
                    let name = self.name()?;
                    let kind = match self.arguments()? {
                        Some(arguments) => ExprKind::Call { receiver: None, name, arguments },
                        None => ExprKind::Name(name),
                    };
                    return Ok(Expr { place, kind });
                }
            },
            (_, Token::Int(size)) => {
                Literal::Int(i64::try_from(*size).map_err(|_| ConditionError { place, problem: Problem::Number })?)
            }
            (_, Token::Double(number)) => Literal::Double(*number),
            (_, Token::Text(text)) => Literal::Text(text.clone()),
            _ => return Err(self.expected("a value")),
        };
        self.next = None;
        Ok(Expr { place, kind: ExprKind::Literal(literal) })
    }
}
