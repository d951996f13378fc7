//! Counters, seen in Envoy as `wasmcustom.callgate.*`. Their names hold only words of ours.

use std::collections::HashMap;

use callgate_engine::Tally;

use crate::host::{self, counter};

/// Counters, each defined when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    released: Option<u32>,
    run: Option<u32>,
    dropped: Option<u32>,
    recorded: Option<u32>,
    lost: Option<u32>,
    by_code: std::cell::RefCell<HashMap<String, Option<u32>>>,
}

impl Metrics {
    /// Defines the counters without a code.
    pub(crate) fn define() -> Self {
        Self {
            released: counter("callgate.calls.released"),
            run: counter("callgate.calls.run"),
            dropped: counter("callgate.request.members.dropped"),
            recorded: counter("callgate.decisions.recorded"),
            lost: counter("callgate.decisions.lost"),
            by_code: std::cell::RefCell::default(),
        }
    }

    /// Counts one exchange.
    pub(crate) fn count(&self, tally: &Tally) {
        add(self.released, tally.released.into());
        add(self.run, tally.run.into());
        let named = u64::try_from(tally.dropped_members.len()).unwrap_or(u64::MAX);
        add(self.dropped, named.saturating_add(tally.dropped_members_unnamed));
        if tally.cancelled {
            self.one("callgate.exchanges.cancelled".to_owned());
        }
        for code in &tally.refused {
            self.one(format!("callgate.calls.refused.{}", code.as_str()));
        }
        if let Some(code) = tally.error {
            self.one(format!("callgate.exchanges.refused.{}", code.as_str()));
        }
    }

    /// Counts decisions the executor has acknowledged, and lost ones.
    pub(crate) fn count_decisions(&self, recorded: u64, lost: u64) {
        add(self.recorded, recorded);
        add(self.lost, lost);
    }

    fn one(&self, name: String) {
        let mut by_code = self.by_code.borrow_mut();
        let id = *by_code.entry(name).or_insert_with_key(|name| counter(name));
        add(id, 1);
    }
}

fn add(id: Option<u32>, count: u64) {
    if let (Some(id), 1..) = (id, count) {
        host::count(id, count);
    }
}
