//! Authenticates requests, and checks that a browser sends them from this executor's own page.

use std::net::IpAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};

use super::Web;
use super::problem::Problem;
use super::throttle::Wrong;
use super::tokens::{Holder, Role};
use crate::transport::{Origin, Peer};

/// A person who may read.
pub(super) struct Viewer(pub(super) Holder);

/// A person who may answer.
pub(super) struct Approver(pub(super) Holder);

/// The peer's address; `None` if the peer has none.
#[derive(Clone, Copy)]
pub(super) struct PeerAddress(pub(super) Option<IpAddr>);

// === impl Viewer ===

impl FromRequestParts<Web> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        let PeerAddress(peer) = PeerAddress::of(parts);
        if let Some(token) = bearer(&parts.headers)? {
            return web.holder(token, peer).map(Self);
        }
        if !web.0.sessions.is_named(&parts.headers) {
            return Err(Problem::Unauthenticated);
        }
        own_page(&parts.method, &parts.uri, &parts.headers)?;
        let token = web.0.sessions.token(&parts.headers).ok_or(Problem::Refused)?;
        // A session ends with the token that opened it.
        web.0.tokens.with_digest(&token)?.ok_or(Problem::Refused).map(Self)
    }
}

// === impl Approver ===

impl FromRequestParts<Web> for Approver {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        let Viewer(holder) = Viewer::from_request_parts(parts, web).await?;
        match holder.role {
            Role::Approver => Ok(Self(holder)),
            Role::Viewer => Err(Problem::Forbidden),
        }
    }
}

// === impl PeerAddress ===

impl PeerAddress {
    fn of(parts: &Parts) -> Self {
        match parts.extensions.get::<ConnectInfo<Peer>>() {
            Some(ConnectInfo(Peer { origin: Origin::Network(address), .. })) => Self(Some(address.ip())),
            Some(ConnectInfo(Peer { origin: Origin::Local(_), .. })) | None => Self(None),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for PeerAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::of(parts))
    }
}

// === impl Web ===

impl Web {
    /// Returns the holder of a peer's token. A valid token counts, however many wrong ones the peer sent.
    pub(super) fn holder(&self, token: &str, peer: Option<IpAddr>) -> Result<Holder, Problem> {
        if let Some(holder) = self.0.tokens.holder(token)? {
            return Ok(holder);
        }
        match self.0.attempts.wrong(peer) {
            Wrong::Wait(time) => Err(Problem::Wait(time)),
            Wrong::Refused { logged } => {
                if logged {
                    tracing::warn!(?peer, "a peer sent a wrong token");
                }
                Err(Problem::Refused)
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Problem::Refused)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        Some(_) | None => Err(Problem::Unauthenticated),
    }
}

/// Returns true if the browser names this executor's own page as the origin. A browser that names none may read, but
/// change nothing.
pub(super) fn own_page(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let said = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match said("sec-fetch-site") {
        Some("same-origin") | None => {}
        Some(_) => return Err(Problem::OtherSite),
    }
    let here = uri.authority().map(|authority| authority.as_str()).or_else(|| said("host"));
    match said("origin") {
        Some(origin) if origin.split_once("://").map(|(_, host)| host) == here => Ok(()),
        Some(_) => Err(Problem::OtherSite),
        None if method.is_safe() => Ok(()),
        None => Err(Problem::OtherSite),
    }
}
