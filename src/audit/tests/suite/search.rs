//! A search reads a part of the log at a time, can be stopped, and continues at the same place.

use std::cell::Cell;
use std::sync::Arc;

use callgate_audit::{Query, Source};
use rusqlite::Connection;

use super::{StateFolder, calls, decision};

#[tokio::test]
async fn a_stopped_search_returns_its_next_position() {
    let state = StateFolder::new();
    let log = state.open();
    let mut rare = decision(Source::Executor, "e-0", 0);
    Arc::make_mut(&mut rare.call).tool = "rare_tool".into();
    log.append(rare).await.unwrap();
    for part in 0..5 {
        calls(&log, &format!("e-{part}"), 500).await;
    }
    let (reader, rounds) = (log.reader().unwrap(), Cell::new(0));
    let query = Query { text: Some("rare_tool".into()), limit: 10, ..Query::default() };
    // Stopped after one part of it.
    let stop = || rounds.replace(rounds.get() + 1) >= 1;
    let found = reader.search(&query, stop).unwrap();
    let at = found.unsearched.unwrap();
    assert!(found.records.is_empty() && at > 1 && at < log.head().seq, "{at}");
    let found = reader.search(&Query { to: Some(at), ..query }, || false).unwrap();
    assert_eq!((found.records.len(), found.records[0].seq, found.unsearched), (1, 1, None));
}

/// The plans of the other conditions are tested beside their statement.
#[tokio::test]
async fn an_exchange_is_answered_by_an_index() {
    let state = StateFolder::new();
    let log = state.open();
    calls(&log, "e-1", 1).await;
    let connection = Connection::open(state.file()).unwrap();
    let ask =
        "EXPLAIN QUERY PLAN SELECT seq FROM record WHERE seq >= 1 AND seq <= 9 AND exchange = 'x' ORDER BY seq DESC";
    let plan: String = connection.query_row(ask, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("record_of_exchange"), "{plan}");
}
