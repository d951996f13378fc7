//! The two actions of this tool.

use std::path::Path;

use gluesql_core::prelude::{Glue, Payload, Value as Cell, parse};
use gluesql_core::sqlparser::ast::Statement;
use serde_json::{Value, json};

use crate::error::Error;
use crate::store::Folder;

/// The default number of rows in an answer, and the highest that a call may set. A model reads every row.
const ROWS: usize = 100;
const MOST_ROWS: usize = 1000;

/// Runs one SELECT.
pub(crate) fn query(data: &Path, arguments: &Value) -> Result<Value, Error> {
    let sql = arguments.get("sql").and_then(Value::as_str).ok_or(Error::NoSql)?;
    let most = max_rows(arguments)?;
    match parse(sql)?.as_slice() {
        [Statement::Query(_)] => {}
        [_] => return Err(Error::NotSelect),
        several => return Err(Error::Statements(several.len())),
    }
    let payload = Glue::new(Folder::open(data)?).execute(sql)?.pop();
    let Some(Payload::Select { labels, rows }) = payload else { return Err(Error::NotSelect) };
    let found = rows.len();
    let rows = rows
        .into_iter()
        .take(most)
        .map(|row| row.into_iter().map(cell).collect())
        .collect::<Result<Vec<Value>, _>>()?;
    Ok(json!({ "columns": labels, "rows": rows, "row_count": found, "truncated": found > most }))
}

/// Names every table with its columns, so that a model does not guess.
pub(crate) fn tables(data: &Path) -> Result<Value, Error> {
    let folder = Folder::open(data)?;
    let mut tables = Vec::new();
    for name in folder.names() {
        let Some(table) = folder.table(name)? else { continue };
        let columns: Vec<Value> = table
            .schema
            .column_defs
            .iter()
            .flatten()
            .map(|column| json!({ "name": column.name, "type": column.data_type.to_string() }))
            .collect();
        tables.push(json!({ "name": name, "columns": columns, "rows": table.rows.len() }));
    }
    Ok(json!({ "tables": tables }))
}

fn max_rows(arguments: &Value) -> Result<usize, Error> {
    let Some(asked) = arguments.get("max_rows") else { return Ok(ROWS) };
    asked
        .as_u64()
        .and_then(|rows| usize::try_from(rows).ok())
        .filter(|rows| (1..=MOST_ROWS).contains(rows))
        .ok_or(Error::MaxRows { most: MOST_ROWS })
}

fn cell(cell: Cell) -> Result<Value, Error> {
    match cell {
        // JSON cannot write NaN and infinity.
        Cell::F64(number) => Ok(json!(number.is_finite().then_some(number))),
        other => Ok(Value::try_from(other)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let orders = "id,customer,amount,paid,day\n1,acme,10,true,2026-01-05\n2,acme,2.5,false,2026-02-07\n3,zeta,4,,2026-02-09\n";
        std::fs::write(folder.path().join("orders.csv"), orders).unwrap();
        let people = r#"[{"name": "acme", "code": "007"}, {"name": "zeta", "tags": ["new"]}]"#;
        std::fs::write(folder.path().join("people.json"), people).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "not a table").unwrap();
        folder
    }

    fn rows(sql: &str) -> Value {
        query(folder().path(), &json!({ "sql": sql })).unwrap()["rows"].take()
    }

    fn refusal(arguments: Value) -> String {
        query(folder().path(), &arguments).unwrap_err().to_string()
    }

    #[test]
    fn a_select_gives_columns_rows_and_their_number() {
        let answer = query(folder().path(), &json!({ "sql": "SELECT id, paid FROM orders ORDER BY id" })).unwrap();
        let rows = json!([[1, true], [2, false], [3, null]]);
        assert_eq!(answer, json!({ "columns": ["id", "paid"], "rows": rows, "row_count": 3, "truncated": false }));
    }

    #[test]
    fn rows_past_the_limit_are_counted_and_left_out() {
        let answer = query(folder().path(), &json!({ "sql": "SELECT id FROM orders", "max_rows": 2 })).unwrap();
        assert_eq!(answer["rows"].as_array().unwrap().len(), 2);
        assert_eq!((&answer["row_count"], &answer["truncated"]), (&json!(3), &json!(true)));
    }

    #[test]
    fn groups_joins_and_dates_work() {
        let by_customer = "SELECT customer, SUM(amount) FROM orders GROUP BY customer ORDER BY customer";
        assert_eq!(rows(by_customer), json!([["acme", 12.5], ["zeta", 4.0]]));
        let join = "SELECT o.id, p.code FROM orders o JOIN people p ON o.customer = p.name WHERE o.day >= '2026-02-01' ORDER BY o.id";
        assert_eq!(rows(join), json!([[2, "007"], [3, null]]));
        let months =
            "SELECT EXTRACT(MONTH FROM day) AS m, COUNT(*) FROM orders GROUP BY EXTRACT(MONTH FROM day) ORDER BY m";
        assert_eq!(rows(months), json!([[1, 1], [2, 2]]));
        assert_eq!(rows("SELECT day FROM orders WHERE id = (SELECT MAX(id) FROM orders)"), json!([["2026-02-09"]]));
    }

    #[test]
    fn an_error_says_what_to_do_instead() {
        assert!(
            refusal(json!({ "sql": "SELECT id FORM orders" }))
                .starts_with("SQL: Expected: end of statement, found: orders")
        );
        assert!(
            refusal(json!({ "sql": "SELECT * FROM clients" }))
                .contains("unknown table `clients`; the tables are: orders, people")
        );
        assert!(refusal(json!({ "sql": "SELECT size FROM orders" })).contains("size"));
        assert_eq!(refusal(json!({})), Error::NoSql.to_string());
        assert_eq!(refusal(json!({ "sql": "SELECT 1; SELECT 2" })), Error::Statements(2).to_string());
        assert_eq!(
            refusal(json!({ "sql": "SELECT 1", "max_rows": 0 })),
            "`max_rows` must be an integer from 1 to 1000"
        );
    }

    #[test]
    fn nothing_but_a_select_runs() {
        for sql in
            ["DELETE FROM orders", "DROP TABLE orders", "CREATE TABLE more (id INT)", "INSERT INTO orders VALUES (4)"]
        {
            assert_eq!(refusal(json!({ "sql": sql })), Error::NotSelect.to_string(), "{sql}");
        }
    }

    #[test]
    fn tables_are_named_with_the_narrowest_type_of_each_column() {
        let tables = tables(folder().path()).unwrap();
        let types = |at: usize| {
            let columns = tables["tables"][at]["columns"].as_array().unwrap();
            columns.iter().map(|column| column["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(types(0), ["INT", "TEXT", "FLOAT", "BOOLEAN", "DATE"]);
        assert_eq!(types(1), ["TEXT", "TEXT", "TEXT"]);
        assert_eq!(tables["tables"].as_array().unwrap().len(), 2);
    }
}
