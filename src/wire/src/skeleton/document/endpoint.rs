//! The path and the query of a request, for APIs that name the form of the answer there.

use crate::Target;

/// Path and query of a request.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    path: String,
    query: String,
    changed: bool,
}

// === impl Endpoint ===

impl Endpoint {
    pub(crate) fn new(target: &Target<'_>) -> Endpoint {
        Endpoint { path: target.path.to_owned(), query: target.query.to_owned(), changed: false }
    }

    /// Replaces the end of the path, if it is `from`.
    pub(crate) fn replace_end(&mut self, from: &str, to: &str) {
        if let Some(before) = self.path.strip_suffix(from) {
            self.path = format!("{before}{to}");
            self.changed = true;
        }
    }

    /// Keeps only some pairs of the query.
    pub(crate) fn retain_query(&mut self, keep: impl Fn(&str) -> bool) {
        let kept: Vec<&str> = self.query.split('&').filter(|pair| keep(pair)).collect();
        self.query = kept.join("&");
    }

    /// Returns path and query if they changed.
    pub(crate) fn changed(&self) -> Option<String> {
        let mark = if self.query.is_empty() { "" } else { "?" };
        self.changed.then(|| format!("{}{mark}{}", self.path, self.query))
    }
}
