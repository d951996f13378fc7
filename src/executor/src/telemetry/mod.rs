//! What the executor tells of itself: metrics, traces, logs, health.
//!
//! None of it holds arguments or results, and none of it can slow or fail a call: a collector that is down costs spans, and
//! their number is counted.

pub mod metrics;

pub use self::metrics::Metrics;
