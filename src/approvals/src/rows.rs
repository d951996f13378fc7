//! The rows of requests: stored, found and read. All times in them are the store's own.

use std::time::Duration;

use callgate_contract::Effects;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::request::{About, Answered, ApprovalRequest, Ask, Filter, RequestState, Search, Waiting};
use callgate_state::{Format, StoreTime};

/// `asked` is a digest of the call; the open requests have at most one of each.
pub(super) const FORMAT: Format = Format { steps: &[""], opening: SCHEMA, page_bytes: 1024 };

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS approvals (
        id TEXT PRIMARY KEY,
        asked BLOB NOT NULL,
        tenant TEXT NOT NULL,
        role TEXT NOT NULL,
        contract TEXT NOT NULL,
        tool TEXT NOT NULL,
        arguments TEXT NOT NULL,
        exchange TEXT NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        state INTEGER NOT NULL,
        answered_by TEXT,
        reason TEXT,
        answered INTEGER,
        used INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS agreements (
        approval TEXT NOT NULL,
        person TEXT NOT NULL,
        reason TEXT NOT NULL,
        time INTEGER NOT NULL,
        PRIMARY KEY (approval, person)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX IF NOT EXISTS open_approvals ON approvals (asked) WHERE state IN (0, 1, 3);
    CREATE INDEX IF NOT EXISTS ending_approvals ON approvals (expires);
    -- All that a list looks at, so that it reads no arguments but of what it shows.
    CREATE INDEX IF NOT EXISTS listed_approvals ON approvals (id, state, expires, created, tenant, tool);
";

/// Columns later versions added. Earlier versions can still read the table.
const LATER: [(&str, &str); 7] = [
    ("contract_name", "TEXT NOT NULL DEFAULT ''"),
    ("contract_version", "TEXT NOT NULL DEFAULT ''"),
    ("description", "TEXT NOT NULL DEFAULT ''"),
    ("writes", "INTEGER NOT NULL DEFAULT 1"),
    ("approvers", "INTEGER NOT NULL DEFAULT 1"),
    ("run_by_client", "INTEGER NOT NULL DEFAULT 0"),
    // JSON: a list of rules.
    ("held_for", "TEXT NOT NULL DEFAULT '[]'"),
];

pub(super) const PENDING: i64 = 0;
pub(super) const APPROVED: i64 = 1;
pub(super) const USED: i64 = 2;
pub(super) const DENIED: i64 = 3;
/// Denied, and the refusal has expired.
pub(super) const DENIED_BEFORE: i64 = 4;
/// Nobody answered in time, or the approval was not used in time.
pub(super) const EXPIRED: i64 = 5;

const COLUMNS: &str = "id, tenant, role, contract, tool, arguments, exchange, created, expires, state, answered_by, reason, \
     answered, used, contract_name, contract_version, description, writes, approvers, run_by_client, held_for";

/// Counts the open requests.
pub(super) struct Count {
    pub(super) pending: u32,
    pub(super) pending_of_tenant: u32,
    /// Usable approvals and refusals in force.
    pub(super) answers: u32,
    pub(super) answers_of_tenant: u32,
}

/// Adds the columns a database of an earlier version lacks.
pub(super) fn complete(store: &Connection) -> rusqlite::Result<()> {
    for (name, kind) in LATER {
        let there = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('approvals') WHERE name = ?)";
        let there: bool = store.query_row(there, [name], |row| row.get(0))?;
        if !there {
            store.execute_batch(&format!("ALTER TABLE approvals ADD COLUMN {name} {kind}"))?;
        }
    }
    Ok(())
}

/// Caps every expiry at the longest one possible now. An earlier version wrote the wall clock's time, which may have
/// been ahead, and the configuration may have changed.
pub(super) fn shorten(store: &Connection, expiry: i64, denied: i64) -> rusqlite::Result<()> {
    store.execute("UPDATE approvals SET expires = ?1 WHERE state IN (0, 1) AND expires > ?1", [expiry])?;
    store.execute("UPDATE approvals SET expires = ?1 WHERE state = 3 AND expires > ?1", [denied]).map(drop)
}

pub(super) fn insert(
    store: &Connection,
    id: &str,
    asked: &[u8; 32],
    ask: &Ask,
    now: i64,
    expires: i64,
) -> rusqlite::Result<()> {
    let About { contract, version, description, effects, approvers, run_by_client, held_for } = &ask.about;
    let held_for = serde_json::to_string(held_for).unwrap_or_else(|_| "[]".to_owned());
    store
        .prepare_cached(
            "INSERT INTO approvals (id, asked, tenant, role, contract, tool, arguments, exchange, created, expires, state,
                 contract_name, contract_version, description, writes, approvers, run_by_client, held_for)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            id,
            asked,
            ask.tenant,
            ask.role,
            ask.contract_digest,
            ask.tool,
            ask.arguments,
            ask.exchange_id,
            now,
            expires,
            PENDING,
            contract,
            version,
            description,
            written(*effects),
            approvers,
            run_by_client,
            held_for,
        ])?;
    Ok(())
}

