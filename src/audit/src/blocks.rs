//! The search index of the log: which blocks of records have a tenant, a tool or a code.
//!
//! A block is [`BLOCK`] records in a row. The table `block` names each value once a block, so most records add nothing to
//! it: an index with an entry for each record costs as much as the records. A search looks up the blocks with its values and
//! reads these blocks only. `record_of_exchange` stays an index of records, since each decision is compared with its call.
//!
//! Not covered: whoever may write the file can remove a row, and then a search misses a block. `verify` reads all records, and compares
//! the rows with them.

use std::collections::HashSet;

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::entry::Entry;
use super::read::{COLUMNS, Query};

/// The records of a block.
pub(super) const BLOCK: u64 = 1024;

/// The third format of the log. The indexes that it drops find the values of old records quickly.
pub(super) const SCHEMA: &str = "
    CREATE TABLE block (
        field TEXT NOT NULL,
        value TEXT NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (field, value, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX block_of_number ON block (number);
    INSERT INTO block SELECT DISTINCT 'tenant', tenant, seq / 1024 FROM record;
    INSERT INTO block SELECT DISTINCT 'tool', tool, seq / 1024 FROM record;
    INSERT INTO block SELECT DISTINCT 'code', code, seq / 1024 FROM record;
    DROP INDEX record_of_tenant;
    DROP INDEX record_of_tool;
    DROP INDEX record_of_code;
";

/// The values that the newest block is known to have.
#[derive(Debug, Default)]
pub(super) struct Noted {
    number: u64,
    tenants: HashSet<String>,
    tools: HashSet<String>,
    codes: HashSet<String>,
}

/// A statement with its values.
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

// === impl Noted ===

impl Noted {
    /// Notes the values of a record in its block. After a failed transaction, [`forget`](Self::forget) them.
    pub(super) fn note(&mut self, log: &Connection, seq: u64, entry: &Entry) -> rusqlite::Result<()> {
        let number = seq / BLOCK;
        if self.number != number {
            self.forget();
            self.number = number;
        }
        let Self { tenants, tools, codes, .. } = self;
        let fields = [
            ("tenant", tenants, &*entry.call.tenant),
            ("tool", tools, &*entry.call.tool),
            ("code", codes, entry.event.code()),
        ];
        for (field, known, value) in fields {
            if !known.contains(value) {
                // A former process may have noted it.
                log.prepare_cached("INSERT OR IGNORE INTO block (field, value, number) VALUES (?1, ?2, ?3)")?
                    .execute(params![field, value, number])?;
                known.insert(value.to_owned());
            }
        }
        Ok(())
    }

    /// Forgets which values the newest block has: their rows may not be stored.
    pub(super) fn forget(&mut self) {
        self.tenants.clear();
        self.tools.clear();
        self.codes.clear();
    }
}

/// Removes the empty blocks after the records up to `to` were removed.
pub(super) fn trim(log: &Connection, to: u64) -> rusqlite::Result<usize> {
    log.execute("DELETE FROM block WHERE number < (?1 + 1) / 1024", [to])
}

/// Checks if a log has blocks. A segment and a log of an older format have an index for each field instead.
pub(super) fn are_kept(log: &Connection) -> rusqlite::Result<bool> {
    let ask = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'block')";
    log.query_row(ask, [], |row| row.get(0))
}

/// Returns the statement that finds records. With `blocks` it reads only the blocks that have all values of the query.
pub(super) fn find(query: &Query, blocks: bool) -> Statement {
    let bound = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let mut values = vec![
        // A number below 0 is not a record's, and a search shows it all the same.
        query.from.map_or(Value::Integer(i64::MIN), bound),
        query.to.map_or(Value::Integer(i64::MAX), bound),
    ];
    // Part of the text: SQLite compiles a statement again each time its limit is bound.
    let limit = query.limit;
    let fields = [("code", &query.code), ("tool", &query.tool), ("tenant", &query.tenant)];
    // An exchange has few records, and an index of its own.
    let by_block = blocks && query.exchange.is_none() && fields.iter().any(|(_, value)| value.is_some());
    let order = if query.newest_first { "DESC" } else { "ASC" };
    let (mut sql, order) = if by_block {
        (
            format!(
                "SELECT {COLUMNS} FROM block CROSS JOIN record \
                 WHERE block.number >= ?1 / 1024 AND block.number <= ?2 / 1024 \
                 AND record.seq >= max(?1, block.number * 1024) AND record.seq <= min(?2, block.number * 1024 + 1023)"
            ),
            format!(" ORDER BY block.number {order}, record.seq {order} LIMIT {limit}"),
        )
    } else {
        (
            format!("SELECT {COLUMNS} FROM record WHERE record.seq >= ?1 AND record.seq <= ?2"),
            format!(" ORDER BY record.seq {order} LIMIT {limit}"),
        )
    };
    let mut first = true;
    for (field, value) in fields {
        let Some(value) = value else { continue };
        values.push(Value::Text(value.clone()));
        let n = values.len();
        sql += &format!(" AND record.{field} = ?{n}");
        if by_block && first {
            sql += &format!(" AND block.field = '{field}' AND block.value = ?{n}");
        } else if by_block {
            // As `EXISTS` it would become a join, and lose the order.
            sql += &format!(
                " AND 1 = (SELECT 1 FROM block AS other \
                 WHERE other.field = '{field}' AND other.value = ?{n} AND other.number = block.number)"
            );
        }
        first = false;
    }
    if let Some(exchange) = &query.exchange {
        values.push(Value::Text(exchange.clone()));
        sql += &format!(" AND record.exchange = ?{}", values.len());
    }
    if let Some(text) = &query.text {
        values.push(Value::Text(text.to_ascii_lowercase()));
        sql += &format!(" AND instr(lower(record.text), ?{}) > 0", values.len());
    }
    sql += &order;
    Statement { sql, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{AuditEvent, Call, Source, Verdict};
    use crate::read::{LogReader, Stored};
    use crate::segment;
    use crate::store::{self, Store};
    use callgate_state::Synchronous;

    fn entry(n: u64) -> Entry {
        let of = |name: &str, every: u64| format!("{name}{}", u64::from(n.is_multiple_of(every)));
        let call = Call {
            exchange_id: format!("e-{n}"),
            tenant: of("tenant", 1500),
            tool: of("tool", 700),
            ..Call::default()
        };
        let code = if n.is_multiple_of(2100) { "rare".to_owned() } else { String::new() };
        let event = AuditEvent::Decision { verdict: Verdict::Deny, code, pointer: String::new(), approval_id: None };
        Entry { time: std::time::SystemTime::UNIX_EPOCH, source: Source::Executor, call: call.into(), event }
    }

    /// A log of `records` records.
    fn log(folder: &std::path::Path, records: u64) -> Store {
        let mut store = Store::open(&folder.join("state"), Synchronous::Normal).unwrap();
        let entries: Vec<_> = (1..=records).map(entry).collect();
        for group in entries.chunks(100) {
            store.write(group.iter()).unwrap();
        }
        store
    }

    fn queries() -> Vec<Query> {
        let some = |text: &str| Some(text.to_owned());
        let all = Query { limit: u32::MAX, ..Query::default() };
        let mut queries = Vec::new();
        for code in [None, some("rare"), some("none")] {
            for tool in [None, some("tool0"), some("tool1")] {
                for tenant in [None, some("tenant1")] {
                    for (from, to) in [(None, Some(u64::MAX)), (Some(1400), Some(2100))] {
                        for newest_first in [false, true] {
                            let (code, tool, tenant) = (code.clone(), tool.clone(), tenant.clone());
                            queries.push(Query { from, to, code, tool, tenant, newest_first, ..all.clone() });
                        }
                    }
                }
            }
        }
        queries
    }

    fn expected(all: &[Stored], query: &Query) -> Vec<u64> {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let mut found: Vec<u64> = all
            .iter()
            .filter(|record| {
                query.from.is_none_or(|from| record.seq >= from) && query.to.is_none_or(|to| record.seq <= to)
            })
            .filter(|record| {
                is(&query.code, &record.code) && is(&query.tool, &record.tool) && is(&query.tenant, &record.tenant)
            })
            .map(|record| record.seq)
            .collect();
        if query.newest_first {
            found.reverse();
        }
        found
    }

    #[test]
    fn a_search_by_blocks_finds_what_reading_all_records_finds() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = log(folder.path(), 3500);
        let reader = LogReader::open(store.path()).unwrap();
        for trimmed in [0, 2047, 2100] {
            if trimmed > 0 {
                assert!(store.trim(trimmed));
            }
            let all = reader.query(&Query { limit: u32::MAX, ..Query::default() }).unwrap();
            for query in queries() {
                let found: Vec<_> = reader.query(&query).unwrap().iter().map(|record| record.seq).collect();
                assert_eq!(found, expected(&all, &query), "{query:?}");
                let one = reader.query(&Query { limit: 1, ..query.clone() }).unwrap();
                assert_eq!(one.first().map(|record| record.seq), found.first().copied(), "{query:?}");
            }
        }
        let numbers: Vec<u64> = {
            let file = Connection::open(store.path()).unwrap();
            let mut ask = file.prepare("SELECT DISTINCT number FROM block ORDER BY number").unwrap();
            ask.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(numbers, [2, 3]);
    }

    #[test]
    fn the_blocks_of_an_older_log_are_those_of_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = log(folder.path(), 2500);
        let new = Connection::open(store.path()).unwrap();
        let old = Connection::open_in_memory().unwrap();
        old.execute_batch(store::FIRST).unwrap();
        old.execute_batch(store::SECOND).unwrap();
        LogReader::open(store.path()).unwrap().every(|stored| segment::insert(&old, &stored)).unwrap().unwrap();
        assert!(!are_kept(&old).unwrap());
        old.execute_batch(SCHEMA).unwrap();
        assert!(are_kept(&old).unwrap());
        let rows = |log: &Connection| -> Vec<(String, String, u64)> {
            let mut ask = log.prepare("SELECT field, value, number FROM block ORDER BY field, value, number").unwrap();
            ask.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap()
        };
        assert_eq!(rows(&old), rows(&new));
        assert_eq!(rows(&new).len(), 14);
    }

    #[test]
    fn a_field_is_answered_by_its_blocks_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = log(folder.path(), 1);
        let file = Connection::open(store.path()).unwrap();
        for query in queries() {
            let Statement { sql, values } = find(&query, true);
            let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps: Vec<String> = plan
                .query_map(rusqlite::params_from_iter(values), |row| row.get(3))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let steps = steps.join("\n");
            assert!(!steps.contains("TEMP B-TREE") && !steps.contains("SCAN"), "{sql}\n{steps}");
            let by_field = [&query.code, &query.tool, &query.tenant].iter().any(|value| value.is_some());
            let block = "SEARCH block USING PRIMARY KEY (field=? AND value=? AND number>? AND number<?)";
            assert_eq!(steps.contains(block), by_field, "{sql}\n{steps}");
            assert!(steps.contains("SEARCH record USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"), "{sql}\n{steps}");
        }
    }

    #[test]
    fn the_values_of_a_failed_group_are_noted_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = log(folder.path(), 1);
        let file = Connection::open(store.path()).unwrap();
        let refuse =
            "CREATE TRIGGER refuse BEFORE INSERT ON record WHEN NEW.seq = 3 BEGIN SELECT RAISE(ABORT, 'no'); END";
        file.execute_batch(refuse).unwrap();
        assert!(store.write([&entry(1500), &entry(4)].into_iter()).is_err());
        file.execute_batch("DROP TRIGGER refuse").unwrap();
        store.write([&entry(1500)].into_iter()).unwrap();
        let reader = LogReader::open(store.path()).unwrap();
        let query = Query { tenant: Some("tenant1".into()), limit: 9, ..Query::default() };
        assert_eq!(reader.query(&query).unwrap().len(), 1);
    }
}
