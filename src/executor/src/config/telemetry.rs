//! `telemetry`: metrics, traces, logs.

use serde::Deserialize;

use super::ConfigError;
use super::fault::Place;

/// Metrics, traces, logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telemetry {}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {}

impl Section {
    pub(super) fn resolve(self, _place: &Place<'_>) -> Result<Telemetry, ConfigError> {
        Ok(Telemetry {})
    }
}
