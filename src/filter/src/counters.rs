//! Counters, seen in Envoy as `wasmcustom.callgate.*`.

use std::cell::RefCell;
use std::collections::HashMap;

use callgate_host::metrics::Counter;

use crate::host;

/// Counters, each defined when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Counters(RefCell<HashMap<Counter, Option<u32>>>);

impl Counters {
    /// Defines the counters without a code.
    pub(crate) fn define() -> Self {
        let counters = Self::default();
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

    /// Adds to a counter.
    pub(crate) fn add(&self, counter: Counter, by: u64) {
        if let (Some(id), 1..) = (self.id(counter), by) {
            host::count(id, by);
        }
    }

    fn id(&self, counter: Counter) -> Option<u32> {
        *self.0.borrow_mut().entry(counter).or_insert_with(|| host::counter(&counter.name()))
    }
}
