//! Metrics of the stores: the audit log, the idempotency store and the approvals.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{KindLabel, Sink, Store};
use crate::idempotency::{Begin, OnceError};

/// The audit log and its sinks.
#[derive(Debug)]
pub struct Audit {
    appended: Counter,
    failed: Counter,
    conflicts: Counter,
    sizes: Family<Store, Gauge>,
    free: Gauge,
    held: Gauge,
    lag_records: Family<Sink, Gauge>,
    lag_seconds: Family<Sink, Gauge>,
    deliveries_failed: Family<Sink, Counter>,
}

/// Metrics of repeated calls.
#[derive(Debug)]
pub struct Once {
    began: Family<KindLabel, Counter>,
}

// === impl Audit ===

impl Audit {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let audit = Self {
            appended: Counter::default(),
            failed: Counter::default(),
            conflicts: Counter::default(),
            sizes: Family::default(),
            free: Gauge::default(),
            held: Gauge::default(),
            lag_records: Family::default(),
            lag_seconds: Family::default(),
            deliveries_failed: Family::default(),
        };
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
        registry.register_with_unit(
            "store",
            "Size of a store of the state directory, its write-ahead log included",
            Unit::Bytes,
            audit.sizes.clone(),
        );
        registry.register_with_unit(
            "state_dir_free",
            "Free space of the state directory's file system",
            Unit::Bytes,
            audit.free.clone(),
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

    /// Sets a store's size in bytes, its write-ahead log included.
    pub(crate) fn size(&self, store: &'static str, bytes: u64) {
        self.sizes.get_or_create(&Store { store }).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Sets the free bytes of the state directory's file system.
    pub(crate) fn free(&self, bytes: u64) {
        self.free.set(i64::try_from(bytes).unwrap_or(i64::MAX));
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

// === impl Once ===

impl Once {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let once = Self { began: Family::default() };
        registry.register("once", "Calls by the idempotency store's answer", once.began.clone());
        once
    }

    /// Counts the store's answer about a call.
    pub fn began(&self, answer: &Result<Begin, OnceError>) {
        let kind = match answer {
            Ok(Begin::Fresh) => "fresh",
            Ok(Begin::Done(_)) => "repeat",
            Ok(Begin::Unknown) => "unknown",
            Ok(Begin::Other) => "other",
            Err(_) => "unavailable",
        };
        self.began.get_or_create(&KindLabel { kind }).inc();
    }
}
