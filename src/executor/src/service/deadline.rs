//! Enforces the caller's own deadline, `grpc-timeout`: a call ends here once its caller has given up.

use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::timeout;
use tonic::Status;

const HEADER: &str = "grpc-timeout";
/// The maximum digits in the protocol.
const DIGITS: usize = 8;

/// Answers within the caller's deadline, if the request has a readable one.
pub(crate) async fn within(request: Request, next: Next) -> Response {
    let Some(limit) = limit(request.headers()) else { return next.run(request).await };
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Status::deadline_exceeded("the caller's deadline has passed (grpc-timeout); send a longer one").into_http()
        }
    }
}

fn limit(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=DIGITS).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number.saturating_mul(3600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_as_the_protocol_writes_them() {
        let read = |text: &str| limit(&HeaderMap::from_iter([(HEADER.parse().unwrap(), text.parse().unwrap())]));
        assert_eq!(read("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        for wrong in ["", "5", "m", "123456789S", "-1S", "1.5S", "1x", "1\u{e9}"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
