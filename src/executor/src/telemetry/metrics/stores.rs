//! Metrics of the state directory and of the idempotency store.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{KindLabel, Store};
use crate::idempotency::{Begin, OnceError};

/// The stores of the state directory, and its file system.
#[derive(Debug)]
pub struct Stores {
    sizes: Family<Store, Gauge>,
    free: Gauge,
}

/// Metrics of repeated calls.
#[derive(Debug)]
pub struct Once {
    began: Family<KindLabel, Counter>,
}

// === impl Stores ===

impl Stores {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let stores = Self { sizes: Family::default(), free: Gauge::default() };
        registry.register_with_unit(
            "store",
            "Size of a store of the state directory, its write-ahead log included",
            Unit::Bytes,
            stores.sizes.clone(),
        );
        registry.register_with_unit(
            "state_dir_free",
            "Free space of the state directory's file system",
            Unit::Bytes,
            stores.free.clone(),
        );
        stores
    }

    /// Sets a store's size in bytes, its write-ahead log included.
    pub(crate) fn size(&self, store: &'static str, bytes: u64) {
        self.sizes.get_or_create(&Store { store }).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Sets the free bytes of the state directory's file system.
    pub(crate) fn free(&self, bytes: u64) {
        self.free.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

// === impl Once ===

impl Once {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let once = Self { began: Family::default() };
        registry.register("once", "Calls by the idempotency store's answer", once.began.clone());
        for kind in ["fresh", "repeat", "unknown", "other", "unavailable"] {
            drop(once.began.get_or_create(&KindLabel { kind }));
        }
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
