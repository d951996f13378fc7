//! The state shared by every stream of a worker.

use crate::config::{Claims, Clusters};
use crate::metrics::Metrics;
use crate::recorder::Recorder;

/// The clusters, the claims to read, the counters and the recorder of one worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) clusters: Clusters,
    pub(crate) claims: Option<Claims>,
    pub(crate) metrics: Metrics,
    /// Sends decisions to the executor, if there is one.
    pub(crate) recorder: Option<Recorder>,
}
