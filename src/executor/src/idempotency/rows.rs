//! The rows of the local store.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{CallIdentity, Key, Orphan};
use callgate_state::{Format, StoreTime};

/// Keys count up with time, so the oldest rows need no index of their own. `begun` is the store's own time.
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
    // Their executor has ended, and their outcomes are lost.
    opening: "UPDATE calls SET state = 2 WHERE state = 0",
    // Rows are short.
    page_bytes: 1024,
};

const RUNNING: i64 = 0;
const DONE: i64 = 1;
/// Begun, and the outcome is lost.
const LEFT: i64 = 2;

/// The stored state of a begun call.
pub(super) enum Kept {
    Running,
    Done(Vec<u8>),
    Left,
    /// The key belongs to another call.
    Other,
}

/// Caps beginnings at the current time. An earlier version wrote the wall clock's time, which may have been ahead, and
/// such rows would keep those behind them from expiring.
pub(super) fn none_from_the_future(store: &Connection, time: &StoreTime) -> rusqlite::Result<()> {
    store.execute("UPDATE calls SET begun = ?1 WHERE begun > ?1", [time.now()]).map(drop)
}

/// Begins a call; returns `None` if it is new.
pub(super) fn begin(
    store: &Connection,
    time: &StoreTime,
    key: &Key,
    what: &CallIdentity,
) -> rusqlite::Result<Option<Kept>> {
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
                // Any other value: the call was begun, and its outcome is not recorded.
                (true, _) => Kept::Left,
            })
        })
        .map(Some)
}

/// Ends a call; false if it is not running.
pub(super) fn finish(store: &Connection, key: &Key, outcome: &[u8]) -> rusqlite::Result<bool> {
    let changed = store
        .prepare_cached(
            "UPDATE calls SET state = ?, outcome = ?
             WHERE exchange = ? AND round = ? AND position = ? AND tenant = ? AND state <> ?",
        )?
        .execute(params![DONE, outcome, key.exchange_id, key.round, key.position, key.tenant, DONE])?;
    Ok(changed == 1)
}

/// Marks the outcome of a call as lost.
pub(super) fn leave(store: &Connection, key: &Key) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "UPDATE calls SET state = ?
             WHERE exchange = ? AND round = ? AND position = ? AND tenant = ? AND state = ?",
        )?
        .execute(params![LEFT, key.exchange_id, key.round, key.position, key.tenant, RUNNING])?;
    Ok(())
}

/// Takes back a beginning: nothing of the call ran.
pub(super) fn abandon(store: &Connection, key: &Key) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "DELETE FROM calls WHERE exchange = ? AND round = ? AND position = ? AND tenant = ? AND state = ?",
        )?
        .execute(params![key.exchange_id, key.round, key.position, key.tenant, RUNNING])?;
    Ok(())
}

/// The calls with a lost outcome.
pub(super) fn left(store: &Connection, time: &StoreTime) -> rusqlite::Result<Vec<Orphan>> {
    store
        .prepare_cached(
            "SELECT tenant, exchange, round, position, begun, what, tool, role, contract FROM calls
             WHERE state = ? ORDER BY name",
        )?
        .query_map([LEFT], |row| {
            let key = Key { tenant: row.get(0)?, exchange_id: row.get(1)?, round: row.get(2)?, position: row.get(3)? };
            let what = CallIdentity {
                digest: row.get(5)?,
                tool: row.get(6)?,
                role: row.get(7)?,
                contract_digest: row.get(8)?,
            };
            Ok(Orphan { key, what, begun: time.shown(row.get(4)?) })
        })?
        .collect()
}

/// Deletes at most `at_most` of the oldest calls begun longer than `keep` ago and not running; returns their number.
pub(super) fn prune(store: &Connection, time: &StoreTime, keep: Duration, at_most: u32) -> rusqlite::Result<usize> {
    let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    let before = time.now().saturating_sub(keep);
    // Part of the text: SQLite compiles a statement again each time its limit is bound.
    let oldest = format!("SELECT name, begun FROM calls ORDER BY name LIMIT {at_most}");
    let newest: Option<i64> = store
        .prepare_cached(&format!("SELECT max(name) FROM ({oldest}) WHERE begun < ?"))?
        .query_row([before], |row| row.get(0))
        .optional()?
        .flatten();
    match newest {
        None => Ok(0),
        Some(newest) => store
            .prepare_cached("DELETE FROM calls WHERE name <= ? AND begun < ? AND state <> ?")?
            .execute(params![newest, before, RUNNING]),
    }
}
