//! A path at which a dialect is spoken, in which `{model}` may stand for what a caller names.

use std::fmt;

const MODEL: &str = "{model}";

/// A path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// This path.
    Exact(String),
    /// Every path that begins and ends so and has one segment, or a part of one, between.
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

    pub(crate) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == path,
            Self::Model { before, after } => path
                .strip_prefix(before.as_str())
                .and_then(|rest| rest.strip_suffix(after.as_str()))
                .is_some_and(|model| !model.is_empty() && !model.contains('/')),
        }
    }

    /// Whether a passthrough entry, which may end in `*`, stands for a path that this matches. Rather too often than too seldom.
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
