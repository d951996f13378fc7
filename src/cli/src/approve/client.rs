//! Client of the executor's HTTP API.

use std::error::Error as _;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Method, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::args::ExecutorArguments;
use crate::terminal::plain;

/// An executor that does not answer within this time counts as unreachable.
const TIMEOUT: Duration = Duration::from_secs(10);
const UNIX: &str = "unix:";
/// The file in which the executor keeps the token it made.
const TOKEN: &str = "http-token";

/// Sends requests with one token.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    /// The URL as the person wrote it.
    place: String,
    token: String,
}

/// Reasons why the executor did not answer a request, or refused it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("--url {0}: expected http://127.0.0.1:PORT, https://HOST:PORT or unix:/PATH")]
    Url(String),
    #[error("--url {0}: others could read the token on the way; use https, or a tunnel to 127.0.0.1")]
    Plain(String),
    #[error(
        "{path}: cannot be read: {reason}; pass --state with the executor's state directory, or --token-file with a token of yours",
        path = path.display()
    )]
    Token { path: PathBuf, reason: std::io::Error },
    #[error("--token-file {path}: expected one line, the token itself", path = path.display())]
    NoToken { path: PathBuf },
    #[error("--ca {path}: {reason}", path = path.display())]
    Ca { path: PathBuf, reason: String },
    #[error("{place} is unreachable ({reason}); is the executor running, and is its `http` on?")]
    Unreachable { place: String, reason: String },
    #[error("{0}")]
    Refused(String),
    #[error("{place} does not answer like an executor ({reason}); check --url")]
    NoExecutor { place: String, reason: String },
}

#[derive(Deserialize)]
struct ErrorBody {
    message: String,
}

// === impl Client ===

impl Client {
    pub(super) fn new(arguments: &ExecutorArguments) -> Result<Self, ClientError> {
        let place = arguments.url.clone();
        // The process needs this once; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The token goes only to the executor: not through a proxy, and not to the target of a redirect.
        let mut http = reqwest::Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy();
        let base = match place.strip_prefix(UNIX) {
            Some(path) => {
                http = http.unix_socket(PathBuf::from(path));
                Url::parse("http://localhost/")
            }
            None => Url::parse(&place),
        };
        let base = base.map_err(|_| ClientError::Url(place.clone()))?;
        match base.scheme() {
            "https" => {}
            "http" if is_here(&base) => {}
            "http" => return Err(ClientError::Plain(place)),
            _ => return Err(ClientError::Url(place)),
        }
        if let Some(path) = &arguments.ca {
            let wrong = |reason: String| ClientError::Ca { path: path.clone(), reason };
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
            http = http.tls_certs_only(authorities);
        }
        let http =
            http.build().map_err(|error| ClientError::Unreachable { place: place.clone(), reason: root(&error) })?;
        Ok(Self { http, base, place, token: token(arguments)? })
    }

    pub(super) async fn list(&self, all: bool) -> Result<String, ClientError> {
        let state = if all { "all" } else { "pending" };
        self.ask(Method::GET, &["approvals"], &[("state", state), ("limit", "200")], None).await
    }

    pub(super) async fn get(&self, id: &str) -> Result<String, ClientError> {
        self.ask(Method::GET, &["approvals", id], &[], None).await
    }

    pub(super) async fn answer(&self, id: &str, verb: &str, reason: &str) -> Result<String, ClientError> {
        let body = serde_json::json!({ "reason": reason });
        self.ask(Method::POST, &["approvals", id, verb], &[], Some(body)).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<serde_json::Value>,
    ) -> Result<String, ClientError> {
        let mut url = self.base.clone();
        // The path is set segment by segment, so an ID stays one segment whatever is in it.
        url.path_segments_mut()
            .map_err(|()| ClientError::Url(self.place.clone()))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let lost = |error: reqwest::Error| ClientError::Unreachable { place: self.place.clone(), reason: root(&error) };
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        let text = response.text().await.map_err(lost)?;
        if status == StatusCode::OK {
            return Ok(text);
        }
        match serde_json::from_str::<ErrorBody>(&text) {
            Ok(fault) => Err(ClientError::Refused(plain(&fault.message))),
            Err(_) => Err(ClientError::NoExecutor { place: self.place.clone(), reason: format!("status {status}") }),
        }
    }
}

/// Reads an answer.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, ClientError> {
    serde_json::from_str(text)
        .map_err(|error| ClientError::NoExecutor { place: "the server".into(), reason: error.to_string() })
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn token(arguments: &ExecutorArguments) -> Result<String, ClientError> {
    let path = arguments.token_file.clone().unwrap_or_else(|| arguments.state.join(TOKEN));
    let text = std::fs::read_to_string(&path).map_err(|reason| ClientError::Token { path: path.clone(), reason })?;
    let token = text.trim();
    if token.is_empty() || token.chars().any(|c| !c.is_ascii_graphic()) {
        return Err(ClientError::NoToken { path });
    }
    Ok(token.to_owned())
}

/// Returns the innermost cause: the errors around it only say that a request failed.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match error.source() {
        Some(_) => cause.to_string(),
        None => "no connection".into(),
    }
}
