//! Paths: their normal form, and the patterns of dialects.
//!
//! The upstream must find the same path in a target as the gate. So a path that another reader could resolve otherwise
//! is refused, whatever the host's own settings are.

use std::fmt;

use callgate_wire::{decoded, is_judged};

use crate::{Code, Refusal};

const MODEL: &str = "{model}";

/// Returns true if every reader finds the same segments in a path (RFC 3986 §6.2.2): no empty or dot segment, no needlessly
/// encoded character, no encoded control character. Encoded slashes are refused apart ([`hides_a_slash`]).
pub(crate) fn is_normal(path: &str) -> bool {
    let odd = |byte| matches!(byte, b'\\' | b'#' | b'?' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}');
    let plain = |byte: u8| byte.is_ascii_graphic() && !odd(byte);
    let Some(segments) = path.strip_prefix('/') else { return false };
    let mut segments = segments.split('/').peekable();
    let mut normal = path.bytes().all(plain) && path.split('%').skip(1).all(is_needed);
    while let Some(segment) = segments.next() {
        let empty_inside = segment.is_empty() && segments.peek().is_some();
        normal &= !empty_inside && !matches!(segment, "." | "..");
    }
    normal
}

/// Returns true for an escape, without its `%`, of a character that needs one.
fn is_needed(rest: &str) -> bool {
    let Some(digits) = rest.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) else {
        return false;
    };
    u8::from_str_radix(digits, 16).is_ok_and(|byte| {
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !unreserved && !byte.is_ascii_control()
    })
}

/// Returns true for a path with an encoded slash or backslash, which some readers take for a separator.
pub(crate) fn hides_a_slash(path: &str) -> bool {
    path.split('%').skip(1).any(|rest| {
        rest.get(..2).is_some_and(|digits| digits.eq_ignore_ascii_case("2f") || digits.eq_ignore_ascii_case("5c"))
    })
}

/// Refuses query parameters that some servers take for members of the body, such as LiteLLM's `model`: the gate reads
/// such members in the body only.
pub(crate) fn check_query(query: &str) -> Result<(), Refusal> {
    for pair in query.split(['&', ';']).filter(|pair| !pair.is_empty()) {
        let name = pair.split(['=', '[']).next().unwrap_or_default();
        let Some(name) = decoded(name) else {
            let message = "The query has a parameter whose name is not percent-encoded text; encode it.";
            return Err(Refusal::new(Code::RequestInvalid, message));
        };
        let name = name.split('[').next().unwrap_or_default().trim_matches(['+', ' ']);
        if is_judged(name) {
            let message = "The query has a parameter that the gate reads in the body only; send it there.";
            return Err(Refusal::at(Code::RequestInvalid, name, message));
        }
    }
    Ok(())
}

/// Returns true if the query has an access token (RFC 6750 §2.3), or a name that cannot be read.
pub(crate) fn has_token(query: &str) -> bool {
    let names = query.split(['&', ';']).filter_map(|pair| pair.split('=').next());
    names.map(decoded).any(|name| name.is_none_or(|name| name.trim_matches(['+', ' ']).eq_ignore_ascii_case(TOKEN)))
}

/// The name of an access token in a query.
const TOKEN: &str = "access_token";

/// A path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// This path.
    Exact(String),
    /// Every path with this beginning and end, and a model between them, in one segment or a part of one.
    Model { before: String, after: String },
}

// === impl Route ===

impl Route {
    pub(crate) fn new(path: &str) -> Self {
        match path.split_once(MODEL) {
            Some((before, after)) => Self::Model { before: before.to_owned(), after: after.to_owned() },
            None => Self::Exact(path.to_owned()),
        }
    }

