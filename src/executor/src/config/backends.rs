//! `backends`: where tools run that do not run here.

use serde::Deserialize;

use super::ConfigError;
use super::fault::Place;

/// Where tools run that do not run here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backends {}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {}

impl Section {
    pub(super) fn resolve(self, _place: &Place<'_>) -> Result<Backends, ConfigError> {
        Ok(Backends {})
    }
}
