//! Expressions: operands with operators between them. Precedence does not matter for the names in them.

use super::lexer::TokenKind;
use super::parser::{Parsed, Parser};
use super::{Dialect, words};

impl Parser<'_> {
    /// Reads an expression; returns true if it is a query in brackets and nothing more.
    pub(super) fn expression(&mut self) -> Parsed<bool> {
        let mut is_query = self.operand()?;
        while self.operator()? {
            self.right_operand()?;
            is_query = false;
        }
        Ok(is_query)
    }

    /// Reads an operand with the signs before it and the suffixes after it.
    pub(super) fn operand(&mut self) -> Parsed<bool> {
        while self.take_any(&["+", "-", "~", "!", "not"]) {}
        let is_query = self.primary()?;
        let has_suffix = self.suffixes()?;
        Ok(is_query && !has_suffix)
    }

    /// Reads an operand after an operator: also `any (…)`, `some (…)`, `all (…)`, which SQLite does not have.
    pub(super) fn right_operand(&mut self) -> Parsed {
        if self.dialect != Dialect::Sqlite && self.is_any(&["any", "some", "all"]) && self.is_at(1, "(") {
            self.advance();
            self.bracket()?;
            return Ok(());
        }
        self.operand()?;
        Ok(())
    }

    /// Reads casts, subscripts, members and collations after an operand.
    fn suffixes(&mut self) -> Parsed<bool> {
        let mut found = false;
        loop {
            if self.take("::") {
                self.type_name()?;
            } else if self.is("[") {
                self.subscript()?;
            } else if self.take("collate") {
                self.name()?;
            } else if self.is(".") && self.is_at(1, "*") {
                self.advance();
                self.advance();
            } else if self.take(".") {
                self.part()?;
                if self.is("(") {
                    return self.refuse("a function of a value is called; write it as NAME(VALUE)");
                }
            } else if self.is_any(&["isnull", "notnull"]) && !matches!(self.dialect, Dialect::MySql | Dialect::MsSql) {
                self.advance();
            } else {
                return Ok(found);
            }
            found = true;
        }
    }

    /// Reads `[1]`, `[1:2]`, `[:2]`.
    fn subscript(&mut self) -> Parsed {
        self.open()?;
        if !self.is(":") {
            self.expression()?;
        }
        if self.take(":") && !self.is("]") {
            self.expression()?;
        }
        self.shallower();
        self.expect("]", "a closing bracket is expected, or the reader does not know this word")
    }

    /// Reads an operand; returns true if it is a query in brackets.
    fn primary(&mut self) -> Parsed<bool> {
        match self.kind() {
            TokenKind::Number | TokenKind::String | TokenKind::Either | TokenKind::Placeholder => {
                self.advance();
                Ok(false)
            }
            TokenKind::Symbol if self.is("(") => self.bracket(),
            TokenKind::Symbol if self.is("[") => self.list(),
            TokenKind::Symbol if self.is("*") => self.refuse("a star stands in an expression"),
            TokenKind::Quoted => self.column_or_call(),
            TokenKind::Word => self.word(),
            TokenKind::Symbol | TokenKind::End => self.refuse("an operand is expected"),
        }
    }

    /// Reads `(expression, …)` or `(query)`; returns true if it is a query.
    fn bracket(&mut self) -> Parsed<bool> {
        self.open()?;
        let mut is_query = self.begins_query();
        if is_query {
            self.query()?;
        } else {
            is_query = self.expression()?;
            if is_query {
                // `((select …) union (select …))`
                self.query_rest(None)?;
            }
            while self.take(",") {
                self.expression()?;
                is_query = false;
            }
        }
        self.close()?;
        Ok(is_query)
    }

    /// Reads `(item, …)`; an item may be empty brackets. The next token must be `(`.
    pub(super) fn bracket_list(&mut self) -> Parsed {
        if !self.is("(") {
            return self.refuse("an opening bracket is expected");
        }
        self.open()?;
        loop {
            if !self.take_all(&["(", ")"]) {
                self.expression()?;
            }
            if !self.take(",") {
                return self.close();
            }
        }
    }

    /// Reads `[item, …]`.
    fn list(&mut self) -> Parsed<bool> {
        if !matches!(self.dialect, Dialect::DuckDb | Dialect::ClickHouse) {
            return self.refuse("an operand is expected");
        }
        self.items_in_square_brackets()?;
        Ok(false)
    }

    fn items_in_square_brackets(&mut self) -> Parsed {
        self.open()?;
        while !self.is("]") {
            self.expression()?;
            if !self.take(",") {
                break;
            }
        }
        self.shallower();
        self.expect("]", "a closing bracket is expected, or the reader does not know this word")
    }

    /// Reads an operand that begins with a word without quotes.
    fn word(&mut self) -> Parsed<bool> {
        let word = self.text_of(self.token(0));
        if self.is("case") {
            return self.case();
        }
        if self.take("exists") {
            if !self.is("(") {
                return self.refuse("an opening bracket is expected");
            }
            self.bracket()?;
            return Ok(false);
        }
        if self.is("array") && self.is_at(1, "[") {
            self.advance();
            self.items_in_square_brackets()?;
            return Ok(false);
        }
        if self.is("interval") && !self.is_at(1, "(") {
            return self.interval();
        }
        let is_typed = self.is_any(&["date", "time", "timestamp", "timestamptz", "datetime"]);
        if is_typed && self.token(1).kind == TokenKind::String {
            self.advance();
            self.advance();
            return Ok(false);
        }
        let is_function = self.is_any(&["left", "right"]) || self.dialect == Dialect::ClickHouse && self.is("any");
        if is_function && self.is_at(1, "(") {
            let start = self.token(0).start;
            let name = self.part()?;
            self.function(name, start)?;
            self.call()?;
            return Ok(false);
        }
        if words::is_niladic(word, self.dialect) && !self.is_at(1, "(") && !self.is_at(1, ".") {
            self.function(word.to_ascii_lowercase(), self.token(0).start)?;
            self.advance();
            return Ok(false);
        }
        self.column_or_call()
    }

    /// Reads `interval '1 day'`, `interval 1 day` or a column of this name.
    fn interval(&mut self) -> Parsed<bool> {
        self.advance();
        let _ = self.take_any(&["-", "+"]);
        if matches!(self.kind(), TokenKind::String | TokenKind::Number | TokenKind::Placeholder) {
            self.advance();
            if self.unit() && self.take("to") && !self.unit() {
                return self.refuse("a unit of time is expected");
            }
            return Ok(false);
        }
        self.refuse("an interval is expected")
    }

    /// Takes a unit of time, if it is next.
    fn unit(&mut self) -> bool {
        let found = self.kind() == TokenKind::Word && words::is_unit(self.text_of(self.token(0)));
        if found {
            self.advance();
        }
        found
    }

    /// Reads `case … end`.
    fn case(&mut self) -> Parsed<bool> {
        self.open()?;
        if !self.is("when") {
            self.expression()?;
        }
        while self.take("when") {
            self.expression()?;
            self.expect("then", "then is expected")?;
            self.expression()?;
        }
        if self.take("else") {
            self.expression()?;
        }
        self.shallower();
        self.expect("end", "the end of case is expected")?;
        Ok(false)
    }

    /// Reads a column, or a call of a function.
    fn column_or_call(&mut self) -> Parsed<bool> {
        let name = self.name()?;
        if name.has_star || !self.is("(") {
            return Ok(false);
        }
        let plain = name.is_plain && name.parts.len() == 1;
        let special = plain.then(|| name.parts.first().map(|part| part.to_ascii_lowercase())).flatten();
        let special = special.as_deref().unwrap_or_default();
        // A cast is syntax; `::` is the same.
        if !matches!(special, "cast" | "try_cast") {
            self.function(name.parts.join("."), name.start)?;
        }
        self.special_call(special)?;
        Ok(false)
    }
}
