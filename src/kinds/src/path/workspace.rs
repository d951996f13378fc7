//! The workspace of a contract, and paths resolved against it.

use crate::Refusal;

/// The operating system whose rules of paths hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Os {
    /// `/` separates components, and case counts.
    #[default]
    Posix,
    /// `\` and `/` separate components, names have drives, and case does not count.
    Windows,
}

/// The directory in which relative paths begin, and to which the entries of a profile are relative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    os: Os,
    root: Vec<String>,
}

/// An absolute path after `.`, `..` and repeated separators are resolved. On Windows the first component is the drive, such as `C:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedPath {
    components: Vec<String>,
}

// === impl Workspace ===

impl Workspace {
    /// Reads the root.
    ///
    /// # Errors
    ///
    /// The root is refused as a path, or is not absolute.
    pub fn new(_root: &str, _os: Os) -> Result<Self, Refusal> {
        Err(Refusal::whole("no path is read yet"))
    }

    /// Returns the operating system.
    #[must_use]
    pub fn os(&self) -> Os {
        self.os
    }

    /// Returns the root as a path.
    #[must_use]
    pub fn root(&self) -> ResolvedPath {
        ResolvedPath { components: self.root.clone() }
    }

    /// Resolves a path. A relative one begins at `base`.
    ///
    /// # Errors
    ///
    /// The text is one that programs or systems could read in two ways, or `..` leads above the root of the file system.
    pub fn resolve(&self, _text: &str, _base: &ResolvedPath) -> Result<ResolvedPath, Refusal> {
        Err(Refusal::whole("no path is read yet"))
    }
}

// === impl ResolvedPath ===

impl ResolvedPath {
    /// Returns the components, from the root.
    #[must_use]
    pub fn components(&self) -> &[String] {
        &self.components
    }
}
