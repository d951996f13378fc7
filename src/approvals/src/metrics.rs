//! Metrics of calls waiting for a person and of people's answers, registered by the program.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::request::Waiting;

/// Metrics of calls waiting for a person. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct ApprovalMetrics {
    pending: Gauge,
    oldest: Gauge,
    answers: Family<AnswerLabel, Counter>,
}

/// The kind of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    kind: &'static str,
}

/// A counted answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// The call may run.
    Approved,
    /// A person agreed, and another one must.
    Agreed,
    /// The call must not run.
    Denied,
}

// === impl ApprovalMetrics ===

impl ApprovalMetrics {
    /// Adds the metrics to a registry, at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let approvals = Self::default();
        registry.register("approvals_pending", "Calls waiting for a person; up to 5 s old", approvals.pending.clone());
        registry.register_with_unit(
            "approvals_oldest",
            "Age of the oldest call waiting for a person, up to 5 s old; 0 without one",
            Unit::Seconds,
            approvals.oldest.clone(),
        );
        registry.register(
            "approval_answers",
            "Answers by kind; after `agreed`, another person must agree too",
            approvals.answers.clone(),
        );
        for kind in [AnswerKind::Approved, AnswerKind::Agreed, AnswerKind::Denied] {
            drop(approvals.answers.get_or_create(&AnswerLabel { kind: kind.as_str() }));
        }
        approvals
    }

    /// Sets the number of pending requests.
    pub fn waiting(&self, waiting: Waiting) {
        self.pending.set(i64::from(waiting.requests));
        self.oldest.set(i64::try_from(waiting.oldest.as_secs()).unwrap_or(i64::MAX));
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, kind: AnswerKind) {
        self.answers.get_or_create(&AnswerLabel { kind: kind.as_str() }).inc();
    }
}

// === impl AnswerKind ===

impl AnswerKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Agreed => "agreed",
            Self::Denied => "denied",
        }
    }
}
