//! The configuration file while it is read: names the place of a fault, and resolves relative paths.

use std::path::Path;

use super::ConfigError;

/// The file that is read, and the folder that relative paths start from.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    pub(super) file: &'a str,
    pub(super) folder: &'a Path,
}

impl Document<'_> {
    /// A fault at a value: what was expected there.
    pub(super) fn fault(&self, at: serde_saphyr::Location, message: String) -> ConfigError {
        ConfigError::Malformed { place: format!("{}:{}:{}", self.file, at.line(), at.column()), message }
    }
}
