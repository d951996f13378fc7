//! `sandbox`: how tools run that run here.

use serde::Deserialize;

use super::ConfigError;
use super::fault::Place;

/// How tools run that run here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {}

impl Section {
    pub(super) fn resolve(self, _place: &Place<'_>) -> Result<Sandbox, ConfigError> {
        Ok(Sandbox {})
    }
}
