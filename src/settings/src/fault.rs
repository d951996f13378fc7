//! The configuration file while it is read: names the place of a fault, and resolves relative paths.

use std::path::Path;

/// The file that is read, and the folder that relative paths start from.
#[derive(Clone, Copy, Debug)]
pub struct ConfigFile<'a> {
    /// Its name in errors.
    pub file: &'a str,
    /// The folder of the file.
    pub folder: &'a Path,
}

/// A field that cannot be used: its place, and what was expected there.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct FieldError {
    /// `file:line:column`.
    pub place: String,
    /// What was expected.
    pub message: String,
}

// === impl ConfigFile ===

impl ConfigFile<'_> {
    /// A fault at a value: what was expected there.
    #[must_use]
    pub fn fault(&self, at: serde_saphyr::Location, message: String) -> FieldError {
        FieldError { place: format!("{}:{}:{}", self.file, at.line(), at.column()), message }
    }
}
