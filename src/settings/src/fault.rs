//! The configuration file during reading: places of faults, and relative paths.

use std::path::Path;

/// The file, and the folder of relative paths.
#[derive(Clone, Copy, Debug)]
pub struct ConfigFile<'a> {
    /// Its name in errors.
    pub file: &'a str,
    /// The folder of the file.
    pub folder: &'a Path,
}

/// A field that cannot be used: its place, and the expected value.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct FieldError {
    /// `file:line:column`.
    pub place: String,
    /// The expected value.
    pub message: String,
}

// === impl ConfigFile ===

impl ConfigFile<'_> {
    /// A fault at a value, with a message on the expected one.
    #[must_use]
    pub fn fault(&self, at: serde_saphyr::Location, message: String) -> FieldError {
        FieldError { place: format!("{}:{}:{}", self.file, at.line(), at.column()), message }
    }
}
