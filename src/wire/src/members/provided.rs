//! The provider's tools of a request, and which of them can be taken out of it.

use super::{MAX_NAMES, NameSet};
use crate::RequestError;

/// Tools that are turned on by a member with their own settings: a request without the member is the same request without the tool.
/// Other members change what the model is told or who answers.
const SWITCHED: [&str; 8] =
    ["code_execution", "code_interpreter", "connectors", "live_search", "mcp", "plugins", "web_search", "x_search"];

/// The tools that a request makes the provider run, by the API's names.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProviderTools {
    used: NameSet,
    /// Those that the request uses at a place from which they cannot be taken out.
    fixed: NameSet,
    /// Those that were taken out.
    dropped: NameSet,
    /// Models that tools name, with the names of the tools.
    models: Vec<(String, String)>,
}

// === impl ProviderTools ===

impl ProviderTools {
    /// Notes a tool at a place from which it can be taken out: a declaration, a choice, a list of callers.
    pub(crate) fn add(&mut self, param: &'static str, name: &str) -> Result<(), RequestError> {
        self.used.add(param, name)
    }

    /// Notes a tool at another place.
    pub(crate) fn fix(&mut self, param: &'static str, name: &str) -> Result<(), RequestError> {
        self.fixed.add(param, name)?;
        self.used.add(param, name)
    }

    /// Notes a tool that a member of a table turns on.
    pub(super) fn switch(&mut self, param: &'static str, name: &str) -> Result<(), RequestError> {
        if SWITCHED.contains(&name) { self.add(param, name) } else { self.fix(param, name) }
    }

    /// Notes a model that a tool names. It answers the tool's questions for as long as the tool is there.
    pub(super) fn model(&mut self, param: &'static str, tool: &str, model: &str) -> Result<(), RequestError> {
        if self.models.iter().any(|(by, known)| by == tool && known == model) {
            return Ok(());
        }
        if self.models.len() == MAX_NAMES {
            return Err(RequestError::Invalid { param, expected: "a list of at most 1,024 different names" });
        }
        self.models.push((tool.to_owned(), model.to_owned()));
        Ok(())
    }

    /// Returns the models that tools name.
    pub(crate) fn models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(|(_, model)| model.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.used.iter()
    }

    /// Returns true for a tool that the request uses.
    pub(crate) fn uses(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    /// Returns true for a tool that was taken out.
    pub(crate) fn is_dropped(&self, name: &str) -> bool {
        self.dropped.contains(name)
    }

    /// Returns true if a tool was taken out whose name fulfils a condition, and no such tool is left.
    pub(crate) fn lost(&self, is: impl Fn(&str) -> bool) -> bool {
        self.dropped.iter().any(&is) && !self.used.iter().any(is)
    }

    /// Takes out the tools that are not allowed, as far as their places let it. Returns their names.
    pub(crate) fn drop(&mut self, is_allowed: &dyn Fn(&str) -> bool) -> Vec<String> {
        let dropped = self.used.take(|name| !is_allowed(name) && !self.fixed.contains(name));
        self.models.retain(|(tool, _)| !dropped.contains(tool));
        let names = dropped.iter().map(str::to_owned).collect();
        self.dropped = dropped;
        names
    }
}
