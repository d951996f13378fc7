//! Metrics of compiled code, registered by the program.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

/// Counts modules loaded from the cache and modules compiled. Clones count into the same metrics.
#[derive(Clone, Debug, Default)]
pub struct ModuleMetrics {
    loaded: Family<Source, Counter>,
    compile: Counter<f64, AtomicU64>,
}

/// The source of compiled code: the cache, or the compiler.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    kind: &'static str,
}

// === impl ModuleMetrics ===

impl ModuleMetrics {
    /// Adds the metrics to a registry, at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("modules", "Loaded modules by source: cache or compiler", metrics.loaded.clone());
        registry.register_with_unit(
            "module_compile",
            "Time spent compiling modules",
            Unit::Seconds,
            metrics.compile.clone(),
        );
        metrics
    }

    /// Counts a module loaded from the cache.
    pub(crate) fn cached(&self) {
        self.loaded.get_or_create(&Source { kind: "cache_hit" }).inc();
    }

    /// Counts a compiled module and its compilation time.
    pub(crate) fn compiled(&self, took: Duration) {
        self.loaded.get_or_create(&Source { kind: "cache_miss" }).inc();
        self.compile.inc_by(took.as_secs_f64());
    }
}
