//! The state directory, and the record of calls that ran.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{Kind, Store};
use crate::idempotency::{Begin, OnceError};

/// The stores of the state directory, and its file system.
#[derive(Debug)]
pub struct Stores {
    sizes: Family<Store, Gauge>,
    free: Gauge,
}

/// Calls that were asked for before.
#[derive(Debug)]
pub struct Once {
    began: Family<Kind, Counter>,
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

    /// A store has so many bytes, its write-ahead log included.
    pub(crate) fn size(&self, store: &'static str, bytes: u64) {
        self.sizes.get_or_create(&Store { store }).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// The state directory's file system has so many bytes free.
    pub(crate) fn free(&self, bytes: u64) {
        self.free.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

// === impl Once ===

impl Once {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let once = Self { began: Family::default() };
        registry.register("once", "Calls by what was known of them before they would begin", once.began.clone());
        once
    }

    /// What the memory said of a call.
    pub fn began(&self, answer: &Result<Begin, OnceError>) {
        let kind = match answer {
            Ok(Begin::Fresh) => "fresh",
            Ok(Begin::Done(_)) => "repeat",
            Ok(Begin::Unknown) => "unknown",
            Ok(Begin::Other) => "other",
            Err(_) => "unavailable",
        };
        self.began.get_or_create(&Kind { kind }).inc();
    }
}
