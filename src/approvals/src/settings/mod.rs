//! `approvals`: calls waiting for a person.

mod approvers;

use std::collections::BTreeMap;
use std::time::Duration;

use callgate_settings::{ConfigFile, FieldError, Seconds};
use serde::Deserialize;
use serde_saphyr::Spanned;

use self::approvers::RuleSection;
pub use self::approvers::{ApproverRule, Approvers};

const EXPIRY: Duration = Duration::from_secs(15 * 60);
const DENIED_FOR: Duration = Duration::from_secs(10 * 60);
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// More than anyone reads.
const PENDING_MAX: u32 = 10_000;
const PENDING: u32 = 1_000;
const PENDING_PER_TENANT: u32 = 100;
const KEEP: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Limits of calls waiting for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalSettings {
    /// The time a request waits for an answer, and an approval for its use.
    pub expiry: Duration,
    /// The time a denied call is refused without asking anybody again.
    pub denied_for: Duration,
    /// The maximum pending requests, over all tenants.
    pub pending: u32,
    /// The maximum pending requests of one tenant.
    pub pending_per_tenant: u32,
    /// The time an ended request can be looked up.
    pub keep: Duration,
    /// The rules on who may answer requests.
    pub approvers: Approvers,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApprovalSection {
    expiry: Option<Spanned<Seconds>>,
    denied_for: Option<Spanned<Seconds>>,
    pending: Option<Spanned<u32>>,
    pending_per_tenant: Option<Spanned<u32>>,
    keep: Option<Seconds>,
    #[serde(default)]
    groups: BTreeMap<String, Spanned<Vec<String>>>,
    approvers: Option<Spanned<Vec<RuleSection>>>,
}

impl ApprovalSection {
    /// Checks the section.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn resolve(self, place: &ConfigFile<'_>) -> Result<ApprovalSettings, FieldError> {
        let wait = |name: &str, time: Option<Spanned<Seconds>>, default: Duration| match time {
            None => Ok(default),
            Some(time) if (WAIT_MIN..=WAIT_MAX).contains(&time.value.0) => Ok(time.value.0),
            Some(time) => Err(place.fault(time.referenced, format!("approvals.{name}: expected 1s to 7d"))),
        };
        let pending = match self.pending {
            None => PENDING,
            Some(n) if (1..=PENDING_MAX).contains(&n.value) => n.value,
            Some(n) => {
                let message = format!("approvals.pending: expected 1 to {PENDING_MAX}, found {}", n.value);
                return Err(place.fault(n.referenced, message));
            }
        };
        let pending_per_tenant = match self.pending_per_tenant {
            None => PENDING_PER_TENANT.min(pending),
            Some(n) if (1..=pending).contains(&n.value) => n.value,
            Some(n) => {
                let message = format!(
                    "approvals.pendingPerTenant: expected 1 to approvals.pending, {pending}, found {}",
                    n.value
                );
                return Err(place.fault(n.referenced, message));
            }
        };
        Ok(ApprovalSettings {
            expiry: wait("expiry", self.expiry, EXPIRY)?,
            denied_for: wait("deniedFor", self.denied_for, DENIED_FOR)?,
            pending,
            pending_per_tenant,
            keep: self.keep.map_or(KEEP, |time| time.0),
            approvers: Approvers::resolve(&self.groups, self.approvers, place)?,
        })
    }
}
