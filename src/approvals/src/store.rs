//! The store: one row for each request. Every claim and every answer is one transaction.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension as _, Transaction, params};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::request::{ApprovalAnswer, ApprovalRequest, Ask, Claim, ClaimRule, Search, Waiting};
use super::rows::{self, APPROVED, DENIED, DENIED_BEFORE, EXPIRED, PENDING, USED};
use super::{ARGUMENTS_BYTES, ApprovalError, ApprovalSettings};
use callgate_state::Synchronous;
use callgate_state::{Clock, Database, Gap, StoreHealth, StoreTime};

pub(super) const FILE: &str = "approvals.db";
/// The maximum ended requests that can be looked up. The oldest go first; the audit log keeps the answers.
const ENDED_MAX: i64 = 10_000;
/// Rows deleted with each new request: more than one, so an excess shrinks.
const PRUNED: u32 = 16;
/// Answers still in force for each possible pending request: unused approvals, unexpired refusals.
const ANSWERS: u32 = 10;

/// The store, for one caller at a time.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
    time: StoreTime,
    limits: ApprovalSettings,
}

/// The open request of a call.
struct Open {
    id: String,
    state: i64,
    expires: i64,
    reason: String,
}

// === impl Store ===

impl Store {
    pub(super) fn open(folder: &Path, clock: Arc<dyn Clock>, limits: ApprovalSettings) -> Result<Self, ApprovalError> {
        let database = Database::open(folder, FILE, &rows::FORMAT, Synchronous::Normal)?;
        rows::complete(&database)?;
        // An approval may expire early, never late.
        let time = StoreTime::open(&database, clock, Gap::Wall)?;
        let now = time.now();
        rows::shorten(&database, later(now, limits.expiry), later(now, limits.denied_for))?;
        rows::prune(&database, now, limits.keep, ENDED_MAX, PRUNED)?;
        Ok(Self { database, time, limits })
    }

    pub(super) fn claim(&mut self, ask: &Ask) -> Result<Claim, ApprovalError> {
        let Self { database, time, limits } = self;
        let now = time.now();
        database.attempt(|transaction| {
            let claim = claim(transaction, ask, limits, now)?;
            time.keep(transaction)?;
            Ok(claim)
        })
    }

    /// Claims for several calls in one transaction.
    pub(super) fn claim_all(
        &mut self,
        asks: &[Ask],
        rule: ClaimRule,
    ) -> Result<Vec<Result<Claim, ApprovalError>>, ApprovalError> {
        let Self { database, time, limits } = self;
        let now = time.now();
        let claims = database.write(|transaction| {
            let approved = match open_states(transaction, asks, now)? {
                found if is_blocked(&found, rule) => found,
                _ => vec![None; asks.len()],
            };
            let mut claims = Vec::with_capacity(asks.len());
            for (ask, found) in asks.iter().zip(approved) {
                claims.push(match found {
                    Some((APPROVED, approval_id)) => Ok(Claim::Kept { approval_id }),
                    _ if ask.arguments.len() > ARGUMENTS_BYTES => Err(ApprovalError::TooLong(ask.arguments.len())),
                    _ => claim(transaction, ask, limits, now)?,
                });
            }
            time.keep(transaction)?;
            Ok(claims)
        })?;
        Ok(claims)
    }

    /// The health of the store.
    pub(super) fn health(&self) -> StoreHealth {
        self.database.health().clone()
    }

    /// Writes a probe, which updates the health.
    pub(super) fn probe(&mut self) {
        self.database.probe();
    }

    /// Closes the store as one file.
    pub(super) fn close(self) {
        self.database.close();
    }

    /// Answers a request; `None` if it is not pending any more.
    pub(super) fn answer(
        &mut self,
        id: &str,
        answer: &ApprovalAnswer,
    ) -> Result<Option<ApprovalRequest>, ApprovalError> {
        let Self { database, time, limits } = self;
        let now = time.now();
        let waited = database.write(|transaction| {
            let needed: Option<u32> = transaction
                .prepare_cached("SELECT approvers FROM approvals WHERE id = ? AND state = ? AND expires > ?")?
                .query_row(params![id, PENDING, now], |row| row.get(0))
                .optional()?;
            let Some(needed) = needed else { return Ok(false) };
            if answer.approved && needed > 1 {
                transaction
                    .prepare_cached("INSERT INTO agreements (approval, person, reason, time) VALUES (?, ?, ?, ?)")?
                    .execute(params![id, answer.by.name, answer.reason, now])?;
            }
            if !answer.approved || agreed(transaction, id)? >= needed || needed <= 1 {
                let (state, counts) = match answer.approved {
                    true => (APPROVED, limits.expiry),
                    false => (DENIED, limits.denied_for),
                };
                transaction
                    .prepare_cached(
                        "UPDATE approvals SET state = ?, answered_by = ?, reason = ?, answered = ?, expires = ? WHERE id = ?",
                    )?
                    .execute(params![state, answer.by.name, answer.reason, now, later(now, counts), id])?;
            }
            time.keep(transaction)?;
            Ok(true)
        })?;
        if waited { self.get(id) } else { Ok(None) }
    }

