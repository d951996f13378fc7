//! Requests for approval.

use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use callgate_contract::Effects;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Web;
use super::super::auth::{Approver, Viewer};
use super::super::problem::{Fault, Problem};
use super::super::tokens::{Holder, Role};
use callgate_approvals::{self as approvals, Answer, Answered, Approvals, Filter, Request, Search, Standing};

const LISTED: u32 = 50;
const LISTED_MAX: u32 = 200;
/// Bytes of what is searched for.
const SEARCH_BYTES: usize = 128;
/// Characters of a reason: it goes to the model, and into the audit log.
const REASON_CHARS: usize = 500;

/// Which requests are listed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Those that wait, which is the default; those that have ended; all.
    state: Option<Listed>,
    /// At most so many, 1 to 200; 50 by default.
    limit: Option<u32>,
    /// Go on after this request: `next` of the list before.
    after: Option<String>,
    /// Only requests of this tool.
    tool: Option<String>,
    /// Only requests of this tenant.
    tenant: Option<String>,
    /// Only requests with this text in their ID, tool or tenant.
    text: Option<String>,
}

/// Which requests are listed.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Listed {
    /// Those that wait, from the oldest.
    Pending,
    /// Those that do not wait any more, from the newest.
    Ended,
    /// All, from the newest.
    All,
}

/// Requests for approval.
#[derive(Serialize, ToSchema)]
pub(super) struct List {
    /// What the executor's clock says.
    now: String,
    /// The requests, without their arguments.
    approvals: Vec<Approval>,
    /// What `after` takes to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A request for approval.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Approval {
    /// Names it.
    id: String,
    /// What has become of it.
    state: Stage,
    /// The tool.
    tool: String,
    /// The caller's tenant.
    tenant: String,
    /// The caller's role.
    role: String,
    /// The name of the contract that decided; empty if an earlier version of the executor stored the request.
    contract: String,
    /// Its version.
    contract_version: String,
    /// Its digest.
    contract_digest: String,
    /// The tool's effects.
    effects: Effect,
    /// The number of different persons who must agree.
    approvers: u8,
    /// Who agreed so far, if more than one must.
    agreed: Vec<String>,
    /// The exchange that asked first.
    exchange_id: String,
    /// How long the arguments are.
    arguments_bytes: usize,
    /// When it was asked.
    created: String,
    /// Until when an answer counts; for one that is approved, until when it can be used; for one that is denied, until when the
    /// same call is refused.
    expires: String,
    /// Who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Why, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<String>,
    /// When the approval was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<String>,
}

/// A request for approval, whole.
#[derive(Serialize, ToSchema)]
pub(super) struct Whole {
    /// The request.
    #[serde(flatten)]
    approval: Approval,
    /// The contract's description of the tool; may be empty.
    description: String,
    /// The arguments that run if it is approved: RFC 8785 canonical JSON, byte for byte.
    arguments: String,
    /// The answers that the person who asks may give.
    may: May,
    /// What the executor's clock says.
    now: String,
}

/// What has become of a request.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Stage {
    /// It waits for an answer.
    Pending,
    /// The call may run once.
    Approved,
    /// It was approved, and the call has claimed that.
    Used,
    /// The call must not run.
    Denied,
    /// Nobody answered in time, or the approval was not used in time.
    Expired,
}

/// The effects of a tool.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Effect {
    /// It only reads.
    Read,
    /// It may change something.
    Write,
}

/// The answers that somebody may give to a request.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum May {
    /// Approve or deny it.
    Answer,
    /// Deny it: it comes from their own tenant, or they have agreed already and another person must.
    Deny,
    /// Look at it.
    Look,
}

/// Why it is answered so.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// In your words, at most 500 characters. A denied caller is told.
    #[serde(default)]
    reason: String,
}

/// List requests for approval
#[utoipa::path(get, path = "/api/v1/approvals", params(Which), security(("token" = [])), responses(
    (status = 200, description = "The requests", body = List),
    (status = 400, body = Fault), (status = 401, body = Fault), (status = 503, body = Fault)
))]
pub(super) async fn list(
    State(web): State<Web>,
    _viewer: Viewer,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<List>, Problem> {
    let Query(which) = which?;
    let limit = which.limit.unwrap_or(LISTED);
    if !(1..=LISTED_MAX).contains(&limit) {
        return Err(Problem::Malformed(format!("limit: expected 1 to {LISTED_MAX}")));
    }
    let filter = match which.state.unwrap_or(Listed::Pending) {
        Listed::Pending => Filter::Pending,
        Listed::Ended => Filter::Ended,
        Listed::All => Filter::All,
    };
    // What a form leaves empty does not matter.
    let said = |text: Option<String>| match text.filter(|text| !text.is_empty()) {
        Some(text) if text.len() > SEARCH_BYTES => {
            Err(Problem::Malformed(format!("tool, tenant, text: expected at most {SEARCH_BYTES} bytes")))
        }
        text => Ok(text),
    };
    let search = Search {
        filter,
        tool: said(which.tool)?,
        tenant: said(which.tenant)?,
        text: said(which.text)?,
        after: said(which.after)?,
        // One more tells whether there is more.
        limit: limit + 1,
    };
    let mut found = web.0.approvals.list(search).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = if more { found.last().map(|request| request.id.clone()) } else { None };
    let approvals = found.iter().map(Approval::from).collect();
    Ok(Json(List { now: text(SystemTime::now()), approvals, next }))
}

/// Look at a request, with its arguments
#[utoipa::path(get, path = "/api/v1/approvals/{id}", params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 200, description = "The request", body = Whole),
    (status = 401, body = Fault), (status = 404, body = Fault), (status = 503, body = Fault)
))]
pub(super) async fn get(
    State(web): State<Web>,
    Viewer(holder): Viewer,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Whole>, Problem> {
    let Path(id) = id?;
    let request = web.0.approvals.get(&id).await?.ok_or(Problem::NotFound)?;
    Ok(Json(Whole::of(&request, &holder, &web.0.approvals)))
}

/// Agree to just this call, once
#[utoipa::path(post, path = "/api/v1/approvals/{id}/approve", params(("id" = String, Path)), request_body = Why,
    security(("token" = [])), responses(
    (status = 200, description = "It is approved", body = Whole),
    (status = 400, body = Fault), (status = 401, body = Fault), (status = 403, body = Fault), (status = 404, body = Fault),
    (status = 409, description = "It has been answered already", body = Fault),
    (status = 410, description = "It has expired", body = Fault), (status = 503, body = Fault)
))]
pub(super) async fn approve(
    State(web): State<Web>,
    Approver(holder): Approver,
    id: Result<Path<String>, PathRejection>,
    why: Result<Json<Why>, JsonRejection>,
) -> Result<Json<Whole>, Problem> {
    answer(&web, holder, id?, why?, true).await
}