    /// Returns true if the pattern can match at all: normal but for one `{model}`, which `reads_model` must allow.
    pub(crate) fn is_valid(&self, reads_model: bool) -> bool {
        match self {
            Self::Exact(path) => is_normal(path) && !hides_a_slash(path),
            Self::Model { before, after } => {
                let sample = format!("{before}m{after}");
                reads_model && is_normal(&sample) && !hides_a_slash(&sample)
            }
        }
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == path,
            Self::Model { .. } => self.model(path).is_some(),
        }
    }

    /// Returns the model in a matching path, still percent-encoded. Its slashes are encoded, as in the ARN of a Bedrock model.
    pub(crate) fn model<'p>(&self, path: &'p str) -> Option<&'p str> {
        let Self::Model { before, after } = self else { return None };
        let model = path.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
        let resolves = |name: String| name.split(['/', '\\']).any(|part| matches!(part, "" | "." | ".."));
        let plain = !model.contains('/') && !decoded(model).is_none_or(resolves);
        plain.then_some(model)
    }

    /// Returns true if a passthrough entry, which may end in `*`, matches a path of this route. Errs towards true.
    pub(crate) fn meets(&self, entry: &str) -> bool {
        match (self, entry.strip_suffix('*')) {
            (Self::Exact(exact), Some(prefix)) => exact.starts_with(prefix),
            (Self::Model { before, .. }, Some(prefix)) => {
                before.starts_with(prefix) || prefix.starts_with(before.as_str())
            }
            (_, None) => self.matches(entry),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => f.write_str(path),
            Self::Model { before, after } => write!(f, "{before}{MODEL}{after}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_in_a_path_is_one_segment_or_a_part_of_one() {
        let route = Route::new("/v1beta/models/{model}:generateContent");
        assert!(route.matches("/v1beta/models/gemini-2:generateContent"));
        for other in ["/v1beta/models/:generateContent", "/v1beta/models/a/b:generateContent", "/v1beta/models/a:other"]
        {
            assert!(!route.matches(other), "{other}");
        }
        assert_eq!(route.to_string(), "/v1beta/models/{model}:generateContent");
    }

    #[test]
    fn a_model_in_a_path_may_be_an_arn_and_never_leaves_its_segment() {
        let route = Route::new("/model/{model}/converse");
        let arn = "arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.claude";
        assert_eq!(route.model(&format!("/model/{arn}/converse")), Some(arn));
        for model in ["..%2Fadmin", "a%2F..%2Fb", "a%2F%2Fb", "a%5C..", "%2Fa", "a%2F", "..", "a%2"] {
            assert_eq!(route.model(&format!("/model/{model}/converse")), None, "{model}");
        }
    }

    #[test]
    fn a_path_is_normal_if_all_readers_find_the_same_segments() {
        for path in ["/", "/v1/chat/completions", "/v1/models/", "/a%20b", "/a:b;c=1", "/model/arn%3Aaws/converse"] {
            assert!(is_normal(path), "{path}");
        }
        for path in [
            "",
            "v1",
            "*",
            "//v1",
            "/v1//chat",
            "/v1/./chat",
            "/v1/../chat",
            "/v1/..",
            "/v1/%2e%2e/chat",
            "/v1/.%2E/chat",
            "/%63hat",
            "/a%00",
            "/a%0d",
            "/a%zz",
            "/a%2",
            "/a\\b",
            "/a b",
            "/a#b",
            "/\u{e4}",
            "/a\tb",
            "/a%7F",
        ] {
            assert!(!is_normal(path), "{path}");
        }
        for (path, hidden) in [("/a%2fb", true), ("/a%5Cb", true), ("/a%252f", false), ("/a", false)] {
            assert_eq!(hides_a_slash(path), hidden, "{path}");
        }
    }

    #[test]
    fn a_pattern_has_one_model_and_only_if_its_dialect_reads_one() {
        assert!(Route::new("/v1/chat").is_valid(false));
        assert!(Route::new("/openai/deployments/{model}/chat/completions").is_valid(true));
        assert!(!Route::new("/mcp/{model}").is_valid(false));
        for path in ["/{model}/{model}", "/{other}/x", "v1/chat", "/v1//chat", "/v1/chat?x=1#y", "/v1/%2Fchat"] {
            assert!(!Route::new(path).is_valid(true), "{path}");
        }
    }

    #[test]
    fn a_passthrough_entry_meets_every_route_that_it_could_hide() {
        let route = Route::new("/model/{model}/converse");
        for entry in ["/*", "/model/*", "/model/a/*", "/model/a/converse"] {
            assert!(route.meets(entry), "{entry}");
        }
        for entry in ["/models*", "/model/a/other", "/v1/*"] {
            assert!(!route.meets(entry), "{entry}");
        }
    }
}
