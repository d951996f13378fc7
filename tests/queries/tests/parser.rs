//! A full parser finds no table and no function that the reader does not report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that fails may panic, and says what it saw"
)]

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use callgate_kinds::sql::Dialect;
use callgate_test_queries::{accepted, reports_function, reports_table};
use sqlparser::ast::{Expr, ObjectName, Query, SetExpr, Statement, TableFactor, Visit, Visitor};
use sqlparser::dialect;
use sqlparser::parser::Parser;

/// The names in a statement.
#[derive(Default)]
struct Names {
    tables: Vec<Vec<String>>,
    functions: Vec<String>,
    defined: BTreeSet<String>,
    writes: bool,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for definition in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.defined.insert(definition.alias.name.value.to_ascii_lowercase());
        }
        self.writes |= !query.locks.is_empty() || into(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                self.functions.push(last(name))
            }
            TableFactor::Table { name, .. } => self.tables.push(parts(name)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression {
            self.functions.push(last(&function.name));
        }
        ControlFlow::Continue(())
    }
}

fn into(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_some(),
        SetExpr::Query(query) => into(&query.body),
        SetExpr::SetOperation { left, right, .. } => into(left) || into(right),
        SetExpr::Values(_) => false,
        _ => true,
    }
}

fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().map(|part| part.as_ident().map_or_else(|| part.to_string(), |ident| ident.value.clone())).collect()
}

fn last(name: &ObjectName) -> String {
    parts(name).pop().unwrap_or_default()
}

#[test]
fn a_full_parser_finds_no_other_table_or_function() {
    for (dialect, parser) in [
        (Dialect::Postgres, &dialect::PostgreSqlDialect {} as &dyn dialect::Dialect),
        (Dialect::Sqlite, &dialect::SQLiteDialect {}),
        (Dialect::MySql, &dialect::MySqlDialect {}),
        (Dialect::MsSql, &dialect::MsSqlDialect {}),
        (Dialect::DuckDb, &dialect::DuckDbDialect {}),
        (Dialect::ClickHouse, &dialect::ClickHouseDialect {}),
    ] {
        let mut parsed = 0;
        let mut strange: Vec<String> = Vec::new();
        let all = accepted(dialect, 3, |query, reading| {
            let Ok(statements) = Parser::parse_sql(parser, query) else {
                strange.push(query.to_owned());
                return;
            };
            parsed += 1;
            let [statement @ Statement::Query(_)] = statements.as_slice() else {
                panic!("{dialect:?}: {} statements, or none of a query\n{query}", statements.len());
            };
            let mut names = Names::default();
            let _ = statement.visit(&mut names);
            assert!(!names.writes, "{dialect:?} writes\n{query}");
            for table in &names.tables {
                let table: Vec<&str> = table.iter().map(String::as_str).collect();
                let is_defined =
                    matches!(table.as_slice(), [only] if names.defined.contains(&only.to_ascii_lowercase()));
                assert!(
                    is_defined || reports_table(reading, &table),
                    "{dialect:?} table {table:?}\n{query}\n{reading:?}"
                );
            }
            for function in &names.functions {
                assert!(reports_function(reading, function), "{dialect:?} function {function}\n{query}\n{reading:?}");
            }
        });
        eprintln!("{dialect:?}: {all} accepted, {parsed} parsed");
        if std::env::var_os("CALLGATE_SQL_STRANGE").is_some() {
            strange.sort_by_key(String::len);
            eprintln!("{}", strange.iter().take(40).map(|query| format!("  {query:?}\n")).collect::<String>());
        }
        assert!(parsed > 100);
    }
}
