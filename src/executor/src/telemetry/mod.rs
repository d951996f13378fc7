//! What the executor tells of itself: metrics, traces, logs, health.
//!
//! None of it holds arguments or results, and none of it can slow or fail a call: a collector that is down costs spans, and
//! their number is counted.

mod export;
mod http;
pub mod logs;
pub mod metrics;
mod readiness;
mod throttle;
mod traces;

pub use self::http::{health_router, metrics_router};
pub use self::metrics::Metrics;
pub use self::readiness::{Disk, Readiness};
pub(crate) use self::throttle::Throttle;
pub use self::traces::{About, CallSpan, Step, TraceError, Traces, caller};
use crate::config::Config;

/// All that the executor tells by, but for its log. Clones tell to the same places.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// Numbers.
    pub metrics: Metrics,
    /// Spans.
    pub traces: Traces,
    /// Whether calls can be taken.
    pub readiness: Readiness,
}

// === impl Instruments ===

impl Instruments {
    /// Starts what the configuration asks for. Needs a tokio runtime.
    ///
    /// # Errors
    /// The collector's address or authority cannot be used.
    pub fn start(config: &Config, metrics: Metrics) -> Result<Self, TraceError> {
        let traces = Traces::start(&config.telemetry, &metrics)?;
        Ok(Self { metrics, traces, readiness: Readiness::new() })
    }
}
