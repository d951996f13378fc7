//! Metrics of counts for contracts with `limits.store: executor`.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::labels::KindLabel;

/// Metrics of counted requests and charged exchanges.
#[derive(Debug)]
pub struct CountMetrics {
    admissions: Family<KindLabel, Counter>,
    charges: Family<KindLabel, Counter>,
}

// === impl CountMetrics ===

impl CountMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let counts = Self { admissions: Family::default(), charges: Family::default() };
        registry.register(
            "admissions",
            "Requests and further rounds of contracts with `store: executor`, by the result of their counts: counted, repeat, unavailable, uncounted, or a code",
            counts.admissions.clone(),
        );
        registry.register(
            "charges",
            "Exchanges of contracts with `store: executor`, by the result of their charge",
            counts.charges.clone(),
        );
        for kind in ["counted", "repeat", "unavailable", "uncounted"] {
            drop(counts.admissions.get_or_create(&KindLabel { kind }));
        }
        for kind in ["charged", "repeat", "lost", "contract_unknown"] {
            drop(counts.charges.get_or_create(&KindLabel { kind }));
        }
        counts
    }

    /// Counts a request or a round.
    pub(crate) fn admitted(&self, kind: &'static str) {
        self.admissions.get_or_create(&KindLabel { kind }).inc();
    }

    /// Counts an exchange that is charged or not.
    pub(crate) fn charged(&self, kind: &'static str) {
        self.charges.get_or_create(&KindLabel { kind }).inc();
    }
}
