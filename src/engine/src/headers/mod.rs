//! HTTP headers with an effect on decisions. [`media`] reads the type and the coding of a body; [`kept`] holds those of further rounds.

pub(crate) mod kept;
pub(crate) mod media;

use std::time::Duration;

/// Header pairs lent by the host, pseudo-headers included, names in lower case, repeated names repeated. The engine copies those
/// that it keeps.
pub type Headers<'a> = [(&'a str, &'a [u8])];

/// Lends header pairs that somebody owns.
pub fn lend<N: AsRef<str>, V: AsRef<[u8]>>(pairs: &[(N, V)]) -> Vec<(&str, &[u8])> {
    pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect()
}

/// Returns the value of a header, if it occurs exactly once and is text.
pub(crate) fn single<'a>(headers: &Headers<'a>, name: &str) -> Option<&'a str> {
    let mut values = headers.iter().filter(|(candidate, _)| *candidate == name);
    let (_, value) = values.next()?;
    if values.next().is_some() {
        return None;
    }
    std::str::from_utf8(value).ok()
}

/// Returns the body's declared length in bytes.
pub(crate) fn length(headers: &Headers<'_>) -> Option<u64> {
    single(headers, "content-length")?.parse().ok()
}

/// Returns the upstream's `retry-after` if it is in seconds.
pub(crate) fn retry_after(headers: &Headers<'_>) -> Option<Duration> {
    single(headers, "retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

/// Returns the response status, or 0 if it is missing or invalid.
pub(crate) fn status(headers: &Headers<'_>) -> u16 {
    single(headers, ":status").and_then(|status| status.parse().ok()).unwrap_or(0)
}
