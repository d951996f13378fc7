//! Queries: `with`, `select`, set operations, and the clauses after them.

use super::lexer::TokenKind;
use super::parser::{Parsed, Parser};
use super::{Dialect, words};

impl Parser<'_> {
    /// Reads a query; returns the number of rows that it states as its limit.
    pub(super) fn query(&mut self) -> Parsed<Option<u64>> {
        let defined = self.defined.len();
        if self.take("with") {
            self.definitions()?;
        }
        let top = self.term()?;
        let limit = self.query_rest(top)?;
        self.defined.truncate(defined);
        Ok(limit)
    }

    /// Reads `NAME AS (QUERY), …`.
    fn definitions(&mut self) -> Parsed {
        let is_recursive = self.take("recursive");
        // In these dialects a name stands for itself in its own query also without the keyword.
        let sees_itself = is_recursive || matches!(self.dialect, Dialect::Sqlite | Dialect::MsSql);
        loop {
            if !self.is_name() {
                return self.refuse("a name is expected");
            }
            let name = self.part()?;
            if self.is("(") {
                self.names()?;
            }
            self.expect("as", "with must define a query: NAME as (select …)")?;
            let _ = self.take("materialized") || self.take_all(&["not", "materialized"]);
            if !self.is("(") {
                return self.refuse("with must define a query: NAME as (select …)");
            }
            self.open()?;
            let before = self.defined.len();
            if sees_itself {
                self.define(&name)?;
            }
            if !self.begins_query() && !self.is_any(&["(", "values"]) {
                return self.refuse("the statement is neither select nor with");
            }
            self.query()?;
            self.close()?;
            self.defined.truncate(before);
            self.define(&name)?;
            if !self.take(",") {
                return Ok(());
            }
        }
    }

    /// Reads a `select`, or a query in brackets; returns the number of `top`.
    fn term(&mut self) -> Parsed<Option<u64>> {
        if self.is("(") {
            self.open()?;
            if !self.begins_query() && !self.is("(") {
                return self.refuse("a query is expected");
            }
            self.query()?;
            self.close()?;
            return Ok(None);
        }
        if self.take("values") {
            self.value_rows()?;
            return Ok(None);
        }
        self.expect("select", "a query is expected")?;
        self.select()
    }

    /// Reads `(…), (…)` after `values`.
    pub(super) fn value_rows(&mut self) -> Parsed {
        loop {
            self.bracket_list()?;
            if !self.take(",") {
                return Ok(());
            }
        }
    }

    /// Reads the set operations and the last clauses of a query.
    pub(super) fn query_rest(&mut self, top: Option<u64>) -> Parsed<Option<u64>> {
        let mut limit = top;
        while self.take_any(&["union", "intersect", "except"]) {
            limit = None;
            let _ = self.take_any(&["all", "distinct"]);
            self.term()?;
        }
        let (mut has_order, mut has_limit, mut has_offset) = (false, false, false);
        loop {
            let seen = if self.take_all(&["order", "by"]) {
                self.order_items()?;
                &mut has_order
            } else if self.take("limit") {
                limit = self.limit()?;
                &mut has_limit
            } else if self.take("offset") {
                self.expression()?;
                let _ = self.take_any(&["row", "rows"]);
                &mut has_offset
            } else if self.take("fetch") {
                limit = self.fetch()?;
                &mut has_limit
            } else {
                return Ok(limit);
            };
            if std::mem::replace(seen, true) {
                return self.refuse("a clause stands twice");
            }
        }
    }

    /// Reads a `select` after the keyword, up to its set operations; returns the number of `top`.
    fn select(&mut self) -> Parsed<Option<u64>> {
        let mut top = None;
        if self.take("distinct") {
            if self.dialect != Dialect::MySql && self.take("on") {
                self.bracket_list()?;
            }
        } else {
            self.take("all");
        }
        if self.dialect == Dialect::MsSql && self.take("top") {
            top = self.top()?;
        }
        loop {
            self.select_item()?;
            if !self.take(",") {
                break;
            }
        }
        if self.take("from") {
            self.tables_list()?;
        }
        if self.dialect == Dialect::ClickHouse && self.take("prewhere") {
            self.expression()?;
        }
        if self.take("where") {
            self.expression()?;
        }
        if self.take_all(&["group", "by"]) {
            self.group_by()?;
        }
        if self.take("having") {
            self.expression()?;
        }
        if self.take("window") {
            self.windows()?;
        }
        if matches!(self.dialect, Dialect::DuckDb | Dialect::ClickHouse) && self.take("qualify") {
            self.expression()?;
        }
        Ok(top)
    }

    /// Reads one column of a select list, with its alias.
    fn select_item(&mut self) -> Parsed {
        if self.take("*") {
            return Ok(());
        }
        self.expression()?;
        if self.take("as") {
            // `as "x"` and, in some dialects, `as 'x'`.
            let is_text =
                matches!(self.kind(), TokenKind::Either | TokenKind::String) && self.dialect != Dialect::Postgres;
            if !is_text && !matches!(self.kind(), TokenKind::Word | TokenKind::Quoted) {
                return self.refuse("a name is expected");
            }
            self.advance();
            return Ok(());
        }
        self.alias();
        Ok(())
    }

    /// Takes an alias without `as`, if there is one.
    pub(super) fn alias(&mut self) -> bool {
        let token = self.token(0);
        let found = match token.kind {
            TokenKind::Quoted | TokenKind::Either => true,
            TokenKind::Word => words::is_alias(self.text_of(token), self.dialect),
            _ => false,
        };
        if found {
            self.advance();
        }
        found
    }

    /// Reads the items of `group by`.
    fn group_by(&mut self) -> Parsed {
        if self.take("all") {
            return Ok(());
        }
        loop {
            if self.is("grouping") && self.is_at(1, "sets") {
                self.advance();
                self.advance();
                self.bracket_list()?;
            } else {
                self.expression()?;
            }
            if !self.take(",") {
                break;
            }
        }
        let _ = matches!(self.dialect, Dialect::MySql | Dialect::ClickHouse)
            && (self.take_all(&["with", "rollup"]) || self.take_all(&["with", "totals"]));
        Ok(())
    }

    /// Reads the items of `order by`.
    pub(super) fn order_items(&mut self) -> Parsed {
        loop {
            if !self.take("all") {
                self.expression()?;
            }
            let _ = self.take_any(&["asc", "desc"]);
            if self.take("nulls") && !self.take_any(&["first", "last"]) {
                return self.refuse("first or last is expected");
            }
            if !self.take(",") {
                return Ok(());
            }
        }
    }

    /// Reads `NAME AS (WINDOW), …`.
    fn windows(&mut self) -> Parsed {
        loop {
            if !self.is_name() {
                return self.refuse("a name is expected");
            }
            self.advance();
            self.expect("as", "a window is expected: NAME as (…)")?;
            self.window()?;
            if !self.take(",") {
                return Ok(());
            }
        }
    }
}
