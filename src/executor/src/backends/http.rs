//! HTTP APIs: one request for each call, JSON both ways.

use callgate_contract::{HttpMethod, HttpRun};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::Invocation;
use super::fault::AttemptFault;
use super::headers::headers;
use super::query::{self, NotFlat};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// An HTTP API.
pub(super) struct Http {
    client: Client,
    address: Url,
    always: HeaderMap,
}

// === impl Http ===

impl Http {
    pub(super) fn new(client: Client, address: Url, always: HeaderMap) -> Self {
        Self { client, address, always }
    }

    pub(super) async fn call(&self, invocation: &Invocation<'_>, run: &HttpRun) -> Result<Vec<u8>, AttemptFault> {
        let mut url = self.address.clone();
        url.set_path(&format!("{}{}", self.address.path().trim_end_matches('/'), run.path));
        let (method, in_body) = match run.method {
            HttpMethod::Get => (Method::GET, false),
            HttpMethod::Delete => (Method::DELETE, false),
            HttpMethod::Post => (Method::POST, true),
            HttpMethod::Put => (Method::PUT, true),
            HttpMethod::Patch => (Method::PATCH, true),
        };
        let mut headers = headers(invocation, &self.always);
        headers.insert(ACCEPT, JSON);
        headers.insert(ACCEPT_ENCODING, IDENTITY);
        let request = if in_body {
            headers.insert(CONTENT_TYPE, JSON);
            self.client.request(method, url).body(invocation.arguments.to_owned())
        } else {
            query::write(&mut url, invocation.arguments).map_err(|NotFlat(pointer)| {
                let why = "a query holds texts, numbers and booleans only, so nothing was sent; found another at";
                AttemptFault::Failed(format!("{why} \"{pointer}\"").into())
            })?;
            self.client.request(method, url)
        };
        let response = request.headers(headers).send().await.map_err(|error| broken(&error))?;
        read(response, run.bounds.output_bytes).await
    }
}

/// Returns the body of a response if its head announces JSON.
async fn read(mut response: Response, limit: u64) -> Result<Vec<u8>, AttemptFault> {
    let status = response.status();
    if let Some(fault) = refused(status) {
        return Err(fault);
    }
    if status == StatusCode::NO_CONTENT {
        return Ok(b"null".to_vec());
    }
    let header = |name| response.headers().get(name).map(HeaderValue::as_bytes);
    if !header(CONTENT_ENCODING).unwrap_or(b"identity").eq_ignore_ascii_case(b"identity") {
        return Err(AttemptFault::Failed("its answer is compressed".into()));
    }
    if !header(CONTENT_TYPE).is_some_and(is_json) {
        return Err(AttemptFault::Failed("its answer is not application/json".into()));
    }
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(AttemptFault::TooLarge);
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| broken(&error))? {
        if part.len() > limit.saturating_sub(body.len()) {
            return Err(AttemptFault::TooLarge);
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// Returns the fault for a status; `None` for 2xx.
pub(super) fn refused(status: StatusCode) -> Option<AttemptFault> {
    let text = format!("HTTP status {}", status.as_u16());
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Some(AttemptFault::Unavailable(text.into()))
        }
        status if status.is_redirection() => {
            Some(AttemptFault::Failed(format!("{text}; redirects are not followed").into()))
        }
        status if status.is_success() => None,
        _ => Some(AttemptFault::Failed(text.into())),
    }
}

/// Returns the fault of a request without a complete response.
pub(super) fn broken(error: &reqwest::Error) -> AttemptFault {
    let why = if error.is_connect() { "no connection" } else { "the connection broke before the whole answer came" };
    AttemptFault::Unavailable(why.into())
}

/// Returns true for `application/json`, whatever its parameters.
fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_by_its_type() {
        for (text, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/html", false),
            ("application/jsonx", false),
            ("", false),
        ] {
            assert_eq!(is_json(text.as_bytes()), json, "{text}");
        }
    }
}
