//! The trace of a request, unchanged: the engine neither begins traces nor samples them.
//!
//! W3C Trace Context (Recommendation, 23 November 2021): `traceparent` §3.2, `tracestate` §3.3. A malformed header is left
//! out, as §4.3 requires.

use crate::headers::{Headers, single};

/// The maximum bytes of a forwarded `tracestate`. §3.3.1.5 asks for at least 512.
const STATE_LENGTH: usize = 512;

/// A well-formed `traceparent`, and the `tracestate` beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    parent: String,
    state: Option<String>,
}

// === impl Trace ===

impl Trace {
    pub(crate) fn read(headers: &Headers<'_>) -> Option<Self> {
        let parent = single(headers, "traceparent").filter(|parent| is_parent(parent))?;
        Some(Self { parent: parent.to_owned(), state: state(headers) })
    }

    /// Takes a `traceparent` from elsewhere than a header.
    pub(crate) fn of(parent: &str) -> Option<Self> {
        is_parent(parent).then(|| Self { parent: parent.to_owned(), state: None })
    }

    /// `traceparent`.
    #[must_use]
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// Returns `tracestate`, if there is one.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The trace's id: 32 lowercase hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        self.parent.get(3..35).unwrap_or_default()
    }
}

/// Returns true for `VERSION-TRACE-PARENT-FLAGS`; later versions may have more after another `-`.
fn is_parent(text: &str) -> bool {
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let not_zero = |part: &str| part.bytes().any(|byte| byte != b'0');
    let mut parts = text.splitn(5, '-');
    let (Some(version), Some(trace), Some(parent), Some(flags)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let known = hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    known && hex(trace, 32) && not_zero(trace) && hex(parent, 16) && not_zero(parent) && hex(flags, 2)
}

/// Joins the request's `tracestate` headers, if the whole is short printable ASCII.
fn state(headers: &Headers<'_>) -> Option<String> {
    let mut state = String::new();
    for (_, value) in headers.iter().filter(|(name, _)| *name == "tracestate") {
        let value = std::str::from_utf8(value).ok()?;
        if !state.is_empty() {
            state.push(',');
        }
        state.push_str(value);
    }
    let plain = state.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    Some(state).filter(|state| plain && !state.is_empty() && state.len() <= STATE_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::lend;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(pairs: &[(&str, &str)]) -> Option<Trace> {
        Trace::read(&lend(pairs))
    }

    #[test]
    fn a_trace_is_forwarded_with_all_of_its_state() {
        let trace = read(&[("traceparent", PARENT), ("tracestate", "a=1,b=2"), ("tracestate", "c=3")]).unwrap();
        assert_eq!((trace.id(), trace.parent()), ("0af7651916cd43dd8448eb211c80319c", PARENT));
        assert_eq!(trace.state(), Some("a=1,b=2,c=3"));
        assert_eq!(read(&[("traceparent", PARENT), ("tracestate", &"x".repeat(513))]).unwrap().state(), None);
        assert_eq!(read(&[("tracestate", "a=1")]), None);
    }

    #[test]
    fn a_malformed_trace_is_left_out() {
        for wrong in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx: y",
            "00-äf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(read(&[("traceparent", wrong)]), None, "{wrong}");
        }
        assert_eq!(read(&[("traceparent", PARENT), ("traceparent", PARENT)]), None, "two of them");
        assert!(read(&[("traceparent", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later")]).is_some());
    }
}
