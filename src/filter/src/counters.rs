//! Counters and histograms, seen in Envoy as `wasmcustom.callgate.*`.

use std::cell::RefCell;
use std::collections::HashMap;

use callgate_host::metrics::{Counter, Histogram, Metrics};

use crate::host;

/// Counters, each defined when it is first needed, and histograms.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    counters: RefCell<HashMap<Counter, Option<u32>>>,
    /// With the host's ids.
    histograms: Vec<(Histogram, u32)>,
}

impl Counters {
    /// Defines the counters without a code, and the histograms.
    pub(crate) fn define() -> Self {
        let histograms = Histogram::ALL.into_iter();
        let histograms = histograms.filter_map(|histogram| Some((histogram, host::histogram(histogram.name())?)));
        let counters = Self { histograms: histograms.collect(), ..Self::default() };
        for counter in [
            Counter::CallsReleased,
            Counter::CallsRun,
            Counter::MembersDropped,
            Counter::DecisionsRecorded,
            Counter::DecisionsLost,
        ] {
            counters.id(counter);
        }
        counters
    }

    fn id(&self, counter: Counter) -> Option<u32> {
        *self.counters.borrow_mut().entry(counter).or_insert_with(|| host::counter(&counter.name()))
    }
}

impl Metrics for Counters {
    fn add(&self, counter: Counter, by: u64) {
        if by == 0 {
            return;
        }
        if let Some(id) = self.id(counter) {
            host::count(id, by);
        }
    }

    fn record(&self, histogram: Histogram, value: u64) {
        if let Some((_, id)) = self.histograms.iter().find(|(defined, _)| *defined == histogram) {
            host::record(*id, value);
        }
    }
}
