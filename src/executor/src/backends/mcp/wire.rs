//! The HTTP under an MCP session: the SDK's client over ours, with limits for each request.
//!
//! A call's limits travel in its request's extensions, which never leave the process: the bytes it may read, and the
//! headers with its caller and trace. Streams a server could open by itself are not opened, and none is resumed.

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

use crate::backends::fault::AttemptFault;
use crate::backends::http::{broken, refused};

/// The maximum bytes of a response outside calls: the server's description when a session opens.
const SESSION_BYTES: usize = 1 << 20;
/// The maximum bytes of an error's body. Nothing reads it.
const ERROR_BYTES: usize = 4 << 10;
/// The time to tell the server of a cancelled call or a closed session.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(2);

type Error = StreamableHttpError<reqwest::Error>;

/// The client under the SDK's.
#[derive(Clone)]
pub(super) struct Wire {
    client: Client,
}

/// The limits of one call.
#[derive(Clone)]
pub(super) struct Terms {
    bytes: usize,
    headers: HeaderMap,
    overrun: Arc<AtomicBool>,
}

/// The settings of sessions with a server.
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

/// The reason a request got no response, by its kind alone.
pub(super) fn fault(error: &DynamicTransportError) -> AttemptFault {
    let Some(error) = error.error.downcast_ref::<Error>() else {
        return AttemptFault::Unavailable("the session ended before the answer came".into());
    };
    let status = |status: u16| {
        let status = StatusCode::from_u16(status).ok().and_then(refused);
        status.unwrap_or(AttemptFault::Failed("its answer is not MCP".into()))
    };
    match error {
        StreamableHttpError::HttpStatus(error) => status(error.status),
        StreamableHttpError::AuthRequired(_) => status(401),
        StreamableHttpError::InsufficientScope(_) => status(403),
        StreamableHttpError::Client(error) => match error.status() {
            Some(code) => status(code.as_u16()),
            None => broken(error),
        },
        StreamableHttpError::UnexpectedServerResponse(text) => AttemptFault::Failed(
            told(text).map_or("its answer is not MCP".into(), |status| format!("HTTP status {status}").into()),
        ),
        StreamableHttpError::ResponseBodyTooLarge { .. } => AttemptFault::TooLarge,
        StreamableHttpError::SessionExpired
        | StreamableHttpError::SessionRecoveryTimeout
        | StreamableHttpError::TransportChannelClosed => {
            AttemptFault::Unavailable("the session ended before the answer came".into())
        }
        _ => AttemptFault::Failed("its answer is not MCP".into()),
    }
}

/// Reads the status from the SDK's words `HTTP 401 Unauthorized: …`, for people only. Nothing depends on it: whatever
/// the words, the server responded without a result. The text after the status is the server's.
fn told(text: &str) -> Option<u16> {
    text.strip_prefix("HTTP ")?.get(..3)?.parse().ok()
}

/// Returns true for the SDK's own error for an oversized event, whose type is private. It is the only fault of the body
/// without a cause of its own: a connection's fault has the connection's, and texts and numbers have types.
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

    /// Returns true if the response exceeded its limit.
    pub(super) fn overrun(&self) -> bool {
        self.overrun.load(Ordering::Relaxed)
    }

    /// Returns a message's limits, or the session's own.
    fn of(message: &ClientJsonRpcMessage) -> Self {
        let own = match message {
            ClientJsonRpcMessage::Request(request) => request.request.extensions().get::<Self>().cloned(),
            _ => None,
        };
        own.unwrap_or_else(|| Self::new(SESSION_BYTES, HeaderMap::new()))
    }

    /// Ends a stream once its events exceed their common limit.
    fn bounded(self, stream: BoxedSseResponse) -> BoxedSseResponse {
        let mut room = self.bytes;
        let bounded = stream.map_while(move |event| {
            let length = match &event {
                Ok(event) => event.data.as_ref().map_or(0, String::len),
                // The SDK itself ends an event larger than this limit.
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
