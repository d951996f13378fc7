//! `http`: the HTTP side: approvals, audit, metrics, health.

use serde::Deserialize;

use super::ConfigError;
use super::fault::Place;

/// The HTTP side: approvals, audit, metrics, health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http {}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {}

impl Section {
    pub(super) fn resolve(self, _place: &Place<'_>) -> Result<Http, ConfigError> {
        Ok(Http {})
    }
}
