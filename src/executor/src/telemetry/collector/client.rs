//! The HTTP client of the collector: one POST, no redirect, no proxy, bounded time, bounded answer.

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, ResponseBodyTooLarge};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, redirect};
use tonic::async_trait;

use super::LastFault;
use crate::telemetry::export::EXPORT;
use crate::telemetry::settings::Otlp;

/// The maximum bytes of an answer. A correct one has a few.
const ANSWER_BYTES: usize = 64 << 10;
const USER_AGENT: &str = concat!("callgate-executor/", env!("CARGO_PKG_VERSION"));

/// Sends batches.
#[derive(Debug)]
pub(super) struct CollectorClient {
    client: Client,
    /// The configured headers; they are marked as sensitive.
    headers: HeaderMap,
    fault: LastFault,
}

// === impl CollectorClient ===

impl CollectorClient {
    pub(super) fn new(
        otlp: &Otlp,
        authority: Option<Vec<u8>>,
        headers: HeaderMap,
        fault: LastFault,
    ) -> Result<Self, String> {
        crate::backends::choose_cryptography();
        let mut client = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(super::CONNECT)
            .timeout(EXPORT)
            .pool_max_idle_per_host(1);
        if let Some(pem) = authority {
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| error.to_string())?;
            client = client.tls_certs_only(certificates);
        } else if otlp.endpoint.scheme() == "http" {
            // The system's certificates are read only if needed: a small container has none.
            client = client.tls_certs_only([]);
        }
        Ok(Self { client: client.build().map_err(|error| error.to_string())?, headers, fault })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let mut headers = self.headers.clone();
        // The library's other headers come from the environment.
        if let Some(kind) = parts.headers.get(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, kind.clone());
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let sent = self.client.request(parts.method, parts.uri.to_string()).headers(headers).body(body).send();
        let mut answer = sent.await.map_err(reqwest::Error::without_url)?;
        let mut taken = Response::builder().status(answer.status());
        if let Some(kept) = taken.headers_mut() {
            *kept = answer.headers().clone();
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if body.len().saturating_add(piece.len()) > ANSWER_BYTES {
                return Err(Box::new(ResponseBodyTooLarge::new()));
            }
            body.extend_from_slice(&piece);
        }
        Ok(taken.body(body.into())?)
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answered = self.send(request).await;
        match &answered {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.fault.put(remedy(answer.status().as_u16())),
            Err(error) => self.fault.put(reason(&**error)),
        }
        answered
    }
}

/// Returns a sentence about a refused batch. The collector's own words are left out: they may repeat a secret.
fn remedy(status: u16) -> String {
    let what = match status {
        300..=399 => "a redirect, which is not followed; correct telemetry.otlp",
        401 | 403 => "the key is missing or wrong; correct telemetry.otlpHeaders",
        404 | 405 => "no OTLP here; correct telemetry.otlp",
        413 => "the batch is too large; lower telemetry.content.maxBytes",
        415 => "it does not take protobuf over HTTP; correct telemetry.otlpProtocol",
        429 => "too many requests",
        _ => "it refused the batch",
    };
    format!("the collector answered with status {status}: {what}")
}

/// Returns the first cause of an error, which names the system's reason.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let (mut words, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        (words, next) = (cause.to_string(), cause.source());
    }
    words
}
