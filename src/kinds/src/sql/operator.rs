//! Operators between the operands of an expression.

use super::Dialect;
use super::lexer::{Lexeme, TokenKind};
use super::parser::{Parsed, Parser};

/// Operators between two operands.
const INFIX: [&str; 45] = [
    "+", "-", "*", "/", "%", "=", "==", "<>", "!=", "<", ">", "<=", ">=", "<=>", "||", "&&", "->", "->>", "#>", "#>>",
    "@>", "<@", "@@", "@?", "?", "?|", "?&", "~", "~*", "!~", "!~*", "~~", "!~~", "&", "|", "^", "<<", ">>", "//",
    "!<", "!>", "and", "or", "like", "escape",
];

impl Parser<'_> {
    /// Takes an operator that an operand must follow, if one is next.
    pub(super) fn operator(&mut self) -> Parsed<bool> {
        if self.take_any(&INFIX) {
            return Ok(true);
        }
        if self.take("is") {
            self.take("not");
            if self.take("distinct") {
                self.expect("from", "from is expected after is distinct")?;
            }
            return Ok(true);
        }
        let is_negated = self.is("not");
        let ahead = usize::from(is_negated);
        let is_mysql = self.dialect == Dialect::MySql;
        if self.is_at(ahead, "in") {
            // `in NAME` reads a table in SQLite and ClickHouse.
            if !self.is_at(ahead + 1, "(") || self.dialect == Dialect::ClickHouse && self.is_bracketed_name(ahead + 1) {
                return self.refuse("a query or a list of values is expected after in");
            }
            return self.skip(ahead + 1);
        }
        if self.is_at(ahead, "similar") && self.is_at(ahead + 1, "to") {
            return self.skip(ahead + 2);
        }
        let is_known = ["between", "like", "ilike"].iter().any(|word| self.is_at(ahead, word))
            || matches!(self.dialect, Dialect::Sqlite | Dialect::DuckDb) && self.is_at(ahead, "glob")
            || (is_mysql || self.dialect == Dialect::Sqlite) && self.is_at(ahead, "regexp")
            || is_mysql && self.is_at(ahead, "rlike");
        if is_known {
            return self.skip(ahead + 1);
        }
        if is_negated {
            return self.refuse("the operator is unknown");
        }
        Ok(is_mysql && self.take_any(&["xor", "div", "mod"]) || self.take_all(&["at", "time", "zone"]))
    }

    /// Tells if a name alone stands in brackets: ClickHouse reads `in (NAME)` as `in NAME`.
    fn is_bracketed_name(&self, mut ahead: usize) -> bool {
        while self.is_at(ahead, "(") {
            ahead += 1;
        }
        let is_part = |token: Lexeme| matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
        while is_part(self.token(ahead)) && self.is_at(ahead + 1, ".") {
            ahead += 2;
        }
        is_part(self.token(ahead)) && self.is_at(ahead + 1, ")")
    }

    fn skip(&mut self, count: usize) -> Parsed<bool> {
        for _ in 0..count {
            self.advance();
        }
        Ok(true)
    }
}
