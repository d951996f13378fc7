//! The calls of the host: the one file in which `clippy.toml` does not ban them.

#![expect(clippy::disallowed_methods, reason = "this is the adapter that the bans name")]

use std::time::{Duration, UNIX_EPOCH};

use callgate_engine::ModelRequest;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, MetricType, Status};

use crate::config::{Executor, Upstream};
use crate::executor;

/// The answer if the adapter itself is at fault.
pub(crate) const DEFECT: &[u8] =
    br#"{"error":{"message":"Callgate could not carry on with this exchange.","type":"server_error","param":null,"code":"out_of_order"}}"#;

/// Answers the stream here, with a JSON body.
pub(crate) fn reply(status: u16, body: &[u8], retry_after: Option<Duration>) {
    let seconds = retry_after.map(|after| after.as_secs().max(1).to_string());
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(seconds.as_deref().map(|seconds| ("retry-after", seconds)));
    let _ = hostcalls::send_http_response(u32::from(status), headers, Some(body));
}

/// Resets the stream.
pub(crate) fn reset() {
    let _ = hostcalls::reset_http_response();
}

/// Releases the buffered response.
pub(crate) fn resume_response() {
    let _ = hostcalls::resume_http_response();
}

pub(crate) fn set_request_header(name: &str, value: Option<&str>) {
    let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, name, value);
}

pub(crate) fn set_response_header(name: &str, value: Option<&str>) {
    let _ = hostcalls::set_map_value(MapType::HttpResponseHeaders, name, value);
}

/// Replaces the `held` bytes of the request's body.
pub(crate) fn set_request_body(held: usize, bytes: &[u8]) {
    let _ = hostcalls::set_buffer(BufferType::HttpRequestBody, 0, held, bytes);
}

/// Replaces the `held` bytes of the response's body.
pub(crate) fn set_response_body(held: usize, bytes: &[u8]) {
    let _ = hostcalls::set_buffer(BufferType::HttpResponseBody, 0, held, bytes);
}

/// Leaves a value in filter state.
pub(crate) fn note(name: &str, value: &str) {
    let _ = hostcalls::set_property(vec![name], Some(value.as_bytes()));
}

/// Reads a property of the stream.
pub(crate) fn property(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_property(vec![name]).ok().flatten()
}

/// Directs the calls that follow at the stream of another context; `false` if that stream has ended.
pub(crate) fn act_for(context_id: u32) -> bool {
    hostcalls::set_effective_context(context_id).is_ok()
}

/// Cancels a call of the executor. An ended call needs no cancelling.
pub(crate) fn cancel_executor(token: u32) {
    let _ = hostcalls::cancel_grpc_call(token);
}

/// Defines a counter, and returns its id.
pub(crate) fn counter(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Counter, name).ok()
}

/// Adds to a counter. A failed counter must not end an exchange.
pub(crate) fn count(id: u32, by: u64) {
    let _ = hostcalls::increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX));
}

/// The host's clock, since the Unix epoch.
pub(crate) fn now() -> Duration {
    // The host never returns the only other status.
    hostcalls::get_current_time().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default()
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

/// Calls the executor. The answer carries the token, and goes to the context active now.
pub(crate) fn call_executor(
    Executor { cluster, timeout }: &Executor,
    method: &str,
    metadata: Vec<(&str, &[u8])>,
    message: &[u8],
) -> Result<u32, Status> {
    // ASCII throughout: configuration admits only short ASCII names of clusters.
    let target = String::from_utf8(executor::grpc_service(cluster)).map_err(|_| Status::BadArgument)?;
    hostcalls::dispatch_grpc_call(&target, executor::SERVICE, method, metadata, Some(message), *timeout)
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
