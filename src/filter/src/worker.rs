//! The state shared by every stream of a worker.

use callgate_host::config::Clusters;
use callgate_host::identity::VerifiedSource;
use callgate_host::{ExchangeIds, Recorder};

use crate::counters::Counters;

/// The clusters, the source of a verified identity, the counters and the recorder of one worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) clusters: Clusters,
    pub(crate) verified: Option<VerifiedSource>,
    pub(crate) metrics: Counters,
    pub(crate) ids: ExchangeIds,
    /// Sends decisions to the executor.
    pub(crate) recorder: Recorder,
}