/// The column `writes` of a tool's effects. Older executors read any number but 0 as `write`.
fn written(effects: Effects) -> i64 {
    match effects {
        Effects::Read => 0,
        Effects::Write => 1,
        Effects::Destructive => 2,
    }
}

/// The effects in the column `writes`.
fn effects(written: i64) -> Effects {
    match written {
        0 => Effects::Read,
        2 => Effects::Destructive,
        _ => Effects::Write,
    }
}

pub(super) fn count(store: &Connection, tenant: &str, now: i64) -> rusqlite::Result<Count> {
    store
        .prepare_cached(
            "SELECT coalesce(sum(state = 0), 0), coalesce(sum(state = 0 AND tenant = ?1), 0),
                 coalesce(sum(state <> 0), 0), coalesce(sum(state <> 0 AND tenant = ?1), 0)
             FROM approvals INDEXED BY listed_approvals WHERE state IN (0, 1, 3) AND expires > ?2",
        )?
        .query_row(params![tenant, now], |row| {
            Ok(Count {
                pending: row.get(0)?,
                pending_of_tenant: row.get(1)?,
                answers: row.get(2)?,
                answers_of_tenant: row.get(3)?,
            })
        })
}

pub(super) fn waiting(store: &Connection, now: i64) -> rusqlite::Result<Waiting> {
    store
        .prepare_cached(
            "SELECT count(*), coalesce(min(created), ?1) FROM approvals INDEXED BY listed_approvals
             WHERE state = 0 AND expires > ?1",
        )?
        .query_row([now], |row| {
            let oldest = u64::try_from(now.saturating_sub(row.get(1)?)).unwrap_or_default();
            Ok(Waiting { requests: row.get(0)?, oldest: Duration::from_millis(oldest) })
        })
}

pub(super) fn get(store: &Connection, time: &StoreTime, id: &str) -> rusqlite::Result<Option<ApprovalRequest>> {
    let query = format!("SELECT {COLUMNS} FROM approvals WHERE id = ?");
    let request = store.prepare_cached(&query)?.query_row([id], |row| read(row, time)).optional()?;
    request.map(|request| with_agreements(store, time, request)).transpose()
}

pub(super) fn list(store: &Connection, time: &StoreTime, search: &Search) -> rusqlite::Result<Vec<ApprovalRequest>> {
    let (condition, order) = match search.filter {
        Filter::Pending => ("state = 0 AND expires > ?1 AND (?2 IS NULL OR id > ?2)", "id"),
        Filter::Ended => ("NOT (state = 0 AND expires > ?1) AND (?2 IS NULL OR id < ?2)", "id DESC"),
        Filter::All => ("?1 IS NOT NULL AND (?2 IS NULL OR id < ?2)", "id DESC"),
    };
    let query = format!(
        "SELECT {COLUMNS} FROM approvals WHERE id IN (
             SELECT id FROM approvals INDEXED BY listed_approvals
             WHERE {condition} AND (?3 IS NULL OR tool = ?3) AND (?4 IS NULL OR tenant = ?4)
                 AND (?5 IS NULL OR instr(lower(id || char(10) || tool || char(10) || tenant), lower(?5)) > 0)
             ORDER BY {order} LIMIT {}
         ) ORDER BY {order}",
        search.limit
    );
    let values = params![time.now(), search.after, search.tool, search.tenant, search.text];
    let mut query = store.prepare_cached(&query)?;
    let rows = query.query_map(values, |row| read(row, time))?.collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter().map(|request| with_agreements(store, time, request)).collect()
}

