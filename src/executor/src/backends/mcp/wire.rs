//! The HTTP under an MCP session: the SDK's own client over ours, with terms for each request.
//!
//! The terms of a call travel in its request's extensions, which never leave the process: how much it may read, and the
//! headers that name its caller and trace. Streams that a server would open by itself are not opened, and none is resumed.

use std::collections::HashMap;
use std::num::ParseIntError;
use std::str::Utf8Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use rmcp::model::{ClientJsonRpcMessage, GetExtensions};
use rmcp::transport::DynamicTransportError;
use rmcp::transport::common::client_side_sse::{BoxedSseResponse, NeverRetry};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError, StreamableHttpPostResponse,
    StreamableHttpResponseLimits,
};
use tokio_stream::StreamExt;

use crate::backends::fault::Fault;
use crate::backends::http::{broken, refused};

/// Of an answer to anything but a call: what a server says of itself when a session begins.
const SESSION_BYTES: usize = 1 << 20;
/// Of the body of an error. Nothing reads it.
const ERROR_BYTES: usize = 4 << 10;
/// For telling the server that a call is cancelled or a session over.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(2);

type Error = StreamableHttpError<reqwest::Error>;

/// The client under the SDK's.
#[derive(Clone)]
pub(super) struct Wire {
    client: Client,
}

/// What holds for one call.
#[derive(Clone)]
pub(super) struct Terms {
    bytes: usize,
    headers: HeaderMap,
    overrun: Arc<AtomicBool>,
}

/// How sessions are held with a server.
pub(super) fn config(address: &Url, always: &HeaderMap, max_in_flight: usize) -> StreamableHttpClientTransportConfig {
    let mut headers: HashMap<_, _> = always.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut config = StreamableHttpClientTransportConfig::with_uri(address.as_str())
        .custom_headers(headers)
        .max_concurrent_requests(max_in_flight)
        .control_request_timeout(CONTROL_TIMEOUT)
        .session_recovery_timeout(CONTROL_TIMEOUT);
    config.retry_config = Arc::new(NeverRetry::default());
    config
}

/// Why a request got no answer, by its kind alone.
pub(super) fn fault(error: &DynamicTransportError) -> Fault {
    let Some(error) = error.error.downcast_ref::<Error>() else {
        return Fault::Unavailable("the session ended before the answer came".into());
    };
    let status = |status: u16| {
        let status = StatusCode::from_u16(status).ok().and_then(refused);
        status.unwrap_or(Fault::Failed("its answer is not MCP".into()))
    };
    match error {
        StreamableHttpError::HttpStatus(error) => status(error.status),
        StreamableHttpError::AuthRequired(_) => status(401),
        StreamableHttpError::InsufficientScope(_) => status(403),
        StreamableHttpError::Client(error) => match error.status() {
            Some(code) => status(code.as_u16()),
            None => broken(error),
        },
        StreamableHttpError::UnexpectedServerResponse(text) => Fault::Failed(
            told(text).map_or("its answer is not MCP".into(), |status| format!("HTTP status {status}").into()),
        ),
        StreamableHttpError::ResponseBodyTooLarge { .. } => Fault::TooLarge,
        StreamableHttpError::SessionExpired
        | StreamableHttpError::SessionRecoveryTimeout
        | StreamableHttpError::TransportChannelClosed => {
            Fault::Unavailable("the session ended before the answer came".into())
        }
        _ => Fault::Failed("its answer is not MCP".into()),
    }
}

/// The status in the SDK's words `HTTP 401 Unauthorized: …`, for people to read. Nothing depends on it: whatever the words are, the
/// server answered, and not with a result. What follows the status is the server's.
fn told(text: &str) -> Option<u16> {
    text.strip_prefix("HTTP ")?.get(..3)?.parse().ok()
}

/// True for the SDK's own error for an event that is too large, whose type is private. It is the only one that is a fault of the
/// body and has no cause of its own: one of the connection has the connection's, and texts and numbers have types.
fn is_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    error.source().is_some_and(|body| body.source().is_none() && !body.is::<Utf8Error>() && !body.is::<ParseIntError>())
}

// === impl Terms ===

impl Terms {
    pub(super) fn new(bytes: usize, headers: HeaderMap) -> Self {
        Self { bytes, headers, overrun: Arc::default() }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Whether the answer was larger than it may be.
    pub(super) fn overrun(&self) -> bool {
        self.overrun.load(Ordering::Relaxed)
    }

    /// Those of a message; those of the session itself where it has none.
    fn of(message: &ClientJsonRpcMessage) -> Self {
        let own = match message {
            ClientJsonRpcMessage::Request(request) => request.request.extensions().get::<Self>().cloned(),
            _ => None,
        };
        own.unwrap_or_else(|| Self::new(SESSION_BYTES, HeaderMap::new()))
    }

    /// The same stream, ended where its events hold more than they may in all.
    fn bounded(self, stream: BoxedSseResponse) -> BoxedSseResponse {
        let mut room = self.bytes;
        let bounded = stream.map_while(move |event| {
            let length = match &event {
                Ok(event) => event.data.as_ref().map_or(0, String::len),
                // The SDK ends an event that is larger than all of them may be.
                Err(error) if is_limit(error) => usize::MAX,
                Err(_) => 0,
            };
            match room.checked_sub(length) {
                Some(rest) => room = rest,
                None => {
                    self.overrun.store(true, Ordering::Relaxed);
                    return None;
                }
            }
            Some(event)
        });
        Box::pin(bounded)
    }
}

// === impl Wire ===

impl Wire {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

impl StreamableHttpClient for Wire {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session, token, headers, limits).await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        mut headers: HashMap<HeaderName, HeaderValue>,
        mut limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let terms = Terms::of(&message);
        headers.extend(terms.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        limits.max_json_response_size = terms.bytes;
        limits.max_sse_event_size = terms.bytes;
        limits.max_error_response_size = ERROR_BYTES;
        let posted = self.client.post_message_with_response_limits(uri, message, session, token, headers, limits).await;
        match posted {
            Ok(StreamableHttpPostResponse::Sse(stream, session)) => {
                Ok(StreamableHttpPostResponse::Sse(terms.bounded(stream), session))
            }
            Err(StreamableHttpError::ResponseBodyTooLarge { max_size }) => {
                terms.overrun.store(true, Ordering::Relaxed);
                Err(StreamableHttpError::ResponseBodyTooLarge { max_size })
            }
            other => other,
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Error> {
        self.client.delete_session(uri, session, token, headers).await
    }

    async fn get_stream(
        &self,
        _uri: Arc<str>,
        _session: Option<Arc<str>>,
        _last_event: Option<String>,
        _token: Option<String>,
        _headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxedSseResponse, Error> {
        Err(StreamableHttpError::ServerDoesNotSupportSse)
    }
}
