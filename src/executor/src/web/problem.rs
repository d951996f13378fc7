//! The reasons for which the API rejects a request.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::tokens::TokenError;
use callgate_approvals::{AnswerError, ApprovalError};
use callgate_audit::ReadError;

/// A reason to reject a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The request has no token and no session.
    #[error("no token (Authorization); send Authorization: Bearer TOKEN")]
    Unauthenticated,
    /// The token or the session is invalid or expired.
    #[error("the token is unknown, or the session has ended")]
    Refused,
    /// The peer sent too many wrong tokens.
    #[error("too many wrong tokens; try again in {} s", .0.as_secs())]
    Wait(Duration),
    /// The token only allows reading.
    #[error("the token's role is viewer; answering needs the role approver")]
    Forbidden,
    /// Another site made the browser send the request.
    #[error("the request does not come from this executor's own page")]
    OtherSite,
    /// The named thing does not exist.
    #[error("unknown request for approval")]
    NotFound,
    /// The path does not exist.
    #[error("unknown path")]
    NoSuchPath,
    /// Another person answered first.
    #[error("the request has been answered already")]
    Answered,
    /// The person has agreed already.
    #[error("you have agreed already; another person must agree too")]
    Agreed,
    /// The request comes from the person's own tenant.
    #[error("the call comes from your own tenant; another person must approve it, but you may deny it")]
    Own,
    /// No rule names the person for this request.
    #[error("no rule in approvals.approvers lets you answer this request")]
    NotNamed,
    /// The answer came too late.
    #[error("the request has expired; repeat the call to ask again")]
    Expired,
    /// The request cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// The executor itself failed.
    #[error("{0}")]
    Unavailable(String),
}

/// A rejected request, as the API reports it.
#[derive(Serialize, ToSchema)]
#[schema(as = Fault)]
pub(super) struct ProblemBody {
    /// A stable code, such as `expired`.
    code: &'static str,
    /// One sentence for a person.
    message: String,
}

// === impl Problem ===

impl Problem {
    const fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::Refused => (StatusCode::UNAUTHORIZED, "refused"),
            Self::Wait(_) => (StatusCode::TOO_MANY_REQUESTS, "wait"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::OtherSite => (StatusCode::FORBIDDEN, "other_site"),
            Self::Own => (StatusCode::FORBIDDEN, "own"),
            Self::NotNamed => (StatusCode::FORBIDDEN, "not_named"),
            Self::NotFound | Self::NoSuchPath => (StatusCode::NOT_FOUND, "not_found"),
            Self::Answered => (StatusCode::CONFLICT, "answered"),
            Self::Agreed => (StatusCode::CONFLICT, "agreed"),
            Self::Expired => (StatusCode::GONE, "expired"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = self.status();
        let mut response = (status, Json(ProblemBody { code, message: self.to_string() })).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"callgate\""));
        }
        if let Self::Wait(time) = self {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(time.as_secs()));
        }
        response
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        // Only the operator may learn the file's path.
        tracing::error!(%error, "tokens cannot be checked; the HTTP server rejects everyone");
        Self::Unavailable("tokens cannot be checked; the executor's log says why".into())
    }
}

impl From<ApprovalError> for Problem {
    fn from(error: ApprovalError) -> Self {
        tracing::error!(%error, "requests for approval cannot be read");
        Self::Unavailable("approvals cannot be looked up; the executor's log says why".into())
    }
}

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::NotFound => Self::NotFound,
            AnswerError::Answered => Self::Answered,
            AnswerError::Agreed => Self::Agreed,
            AnswerError::Expired => Self::Expired,
            AnswerError::Own => Self::Own,
            AnswerError::NotNamed => Self::NotNamed,
            AnswerError::Store(error) => {
                tracing::error!(%error, "an answer was rejected: its request cannot be read");
                Self::Unavailable(
                    "the answer does not count and is not in the audit log: the request cannot be read; answer again when the \
                     executor is ready"
                        .into(),
                )
            }
            AnswerError::NotAudited(error) => {
                tracing::error!(%error, "an answer was rejected: it cannot be audited");
                Self::Unavailable(
                    "the answer does not count: it cannot be written into the audit log; answer again when the executor is ready"
                        .into(),
                )
            }
            AnswerError::NotStored(error) => {
                tracing::error!(%error, "an audited answer was rejected: it cannot be stored");
                Self::Unavailable(
                    "the answer does not count: the audit log has it, but the store of approvals cannot be written; answer again \
                     when the executor is ready"
                        .into(),
                )
            }
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "the audit log cannot be searched");
        Self::Unavailable("the audit log cannot be read; the executor's log says why".into())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::Malformed(rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::Malformed(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::NoSuchPath
    }
}
