//! Calls of functions: their arguments, also in the forms with words between them, and the clauses after them.

use super::lexer::TokenKind;
use super::parser::{Parsed, Parser};
use super::{Dialect, words};

impl Parser<'_> {
    /// Reads the arguments of a function of this name, and the clauses after them. The next token is `(`.
    pub(super) fn special_call(&mut self, name: &str) -> Parsed {
        match name {
            "cast" | "try_cast" => {
                self.open()?;
                self.expression()?;
                self.expect("as", "a cast needs a type: cast(VALUE as TYPE)")?;
                self.type_name()?;
                self.close()
            }
            "convert" | "try_convert" if self.dialect == Dialect::MsSql => {
                self.open()?;
                self.type_name()?;
                self.expect(",", "a comma is expected")?;
                self.rest_of_arguments()
            }
            "convert" if self.dialect == Dialect::MySql => {
                self.open()?;
                self.expression()?;
                if self.take("using") {
                    self.part()?;
                } else {
                    self.expect(",", "a comma is expected")?;
                    self.type_name()?;
                }
                self.close()
            }
            "extract" => {
                self.open()?;
                if !matches!(self.kind(), TokenKind::Word | TokenKind::String) {
                    return self.refuse("a field is expected");
                }
                self.advance();
                self.expect("from", "from is expected")?;
                self.expression()?;
                self.close()
            }
            "trim" => {
                self.open()?;
                let has_side = self.take_any(&["both", "leading", "trailing"]);
                if !(has_side && self.is("from")) {
                    self.expression()?;
                }
                if self.take("from") {
                    self.expression()?;
                }
                self.rest_after_first()
            }
            "position" => {
                self.open()?;
                self.operand()?;
                if self.take("in") {
                    self.expression()?;
                } else {
                    while self.operator()? {
                        self.right_operand()?;
                    }
                }
                self.rest_after_first()
            }
            "substring" | "substr" | "overlay" => {
                self.open()?;
                self.expression()?;
                while self.take_any(&["from", "for", "placing"]) {
                    self.expression()?;
                }
                self.rest_after_first()
            }
            _ => self.call(),
        }
    }

    /// Reads `, expression …)` or `)`.
    fn rest_after_first(&mut self) -> Parsed {
        if self.take(",") { self.rest_of_arguments() } else { self.close() }
    }

    fn rest_of_arguments(&mut self) -> Parsed {
        loop {
            self.expression()?;
            if !self.take(",") {
                return self.close();
            }
        }
    }

    /// Reads arguments and the clauses of aggregates and windows. The next token is `(`.
    pub(super) fn call(&mut self) -> Parsed {
        self.arguments()?;
        // Parametric functions: `quantile(0.5)(x)`.
        if self.dialect == Dialect::ClickHouse && self.is("(") {
            self.arguments()?;
        }
        if self.take_all(&["within", "group"]) {
            if !self.is("(") {
                return self.refuse("an opening bracket is expected");
            }
            self.open()?;
            if !self.take_all(&["order", "by"]) {
                return self.refuse("order by is expected");
            }
            self.order_items()?;
            self.close()?;
        }
        if self.is("filter") && self.is_at(1, "(") {
            self.advance();
            self.open()?;
            self.take("where");
            self.expression()?;
            self.close()?;
        }
        let _ = self.take_all(&["ignore", "nulls"]) || self.take_all(&["respect", "nulls"]);
        if self.is("over") && (self.is_at(1, "(") || matches!(self.token(1).kind, TokenKind::Word | TokenKind::Quoted))
        {
            self.advance();
            if self.is("(") {
                return self.window();
            }
            if !self.is_name() {
                return self.refuse("a window is expected");
            }
            self.advance();
        }
        Ok(())
    }

    /// Reads `(…)` after the name of a function.
    pub(super) fn arguments(&mut self) -> Parsed {
        self.open()?;
        if self.begins_query() {
            self.query()?;
            return self.close();
        }
        if self.is(")") {
            return self.close();
        }
        let _ = self.take_any(&["distinct", "all"]);
        loop {
            if !self.take("*") && self.expression()? && !self.is(",") {
                // `((select …) union …)` as the only argument.
                self.query_rest(None)?;
            }
            if !self.take(",") {
                break;
            }
        }
        let _ = self.take_all(&["ignore", "nulls"]) || self.take_all(&["respect", "nulls"]);
        if self.take_all(&["order", "by"]) {
            self.order_items()?;
        }
        if self.dialect == Dialect::MySql && self.take("separator") && !self.take_kind(TokenKind::String) {
            return self.refuse("a string is expected");
        }
        self.close()
    }

    /// Reads `([NAME] [partition by …] [order by …] [frame])`.
    pub(super) fn window(&mut self) -> Parsed {
        if !self.is("(") {
            return self.refuse("an opening bracket is expected");
        }
        self.open()?;
        if self.is_name() && !self.is_any(&["partition", "rows", "range", "groups"]) {
            self.advance();
        }
        if self.take_all(&["partition", "by"]) {
            loop {
                self.expression()?;
                if !self.take(",") {
                    break;
                }
            }
        }
        if self.take_all(&["order", "by"]) {
            self.order_items()?;
        }
        if self.take_any(&["rows", "range", "groups"]) {
            if self.take("between") {
                self.bound()?;
                self.expect("and", "and is expected between the bounds of a window")?;
            }
            self.bound()?;
        }
        self.close()
    }

    /// Reads a bound of a window: `unbounded preceding`, `current row`, `3 following`.
    fn bound(&mut self) -> Parsed {
        if self.take_all(&["current", "row"]) {
            return Ok(());
        }
        // A plain value: an expression would take the `and` between the bounds.
        let is_value = self.take("unbounded")
            || self.take_kind(TokenKind::Number)
            || self.take("interval") && self.take_kind(TokenKind::String);
        if is_value && self.take_any(&["preceding", "following"]) {
            return Ok(());
        }
        self.refuse("the bound of a window is unknown")
    }

    /// Reads the name of a type: `numeric(10, 2)`, `timestamp with time zone`, `int[]`.
    pub(super) fn type_name(&mut self) -> Parsed {
        let mut count = 0;
        while self.kind() == TokenKind::Word && words::is_type(self.text_of(self.token(0))) {
            self.advance();
            count += 1;
            if self.is("(") {
                self.type_arguments()?;
            }
        }
        if count == 0 {
            return self.refuse("the type is unknown");
        }
        let _ = self.take_all(&["with", "time", "zone"])
            || self.take_all(&["without", "time", "zone"])
            || self.take_all(&["with", "local", "time", "zone"]);
        while matches!(self.dialect, Dialect::Postgres | Dialect::DuckDb) && self.is("[") {
            self.advance();
            self.take_kind(TokenKind::Number);
            self.expect("]", "a closing bracket is expected, or the reader does not know this word")?;
        }
        Ok(())
    }

    /// Reads `(10, 2)`, `(max)`, `('UTC')`, `(Int64)`.
    fn type_arguments(&mut self) -> Parsed {
        self.open()?;
        loop {
            if !self.take_kind(TokenKind::Number) && !self.take_kind(TokenKind::String) {
                self.type_name()?;
            }
            if !self.take(",") {
                return self.close();
            }
        }
    }
}
