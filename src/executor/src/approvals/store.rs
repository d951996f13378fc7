//! The store: one row a request. Every claim and every answer is one transaction.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::request::{Answer, Answered, Filter, Request, State};
use super::{ApprovalError, Ask, Claim};
use crate::config::{self, Synchronous};
use crate::state::{Database, Format, StoreHealth, millis, time};

const FILE: &str = "approvals.db";

/// `asked` is a digest of the call; among the requests that are still open there is one of each.
const FORMAT: Format = Format { steps: &[TABLE], opening: "", page_bytes: 1024 };

const TABLE: &str = "
    CREATE TABLE approvals (
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
    CREATE UNIQUE INDEX open_approvals ON approvals (asked) WHERE state IN (0, 1, 3);
    CREATE INDEX pending_approvals ON approvals (tenant, expires) WHERE state = 0;
    CREATE INDEX ending_approvals ON approvals (expires);
";

const PENDING: i64 = 0;
const APPROVED: i64 = 1;
const USED: i64 = 2;
const DENIED: i64 = 3;
/// Denied, and the caller was told.
const TOLD: i64 = 4;
/// Nobody answered in time, or the approval was not used in time.
const EXPIRED: i64 = 5;

const COLUMNS: &str = "id, tenant, role, contract, tool, arguments, exchange, created, expires, state, answered_by, reason, answered, used";

/// Rows that are forgotten at once.
const PRUNED: u32 = 256;

/// The store, for one at a time.
#[derive(Debug)]
pub(super) struct Store(Database);

/// A request that is still open for a call.
struct Open {
    id: String,
    state: i64,
    expires: i64,
    reason: String,
}

// === impl Store ===

impl Store {
    pub(super) fn open(folder: &Path) -> Result<Self, ApprovalError> {
        Ok(Self(Database::open(folder, FILE, &FORMAT, Synchronous::Normal)?))
    }

    pub(super) fn claim(
        &mut self,
        ask: &Ask,
        limits: &config::Approvals,
        now: SystemTime,
    ) -> Result<Claim, ApprovalError> {
        self.prune(now, limits.keep)?;
        self.0.attempt(|transaction| {
            Ok(Ok(match open_for(transaction, &digest(ask))? {
                None => return request(transaction, ask, limits, now),
                Some(open) if open.expires <= millis(now) => {
                    set_state(transaction, &open.id, EXPIRED)?;
                    return request(transaction, ask, limits, now);
                }
                Some(open) if open.state == APPROVED => {
                    transaction
                        .prepare_cached("UPDATE approvals SET state = ?, used = ? WHERE id = ?")?
                        .execute(params![USED, millis(now), open.id])?;
                    Claim::Granted { approval_id: open.id }
                }
                Some(open) if open.state == DENIED => {
                    set_state(transaction, &open.id, TOLD)?;
                    Claim::Refused { approval_id: open.id, reason: open.reason }
                }
                Some(open) => Claim::Pending { approval_id: open.id, expires: time(open.expires) },
            }))
        })
    }

    /// Tells how the store is.
    pub(super) fn health(&self) -> StoreHealth {
        self.0.health().clone()
    }

    /// Writes something, so that it is known whether that works.
    pub(super) fn probe(&mut self) {
        self.0.probe();
    }

    /// Leaves one file.
    pub(super) fn close(self) {
        self.0.close();
    }

    /// Answers a request; `None` where it does not wait any more.
    pub(super) fn answer(
        &mut self,
        id: &str,
        answer: &Answer,
        expiry: Duration,
        now: SystemTime,
    ) -> Result<Option<Request>, ApprovalError> {
        let state = if answer.approved { APPROVED } else { DENIED };
        let values =
            params![state, answer.by, answer.reason, millis(now), millis(now + expiry), id, PENDING, millis(now)];
        let changed = self.0.write(|transaction| {
            transaction
                .prepare_cached(
                    "UPDATE approvals SET state = ?, answered_by = ?, reason = ?, answered = ?, expires = ?
                     WHERE id = ? AND state = ? AND expires > ?",
                )?
                .execute(values)
        })?;
        if changed == 0 { Ok(None) } else { self.get(id, now) }
    }

    pub(super) fn get(&self, id: &str, now: SystemTime) -> Result<Option<Request>, ApprovalError> {
        let query = format!("SELECT {COLUMNS} FROM approvals WHERE id = ?");
        Ok(self.0.prepare_cached(&query)?.query_row([id], |row| read(row, now)).optional()?)
    }

    pub(super) fn list(
        &self,
        filter: Filter,
        before: Option<&str>,
        at_most: u32,
        now: SystemTime,
    ) -> Result<Vec<Request>, ApprovalError> {
        let (condition, order) = match filter {
            Filter::Pending => ("state = 0 AND expires > ?1 AND (?2 IS NULL OR id > ?2)", "id"),
            Filter::Ended => ("NOT (state = 0 AND expires > ?1) AND (?2 IS NULL OR id < ?2)", "id DESC"),
            Filter::All => ("?1 IS NOT NULL AND (?2 IS NULL OR id < ?2)", "id DESC"),
        };
        let query = format!("SELECT {COLUMNS} FROM approvals WHERE {condition} ORDER BY {order} LIMIT ?3");
        let mut query = self.0.prepare_cached(&query)?;
        let rows = query.query_map(params![millis(now), before, at_most], |row| read(row, now))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Forgets requests that ended longer than `keep` ago.
    pub(super) fn prune(&mut self, now: SystemTime, keep: Duration) -> Result<(), ApprovalError> {
        let Some(before) = now.checked_sub(keep) else { return Ok(()) };
        self.0.write(|transaction| {
            transaction
                .prepare_cached(
                    "DELETE FROM approvals WHERE id IN (SELECT id FROM approvals WHERE expires < ? ORDER BY expires LIMIT ?)",
                )?
                .execute(params![millis(before), PRUNED])
        })?;
        Ok(())
    }
}

fn open_for(transaction: &Transaction<'_>, asked: &[u8]) -> rusqlite::Result<Option<Open>> {
    transaction
        .prepare_cached(
            "SELECT id, state, expires, coalesce(reason, '') FROM approvals WHERE asked = ? AND state IN (0, 1, 3)",
        )?
        .query_row([asked], |row| {
            Ok(Open { id: row.get(0)?, state: row.get(1)?, expires: row.get(2)?, reason: row.get(3)? })
        })
        .optional()
}

fn set_state(transaction: &Transaction<'_>, id: &str, state: i64) -> rusqlite::Result<()> {
    transaction.prepare_cached("UPDATE approvals SET state = ? WHERE id = ?")?.execute(params![state, id])?;
    Ok(())
}

/// Asks for an approval that nobody has asked for yet.
fn request(
    transaction: &Transaction<'_>,
    ask: &Ask,
    limits: &config::Approvals,
    now: SystemTime,
) -> rusqlite::Result<Result<Claim, ApprovalError>> {
    let (all, of_tenant): (u32, u32) = transaction
        .prepare_cached("SELECT count(*), coalesce(sum(tenant = ?), 0) FROM approvals WHERE state = 0 AND expires > ?")?
        .query_row(params![ask.tenant, millis(now)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if of_tenant >= limits.pending_per_tenant {
        return Ok(Err(ApprovalError::TooMany(of_tenant)));
    }
    if all >= limits.pending {
        return Ok(Err(ApprovalError::TooMany(all)));
    }
    // Ordered by time.
    let id = Uuid::now_v7().to_string();
    let expires = millis(now + limits.expiry);
    transaction
        .prepare_cached(
            "INSERT INTO approvals (id, asked, tenant, role, contract, tool, arguments, exchange, created, expires, state)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            id,
            digest(ask),
            ask.tenant,
            ask.role,
            ask.contract_digest,
            ask.tool,
            ask.arguments,
            ask.exchange_id,
            millis(now),
            expires,
            PENDING
        ])?;
    Ok(Ok(Claim::Pending { approval_id: id, expires: time(expires) }))
}

/// Of all that an approval is bound to. Each part is preceded by its length, so that no two calls read the same.
fn digest(ask: &Ask) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [&ask.tenant, &ask.role, &ask.contract_digest, &ask.tool, &ask.arguments] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn read(row: &Row<'_>, now: SystemTime) -> rusqlite::Result<Request> {
    let answered = || {
        let time = time(row.get(12)?);
        Ok::<_, rusqlite::Error>(Answered { by: row.get(10)?, reason: row.get(11)?, time })
    };
    let expires: i64 = row.get(8)?;
    let lapsed = expires <= millis(now);
    let state = match row.get(9)? {
        PENDING if !lapsed => State::Pending,
        APPROVED if !lapsed => State::Approved(answered()?),
        USED => State::Used { answered: answered()?, used: time(row.get(13)?) },
        DENIED | TOLD => State::Denied(answered()?),
        // It is not open any more, whatever it was.
        _ => State::Expired,
    };
    let ask = Ask {
        tenant: row.get(1)?,
        role: row.get(2)?,
        contract_digest: row.get(3)?,
        tool: row.get(4)?,
        arguments: row.get(5)?,
        exchange_id: row.get(6)?,
    };
    Ok(Request { id: row.get(0)?, ask, created: time(row.get(7)?), expires: time(expires), state })
}
