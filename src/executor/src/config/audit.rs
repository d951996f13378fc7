//! `audit`: the audit log and where else its records go.

use serde::Deserialize;

use super::ConfigError;
use super::fault::Place;

/// The audit log and where else its records go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// What a record that was acknowledged survives.
    pub synchronous: Synchronous,
}

/// What a record that was acknowledged survives; SQLite's word for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Synchronous {
    /// The end of the process, by `kill -9` too. A power cut may take the last moments, never something in between.
    #[default]
    Normal,
    /// A power cut too: the disk is waited for, with every group of records.
    Full,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {
    #[serde(default)]
    synchronous: Synchronous,
}

impl Section {
    pub(super) fn resolve(self, _place: &Place<'_>) -> Result<Audit, ConfigError> {
        Ok(Audit { synchronous: self.synchronous })
    }
}
