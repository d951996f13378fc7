//! One POST over `wasi:http`.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

use super::Request;

/// A receipt is short. The rest of a longer answer is not read.
const ANSWER_BYTES: usize = 16 << 10;

/// Sends the request and returns status and body.
pub(super) fn post(request: &Request<'_>) -> Result<(u16, Vec<u8>), String> {
    let (scheme, host) = request.service.split_once("://").ok_or("its address has no scheme")?;
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    let fields = Fields::new();
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("authorization", format!("Bearer {}", request.key)),
        ("x-tenant", request.tenant.to_owned()),
    ] {
        fields.append(name, value.as_bytes()).map_err(|error| format!("{error:?}"))?;
    }
    let outgoing = OutgoingRequest::new(fields);
    let unclear = |()| "its address is not clear".to_owned();
    outgoing.set_method(&Method::Post).map_err(unclear)?;
    outgoing.set_scheme(Some(&scheme)).map_err(unclear)?;
    outgoing.set_authority(Some(host)).map_err(unclear)?;
    outgoing.set_path_with_query(Some("/v1/payments")).map_err(unclear)?;
    let body = outgoing.body().map_err(unclear)?;
    let future = handle(outgoing, None).map_err(|code| format!("{code:?}"))?;
    {
        let stream = body.write().map_err(unclear)?;
        for part in request.body.as_bytes().chunks(4096) {
            stream.blocking_write_and_flush(part).map_err(|error| format!("{error:?}"))?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|code| format!("{code:?}"))?;
    future.subscribe().block();
    let answer = match future.get() {
        Some(Ok(answer)) => answer.map_err(|code| format!("{code:?}"))?,
        Some(Err(())) | None => return Err("no answer".into()),
    };
    let incoming = answer.consume().map_err(|()| "no body".to_owned())?;
    Ok((answer.status(), read(&incoming)?))
}

fn read(body: &IncomingBody) -> Result<Vec<u8>, String> {
    let stream = body.stream().map_err(|()| "no body".to_owned())?;
    let mut read = Vec::new();
    while read.len() < ANSWER_BYTES {
        match stream.blocking_read(4096) {
            Ok(bytes) => read.extend(bytes),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
    Ok(read)
}
