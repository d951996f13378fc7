//! Calls of the host that need more than one line.

use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::HttpContext;
use proxy_wasm::types::Status;

/// The answer where the adapter itself is at fault.
pub(crate) const DEFECT: &[u8] =
    br#"{"error":{"message":"Callgate could not carry on with this exchange.","type":"server_error","param":null,"code":"out_of_order"}}"#;

/// Answers the stream here, with a JSON body.
pub(crate) fn reply<C: HttpContext + ?Sized>(context: &C, status: u16, body: &[u8]) {
    context.send_http_response(u32::from(status), vec![("content-type", "application/json")], Some(body));
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

/// A unary gRPC call to a cluster. The token comes back with the answer.
pub(crate) fn grpc_call(
    cluster: &str,
    service: &str,
    method: &str,
    message: &[u8],
    timeout: Duration,
) -> Result<u32, Status> {
    // ASCII throughout: configuration admits only short ASCII names of clusters.
    let target = String::from_utf8(crate::executor::grpc_service(cluster)).map_err(|_| Status::BadArgument)?;
    hostcalls::dispatch_grpc_call(&target, service, method, Vec::new(), Some(message), timeout)
}
