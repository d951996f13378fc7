//! The calls of the host: the one file in which `clippy.toml` does not ban them.

#![expect(clippy::disallowed_methods, reason = "this is the adapter that the bans name")]

use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use callgate_engine::{
    AdmissionReply, AdmissionRequest, Authorization, AuthorizeBatch, CallBatch, CallFailed, Decisions, ModelRequest,
    Outcome, Reply, UsageCharge,
};
use callgate_host::config::{Executor, Upstream};
use callgate_host::executor::CallsRequest;
use callgate_host::{Host, OwnedReply, Sent, Step, counts, executor};
use prost::Message;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{Action, BufferType, MapType, MetricType, Status};

use crate::worker::Worker;

/// The stream of the callback under way.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) worker: Rc<Worker>,
}

/// The direction of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    Request,
    Response,
}

impl Host for Stream {
    fn now(&self) -> Duration {
        now()
    }

    fn set_request_header(&self, name: &str, value: Option<&str>) {
        let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, name, value);
    }

    fn set_response_header(&self, name: &str, value: Option<&str>) {
        let _ = hostcalls::set_map_value(MapType::HttpResponseHeaders, name, value);
    }

    fn set_request_body(&self, held: usize, bytes: &[u8]) {
        let _ = hostcalls::set_buffer(BufferType::HttpRequestBody, 0, held, bytes);
    }

    fn set_response_body(&self, held: usize, bytes: &[u8]) {
        let _ = hostcalls::set_buffer(BufferType::HttpResponseBody, 0, held, bytes);
    }

    fn note(&self, key: &str, value: &str) {
        // Envoy adds `wasm.` itself.
        let name = key.strip_prefix("wasm.").unwrap_or(key);
        let _ = hostcalls::set_property(vec![name], Some(value.as_bytes()));
    }

    fn record(&self, decisions: Decisions<'_>) {
        if self.worker.clusters.executor.is_some() {
            self.worker.decisions.recorder.put(decisions, now());
        }
    }

    fn charge(&self, charge: UsageCharge) {
        self.worker.charges.recorder.charge(charge);
    }

    fn run(&self, batch: CallBatch) -> Sent<Vec<Outcome>> {
        waits(self.send(executor::EXECUTE, &executor::encode(batch), Duration::MAX))
    }

    fn authorize(&self, batch: AuthorizeBatch) -> Sent<Vec<Authorization>> {
        waits(self.send(executor::AUTHORIZE, &executor::encode_asked(batch), Duration::MAX))
    }

    fn admit(&self, request: AdmissionRequest) -> Sent<AdmissionReply> {
        let timeout = request.timeout;
        waits(self.send(counts::ADMIT, &counts::encode(request), timeout))
    }

    fn ask(&self, request: ModelRequest) -> Sent<OwnedReply> {
        let upstream = self.worker.clusters.upstream.as_ref();
        waits(upstream.and_then(|upstream| call_model(upstream, &request).ok()))
    }

    fn cancel(&self, token: u64) {
        let _ = u32::try_from(token).map(hostcalls::cancel_grpc_call);
    }
}

impl Stream {
    /// Sends a request about calls or counts to the executor. It waits for the configured timeout, or for `most` if that is shorter.
    fn send(&self, method: &str, request: &CallsRequest, most: Duration) -> Option<u32> {
        let executor = self.worker.clusters.executor.as_ref()?;
        let metadata = request.metadata().map(|(name, value)| (name, value.as_bytes())).collect();
        call_executor(executor, method, metadata, &request.message, most).ok()
    }
}

fn waits<T>(sent: Option<u32>) -> Sent<T> {
    sent.map_or(Sent::Ended(Err(CallFailed::Unreachable)), |token| Sent::Waits(token.into()))
}

/// Takes the step of a callback of the stream, in which Envoy has `held` bytes at hand.
pub(crate) fn act(step: Step, side: Side, held: usize) -> Action {
    if step == Step::Continue {
        return Action::Continue;
    }
    if step == Step::Hold && held > 0 {
        let body = match side {
            Side::Request => BufferType::HttpRequestBody,
            Side::Response => BufferType::HttpResponseBody,
        };
        let _ = hostcalls::set_buffer(body, 0, held, &[]);
    }
    take(step);
    Action::Pause
}

/// Takes a step outside a callback of the stream.
pub(crate) fn take(step: Step) {
    match step {
        Step::Continue | Step::Hold => {}
        Step::Resume => {
            let _ = hostcalls::resume_http_response();
        }
        Step::ResumeRequest => {
            let _ = hostcalls::resume_http_request();
        }
        Step::Reply(answer) => reply(&answer),
        Step::Reset => {
            let _ = hostcalls::reset_http_response();
        }
    }
}

