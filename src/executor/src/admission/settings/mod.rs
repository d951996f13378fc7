//! `sandbox` and `secrets`: the settings of tools run by this executor, and the files contracts may hand to them.

mod sandbox;

use std::path::PathBuf;

use callgate_settings::{Allow, ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::Spanned;

pub(crate) use self::sandbox::SandboxSection;
pub use self::sandbox::SandboxSettings;

/// The settings of admission: the contracts, and the limits of their grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionSettings {
    /// The configuration file, for errors.
    pub file: PathBuf,
    /// The contracts' files. Not empty.
    pub contracts: Vec<PathBuf>,
    /// The folder of the cache for compiled code.
    pub state_dir: PathBuf,
    /// The maximum running calls.
    pub concurrency: u32,
    /// The settings of tools run by this executor.
    pub sandbox: SandboxSettings,
    /// The files contracts may hand to tools.
    pub secrets: SecretsSettings,
    /// The executor's own files. No tool may be granted any of them.
    pub own: Vec<OwnPath>,
}

/// A file or folder of the executor's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnPath {
    /// Its name in errors.
    pub what: &'static str,
    /// The path.
    pub path: PathBuf,
}

/// The files contracts may hand to tools as `secretEnv`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretsSettings {
    /// Files, and folders of files.
    pub allow: Allow,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SecretsSection {
    #[serde(default)]
    allow: Vec<Spanned<String>>,
}

impl SecretsSection {
    pub(crate) fn resolve(self, place: &ConfigFile<'_>) -> Result<SecretsSettings, FieldError> {
        Ok(SecretsSettings { allow: Allow::resolve("secrets.allow", self.allow, place)? })
    }
}
