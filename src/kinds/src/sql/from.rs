//! `from` lists: tables, subqueries, functions and joins.

use super::Dialect;
use super::parser::{Parsed, Parser};

impl Parser<'_> {
    /// Reads the list after `from`.
    pub(super) fn tables_list(&mut self) -> Parsed {
        loop {
            self.joined()?;
            if !self.take(",") {
                return Ok(());
            }
        }
    }

    /// Reads one item and its joins; returns true if it is a query in brackets and nothing more.
    fn joined(&mut self) -> Parsed<bool> {
        let mut is_query = self.item()?;
        // Each join may have one condition, also behind later joins.
        let mut conditions = 0_usize;
        loop {
            if self.join()? {
                self.item()?;
                conditions += 1;
            } else if conditions > 0 && self.take("on") {
                self.expression()?;
                conditions -= 1;
            } else if conditions > 0 && self.is("using") && self.is_at(1, "(") {
                self.advance();
                self.names()?;
                conditions -= 1;
            } else {
                return Ok(is_query);
            }
            is_query = false;
        }
    }

    /// Takes the words of a join, if one begins.
    fn join(&mut self) -> Parsed<bool> {
        let is_applied = self.dialect == Dialect::MsSql
            && (self.take_all(&["cross", "apply"]) || self.take_all(&["outer", "apply"]));
        if is_applied {
            return Ok(true);
        }
        let mut is_begun = self.take("natural");
        if self.take_any(&["left", "right", "full"]) {
            self.take("outer");
            is_begun = true;
        } else if self.take_any(&["inner", "cross"]) {
            is_begun = true;
        }
        if self.take("join") {
            return Ok(true);
        }
        if is_begun { self.refuse("the join is unknown") } else { Ok(false) }
    }

    /// Reads one item; returns true if it is a query in brackets and nothing more.
    fn item(&mut self) -> Parsed<bool> {
        let is_lateral = self.take("lateral");
        if self.is("(") {
            let is_query = self.bracket_item()?;
            let has_alias = self.item_alias()?;
            return Ok(is_query && !has_alias && !is_lateral);
        }
        let name = self.name()?;
        if self.is("(") {
            if name.has_star {
                return self.refuse("a function is expected");
            }
            self.function(name.parts.join("."), name.start)?;
            self.arguments()?;
            if self.take("with") {
                self.expect("ordinality", "the clause is unknown")?;
            }
        } else {
            self.table(name)?;
        }
        self.sample()?;
        self.item_alias()?;
        self.sample()?;
        // The only hint that changes no more than the locks that are taken.
        if self.dialect == Dialect::MsSql && self.is("with") && self.is_at(1, "(") {
            self.advance();
            self.advance();
            self.expect("nolock", "the hint is unknown")?;
            self.expect(")", "the hint is unknown")?;
        }
        Ok(false)
    }

    /// Reads a query, a list of rows or a join in brackets; returns true if it is a query.
    fn bracket_item(&mut self) -> Parsed<bool> {
        self.open()?;
        let is_query = if self.begins_query() {
            self.query()?;
            true
        } else if self.take("values") {
            self.value_rows()?;
            false
        } else {
            let is_query = self.joined()?;
            // `((select …) union (select …))`
            if is_query {
                self.query_rest(None)?;
            }
            is_query
        };
        self.close()?;
        Ok(is_query)
    }

    /// Reads `[as] NAME [(NAMES)]`; returns true if there is one.
    fn item_alias(&mut self) -> Parsed<bool> {
        if self.take("as") {
            if !self.is_name() {
                return self.refuse("a name is expected");
            }
            self.advance();
        } else if !self.alias() {
            return Ok(false);
        }
        if self.is("(") {
            self.names()?;
        }
        Ok(true)
    }

    /// Reads `tablesample METHOD (SIZE) [repeatable (SEED)]`, if it is next.
    fn sample(&mut self) -> Parsed {
        if !self.take("tablesample") {
            return Ok(());
        }
        // Other methods are functions of extensions.
        if !self.take_any(&["system", "bernoulli"]) || !self.is("(") {
            return self.refuse("the method of sampling is unknown");
        }
        self.bracket_list()?;
        if self.take("repeatable") {
            self.bracket_list()?;
        }
        Ok(())
    }
}
