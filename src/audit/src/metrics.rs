//! Metrics of the audit log, registered by the program.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Metrics of the audit log and its sinks. Clones count into the same ones.
#[derive(Clone, Debug, Default)]
pub struct AuditMetrics {
    appended: Counter,
    failed: Counter,
    conflicts: Counter,
    held: Gauge,
    lag_records: Family<Sink, Gauge>,
    lag_seconds: Family<Sink, Gauge>,
    deliveries_failed: Family<Sink, Counter>,
}

/// A sink of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sink {
    sink: String,
}

// === impl AuditMetrics ===

impl AuditMetrics {
    /// Adds the metrics to a registry, at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let audit = Self::default();
        registry.register("audit_records", "Appended records", audit.appended.clone());
        registry.register(
            "audit_write_failures",
            "Records that could not be written; their calls do not run",
            audit.failed.clone(),
        );
        registry.register(
            "audit_conflicts",
            "Decisions in conflict with another record of the same call",
            audit.conflicts.clone(),
        );
        registry.register("audit_held_outcomes", "Outcomes waiting in memory after a failed write", audit.held.clone());
        registry.register("audit_lag_records", "Records not yet in a sink", audit.lag_records.clone());
        registry.register_with_unit(
            "audit_lag",
            "Age of the oldest record not yet in a sink",
            Unit::Seconds,
            audit.lag_seconds.clone(),
        );
        registry.register(
            "audit_delivery_failures",
            "Failed deliveries to a sink; the records wait for the next attempt",
            audit.deliveries_failed.clone(),
        );
        audit
    }

    /// Counts appended records.
    pub fn appended(&self, records: usize) {
        self.appended.inc_by(u64::try_from(records).unwrap_or(u64::MAX));
    }

    /// Counts a record that could not be written.
    pub fn failed(&self) {
        self.failed.inc();
    }

    /// Counts decisions that contradict the log.
    pub fn conflicts(&self, conflicts: u64) {
        self.conflicts.inc_by(conflicts);
    }

    /// Sets the number of outcomes waiting in memory.
    pub fn held(&self, outcomes: usize) {
        self.held.set(i64::try_from(outcomes).unwrap_or(i64::MAX));
    }

    /// Sets a sink's lag; `sink` is a fixed name or the configuration's.
    pub fn lag(&self, sink: &str, records: u64, oldest: Duration) {
        let label = Sink { sink: sink.to_owned() };
        self.lag_records.get_or_create(&label).set(i64::try_from(records).unwrap_or(i64::MAX));
        self.lag_seconds.get_or_create(&label).set(i64::try_from(oldest.as_secs()).unwrap_or(i64::MAX));
    }

    /// Counts failed attempts at a sink: it was unreachable or refused the records.
    pub fn deliveries_failed(&self, sink: &str, attempts: u64) {
        self.deliveries_failed.get_or_create(&Sink { sink: sink.to_owned() }).inc_by(attempts);
    }
}
