//! HTTP headers with an effect on decisions. [`media`] reads the type and the coding of a body; [`kept`] holds those of further rounds.

pub(crate) mod kept;
pub(crate) mod media;

use std::time::Duration;

/// Header pairs as the host gave them, pseudo-headers included, names in lower case, repeated names repeated.
pub type Headers = [(String, Vec<u8>)];

/// Returns the value of a header, if it occurs exactly once and is text.
pub(crate) fn single<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let mut values = headers.iter().filter(|(candidate, _)| candidate == name);
    let (_, value) = values.next()?;
    if values.next().is_some() {
        return None;
    }
    std::str::from_utf8(value).ok()
}

/// Returns the body's declared length in bytes.
pub(crate) fn length(headers: &Headers) -> Option<u64> {
    single(headers, "content-length")?.parse().ok()
}

/// Returns the upstream's `retry-after` if it is in seconds.
pub(crate) fn retry_after(headers: &Headers) -> Option<Duration> {
    single(headers, "retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

/// Returns the response status, or 0 if it is missing or invalid.
pub(crate) fn status(headers: &Headers) -> u16 {
    single(headers, ":status").and_then(|status| status.parse().ok()).unwrap_or(0)
}