    pub(super) fn get(&self, id: &str) -> Result<Option<ApprovalRequest>, ApprovalError> {
        Ok(rows::get(&self.database, &self.time, id)?)
    }

    pub(super) fn list(&self, search: &Search) -> Result<Vec<ApprovalRequest>, ApprovalError> {
        Ok(rows::list(&self.database, &self.time, search)?)
    }

    pub(super) fn waiting(&self) -> Result<Waiting, ApprovalError> {
        Ok(rows::waiting(&self.database, self.time.now())?)
    }
}

/// Uses up an approval of a call, or makes a request for one.
fn claim(
    transaction: &Transaction<'_>,
    ask: &Ask,
    limits: &ApprovalSettings,
    now: i64,
) -> rusqlite::Result<Result<Claim, ApprovalError>> {
    Ok(match open_for(transaction, &digest(ask))? {
        None => request(transaction, ask, limits, now)?,
        Some(open) if open.expires <= now => {
            let state = if open.state == DENIED { DENIED_BEFORE } else { EXPIRED };
            transaction
                .prepare_cached("UPDATE approvals SET state = ? WHERE id = ?")?
                .execute(params![state, open.id])?;
            request(transaction, ask, limits, now)?
        }
        Some(open) if open.state == APPROVED => {
            transaction
                .prepare_cached("UPDATE approvals SET state = ?, used = ? WHERE id = ?")?
                .execute(params![USED, now, open.id])?;
            Ok(Claim::Granted { approval_id: open.id })
        }
        Some(open) if open.state == DENIED => {
            Ok(Claim::Refused { left: left(open.expires, now), approval_id: open.id, reason: open.reason })
        }
        Some(open) => Ok(Claim::Pending { left: left(open.expires, now), approval_id: open.id }),
    })
}

/// The state and the id of a call's open request.
type OpenState = Option<(i64, String)>;

/// Returns the open request of each call.
fn open_states(transaction: &Transaction<'_>, asks: &[Ask], now: i64) -> rusqlite::Result<Vec<OpenState>> {
    asks.iter()
        .map(|ask| {
            let open = open_for(transaction, &digest(ask))?.filter(|open| open.expires > now);
            Ok(open.map(|open| (open.state, open.id)))
        })
        .collect()
}

/// Returns true if no approval may be used up. Two equal calls need two approvals, and there is never more than one.
fn is_blocked(found: &[OpenState], rule: ClaimRule) -> bool {
    let mut ids = HashSet::new();
    match rule {
        ClaimRule::Each => false,
        ClaimRule::NoneIfDenied => found.iter().flatten().any(|(state, _)| *state == DENIED),
        ClaimRule::AllOrNone => {
            !found.iter().all(|open| matches!(open, Some((state, id)) if *state == APPROVED && ids.insert(id)))
        }
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

/// Counts those who agreed.
fn agreed(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<u32> {
    transaction.prepare_cached("SELECT count(*) FROM agreements WHERE approval = ?")?.query_row([id], |row| row.get(0))
}

/// Makes a new request.
fn request(
    transaction: &Transaction<'_>,
    ask: &Ask,
    limits: &ApprovalSettings,
    now: i64,
) -> rusqlite::Result<Result<Claim, ApprovalError>> {
    let open = rows::count(transaction, &ask.tenant, now)?;
    for (found, bound) in [(open.pending_of_tenant, limits.pending_per_tenant), (open.pending, limits.pending)] {
        if found >= bound {
            return Ok(Err(ApprovalError::TooMany(found)));
        }
    }
    for (found, bound) in [(open.answers_of_tenant, limits.pending_per_tenant), (open.answers, limits.pending)] {
        if found >= bound.saturating_mul(ANSWERS) {
            return Ok(Err(ApprovalError::TooManyAnswers(found)));
        }
    }
    rows::prune(transaction, now, limits.keep, ENDED_MAX, PRUNED)?;
    // Ordered by time.
    let id = Uuid::now_v7().to_string();
    rows::insert(transaction, &id, &digest(ask), ask, now, later(now, limits.expiry))?;
    Ok(Ok(Claim::Pending { approval_id: id, left: limits.expiry }))
}

/// Digest of everything an approval is bound to. Each part is preceded by its length, so no two calls read the same.
fn digest(ask: &Ask) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [&ask.tenant, &ask.role, &ask.contract_digest, &ask.tool, &ask.arguments] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    if let Some(workspace) = &ask.workspace {
        hash.update((workspace.len() as u64).to_be_bytes());
        hash.update(workspace);
    }
    hash.finalize().into()
}

fn later(now: i64, time: Duration) -> i64 {
    now.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

fn left(expires: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(expires.saturating_sub(now)).unwrap_or_default())
}
