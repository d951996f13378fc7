//! The alerts. Each has a section of the same name on `docs/operate/alerts.md`, which is written from here.

mod audit;
mod executor;
mod gate;

use serde::Serialize;

/// One alert.
#[derive(Serialize)]
pub(super) struct Alert {
    pub(super) name: &'static str,
    pub(super) query: &'static str,
    /// The time for which the query must hold, as a duration of Prometheus.
    #[serde(rename = "for")]
    pub(super) wait: &'static str,
    pub(super) severity: Severity,
    /// The fault, in a sentence without a full stop.
    pub(super) summary: &'static str,
    pub(super) cause: &'static str,
    pub(super) action: &'static str,
}

/// The urgency of an alert.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// Callers are affected, or evidence is lost: wake somebody.
    Critical,
    /// Look at it in working hours.
    Warning,
}

/// A group of alerts, which Prometheus evaluates together.
#[derive(Serialize)]
pub(super) struct AlertGroup {
    pub(super) name: &'static str,
    pub(super) alerts: &'static [Alert],
}

/// All alerts.
pub(super) const GROUPS: &[AlertGroup] = &[
    AlertGroup { name: "callgate-gate", alerts: gate::ALERTS },
    AlertGroup { name: "callgate-executor", alerts: executor::ALERTS },
    AlertGroup { name: "callgate-audit", alerts: audit::ALERTS },
];

// === impl Severity ===

impl Severity {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}