/// Deletes requests ended longer than `keep` ago, and the oldest ended ones above the limit `ended`; at most `at_most`
/// of each. The number is part of the text, since SQLite compiles a statement again each time its limit is bound.
pub(super) fn prune(store: &Connection, now: i64, keep: Duration, ended: i64, at_most: u32) -> rusqlite::Result<()> {
    let before = now.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
    store
        .prepare_cached(&format!(
            "DELETE FROM approvals WHERE id IN \
             (SELECT id FROM approvals WHERE expires < ? ORDER BY expires LIMIT {at_most})"
        ))?
        .execute([before])?;
    store
        .prepare_cached(
            "DELETE FROM approvals WHERE id IN (
                 SELECT id FROM approvals INDEXED BY listed_approvals
                 WHERE NOT (state IN (0, 1, 3) AND expires > ?1)
                 ORDER BY id
                 LIMIT max(0, min(?3, (
                     SELECT count(*) FROM approvals INDEXED BY listed_approvals
                     WHERE NOT (state IN (0, 1, 3) AND expires > ?1)
                 ) - ?2))
             )",
        )?
        .execute(params![now, ended, at_most])?;
    store.prepare_cached("DELETE FROM agreements WHERE approval NOT IN (SELECT id FROM approvals)")?.execute([])?;
    Ok(())
}

fn with_agreements(
    store: &Connection,
    time: &StoreTime,
    mut request: ApprovalRequest,
) -> rusqlite::Result<ApprovalRequest> {
    if request.ask.about.approvers > 1 {
        request.agreed = store
            .prepare_cached("SELECT person, reason, time FROM agreements WHERE approval = ? ORDER BY time, person")?
            .query_map([&request.id], |row| {
                Ok(Answered { by: row.get(0)?, reason: row.get(1)?, time: time.shown(row.get(2)?) })
            })?
            .collect::<rusqlite::Result<_>>()?;
    }
    Ok(request)
}

fn read(row: &Row<'_>, time: &StoreTime) -> rusqlite::Result<ApprovalRequest> {
    let answered = || {
        Ok::<_, rusqlite::Error>(Answered { by: row.get(10)?, reason: row.get(11)?, time: time.shown(row.get(12)?) })
    };
    let expires: i64 = row.get(8)?;
    let lapsed = expires <= time.now();
    let state = match row.get(9)? {
        PENDING if !lapsed => RequestState::Pending,
        APPROVED if !lapsed => RequestState::Approved(answered()?),
        USED => RequestState::Used { answered: answered()?, used: time.shown(row.get(13)?) },
        DENIED | DENIED_BEFORE => RequestState::Denied(answered()?),
        // It is not open any more, whatever it was.
        _ => RequestState::Expired,
    };
    let about = About {
        contract: row.get(14)?,
        version: row.get(15)?,
        description: row.get(16)?,
        effects: effects(row.get(17)?),
        approvers: row.get(18)?,
        run_by_client: row.get(19)?,
        // A text that is not ours explains nothing.
        held_for: serde_json::from_str(&row.get::<_, String>(20)?).unwrap_or_default(),
    };
    let ask = Ask {
        tenant: row.get(1)?,
        role: row.get(2)?,
        contract_digest: row.get(3)?,
        tool: row.get(4)?,
        arguments: row.get(5)?,
        workspace: None,
        exchange_id: row.get(6)?,
        about,
    };
    let (created, expires) = (time.shown(row.get(7)?), time.shown(expires));
    Ok(ApprovalRequest { id: row.get(0)?, ask, created, expires, agreed: Vec::new(), state })
}
