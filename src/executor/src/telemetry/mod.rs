//! What the executor tells of itself: metrics, traces, logs, health.
//!
//! None of it holds arguments or results, and none of it can slow or fail a call: a collector that is down costs spans, and
//! their number is counted.

mod export;
mod http;
pub mod logs;
pub mod metrics;
mod readiness;
mod traces;

pub use self::http::{health_router, metrics_router};
pub use self::metrics::Metrics;
pub use self::readiness::Readiness;
pub use self::traces::{About, CallSpan, Step, TraceError, Traces, caller};
