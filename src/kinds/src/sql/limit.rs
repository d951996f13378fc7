//! The number of rows that a query states: `limit`, `fetch`, `top`.

use super::lexer::TokenKind;
use super::parser::{Parsed, Parser};

impl Parser<'_> {
    /// Reads the rest of `limit N`, `limit ALL` or `limit M, N`.
    pub(super) fn limit(&mut self) -> Parsed<Option<u64>> {
        if self.take("all") {
            return Ok(None);
        }
        let mut limit = self.count()?;
        if self.take(",") {
            limit = self.count()?;
        }
        if self.is_any(&["by", "with"]) {
            return self.refuse("the form of the limit is unknown");
        }
        Ok(limit)
    }

    /// Reads an expression; returns its value if it is a plain number.
    fn count(&mut self) -> Parsed<Option<u64>> {
        let (token, first) = (self.token(0), self.token(1));
        self.expression()?;
        let is_alone = token.kind == TokenKind::Number && self.token(0).start == first.start;
        Ok(if is_alone { self.text_of(token).parse().ok() } else { None })
    }

    /// Reads the rest of `fetch first N rows only`.
    pub(super) fn fetch(&mut self) -> Parsed<Option<u64>> {
        if !self.take_any(&["first", "next"]) {
            return self.refuse("the form of the limit is unknown");
        }
        let limit = if self.is_any(&["row", "rows"]) { Some(1) } else { self.count()? };
        if !self.take_any(&["row", "rows"]) {
            return self.refuse("the form of the limit is unknown");
        }
        if self.take_all(&["with", "ties"]) {
            return Ok(None);
        }
        self.expect("only", "the form of the limit is unknown")?;
        Ok(limit)
    }

    /// Reads the rest of `top N`, `top (N)`, `top N percent`, `top N with ties`.
    pub(super) fn top(&mut self) -> Parsed<Option<u64>> {
        let has_bracket = self.is("(");
        if has_bracket {
            self.open()?;
        }
        let limit = self.text_of(self.token(0)).parse().ok();
        if !self.take_kind(TokenKind::Number) {
            return self.refuse("a number is expected");
        }
        if has_bracket {
            self.close()?;
        }
        let (is_percent, has_ties) = (self.take("percent"), self.take_all(&["with", "ties"]));
        Ok(if is_percent || has_ties { None } else { limit })
    }
}
