//! `audit`: the audit log and where else its records go.

use serde::Deserialize;

use super::ConfigError;
use super::fault::Place;

/// The audit log and where else its records go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {}

impl Section {
    pub(super) fn resolve(self, _place: &Place<'_>) -> Result<Audit, ConfigError> {
        Ok(Audit {})
    }
}
