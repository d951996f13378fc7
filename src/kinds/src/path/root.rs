//! The root of a workspace, as the segments that the routes of relative entries follow.
//!
//! Rules compile without a root, and take one when a call is judged: [`PathRules::at`](super::PathRules::at) copies two pointers.

use std::sync::Arc;

use super::ResolvedPath;
use super::pattern::NamePattern;
use super::route::Segment;

/// The root of a workspace. A copy shares its names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Root(Arc<RootNames>);

/// The names of a root.
#[derive(Debug, Default, PartialEq, Eq)]
struct RootNames {
    path: ResolvedPath,
    /// For entries that allow: compared exactly.
    exact: Vec<Segment>,
    /// For entries that forbid: compared widely.
    wide: Vec<Segment>,
    /// The number of leading names that the model cannot choose.
    fixed: usize,
}

// === impl Root ===

impl Root {
    /// Takes a path. The model can choose the names after the first `fixed` ones.
    pub(super) fn new(path: ResolvedPath, fixed: usize) -> Self {
        let exact = path.components().iter().map(|name| Segment::Name(name.clone())).collect();
        let wide = path.components().iter().map(|name| wide(name)).collect();
        Self(Arc::new(RootNames { path, exact, wide, fixed }))
    }

    /// Returns the root as a path.
    pub(super) fn path(&self) -> &ResolvedPath {
        &self.0.path
    }

    /// Returns the segments that a relative entry follows.
    pub(super) fn segments(&self, is_forbidding: bool) -> &[Segment] {
        if is_forbidding { &self.0.wide } else { &self.0.exact }
    }

    /// Returns the number of leading names that names at any depth are not compared with.
    pub(super) fn fixed(&self) -> usize {
        self.0.fixed
    }
}

/// Returns the segment of a name for an entry that forbids: any name, if it cannot be compared without case.
fn wide(name: &str) -> Segment {
    let pattern = NamePattern::name(name).widen().with_trail();
    Segment::Pattern(if name.is_ascii() && pattern.is_comparable() { pattern } else { NamePattern::any() })
}
