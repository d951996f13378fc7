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
use super::super::problem::{Problem, ProblemBody};
use super::super::tokens::{Holder, Role};
use callgate_approvals::{
    self as approvals, Answered, ApprovalAnswer, ApprovalRequest, Approvals, Filter, HeldFor, Search, Standing,
};

const LISTED: u32 = 50;
const LISTED_MAX: u32 = 200;
/// The maximum bytes of a search text.
const SEARCH_BYTES: usize = 128;
/// The maximum characters of a reason. The model and the audit log get it.
const REASON_CHARS: usize = 500;

/// A selection of requests.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// `pending` (the default), `ended` or `all`.
    state: Option<ListedState>,
    /// The maximum number of requests, 1 to 200; 50 by default.
    limit: Option<u32>,
    /// Continue after this request: `next` of the previous page.
    after: Option<String>,
    /// Only requests of this tool.
    tool: Option<String>,
    /// Only requests of this tenant.
    tenant: Option<String>,
    /// Only requests with this text in their ID, tool or tenant.
    text: Option<String>,
}

/// The states to list.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Listed)]
pub(super) enum ListedState {
    /// Pending requests, the oldest first.
    Pending,
    /// Requests no longer pending, the newest first.
    Ended,
    /// All requests, the newest first.
    All,
}

/// Requests for approval.
#[derive(Serialize, ToSchema)]
#[schema(as = List)]
pub(super) struct ApprovalList {
    /// The executor's current time.
    now: String,
    /// The requests, without their arguments.
    approvals: Vec<Approval>,
    /// The value of `after` for the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A request for approval.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Approval {
    /// The request's ID.
    id: String,
    /// The request's state.
    state: Stage,
    /// The tool.
    tool: String,
    /// The caller's tenant.
    tenant: String,
    /// The caller's role.
    role: String,
    /// The name of the contract behind the decision; empty if an earlier version of the executor stored the request.
    contract: String,
    /// The contract's version.
    contract_version: String,
    /// The contract's digest.
    contract_digest: String,
    /// The tool's effects.
    effects: Effect,
    /// The number of different persons who must agree.
    approvers: u8,
    /// The persons who agreed so far, if more than one must.
    agreed: Vec<String>,
    /// The program that runs the call once it is approved.
    run_by: RunBy,
    /// The rules that held the call when it was asked about first.
    held_for: Vec<Held>,
    /// The exchange of the first request.
    exchange_id: String,
    /// The length of the arguments in bytes.
    arguments_bytes: usize,
    /// The time of the request.
    created: String,
    /// The time until which a pending request can be answered, an approval can be used, or a denied call stays refused.
    expires: String,
    /// The person who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// The reason, in that person's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The time of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<String>,
    /// The time at which the approval was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<String>,
}

/// The program that runs a call.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum RunBy {
    /// The executor, in its sandbox or at a backend.
    Executor,
    /// The calling application. An approval lets the gate release the call to it.
    Client,
}

/// A rule that held a call.
#[derive(Serialize, ToSchema)]
pub(super) struct Held {
    /// The code of the broken rule, such as `origin_foreign`; `approval_required` for the tool's own `approval`.
    code: String,
    /// JSON Pointer into the arguments; empty for the whole call.
    pointer: String,
}

/// A request for approval with its arguments.
#[derive(Serialize, ToSchema)]
pub(super) struct Whole {
    /// The request.
    #[serde(flatten)]
    approval: Approval,
    /// The contract's description of the tool; may be empty.
    description: String,
    /// The arguments an approval allows to run: RFC 8785 canonical JSON, byte for byte.
    arguments: String,
    /// The marked strings of the call as the role's profile reads them, line by line. Empty for a tool without marks.
    understood: Vec<String>,
    /// The answers open to the person who reads this.
    may: May,
    /// The executor's current time.
    now: String,
}

/// The state of a request.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Stage {
    /// It waits for an answer.
    Pending,
    /// The call may run once.
    Approved,
    /// The request was approved and the call has used the approval.
    Used,
    /// The call must not run.
    Denied,
    /// The request was not answered in time, or the approval not used in time.
    Expired,
}

/// The effects of a tool.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Effect {
    /// The tool only reads.
    Read,
    /// The tool may change something.
    Write,
    /// The tool may delete or revoke something, or change it beyond repair.
    Destructive,
}

/// The answers a person may give to a request.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum May {
    /// Approve it or deny it.
    Answer,
    /// Deny it only: the request comes from the person's own tenant, or the person has agreed already and another must.
    Deny,
    /// Read it only.
    Look,
}

/// The reason for an answer.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// A text of at most 500 characters. A denied caller gets it.
    #[serde(default)]
    reason: String,
}

