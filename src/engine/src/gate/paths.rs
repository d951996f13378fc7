//! The paths of APIs, and the paths that are forwarded unread.

use std::collections::HashMap;

use callgate_wire::{Api, DIALECTS, Row};

use super::GateError;
use crate::path::{Route, hides_a_slash, is_normal};

/// The paths of the APIs, and the paths forwarded unread.
#[derive(Debug, Clone)]
pub struct Paths {
    routes: Vec<(Route, &'static Row)>,
    passthrough: Vec<String>,
}

impl Paths {
    /// Puts every dialect at its own paths, or at those `named` gives for its [`Row::key`]. A path is exact, without query;
    /// `{model}` in it matches one segment or a part of one. Requests and responses of a passthrough path are forwarded unread. It
    /// may end in `*`, which matches every path with that beginning.
    #[must_use]
    pub fn new(named: &HashMap<String, Vec<String>>, passthrough: Vec<String>) -> Self {
        let own = |row: &Row| row.paths.iter().map(|path| (*path).to_owned()).collect();
        let paths = |row: &'static Row| -> Vec<String> { named.get(row.key).cloned().unwrap_or_else(|| own(row)) };
        let routes = DIALECTS.iter().flat_map(|row| paths(row).into_iter().map(move |path| (Route::new(&path), row)));
        Self { routes: routes.collect(), passthrough }
    }

    /// Returns the dialect of a path.
    pub(crate) fn dialect(&self, path: &str) -> Option<(&Route, &'static Row)> {
        self.routes.iter().find(|(route, _)| route.matches(path)).map(|(route, row)| (route, *row))
    }

    /// Returns true if an API has a path that begins with these segments. Errs towards true.
    pub(crate) fn has_below(&self, prefix: &str) -> bool {
        let prefix = prefix.trim_end_matches('/');
        let below = format!("{prefix}/*");
        self.routes.iter().any(|(route, _)| route.meets(prefix) || route.meets(&below))
    }

    /// Returns true if a model has a path, so the gate may have to ask it again.
    pub(super) fn has_models(&self) -> bool {
        self.routes.iter().any(|(_, row)| matches!(row.api, Api::Model(_)))
    }

    /// Returns a path without a server, whose tools the executor runs.
    pub(super) fn merged(&self) -> Option<&Route> {
        self.routes.iter().find(|(_, row)| matches!(row.api, Api::McpMerged)).map(|(route, _)| route)
    }

    /// Refuses paths that can never match, and ambiguous paths.
    pub(crate) fn check(&self) -> Result<(), GateError> {
        for (position, (route, row)) in self.routes.iter().enumerate() {
            let reads_model = matches!(row.api, Api::Model(_) | Api::Catalog);
            if !route.is_valid(reads_model) {
                return Err(GateError::PathPattern { key: row.key, path: route.to_string() });
            }
            if self.routes.iter().take(position).any(|(other, _)| other == route) {
                return Err(GateError::PathTwice { path: route.to_string() });
            }
            // Whoever passes a list of models through gets the whole list.
            let makes_calls = matches!(row.api, Api::Model(_) | Api::Mcp | Api::McpMerged);
            if let Some(path) = self.passthrough.iter().find(|entry| makes_calls && route.meets(entry)) {
                return Err(GateError::PassthroughHidesDialect { path: path.clone(), dialect_path: route.to_string() });
            }
        }
        let plain = |entry: &&String| {
            let path = entry.strip_suffix('*').unwrap_or(entry);
            // An entry may end in the middle of a segment, because `*` matches the rest.
            !is_normal(path) || hides_a_slash(path) || path.contains('*')
        };
        match self.passthrough.iter().find(plain) {
            Some(path) => Err(GateError::PathPattern { key: "passthrough", path: path.clone() }),
            None => Ok(()),
        }
    }

    /// Returns true for a path that is forwarded unread.
    pub(crate) fn passes(&self, path: &str) -> bool {
        self.passthrough.iter().any(|entry| covers(entry, path))
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self::new(&HashMap::new(), Vec::new())
    }
}

/// Returns true if a passthrough entry matches a path.
fn covers(entry: &str, path: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => entry == path,
    }
}
