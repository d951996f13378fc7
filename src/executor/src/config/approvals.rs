//! `approvals`: calls that wait for a person.

use serde::Deserialize;

use super::ConfigError;
use super::fault::Place;

/// Calls that wait for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {}

impl Section {
    pub(super) fn resolve(self, _place: &Place<'_>) -> Result<Approvals, ConfigError> {
        Ok(Approvals {})
    }
}