/// ApprovalList requests for approval
#[utoipa::path(get, path = "/api/v1/approvals", params(Which), security(("token" = [])), responses(
    (status = 200, description = "The requests", body = ApprovalList),
    (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 503, body = ProblemBody)
))]
pub(super) async fn list(
    State(web): State<Web>,
    _viewer: Viewer,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<ApprovalList>, Problem> {
    let Query(which) = which?;
    let limit = which.limit.unwrap_or(LISTED);
    if !(1..=LISTED_MAX).contains(&limit) {
        return Err(Problem::Malformed(format!("number out of range (limit); send 1 to {LISTED_MAX}")));
    }
    let filter = match which.state.unwrap_or(ListedState::Pending) {
        ListedState::Pending => Filter::Pending,
        ListedState::Ended => Filter::Ended,
        ListedState::All => Filter::All,
    };
    // An empty field of a form selects nothing.
    let said = |text: Option<String>| match text.filter(|text| !text.is_empty()) {
        Some(text) if text.len() > SEARCH_BYTES => {
            Err(Problem::Malformed(format!("text too long (tool, tenant, text); send at most {SEARCH_BYTES} bytes")))
        }
        text => Ok(text),
    };
    let search = Search {
        filter,
        tool: said(which.tool)?,
        tenant: said(which.tenant)?,
        text: said(which.text)?,
        after: said(which.after)?,
        // One more than asked for shows if another page follows.
        limit: limit + 1,
    };
    let mut found = web.0.approvals.list(search).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = if more { found.last().map(|request| request.id.clone()) } else { None };
    let approvals = found.iter().map(Approval::from).collect();
    Ok(Json(ApprovalList { now: text(SystemTime::now()), approvals, next }))
}

/// Read a request with its arguments
#[utoipa::path(get, path = "/api/v1/approvals/{id}", params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 200, description = "The request", body = Whole),
    (status = 401, body = ProblemBody), (status = 404, body = ProblemBody), (status = 503, body = ProblemBody)
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

/// Approve this call, once
#[utoipa::path(post, path = "/api/v1/approvals/{id}/approve", params(("id" = String, Path)), request_body = Why,
    security(("token" = [])), responses(
    (status = 200, description = "The call is approved", body = Whole),
    (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, description = "The request has been answered already", body = ProblemBody),
    (status = 410, description = "The request has expired", body = ProblemBody), (status = 503, body = ProblemBody)
))]
pub(super) async fn approve(
    State(web): State<Web>,
    Approver(holder): Approver,
    id: Result<Path<String>, PathRejection>,
    why: Result<Json<Why>, JsonRejection>,
) -> Result<Json<Whole>, Problem> {
    answer(&web, holder, id?, why?, true).await
}

/// Deny a call
#[utoipa::path(post, path = "/api/v1/approvals/{id}/deny", params(("id" = String, Path)), request_body = Why,
    security(("token" = [])), responses(
    (status = 200, description = "The call is denied", body = Whole),
    (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, description = "The request has been answered already", body = ProblemBody),
    (status = 410, description = "The request has expired", body = ProblemBody), (status = 503, body = ProblemBody)
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
        return Err(Problem::Malformed(format!(
            "malformed text (reason); send one line of at most {REASON_CHARS} characters"
        )));
    }
    let request = web.0.approvals.answer(&id, ApprovalAnswer { approved, by: holder.person(), reason }).await?;
    Ok(Json(Whole::of(&request, &holder, &web.0.approvals)))
}

fn text(time: SystemTime) -> String {
    // Only a clock that is far off leaves the range.
    jiff::Timestamp::try_from(time).map(|time| time.to_string()).unwrap_or_default()
}

// === impl Approval ===

impl From<&ApprovalRequest> for Approval {
    fn from(request: &ApprovalRequest) -> Self {
        let (state, answered, used) = match &request.state {
            approvals::RequestState::Pending => (Stage::Pending, None, None),
            approvals::RequestState::Approved(answered) => (Stage::Approved, Some(answered), None),
            approvals::RequestState::Used { answered, used } => (Stage::Used, Some(answered), Some(*used)),
            approvals::RequestState::Denied(answered) => (Stage::Denied, Some(answered), None),
            approvals::RequestState::Expired => (Stage::Expired, None, None),
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
                Effects::Destructive => Effect::Destructive,
            },
            approvers: request.ask.about.approvers,
            agreed: request.agreed.iter().map(|one| one.by.clone()).collect(),
            run_by: if request.ask.about.run_by_client { RunBy::Client } else { RunBy::Executor },
            held_for: request.ask.about.held_for.iter().map(Held::from).collect(),
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

// === impl Held ===

impl From<&HeldFor> for Held {
    fn from(held: &HeldFor) -> Self {
        Self { code: held.code.clone(), pointer: held.pointer.clone() }
    }
}

// === impl Whole ===

impl Whole {
    fn of(request: &ApprovalRequest, holder: &Holder, approvals: &Approvals) -> Self {
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
            understood: request.ask.about.held_for.iter().flat_map(|held| held.understood.iter().cloned()).collect(),
            may,
            now: text(SystemTime::now()),
        }
    }
}
