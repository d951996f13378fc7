//! `secrets`: the files that contracts may hand to tools.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::ConfigError;
use super::allow::Allow;
use super::fault::Document;

/// The files that contracts may hand to tools as `secretEnv`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Files, and folders of files.
    pub allow: Allow,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {
    #[serde(default)]
    allow: Vec<Spanned<String>>,
}

impl Section {
    pub(super) fn resolve(self, place: &Document<'_>) -> Result<Secrets, ConfigError> {
        Ok(Secrets { allow: Allow::resolve("secrets.allow", self.allow, place)? })
    }
}
