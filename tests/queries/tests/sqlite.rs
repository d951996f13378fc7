//! SQLite reads no table and calls no function that the reader does not report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that fails may panic, and says what it saw"
)]

use std::sync::{Arc, Mutex};

use callgate_kinds::sql::Dialect;
use callgate_test_queries::{accepted, reports_function, reports_table};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Functions that operators call.
const OPERATORS: [&str; 5] = ["like", "glob", "regexp", "->", "->>"];

#[test]
fn sqlite_reads_no_other_table_and_calls_no_other_function() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "attach ':memory:' as sales; attach ':memory:' as secret;
             create table t(a, b, c, d, s, n); create table u(a, b, c, d, s, n); create table x(a, b); create table secret(a, b);
             create table sales.a(a, b); create table sales.b(a, b); create table secret.s(a, b);",
        )
        .unwrap();
    for name in ["f", "g"] {
        connection.create_scalar_function(name, -1, FunctionFlags::SQLITE_UTF8, |_| Ok(1)).unwrap();
    }
    let actions: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&actions);
    connection
        .authorizer(Some(move |context: AuthContext<'_>| {
            let mut seen = seen.lock().unwrap();
            match context.action {
                AuthAction::Select | AuthAction::Recursive => {}
                AuthAction::Read { table_name, .. } => {
                    seen.push(format!("table {} {table_name}", context.database_name.unwrap_or_default()))
                }
                AuthAction::Function { function_name } => seen.push(format!("function {function_name}")),
                other => seen.push(format!("action {other:?}")),
            }
            Authorization::Allow
        }))
        .unwrap();
    let (mut prepared, mut reads) = (0, 0);
    let all = accepted(Dialect::Sqlite, 5, |query, reading| {
        actions.lock().unwrap().clear();
        // Tables of the schema that are functions read the schema itself.
        if query.contains("pragma_") {
            return;
        }
        let statement = match connection.prepare(query) {
            Ok(statement) => statement,
            Err(error) => return assert!(!matches!(error, rusqlite::Error::MultipleStatement), "{query}"),
        };
        prepared += 1;
        assert!(statement.readonly(), "{query}");
        drop(statement);
        for action in std::mem::take(&mut *actions.lock().unwrap()) {
            let words: Vec<&str> = action.split(' ').collect();
            let is_reported = match words.as_slice() {
                // A query with a name or without a table.
                ["table", "", _] | ["table", _, ""] => true,
                ["table", _, table] => reports_table(reading, &[table]),
                ["function", function] => OPERATORS.contains(function) || reports_function(reading, function),
                _ => false,
            };
            reads += 1;
            assert!(is_reported, "{action}\n{query}\n{reading:?}");
        }
    });
    eprintln!("{all} accepted, {prepared} prepared, {reads} uses");
    assert!(prepared > 100);
}
