//! The HTTP side of an executor, and requests to it.

use std::fs::{Permissions, set_permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use callgate_approvals::{Approvals, Ask, Claim};
use callgate_executor::config::Http;
use callgate_executor::transport::{Origin, Peer};
use callgate_executor::web::{self, Web};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::waiting::audit;
use crate::desk::hex;
use crate::idempotency::config;

pub(super) const ALICE: &str = "alice-token-0123456789abcdef";
pub(super) const VERA: &str = "vera-token-0123456789abcdef";
pub(super) const HERE: &str = "127.0.0.1:7071";

/// The HTTP side of an executor, with an approver and a viewer.
pub(super) struct Site {
    pub(super) router: Router,
    pub(super) approvals: Approvals,
    pub(super) folder: TempDir,
}

/// An answer.
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// A request under construction.
pub(super) struct Asked<'a> {
    site: &'a Site,
    method: Method,
    path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    peer: [u8; 4],
}

pub(super) fn line(name: &str, role: &str, token: &str) -> String {
    format!("{name} {role} sha256:{}\n", hex(&Sha256::digest(token)))
}

impl Site {
    pub(super) fn new() -> Self {
        Self::with("", "")
    }

    /// `http` is YAML inside the section, `more` of the file.
    pub(super) fn with(http: &str, more: &str) -> Self {
        let tokens = line("alice", "approver", ALICE) + &line("vera", "viewer", VERA);
        Self::listing(&tokens, http, more)
    }

    /// `tokens` is the whole token file.
    pub(super) fn listing(tokens: &str, http: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokens"), tokens).unwrap();
        set_permissions(folder.path().join("tokens"), Permissions::from_mode(0o600)).unwrap();
        Self::open(folder, &format!("{more}http: {{ tokens: file:tokens{http} }}\n"))
    }

    pub(super) fn open(folder: TempDir, more: &str) -> Self {
        let config = config(folder.path(), more);
        let audit = audit(&config);
        let approvals = Approvals::open(&config.state_dir, &config.approvals, audit.clone()).unwrap();
        let Http::On { listen, tokens } = &config.http else { panic!("it is off") };
        let web = Web::open(listen, tokens, &config.state_dir, approvals.clone(), audit).unwrap();
        Self { router: web::router(web), approvals, folder }
    }

    pub(super) fn ask(&self, method: Method, path: &str) -> Asked<'_> {
        let headers = vec![(HOST.to_string(), HERE.to_owned())];
        Asked { site: self, method, path: path.to_owned(), headers, body: String::new(), peer: [127, 0, 0, 1] }
    }

    pub(super) fn get(&self, path: &str) -> Asked<'_> {
        self.ask(Method::GET, path)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Asked<'_> {
        let mut asked = self.ask(Method::POST, path).header(CONTENT_TYPE.as_str(), "application/json");
        asked.body = body.to_string();
        asked
    }

    pub(super) async fn pending(&self, ask: &Ask) -> String {
        match self.approvals.claim(ask).await.unwrap() {
            Claim::Pending { approval_id, .. } => approval_id,
            other => panic!("expected a pending request, found {other:?}"),
        }
    }

    /// Signs in as the page does; returns the cookie and the value that must come with it.
    pub(super) async fn sign_in(&self, token: &str) -> (String, String) {
        let told = self.post("/api/v1/session", &json!({ "token": token })).like_the_page().send().await;
        assert_eq!(told.status, StatusCode::OK, "{}", told.body);
        let cookie = told.headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        (cookie, told.json()["session"].as_str().unwrap().to_owned())
    }
}

impl Asked<'_> {
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    pub(super) fn session(self, (cookie, session): &(String, String)) -> Self {
        self.header(COOKIE.as_str(), cookie).header("x-callgate-session", session)
    }

    pub(super) fn like_the_page(self) -> Self {
        self.header(ORIGIN.as_str(), &format!("http://{HERE}")).header("sec-fetch-site", "same-origin")
    }

    pub(super) fn peer(mut self, peer: [u8; 4]) -> Self {
        self.peer = peer;
        self
    }

    pub(super) async fn send(self) -> Told {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(self.body)).unwrap();
        let origin = Origin::Network(SocketAddr::from((self.peer, 50_000)));
        request.extensions_mut().insert(ConnectInfo(Peer { origin, identity: None }));
        let response = self.site.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Told { status: parts.status, headers: parts.headers, body }
    }
}

impl Told {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(super) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }
}
