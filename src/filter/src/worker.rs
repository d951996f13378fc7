//! The state shared by every stream of a worker.

use std::cell::Cell;

use callgate_host::config::Clusters;
use callgate_host::identity::VerifiedSource;
use callgate_host::{ExchangeIds, Recorder, Records};

use crate::counters::Counters;

/// The clusters, the source of a verified identity, the counters and the records of one worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) clusters: Clusters,
    pub(crate) verified: Option<VerifiedSource>,
    pub(crate) metrics: Counters,
    pub(crate) ids: ExchangeIds,
    pub(crate) decisions: Delivery,
    pub(crate) charges: Delivery,
}

/// Records of one kind for the executor, and their batch under way.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) recorder: Recorder,
    pub(crate) token: Cell<Option<u32>>,
}

// === impl Worker ===

impl Worker {
    /// Returns the deliveries.
    pub(crate) fn deliveries(&self) -> [&Delivery; 2] {
        [&self.decisions, &self.charges]
    }
}

// === impl Delivery ===

impl Delivery {
    /// Creates a delivery without records.
    pub(crate) fn new(records: Records) -> Self {
        Self { recorder: Recorder::new(records), token: Cell::new(None) }
    }
}
