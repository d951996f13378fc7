//! Where a fault of the configuration is.

use std::path::Path;

use super::ConfigError;

/// The file that is read, for the words of faults and for relative paths.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) folder: &'a Path,
}

impl Place<'_> {
    /// A fault at a value: what was expected there.
    pub(super) fn fault(&self, at: serde_saphyr::Location, message: String) -> ConfigError {
        ConfigError::Malformed { place: format!("{}:{}:{}", self.file, at.line(), at.column()), message }
    }
}