/// Refuse a call
#[utoipa::path(post, path = "/api/v1/approvals/{id}/deny", params(("id" = String, Path)), request_body = Why,
    security(("token" = [])), responses(
    (status = 200, description = "It is refused", body = Whole),
    (status = 400, body = Fault), (status = 401, body = Fault), (status = 403, body = Fault), (status = 404, body = Fault),
    (status = 409, description = "It has been answered already", body = Fault),
    (status = 410, description = "It has expired", body = Fault), (status = 503, body = Fault)
))]
pub(super) async fn deny(
    State(web): State<Web>,
    Approver(holder): Approver,
    id: Result<Path<String>, PathRejection>,
    why: Result<Json<Why>, JsonRejection>,
) -> Result<Json<Whole>, Problem> {
    answer(&web, holder, id?, why?, false).await
}

async fn answer(
    web: &Web,
    holder: Holder,
    Path(id): Path<String>,
    Json(Why { reason }): Json<Why>,
    approved: bool,
) -> Result<Json<Whole>, Problem> {
    let reason = reason.trim().to_owned();
    if reason.chars().count() > REASON_CHARS || reason.chars().any(char::is_control) {
        return Err(Problem::Malformed(format!("reason: expected one line of at most {REASON_CHARS} characters")));
    }
    let request = web.0.approvals.answer(&id, Answer { approved, by: holder.person(), reason }).await?;
    Ok(Json(Whole::of(&request, &holder, &web.0.approvals)))
}

fn text(time: SystemTime) -> String {
    // Out of its range only for clocks that are far off.
    jiff::Timestamp::try_from(time).map(|time| time.to_string()).unwrap_or_default()
}

// === impl Approval ===

impl From<&Request> for Approval {
    fn from(request: &Request) -> Self {
        let (state, answered, used) = match &request.state {
            approvals::State::Pending => (Stage::Pending, None, None),
            approvals::State::Approved(answered) => (Stage::Approved, Some(answered), None),
            approvals::State::Used { answered, used } => (Stage::Used, Some(answered), Some(*used)),
            approvals::State::Denied(answered) => (Stage::Denied, Some(answered), None),
            approvals::State::Expired => (Stage::Expired, None, None),
        };
        let of = |part: fn(&Answered) -> String| answered.map(part);
        Self {
            id: request.id.clone(),
            state,
            tool: request.ask.tool.clone(),
            tenant: request.ask.tenant.clone(),
            role: request.ask.role.clone(),
            contract: request.ask.about.contract.clone(),
            contract_version: request.ask.about.version.clone(),
            contract_digest: request.ask.contract_digest.clone(),
            effects: match request.ask.about.effects {
                Effects::Read => Effect::Read,
                Effects::Write => Effect::Write,
            },
            approvers: request.ask.about.approvers,
            agreed: request.agreed.iter().map(|one| one.by.clone()).collect(),
            exchange_id: request.ask.exchange_id.clone(),
            arguments_bytes: request.ask.arguments.len(),
            created: text(request.created),
            expires: text(request.expires),
            by: of(|answered| answered.by.clone()),
            reason: of(|answered| answered.reason.clone()),
            answered: of(|answered| text(answered.time)),
            used: used.map(text),
        }
    }
}

// === impl Whole ===

impl Whole {
    fn of(request: &Request, holder: &Holder, approvals: &Approvals) -> Self {
        let agreed = request.agreed.iter().any(|one| one.by == holder.name);
        let may = match (holder.role, approvals.standing(&holder.person(), &request.ask)) {
            (Role::Viewer, _) | (Role::Approver, Standing::Nothing) => May::Look,
            (Role::Approver, Standing::Refuse) => May::Deny,
            (Role::Approver, Standing::Answer) if agreed => May::Deny,
            (Role::Approver, Standing::Answer) => May::Answer,
        };
        Self {
            approval: request.into(),
            description: request.ask.about.description.clone(),
            arguments: request.ask.arguments.clone(),
            may,
            now: text(SystemTime::now()),
        }
    }
}
