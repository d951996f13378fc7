//! The media type and the coding of a body, by which clients and upstreams decode it.
//!
//! The gate reads a body as UTF-8. A reader that decodes it otherwise could find other calls in it. A header that asks for this
//! is refused, and the gate forwards the value as it read it.
//!
//! Sources: RFC 9110 §8.3.1 (media types), §8.4 (content codings), §5.6.6 (parameters). RFC 8187 and RFC 2231 give a parameter
//! further spellings (`charset*`, `charset*0`), which some clients read; all of them are refused.

use std::borrow::Cow;

use super::{Headers, single};

/// The media type of requests and of unary answers.
pub(crate) const JSON: &str = "application/json";

/// A `content-type` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Media {
    /// The header is missing.
    Missing,
    /// A media type whose text is UTF-8.
    Utf8 {
        /// `type/subtype` in lower case.
        essence: Cow<'static, str>,
        /// The header says `charset=utf-8` itself.
        charset: bool,
    },
    /// The header is repeated, is malformed, or names another charset: readers differ over the body.
    Ambiguous,
}

// === impl Media ===

impl Media {
    /// Reads the header of a request or a response.
    pub(crate) fn of(headers: &Headers<'_>) -> Self {
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            return Self::Missing;
        }
        single(headers, "content-type").and_then(read).unwrap_or(Self::Ambiguous)
    }

    /// Returns true if the body has this type.
    pub(crate) fn is(&self, media_type: &str) -> bool {
        matches!(self, Self::Utf8 { essence, .. } if essence == media_type)
    }

    /// Writes the header's value, with nothing but the parts that were read.
    pub(crate) fn written(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Utf8 { essence, charset: true } => Some(Cow::Owned(format!("{essence}; charset=utf-8"))),
            Self::Utf8 { essence, charset: false } => Some(essence.clone()),
            Self::Missing | Self::Ambiguous => None,
        }
    }
}

fn read(value: &str) -> Option<Media> {
    if value == JSON {
        return Some(Media::Utf8 { essence: Cow::Borrowed(JSON), charset: false });
    }
    let (essence, mut rest) = value.split_once(';').map_or((value, ""), |(essence, rest)| (essence, rest));
    let essence = essence.trim_matches(SPACE);
    let (kind, subtype) = essence.split_once('/')?;
    if !is_token(kind) || !is_token(subtype) {
        return None;
    }
    let mut charset = false;
    while !rest.is_empty() {
        let (name, value, after) = parameter(rest)?;
        rest = after;
        let name = name.to_ascii_lowercase();
        if name == "charset" {
            let is_utf8 = value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8");
            if charset || !is_utf8 {
                return None;
            }
            charset = true;
        } else if name.starts_with("charset") {
            return None;
        }
    }
    Some(Media::Utf8 { essence: Cow::Owned(essence.to_ascii_lowercase()), charset })
}

const SPACE: [char; 2] = [' ', '\t'];

/// The first parameter: its name, its value without quotes, and the text after it. An empty parameter (`;;`) has no name.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim_start_matches(SPACE);
    let end = text.find(['=', ';']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let Some(value) = rest.strip_prefix('=') else {
        let blank = name.trim_matches(SPACE).is_empty();
        return blank.then(|| ("", "", rest.strip_prefix(';').unwrap_or_default()));
    };
    if !is_token(name) {
        return None;
    }
    let (value, after) = match value.strip_prefix('"') {
        // Escapes are refused: no known value needs one.
        Some(quoted) => quoted.split_once('"').filter(|(value, _)| !value.contains('\\'))?,
        None => {
            let end = value.find([';', ' ', '\t']).unwrap_or(value.len());
            let (value, after) = value.split_at_checked(end)?;
            (Some(value).filter(|value| is_token(value))?, after)
        }
    };
    let after = after.trim_start_matches(SPACE);
    if after.is_empty() { Some((name, value, "")) } else { Some((name, value, after.strip_prefix(';')?)) }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Returns true for an uncompressed body: every coding in every `content-encoding` is `identity`.
pub(crate) fn is_identity_encoded(headers: &Headers<'_>) -> bool {
    headers.iter().filter(|(name, _)| *name == "content-encoding").all(|(_, value)| {
        value
            .split(|&byte| byte == b',')
            .map(<[u8]>::trim_ascii)
            .all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Media {
        let headers: Vec<_> = values.iter().map(|value| ("content-type", value.as_bytes())).collect();
        Media::of(&headers)
    }

    #[test]
    fn a_media_type_is_written_without_unread_parameters() {
        for (value, written) in [
            ("application/json", "application/json"),
            ("Application/JSON", "application/json"),
            (" application/json ;", "application/json"),
            ("application/json; charset=utf-8", "application/json; charset=utf-8"),
            ("application/json;CHARSET=\"UTF-8\"", "application/json; charset=utf-8"),
            ("text/event-stream; charset=utf8; x=\"a;b\"", "text/event-stream; charset=utf-8"),
            ("application/json; profile=x ; odata=y", "application/json"),
        ] {
            assert_eq!(of(&[value]).written().as_deref(), Some(written), "{value}");
        }
        assert_eq!(of(&[]), Media::Missing);
    }

    #[test]
    fn every_charset_but_utf_8_is_ambiguous_however_it_is_spelled() {
        for value in [
            "application/json; charset=utf-7",
            "application/json; charset=utf-16",
            "application/json; charset=iso-8859-1",
            "application/json; charset=us-ascii",
            "application/json; charset=",
            "application/json; charset",
            "application/json; charset=utf-8; charset=utf-7",
            "application/json; charset=utf-7; charset=utf-8",
            "application/json; charset*=utf-8''utf-7",
            "application/json; charset*0=utf-; charset*1=7",
            "application/json; Charset = utf-7",
            "application/json; charset =utf-7",
            "application/json; charset='utf-7'",
            "application/json; charset=\"utf-\\7\"",
            "application/json; charset=\"utf-7",
            "application/json; charset=utf-8 utf-7",
            "application/json charset=utf-7",
            "application/json, text/plain; charset=utf-7",
            "application/json; x=\"; charset=utf-7",
            "application/json; charset=utf-8\u{e9}",
            "application",
            "",
        ] {
            assert_eq!(of(&[value]), Media::Ambiguous, "{value}");
        }
        assert_eq!(of(&["application/json", "application/json"]), Media::Ambiguous);
    }

    #[test]
    fn identity_may_be_repeated() {
        let encoded = |values: &[&str]| {
            let headers: Vec<_> = values.iter().map(|value| ("content-encoding", value.as_bytes())).collect();
            is_identity_encoded(&headers)
        };
        for values in [&[][..], &["identity"], &["identity", "Identity"], &["identity, identity"], &[""]] {
            assert!(encoded(values), "{values:?}");
        }
        for values in [&["gzip"][..], &["identity", "br"], &["identity, gzip"], &["identity;q=1"], &["x"]] {
            assert!(!encoded(values), "{values:?}");
        }
    }
}
