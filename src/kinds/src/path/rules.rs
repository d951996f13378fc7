//! A profile's path rules: `[".", "!.git", "!@secrets"]`.

use super::{ResolvedPath, Workspace};
use crate::Refusal;

/// An entry of path rules that has no meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct RuleError {
    /// The position of the entry, counted from 0.
    pub entry: usize,
    /// The problem, as a sentence.
    pub problem: String,
}

/// Path rules, compiled against a workspace. No entry allows nothing; order does not matter.
#[derive(Clone, Debug, Default)]
pub struct PathRules {}

// === impl PathRules ===

impl PathRules {
    /// Compiles entries: a path that is allowed with all below it, or `!` and a path, a name or a set (`@secrets`) that is not.
    ///
    /// # Errors
    ///
    /// The first entry that has no meaning.
    pub fn compile(_entries: &[String], _workspace: &Workspace) -> Result<Self, RuleError> {
        Ok(Self {})
    }

    /// Checks that an entry allows the path, and none forbids it.
    ///
    /// # Errors
    ///
    /// The path is outside the allowed ones, or a `!` entry forbids it.
    pub fn check(&self, _path: &ResolvedPath) -> Result<(), Refusal> {
        Err(Refusal::whole("no path is read yet"))
    }

    /// Checks a directory that a program walks: `check`, and no `!` entry may match anything below it by name.
    ///
    /// # Errors
    ///
    /// As of [`check`](Self::check), or a forbidden path may lie below the directory.
    pub fn check_tree(&self, _path: &ResolvedPath) -> Result<(), Refusal> {
        Err(Refusal::whole("no path is read yet"))
    }
}
