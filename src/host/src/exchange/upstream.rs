//! Headers of the upstream's response that a changed body makes wrong.

use callgate_engine::Headers;

/// Headers of the upstream's response that a changed body makes wrong.
#[derive(Debug, Default)]
pub(super) struct Upstream {
    /// `None` if the length is missing, repeated or unreadable.
    pub(super) content_length: Option<usize>,
    /// There are such headers, readable or not.
    pub(super) has_length: bool,
    pub(super) has_encoding: bool,
    /// See [`is_plain_json`].
    pub(super) is_json: bool,
}

pub(super) const JSON: &str = "application/json";

/// Returns true if there is one `content-type`, spelt as the gate writes that of JSON.
pub(super) fn is_plain_json(headers: &Headers<'_>) -> bool {
    let mut types = headers.iter().filter(|(name, _)| *name == "content-type");
    types.next().is_some_and(|(_, value)| *value == JSON.as_bytes()) && types.next().is_none()
}

// === impl Upstream ===

impl Upstream {
    pub(super) fn read(headers: &Headers<'_>) -> Self {
        let mut upstream = Self { is_json: is_plain_json(headers), ..Self::default() };
        for (name, value) in headers {
            match *name {
                "content-length" if !upstream.has_length => {
                    upstream.has_length = true;
                    upstream.content_length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                }
                // Two lengths: neither can be kept.
                "content-length" => upstream.content_length = None,
                "content-encoding" => upstream.has_encoding = true,
                _ => {}
            }
        }
        upstream
    }
}
