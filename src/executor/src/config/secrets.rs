//! `secrets`: the files contracts may hand to tools.

use callgate_settings::{Allow, ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::Spanned;

/// The files contracts may hand to tools as `secretEnv`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Files, and folders of files.
    pub allow: Allow,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {
    #[serde(default)]
    allow: Vec<Spanned<String>>,
}

impl Section {
    pub(super) fn resolve(self, place: &ConfigFile<'_>) -> Result<Secrets, FieldError> {
        Ok(Secrets { allow: Allow::resolve("secrets.allow", self.allow, place)? })
    }
}
