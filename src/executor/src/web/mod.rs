//! The HTTP server for people: an API (`/api/v1`, described by its own OpenAPI document) and a page built on it alone.
//!
//! Everything but the page's own files needs a token: a bearer token, or a session the page opened with one. A model
//! wrote the arguments shown here, and the reader may be its target. They are sent as JSON only, and the page inserts
//! them as text.

mod api;
mod auth;
mod host;
mod page;
mod persons;
mod problem;
mod server;
mod sessions;
mod settings;
mod throttle;
mod token_file;
mod tokens;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use uuid::Uuid;

pub use self::server::{HttpServer, HttpServerError};
use self::sessions::Sessions;
pub(crate) use self::settings::HttpSection;
pub use self::settings::{Http, Tokens};
use self::throttle::Throttle;
pub use self::tokens::TokenError;
use self::tokens::{Role, TokenStore};
use crate::transport::Listen;
use callgate_approvals::Approvals;
use callgate_audit::AuditLog;

/// The state of the HTTP server. Clones share it.
#[derive(Clone)]
pub struct Web(Arc<Services>);

struct Services {
    approvals: Approvals,
    audit: AuditLog,
    tokens: TokenStore,
    sessions: Sessions,
    attempts: Throttle,
}

// === impl Web ===

impl Web {
    /// Reads the tokens, or creates one in the state directory.
    ///
    /// # Errors
    /// The tokens cannot be used.
    pub fn open(
        listen: &Listen,
        tokens: &Tokens,
        state_dir: &Path,
        approvals: Approvals,
        audit: AuditLog,
    ) -> Result<Self, TokenError> {
        let tokens = TokenStore::open(tokens, state_dir)?;
        let sessions = Sessions::new(listen.tls.is_some());
        Ok(Self(Arc::new(Services { approvals, audit, tokens, sessions, attempts: Throttle::default() })))
    }

    /// Returns the names of the persons who can answer now.
    fn approvers(&self) -> Result<BTreeSet<String>, TokenError> {
        let holders = self.0.tokens.holders()?;
        let approvers = holders.iter().filter(|holder| holder.role == Role::Approver);
        Ok(approvers.map(|holder| holder.name.clone()).collect())
    }
}

/// Checks the tokens of the HTTP server; writes nothing.
///
/// # Errors
/// The tokens cannot be used.
pub fn check_tokens(http: &Http, state_dir: &Path) -> Result<(), TokenError> {
    match http {
        Http::Off => Ok(()),
        Http::On { tokens, .. } => tokens::check(tokens, state_dir),
    }
}

/// Returns all routes. Others may be merged into the router; they bring their own authentication.
pub fn router(web: Web) -> Router {
    page::with_headers(api::router(web).merge(page::router()))
}

/// Returns the OpenAPI document of [`router`].
pub fn openapi() -> utoipa::openapi::OpenApi {
    api::openapi()
}

/// Returns 244 random bits from the system's source.
fn secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
