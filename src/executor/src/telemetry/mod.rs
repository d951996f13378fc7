//! The executor's metrics, traces, logs and health.
//!
//! None of them can slow or fail a call. None holds arguments or results, unless the configuration asks for them in
//! spans. If the collector is down, spans are dropped and counted.

mod collector;
mod content;
mod export;
mod http;
pub mod logs;
pub mod metrics;
mod readiness;
mod settings;
mod span;
mod throttle;
mod traces;

pub use self::collector::TraceError;
pub use self::http::{health_router, metrics_router};
pub use self::metrics::Metrics;
pub use self::readiness::{Disk, Readiness};
pub(crate) use self::settings::TelemetrySection;
pub use self::settings::{
    AttributeSettings, ContentSettings, HeaderSource, Log, LogLevel, Otlp, OtlpProtocol, SpanSource, TelemetrySettings,
};
pub use self::span::{CallAttributes, CallSpan, StepSpan, caller};
pub(crate) use self::throttle::Throttle;
pub use self::traces::{SpanShape, Traces};

/// All telemetry but the log. Clones share it.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// The metrics.
    pub metrics: Metrics,
    /// The spans.
    pub traces: Traces,
    /// The executor's readiness.
    pub readiness: Readiness,
}

// === impl Instruments ===

impl Instruments {
    /// Starts the configured telemetry. Needs a tokio runtime.
    ///
    /// # Errors
    /// The collector's address, authority or a header cannot be used.
    pub fn start(settings: &TelemetrySettings, metrics: Metrics) -> Result<Self, TraceError> {
        let traces = Traces::start(settings, &metrics)?;
        Ok(Self { metrics, traces, readiness: Readiness::new() })
    }
}
