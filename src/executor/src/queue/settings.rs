//! `queue`: the maximum waiting calls, in all and of one tenant.

use callgate_settings::{ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::Spanned;

/// The default waiting calls for each running call.
const WAITING_PER_PLACE: u32 = 16;
/// The default calls in flight to backends: they hold little here while they wait.
const BACKENDS: u32 = 256;
/// A longer queue would only exhaust the memory.
const WAITING_MAX: u32 = 65_536;

/// The maximum waiting calls, in all and of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// Waiting calls, over all tenants.
    pub length: u32,
    /// Waiting calls of one tenant.
    pub per_tenant: u32,
    /// Calls in flight to backends.
    pub backends: u32,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct QueueSection {
    length: Option<Spanned<u32>>,
    per_tenant: Option<Spanned<u32>>,
    backends: Option<Spanned<u32>>,
}

impl QueueSection {
    pub(crate) fn resolve(self, place: &ConfigFile<'_>, concurrency: u32) -> Result<QueueSettings, FieldError> {
        let length = match self.length {
            None => concurrency.saturating_mul(WAITING_PER_PLACE),
            Some(n) if n.value <= WAITING_MAX => n.value,
            Some(n) => {
                let message = format!("queue.length: expected 0 to {WAITING_MAX}, found {}", n.value);
                return Err(place.fault(n.referenced, message));
            }
        };
        let per_tenant = match self.per_tenant {
            // Half: one tenant alone may wait long, and never takes the last places from the others.
            None => length.div_ceil(2),
            Some(n) if n.value <= length => n.value,
            Some(n) => {
                let message = format!("queue.perTenant: expected 0 to queue.length, {length}, found {}", n.value);
                return Err(place.fault(n.referenced, message));
            }
        };
        let backends = match self.backends {
            None => BACKENDS,
            Some(n) if (1..=WAITING_MAX).contains(&n.value) => n.value,
            Some(n) => {
                let message = format!("queue.backends: expected 1 to {WAITING_MAX}, found {}", n.value);
                return Err(place.fault(n.referenced, message));
            }
        };
        Ok(QueueSettings { length, per_tenant, backends })
    }
}
