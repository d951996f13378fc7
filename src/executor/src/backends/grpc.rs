//! Workers over gRPC: `callgate.worker.v1.Worker`.

use std::sync::OnceLock;

use callgate_contract::{GrpcRun, WorkerMethod};
use callgate_proto::worker::v1::InvokeRequest;
use callgate_proto::worker::v1::worker_client::WorkerClient;
use reqwest::header::HeaderMap;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Extensions, Request, Status};

use super::Invocation;
use super::fault::Fault;
use super::headers::headers;

/// What a message has around the text of a result: a tag and a length.
const ENVELOPE: usize = 16;
/// How tonic says that a message is larger than it reads; the same code may also be the worker's own.
const TOO_LARGE: &str = "Error, decoded message length too large";

/// A worker.
pub(super) struct Grpc {
    endpoint: Endpoint,
    /// Made on first use, since it needs the runtime; it connects by itself, and again when the connection breaks.
    channel: OnceLock<Channel>,
    always: HeaderMap,
}

// === impl Grpc ===

impl Grpc {
    pub(super) fn new(endpoint: Endpoint, always: HeaderMap) -> Self {
        Self { endpoint, channel: OnceLock::new(), always }
    }

    pub(super) async fn call(&self, invocation: &Invocation<'_>, run: &GrpcRun) -> Result<Vec<u8>, Fault> {
        let limit = usize::try_from(run.bounds.output_bytes).unwrap_or(usize::MAX);
        let channel = self.channel.get_or_init(|| self.endpoint.connect_lazy()).clone();
        let mut client = WorkerClient::new(channel).max_decoding_message_size(limit.saturating_add(ENVELOPE));
        let request = self.request(invocation);
        match run.method {
            WorkerMethod::Invoke => {
                let answer = client.invoke(request).await.map_err(|status| fault(&status))?.into_inner();
                let mut result = Vec::new();
                append(&mut result, answer.result.as_bytes(), limit)?;
                Ok(result)
            }
            WorkerMethod::InvokeStream => {
                let mut parts = client.invoke_stream(request).await.map_err(|status| fault(&status))?.into_inner();
                let mut result = Vec::new();
                while let Some(part) = parts.message().await.map_err(|status| fault(&status))? {
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

fn append(result: &mut Vec<u8>, part: &[u8], limit: usize) -> Result<(), Fault> {
    if part.len() > limit.saturating_sub(result.len()) {
        return Err(Fault::TooLarge);
    }
    result.extend_from_slice(part);
    Ok(())
}

/// By its code alone: the message is the worker's.
fn fault(status: &Status) -> Fault {
    match status.code() {
        Code::Unavailable => Fault::Unavailable("gRPC status Unavailable".into()),
        Code::DeadlineExceeded => Fault::Timeout,
        Code::OutOfRange if status.message().starts_with(TOO_LARGE) => Fault::TooLarge,
        // tonic's own, when the deadline that was set on the request has passed.
        Code::Cancelled if status.message() == "Timeout expired" => Fault::Timeout,
        code => Fault::Failed(format!("gRPC status {code:?}").into()),
    }
}
