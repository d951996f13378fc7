//! Searches the audit log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use super::super::Web;
use super::super::auth::Viewer;
use super::super::problem::{Problem, ProblemBody};
use callgate_audit as audit;

const LISTED: u32 = 50;
const LISTED_MAX: u32 = 200;
/// The maximum time of one search.
const SEARCH: Duration = Duration::from_secs(2);
/// The maximum searches at the same time; others wait.
static SEARCHES: Semaphore = Semaphore::const_new(4);

/// Stops a search if its client goes away.
#[derive(Default)]
struct Cancelled(Arc<AtomicBool>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A selection of records. An absent field selects all.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// The tool's name.
    tool: Option<String>,
    /// The caller's tenant.
    tenant: Option<String>,
    /// The exchange's name.
    exchange: Option<String>,
    /// The violation's code or the verdict, the outcome, `approved` or `refused`.
    code: Option<String>,
    /// A text the record must contain.
    text: Option<String>,
    /// Only records before this number: `next` of the previous page.
    before: Option<u64>,
    /// The maximum number of records, 1 to 200; 50 by default.
    limit: Option<u32>,
}

/// Records of the audit log, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Found)]
pub(super) struct AuditPage {
    /// The records.
    records: Vec<Record>,
    /// The value of `before` for the next page; absent on the last page. A search that reaches its time limit returns
    /// this value with the records found so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// A record of the audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct Record {
    /// The record's number.
    seq: u64,
    /// The record: one line of RFC 8785 canonical JSON, exactly as hashed. Its `previous` is the hash of the record
    /// before.
    record: String,
    /// The SHA-256 of the record, in hexadecimal digits.
    hash: String,
}

/// Search the audit log
#[utoipa::path(get, path = "/api/v1/audit", params(Search), security(("token" = [])), responses(
    (status = 200, description = "The records", body = AuditPage),
    (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 503, body = ProblemBody)
))]
pub(super) async fn search(
    State(web): State<Web>,
    _viewer: Viewer,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Json<AuditPage>, Problem> {
    let Query(search) = search?;
    let limit = search.limit.unwrap_or(LISTED);
    if !(1..=LISTED_MAX).contains(&limit) {
        return Err(Problem::Malformed(format!("number out of range (limit); send 1 to {LISTED_MAX}")));
    }
    if search.before == Some(0) {
        return Err(Problem::Malformed("before: expected a record's number, counted from 1".into()));
    }
    // An empty field of a form selects nothing.
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let query = audit::Query {
        to: search.before.map(|before| before - 1),
        tool: said(search.tool),
        tenant: said(search.tenant),
        exchange: said(search.exchange),
        code: said(search.code),
        text: said(search.text),
        newest_first: true,
        // One more than asked for shows if another page follows.
        limit: limit + 1,
        ..audit::Query::default()
    };
    let log = web.0.audit.clone();
    let turn = SEARCHES.acquire().await.map_err(|error| Problem::Unavailable(error.to_string()))?;
    let cancelled = Cancelled::default();
    let gone = Arc::clone(&cancelled.0);
    let searching = tokio::task::spawn_blocking(move || {
        // The permit lasts until the search has ended, even if its client left.
        let _turn = turn;
        let until = Instant::now() + SEARCH;
        log.reader()?.search(&query, || gone.load(Ordering::Relaxed) || Instant::now() >= until)
    });
    let audit::Found { records: mut found, unsearched } =
        searching.await.map_err(|error| Problem::Unavailable(error.to_string()))??;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = if more { found.last().map(|stored| stored.seq) } else { unsearched.map(|seq| seq.saturating_add(1)) };
    let records = found
        .into_iter()
        .map(|stored| Record { seq: stored.seq, record: stored.text, hash: stored.hash.to_string() })
        .collect();
    Ok(Json(AuditPage { records, next }))
}
