//! Paths: resolved lexically, compared by components.

mod rules;
mod workspace;

pub use rules::{PathRules, RuleError};
pub use workspace::{Os, ResolvedPath, Workspace};
