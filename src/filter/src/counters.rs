//! Counters and histograms, seen in Envoy as `wasmcustom.callgate.*`.

use std::collections::HashMap;

use callgate_host::metrics::{Counter, Histogram, Metrics};

use crate::host;

/// Counters and histograms, with the host's ids.
#[derive(Debug)]
pub(crate) struct Counters {
    counters: HashMap<Counter, u32>,
    histograms: Vec<(Histogram, u32)>,
}

impl Counters {
    /// Defines all of them. A counter that began with its first event would hide it: Prometheus sees no increase from nothing to one.
    pub(crate) fn define() -> Self {
        let counters = Counter::all().filter_map(|counter| Some((counter, host::counter(&counter.name())?)));
        let histograms = Histogram::ALL.into_iter();
        let histograms = histograms.filter_map(|histogram| Some((histogram, host::histogram(histogram.name())?)));
        Self { counters: counters.collect(), histograms: histograms.collect() }
    }
}

impl Metrics for Counters {
    fn add(&self, counter: Counter, by: u64) {
        if let Some(id) = self.counters.get(&counter).filter(|_| by > 0) {
            host::count(*id, by);
        }
    }

    fn record(&self, histogram: Histogram, value: u64) {
        if let Some((_, id)) = self.histograms.iter().find(|(defined, _)| *defined == histogram) {
            host::record(*id, value);
        }
    }
}