/// Answers the stream here, with a JSON body.
pub(crate) fn reply(reply: &Reply) {
    let seconds = reply.retry_after.map(|after| after.as_secs().max(1).to_string());
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(seconds.as_deref().map(|seconds| ("retry-after", seconds)));
    headers.extend(reply.challenge.as_ref().map(|challenge| ("www-authenticate", challenge.header())));
    let _ = hostcalls::send_http_response(u32::from(reply.status), headers, Some(&reply.body));
}

/// Reads a property of the stream, by its path.
pub(crate) fn property(path: &[&str]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.to_vec()).ok().flatten()
}

/// Directs the calls that follow at the stream of another context; `false` if that stream has ended.
pub(crate) fn act_for(context_id: u32) -> bool {
    hostcalls::set_effective_context(context_id).is_ok()
}

/// Defines a counter, and returns its id.
pub(crate) fn counter(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Counter, name).ok()
}

/// Adds to a counter. A failed counter must not end an exchange.
pub(crate) fn count(id: u32, by: u64) {
    let _ = hostcalls::increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX));
}

/// Defines a histogram, and returns its id.
pub(crate) fn histogram(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Histogram, name).ok()
}

/// Adds a value to a histogram.
pub(crate) fn record(id: u32, value: u64) {
    let _ = hostcalls::record_metric(id, value);
}

/// The host's clock, since the Unix epoch.
pub(crate) fn now() -> Duration {
    // The host never returns the only other status.
    hostcalls::get_current_time().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default()
}

/// The version of a value that nobody has written. Envoy compares versions only if the value exists, and no write has version zero: with
/// this one, the first write of two workers is one write.
const UNWRITTEN: u32 = u32::MAX;

/// Reads a value that the workers share, and its version.
pub(crate) fn shared(name: &str) -> Option<(Vec<u8>, u32)> {
    let (bytes, version) = hostcalls::get_shared_data(name).ok()?;
    Some((bytes.unwrap_or_default(), version.unwrap_or(UNWRITTEN)))
}

/// Writes a value that the workers share, if it still has this version. Returns `None` if Envoy takes no value.
pub(crate) fn swap_shared(name: &str, version: u32, bytes: &[u8]) -> Option<bool> {
    match hostcalls::set_shared_data(name, Some(bytes), Some(version)) {
        Ok(()) => Some(true),
        Err(Status::CasMismatch) => Some(false),
        Err(_) => None,
    }
}

/// Header names in lower case, as the engine wants them.
pub(crate) fn lower(headers: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    headers
        .into_iter()
        .map(|(name, value)| {
            if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                (name.to_ascii_lowercase(), value)
            } else {
                (name, value)
            }
        })
        .collect()
}

/// Calls the executor, for at most so long. The answer carries the token, and goes to the context active now.
pub(crate) fn call_executor(
    Executor { cluster, timeout }: &Executor,
    method: &str,
    metadata: Vec<(&str, &[u8])>,
    message: &[u8],
    most: Duration,
) -> Result<u32, Status> {
    // ASCII throughout: configuration admits only short ASCII names of clusters.
    let target = String::from_utf8(grpc_service(cluster)).map_err(|_| Status::BadArgument)?;
    hostcalls::dispatch_grpc_call(&target, executor::SERVICE, method, metadata, Some(message), most.min(*timeout))
        .inspect_err(|status| log::error!("callgate: cluster `{cluster}` cannot be called: {status:?}"))
}

/// Asks the model again. The answer carries the token, and goes to the context active now.
pub(crate) fn call_model(Upstream { cluster, authority }: &Upstream, request: &ModelRequest) -> Result<u32, Status> {
    let length = request.body.len().to_string();
    let mut headers = vec![
        (":method", "POST"),
        (":path", request.path.as_str()),
        (":authority", authority.as_str()),
        (":scheme", "https"),
        ("content-length", length.as_str()),
    ];
    headers.extend(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    hostcalls::dispatch_http_call(cluster, headers, Some(&request.body), Vec::new(), request.timeout)
        .inspect_err(|status| log::error!("callgate: cluster `{cluster}` cannot be called: {status:?}"))
}

/// An encoded `envoy.config.core.v3.GrpcService { envoy_grpc { cluster_name } }`: a plain name could by accident be read
/// as such a message.
fn grpc_service(cluster: &str) -> Vec<u8> {
    #[derive(Clone, PartialEq, Message)]
    struct EnvoyGrpc {
        #[prost(string, tag = "1")]
        cluster_name: String,
    }
    #[derive(Clone, PartialEq, Message)]
    struct GrpcService {
        #[prost(message, optional, tag = "1")]
        envoy_grpc: Option<EnvoyGrpc>,
    }
    GrpcService { envoy_grpc: Some(EnvoyGrpc { cluster_name: cluster.to_owned() }) }.encode_to_vec()
}
