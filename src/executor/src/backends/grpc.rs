//! Workers over gRPC: `callgate.worker.v1.Worker`.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use callgate_contract::{GrpcRun, WorkerMethod};
use callgate_proto::worker::v1::InvokeRequest;
use callgate_proto::worker::v1::worker_client::WorkerClient;
use http_body_util::BodyExt as _;
use hyper::http;
use reqwest::header::HeaderMap;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Extensions, Request, Status, TimeoutExpired};
use tower::ServiceExt as _;

use super::Invocation;
use super::fault::AttemptFault;
use super::headers::headers;

/// The bytes around the text of a result in a message: a tag and a length.
const ENVELOPE: usize = 16;
/// The header or trailer with a worker's status.
const GRPC_STATUS: &str = "grpc-status";

/// True if the worker itself sent the status. Any other status is the library's own.
#[derive(Clone, Debug, Default)]
struct WorkerStatus(Arc<AtomicBool>);

/// A worker.
pub(super) struct Grpc {
    endpoint: Endpoint,
    /// Created on first use, since it needs the runtime; it connects and reconnects by itself.
    channel: OnceLock<Channel>,
    always: HeaderMap,
}

// === impl Grpc ===

impl Grpc {
    pub(super) fn new(endpoint: Endpoint, always: HeaderMap) -> Self {
        Self { endpoint, channel: OnceLock::new(), always }
    }

    pub(super) async fn call(&self, invocation: &Invocation<'_>, run: &GrpcRun) -> Result<Vec<u8>, AttemptFault> {
        let limit = usize::try_from(run.bounds.output_bytes).unwrap_or(usize::MAX);
        let said = WorkerStatus::default();
        let channel = self.channel.get_or_init(|| self.endpoint.connect_lazy()).clone();
        let listening = said.clone();
        let channel = channel.map_response(move |response| listening.listen(response));
        let mut client = WorkerClient::new(channel).max_decoding_message_size(limit.saturating_add(ENVELOPE));
        let request = self.request(invocation);
        match run.method {
            WorkerMethod::Invoke => {
                let answer = client.invoke(request).await.map_err(|status| fault(&status, &said))?.into_inner();
                let mut result = Vec::new();
                append(&mut result, answer.result.as_bytes(), limit)?;
                Ok(result)
            }
            WorkerMethod::InvokeStream => {
                let mut parts =
                    client.invoke_stream(request).await.map_err(|status| fault(&status, &said))?.into_inner();
                let mut result = Vec::new();
                while let Some(part) = parts.message().await.map_err(|status| fault(&status, &said))? {
                    append(&mut result, part.result.as_bytes(), limit)?;
                }
                Ok(result)
            }
        }
    }

    fn request(&self, invocation: &Invocation<'_>) -> Request<InvokeRequest> {
        let message = InvokeRequest {
            tool: invocation.tool.name().to_owned(),
            arguments: invocation.arguments.to_owned(),
            idempotency_key: invocation.idempotency_key.to_owned(),
        };
        let metadata = MetadataMap::from_headers(headers(invocation, &self.always));
        let mut request = Request::from_parts(metadata, Extensions::default(), message);
        request.set_timeout(invocation.deadline.saturating_duration_since(Instant::now()));
        request
    }
}

fn append(result: &mut Vec<u8>, part: &[u8], limit: usize) -> Result<(), AttemptFault> {
    if part.len() > limit.saturating_sub(result.len()) {
        return Err(AttemptFault::TooLarge);
    }
    result.extend_from_slice(part);
    Ok(())
}

/// Decided by its code alone: the message is the worker's.
fn fault(status: &Status, said: &WorkerStatus) -> AttemptFault {
    match status.code() {
        Code::Unavailable => AttemptFault::Unavailable("gRPC status Unavailable".into()),
        Code::DeadlineExceeded => AttemptFault::Timeout,
        // The library's own status, if the worker sent none: a message is too long.
        Code::OutOfRange if !said.any() => AttemptFault::TooLarge,
        // The library's own status, if the request's deadline has passed.
        _ if is_expired(status) => AttemptFault::Timeout,
        code => AttemptFault::Failed(format!("gRPC status {code:?}").into()),
    }
}

fn is_expired(status: &Status) -> bool {
    let mut causes = std::iter::successors(status.source(), |&error| error.source());
    causes.any(|error| error.is::<TimeoutExpired>())
}

// === impl WorkerStatus ===

impl WorkerStatus {
    /// Returns true if the worker sent the status.
    fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn listen(&self, response: http::Response<Body>) -> http::Response<Body> {
        if response.headers().contains_key(GRPC_STATUS) {
            self.0.store(true, Ordering::Relaxed);
        }
        let said = self.clone();
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                if frame.trailers_ref().is_some_and(|trailers| trailers.contains_key(GRPC_STATUS)) {
                    said.0.store(true, Ordering::Relaxed);
                }
                frame
            }))
        })
    }
}
