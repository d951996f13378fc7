//! One unary gRPC call over a plain HTTP/2 stream: the request's headers and frame, and its answer.
//!
//! The ABI has no gRPC callout, so the module frames messages itself (gRPC over HTTP/2, grpc/grpc `doc/PROTOCOL-HTTP2.md`).

use std::time::Duration;

use callgate_host::executor;

use crate::abi::Header;

/// The most bytes of an answer. A larger one is not kept.
const MOST_BYTES: usize = 64 << 20;
/// The length of a frame's head: a flag of compression, and the message's length in four bytes.
const HEAD: usize = 5;

// gRPC status codes (grpc/grpc `doc/statuscodes.md`).
pub(crate) const OK: u32 = 0;
const UNKNOWN: u32 = 2;
const PERMISSION_DENIED: u32 = 7;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;
const UNAUTHENTICATED: u32 = 16;

/// Returns a message in its frame.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(message.len().saturating_add(HEAD));
    frame.push(0);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// Returns the request's headers for a method of the executor.
pub(crate) fn headers(cluster: &str, method: &str, timeout: Duration) -> Vec<(&'static str, String)> {
    vec![
        (":method", "POST".to_owned()),
        (":scheme", "http".to_owned()),
        (":path", format!("/{}/{method}", executor::SERVICE)),
        (":authority", cluster.to_owned()),
        ("content-type", "application/grpc".to_owned()),
        ("te", "trailers".to_owned()),
        ("grpc-timeout", timeout_value(timeout)),
    ]
}

/// Lends headers to Envoy for one call.
pub(crate) fn lend(headers: &[(&'static str, String)]) -> Vec<Header> {
    headers.iter().map(|(name, value)| Header::lend(name, value.as_bytes())).collect()
}

/// Returns a time limit in whole milliseconds, at least one: zero means no limit.
pub(crate) fn millis(timeout: Duration) -> u64 {
    u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// A timeout has at most eight digits: milliseconds if they fit, else seconds.
fn timeout_value(timeout: Duration) -> String {
    match timeout.as_millis() {
        millis @ ..100_000_000 => format!("{millis}m"),
        _ => format!("{}S", timeout.as_secs().min(99_999_999)),
    }
}

/// The answer so far.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// HTTP status; 0 before the headers.
    http_status: u16,
    /// `grpc-status` of the trailers, or of headers that are all of the answer.
    grpc_status: Option<u32>,
    body: Vec<u8>,
    too_large: bool,
}

// === impl Answer ===

impl Answer {
    pub(crate) fn headers(&mut self, headers: &[(String, Vec<u8>)]) {
        self.http_status = number(headers, ":status").and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
        self.trailers(headers);
    }

    pub(crate) fn trailers(&mut self, trailers: &[(String, Vec<u8>)]) {
        self.grpc_status = number(trailers, "grpc-status").or(self.grpc_status);
    }

    /// Takes bytes of the body, which `copy` appends to the vector that it is given.
    pub(crate) fn data(&mut self, copy: impl FnOnce(&mut Vec<u8>)) {
        copy(&mut self.body);
        if self.body.len() > MOST_BYTES {
            self.too_large = true;
            self.body = Vec::new();
        }
    }

    /// Returns the message, or the status of the failure. A stream that was reset is not complete.
    pub(crate) fn end(self, complete: bool) -> Result<Vec<u8>, u32> {
        if !complete {
            return Err(UNAVAILABLE);
        }
        if self.http_status != 200 {
            let status = self.grpc_status.filter(|status| *status != OK);
            return Err(status.unwrap_or_else(|| of_http(self.http_status)));
        }
        match self.grpc_status {
            Some(OK) if !self.too_large => unframe(self.body).ok_or(INTERNAL),
            Some(OK) => Err(INTERNAL),
            Some(status) => Err(status),
            None => Err(UNKNOWN),
        }
    }
}

/// Takes the one message out of its frame. A compressed one is refused: the request accepts none.
fn unframe(mut body: Vec<u8>) -> Option<Vec<u8>> {
    let (head, message) = body.split_first_chunk::<HEAD>()?;
    let [flag, length @ ..] = *head;
    if flag != 0 || usize::try_from(u32::from_be_bytes(length)).ok()? != message.len() {
        return None;
    }
    body.drain(..HEAD);
    Some(body)
}

/// Maps an HTTP status without a gRPC status (grpc/grpc `doc/http-grpc-status-mapping.md`).
fn of_http(status: u16) -> u32 {
    match status {
        400 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 => UNIMPLEMENTED,
        429 | 502..=504 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

fn number(headers: &[(String, Vec<u8>)], name: &str) -> Option<u32> {
    let (_, value) = headers.iter().find(|(candidate, _)| candidate == name)?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn answer(headers: &[(&str, &str)], body: &[u8], trailers: &[(&str, &str)]) -> Result<Vec<u8>, u32> {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, Vec<u8>)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
        };
        let mut answer = Answer::default();
        answer.headers(&owned(headers));
        body.chunks(3).for_each(|chunk| answer.data(|into| into.extend_from_slice(chunk)));
        answer.trailers(&owned(trailers));
        answer.end(true)
    }

    #[test]
    fn a_message_survives_its_frame() {
        for message in [b"".as_slice(), b"hello", &[7; 70_000]] {
            let read = answer(&[(":status", "200")], &frame(message), &[("grpc-status", "0")]);
            assert_eq!(read.unwrap(), message);
        }
    }

    #[test]
    fn a_status_in_headers_alone_or_in_trailers_is_the_answer() {
        assert_eq!(answer(&[(":status", "200"), ("grpc-status", "8")], b"", &[]), Err(8));
        assert_eq!(answer(&[(":status", "200")], &frame(b"x"), &[("grpc-status", "9")]), Err(9));
        assert_eq!(answer(&[(":status", "200")], &frame(b"x"), &[]), Err(UNKNOWN), "no status at all");
        assert_eq!(answer(&[(":status", "503")], b"overflow", &[]), Err(UNAVAILABLE));
        assert_eq!(
            answer(&[(":status", "503"), ("grpc-status", "0")], &frame(b"x"), &[]),
            Err(UNAVAILABLE),
            "a success it is not"
        );
        assert_eq!(answer(&[], b"", &[]), Err(UNKNOWN));
    }

    #[test]
    fn a_broken_frame_is_no_message() {
        let ok = [("grpc-status", "0")];
        let compressed = [1, 0, 0, 0, 1, b'x'];
        let short = [0, 0, 0, 0, 2, b'x'];
        let two = [frame(b"x"), frame(b"y")].concat();
        for body in [b"".as_slice(), &[0, 0], &compressed, &short, &two] {
            assert_eq!(answer(&[(":status", "200")], body, &ok), Err(INTERNAL), "{body:?}");
        }
    }

    #[test]
    fn a_timeout_has_at_most_eight_digits() {
        assert_eq!(timeout_value(Duration::from_millis(1500)), "1500m");
        assert_eq!(timeout_value(Duration::from_millis(99_999_999)), "99999999m");
        assert_eq!(timeout_value(Duration::from_secs(200_000)), "200000S");
        assert_eq!(timeout_value(Duration::MAX), "99999999S");
    }
}
