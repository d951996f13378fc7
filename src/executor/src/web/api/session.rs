//! The page's session: a token opens it; its holder, the token's end or time closes it.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Web;
use super::super::auth::{PeerAddress, Viewer, own_page};
use super::super::problem::{Problem, ProblemBody};
use super::super::sessions::LIFETIME;
use super::super::tokens::Role;

/// The token that opens a session.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    /// A token.
    token: String,
}

/// The person behind a request.
#[derive(Serialize, ToSchema)]
pub(super) struct Who {
    /// The token's name, shown beside each answer.
    name: String,
    /// The token's role.
    role: Role,
}

/// An open session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Begun {
    /// The token's name, shown beside each answer.
    name: String,
    /// The token's role.
    role: Role,
    /// The value of `x-callgate-session`, required in every request with the cookie.
    session: String,
    /// The session's lifetime in seconds.
    seconds: u64,
}

/// Exchange a token for a session: a cookie, and a value required with it
#[utoipa::path(post, path = "/api/v1/session", request_body = Login, responses(
    (status = 200, description = "The session is open and the cookie is set", body = Begun),
    (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 429, body = ProblemBody)
))]
pub(super) async fn begin(
    State(web): State<Web>,
    PeerAddress(peer): PeerAddress,
    uri: Uri,
    headers: HeaderMap,
    login: Result<Json<Login>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(login) = login?;
    // A browser always names the page's origin. Without one, no cookie is at risk.
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        own_page(&Method::POST, &uri, &headers)?;
    }
    let holder = web.holder(login.token.trim(), peer)?;
    let opened = web.0.sessions.begin(&holder).ok_or(Problem::Unavailable("no session can be begun".into()))?;
    tracing::info!(name = holder.name, ?peer, "a session was opened");
    let begun = Begun { name: holder.name, role: holder.role, session: opened.header, seconds: LIFETIME.as_secs() };
    Ok(([(header::SET_COOKIE, opened.cookie)], Json(begun)).into_response())
}

/// Read the session's person
#[utoipa::path(get, path = "/api/v1/session", security(("token" = [])), responses(
    (status = 200, description = "The holder of the token or session", body = Who), (status = 401, body = ProblemBody)
))]
pub(super) async fn look(Viewer(holder): Viewer) -> Json<Who> {
    Json(Who { name: holder.name, role: holder.role })
}

/// End the session
#[utoipa::path(delete, path = "/api/v1/session", security(("token" = [])), responses(
    (status = 204, description = "The session has ended, if one was open"), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)
))]
pub(super) async fn end(State(web): State<Web>, _viewer: Viewer, headers: HeaderMap) -> Response {
    match web.0.sessions.end(&headers) {
        Some(cookie) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}
