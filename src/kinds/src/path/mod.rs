//! Paths: resolved lexically, compared by components.

mod braces;
mod entry;
mod fold;
mod forbidden;
mod glob;
mod pattern;
mod root;
mod root_pattern;
mod route;
mod rules;
mod sets;
mod text;
mod token;
mod windows;
mod workspace;

pub use crate::RuleError;
pub use glob::Glob;
pub(crate) use pattern::{NamePattern, Overlap};
pub use root_pattern::RootPattern;
pub use rules::PathRules;
pub use sets::{PathSet, SETS, SETS_VERSION, path_set};
pub use workspace::{Os, ResolvedPath, Workspace};
