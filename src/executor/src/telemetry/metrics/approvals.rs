//! Metrics of calls waiting for a person, and of people's answers.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::KindLabel;
use crate::approvals::Waiting;

/// Metrics of calls waiting for a person. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    pending: Gauge,
    oldest: Gauge,
    answers: Family<KindLabel, Counter>,
}

/// A counted answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// The call may run.
    Approved,
    /// A person agreed, and another one must.
    Agreed,
    /// The call must not run.
    Denied,
}

// === impl Approvals ===

impl Approvals {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let approvals = Self::default();
        registry.register("approvals_pending", "Calls waiting for a person", approvals.pending.clone());
        registry.register_with_unit(
            "approvals_oldest",
            "Age of the oldest call waiting for a person; 0 without one",
            Unit::Seconds,
            approvals.oldest.clone(),
        );
        registry.register("approval_answers", "Answers by kind", approvals.answers.clone());
        for kind in [AnswerKind::Approved, AnswerKind::Agreed, AnswerKind::Denied] {
            drop(approvals.answers.get_or_create(&KindLabel { kind: kind.as_str() }));
        }
        approvals
    }

    /// Sets the number of pending requests.
    pub fn waiting(&self, waiting: Waiting) {
        self.pending.set(i64::from(waiting.requests));
        self.oldest.set(i64::try_from(waiting.oldest.as_secs()).unwrap_or(i64::MAX));
    }

    /// Counts an answer.
    pub fn answered(&self, kind: AnswerKind) {
        self.answers.get_or_create(&KindLabel { kind: kind.as_str() }).inc();
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
