//! `once`: what keeps a call from running twice.

use serde::Deserialize;

use super::ConfigError;
use super::fault::Place;

/// What keeps a call from running twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Once {}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {}

impl Section {
    pub(super) fn resolve(self, _place: &Place<'_>) -> Result<Once, ConfigError> {
        Ok(Once {})
    }
}
