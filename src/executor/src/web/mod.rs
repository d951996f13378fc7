//! The HTTP side: what people use. An API (`/api/v1`, described by its own OpenAPI document) and a page that uses nothing else.
//!
//! Everything but the page's own files needs a token: as a bearer token, or exchanged for a session by the page. Arguments
//! that are shown here were written by a model, for whom the reader may be the target: they are sent as JSON only, and the page
//! puts them in as text.

mod api;
mod auth;
mod host;
mod listed;
mod page;
mod persons;
mod problem;
mod server;
mod sessions;
mod throttle;
mod tokens;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use uuid::Uuid;

pub use self::server::{Side, SideError};
use self::sessions::Sessions;
use self::throttle::Throttle;
pub use self::tokens::TokenError;
use self::tokens::{Role, Tokens};
use crate::config;
use callgate_approvals::Approvals;
use callgate_audit::AuditLog;

/// What the HTTP side needs. Clones share it.
#[derive(Clone)]
pub struct Web(Arc<Parts>);

struct Parts {
    approvals: Approvals,
    audit: AuditLog,
    tokens: Tokens,
    sessions: Sessions,
    attempts: Throttle,
}

// === impl Web ===

impl Web {
    /// Reads the tokens, or makes one in the state directory.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn open(
        listen: &config::Listen,
        tokens: &config::Tokens,
        state_dir: &Path,
        approvals: Approvals,
        audit: AuditLog,
    ) -> Result<Self, TokenError> {
        let tokens = Tokens::open(tokens, state_dir)?;
        let sessions = Sessions::new(listen.tls.is_some());
        Ok(Self(Arc::new(Parts { approvals, audit, tokens, sessions, attempts: Throttle::default() })))
    }

    /// The names that can answer now.
    fn approvers(&self) -> Result<BTreeSet<String>, TokenError> {
        let holders = self.0.tokens.holders()?;
        let approvers = holders.iter().filter(|holder| holder.role == Role::Approver);
        Ok(approvers.map(|holder| holder.name.clone()).collect())
    }
}

/// Checks the tokens that the HTTP side would accept; writes nothing.
///
/// # Errors
/// They cannot be used.
pub fn check_tokens(config: &config::Config) -> Result<(), TokenError> {
    match &config.http {
        config::Http::Off => Ok(()),
        config::Http::On { tokens, .. } => tokens::check(tokens, &config.state_dir),
    }
}

/// All that is served. Routes of others may be merged into it; they bring their own authentication.
pub fn router(web: Web) -> Router {
    page::with_headers(api::router(web).merge(page::router()))
}

/// The OpenAPI document of what [`router`] serves.
pub fn openapi() -> utoipa::openapi::OpenApi {
    api::openapi()
}

/// 244 bits from the system's source.
fn secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
