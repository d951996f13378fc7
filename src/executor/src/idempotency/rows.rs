//! The rows of the local store: what is kept of a call.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Key, Left, What};
use callgate_state::{Format, StoreTime};

/// Names count up with time, so that the oldest rows are found without an index of their own. `begun` is the store's own time.
pub(super) const FORMAT: Format = Format {
    steps: &[
        "CREATE TABLE calls (
            name INTEGER PRIMARY KEY,
            exchange TEXT NOT NULL,
            round INTEGER NOT NULL,
            position INTEGER NOT NULL,
            tenant TEXT NOT NULL,
            what BLOB NOT NULL,
            state INTEGER NOT NULL,
            begun INTEGER NOT NULL,
            outcome BLOB,
            UNIQUE (exchange, round, position, tenant)
        ) STRICT",
        "ALTER TABLE calls ADD COLUMN tool TEXT NOT NULL DEFAULT '';
         ALTER TABLE calls ADD COLUMN role TEXT NOT NULL DEFAULT '';
         ALTER TABLE calls ADD COLUMN contract TEXT NOT NULL DEFAULT ''",
    ],
    // Nobody is left who could tell how these ended.
    opening: "UPDATE calls SET state = 2 WHERE state = 0",
    // Rows are short.
    page_bytes: 1024,
};

const RUNNING: i64 = 0;
const DONE: i64 = 1;
/// Begun, and nobody can tell how it ended.
const LEFT: i64 = 2;

/// What is kept of a call that was begun before.
pub(super) enum Kept {
    Running,
    Done(Vec<u8>),
    Left,
    /// It is another call.
    Other,
}

/// Puts calls that seem to begin later than now at now. An earlier version wrote the wall clock's time, which may have been
/// ahead, and such calls would keep those behind them from being forgotten.
pub(super) fn none_from_the_future(store: &Connection, time: &StoreTime) -> rusqlite::Result<()> {
    store.execute("UPDATE calls SET begun = ?1 WHERE begun > ?1", [time.now()]).map(drop)
}

/// Begins a call; `None` where it is new.
pub(super) fn begin(store: &Connection, time: &StoreTime, key: &Key, what: &What) -> rusqlite::Result<Option<Kept>> {
    let added = store
        .prepare_cached(
            "INSERT INTO calls (exchange, round, position, tenant, what, state, begun, tool, role, contract)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            key.exchange_id,
            key.round,
            key.position,
            key.tenant,
            what.digest,
            RUNNING,
            time.now(),
            what.tool,
            what.role,
            what.contract_digest
        ])?;
    if added == 1 {
        return Ok(None);
    }
    store
        .prepare_cached(
            "SELECT what, state, outcome FROM calls WHERE exchange = ? AND round = ? AND position = ? AND tenant = ?",
        )?
        .query_row(params![key.exchange_id, key.round, key.position, key.tenant], |row| {
            let same = row.get::<_, [u8; 32]>(0)? == what.digest;
            Ok(match (same, row.get(1)?) {
                (false, _) => Kept::Other,
                (true, RUNNING) => Kept::Running,
                (true, DONE) => Kept::Done(row.get(2)?),
                // Whatever else stands there, it was begun, and it does not say how it ended.
                (true, _) => Kept::Left,
            })
        })
        .map(Some)
}

/// Ends a call; false where it is not running.
pub(super) fn finish(store: &Connection, key: &Key, outcome: &[u8]) -> rusqlite::Result<bool> {
    let changed = store
        .prepare_cached(
            "UPDATE calls SET state = ?, outcome = ?
             WHERE exchange = ? AND round = ? AND position = ? AND tenant = ? AND state <> ?",
        )?
        .execute(params![DONE, outcome, key.exchange_id, key.round, key.position, key.tenant, DONE])?;
    Ok(changed == 1)
}

/// Says that nobody can tell how a call ended.
pub(super) fn leave(store: &Connection, key: &Key) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "UPDATE calls SET state = ?
             WHERE exchange = ? AND round = ? AND position = ? AND tenant = ? AND state = ?",
        )?
        .execute(params![LEFT, key.exchange_id, key.round, key.position, key.tenant, RUNNING])?;
    Ok(())
}

/// Takes back that a call was begun: nothing of it ran.
pub(super) fn abandon(store: &Connection, key: &Key) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "DELETE FROM calls WHERE exchange = ? AND round = ? AND position = ? AND tenant = ? AND state = ?",
        )?
        .execute(params![key.exchange_id, key.round, key.position, key.tenant, RUNNING])?;
    Ok(())
}

/// The calls of which nobody can tell how they ended.
pub(super) fn left(store: &Connection, time: &StoreTime) -> rusqlite::Result<Vec<Left>> {
    store
        .prepare_cached(
            "SELECT tenant, exchange, round, position, begun, what, tool, role, contract FROM calls
             WHERE state = ? ORDER BY name",
        )?
        .query_map([LEFT], |row| {
            let key = Key { tenant: row.get(0)?, exchange_id: row.get(1)?, round: row.get(2)?, position: row.get(3)? };
            let what = What { digest: row.get(5)?, tool: row.get(6)?, role: row.get(7)?, contract_digest: row.get(8)? };
            Ok(Left { key, what, begun: time.shown(row.get(4)?) })
        })?
        .collect()
}

/// Forgets at most `at_most` of the oldest calls that were begun longer than `keep` ago and do not run; says how many.
pub(super) fn prune(store: &Connection, time: &StoreTime, keep: Duration, at_most: u32) -> rusqlite::Result<usize> {
    let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    let before = time.now().saturating_sub(keep);
    let newest: Option<i64> = store
        .prepare_cached("SELECT max(name) FROM (SELECT name, begun FROM calls ORDER BY name LIMIT ?) WHERE begun < ?")?
        .query_row(params![at_most, before], |row| row.get(0))
        .optional()?
        .flatten();
    match newest {
        None => Ok(0),
        Some(newest) => store
            .prepare_cached("DELETE FROM calls WHERE name <= ? AND begun < ? AND state <> ?")?
            .execute(params![newest, before, RUNNING]),
    }
}
