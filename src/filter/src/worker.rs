//! The state shared by every stream of a worker.

use callgate_host::config::{Claims, Clusters};
use callgate_host::{ExchangeIds, Recorder};

use crate::counters::Counters;

/// The clusters, the claims to read, the counters and the recorder of one worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) clusters: Clusters,
    pub(crate) claims: Option<Claims>,
    pub(crate) metrics: Counters,
    pub(crate) ids: ExchangeIds,
    /// Sends decisions to the executor.
    pub(crate) recorder: Recorder,
}
