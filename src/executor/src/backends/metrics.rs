//! Metrics of backends: requests, their durations, the state of each circuit breaker.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The upper bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// A backend, by its name in the configuration. The label is not `cluster`, which platforms give to every series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BackendLabel {
    backend: String,
}

/// A backend and the result of a request to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BackendResult {
    backend: String,
    result: &'static str,
}

/// A backend and a state of its breaker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BackendStateLabel {
    backend: String,
    state: &'static str,
}

/// Requests to backends.
#[derive(Debug)]
pub struct BackendMetrics {
    requests: Family<BackendResult, Counter>,
    duration: Family<BackendLabel, Histogram>,
    breaker: Family<BackendStateLabel, Gauge>,
}

/// The gauges of one backend's breaker: its current state is 1, the others are 0.
#[derive(Clone, Debug)]
pub struct BreakerGauges([(BreakerState, Gauge); 3]);

/// A state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Closed: calls are sent.
    Closed,
    /// Open: nothing is sent.
    Open,
    /// Half-open: one call is sent as a probe.
    HalfOpen,
}

// === impl BackendMetrics ===

impl Default for BackendMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            breaker: Family::default(),
        }
    }
}

impl BackendMetrics {
    /// Adds the metrics to a registry, at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let backends = Self::default();
        registry.register(
            "backend_requests",
            "Requests to backends by result; every attempt counts",
            backends.requests.clone(),
        );
        registry.register_with_unit(
            "backend_request_duration",
            "Time that requests to backends took",
            Unit::Seconds,
            backends.duration.clone(),
        );
        registry.register(
            "backend_breaker_state",
            "State of a backend's breaker: 1 for the current state",
            backends.breaker.clone(),
        );
        backends
    }

    /// Returns the gauges of a backend's breaker, which starts closed.
    pub fn breaker(&self, cluster: &str) -> BreakerGauges {
        let gauges = BreakerGauges([BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen].map(|state| {
            let label = BackendStateLabel { backend: cluster.to_owned(), state: state.as_str() };
            (state, self.breaker.get_or_create_owned(&label))
        }));
        gauges.show(BreakerState::Closed);
        gauges
    }

    /// Counts an ended request. `cluster` is the configuration's name; `result` is a fixed name, such as `success` or `timeout`.
    pub fn request(&self, cluster: &str, result: &'static str, took: Duration) {
        self.requests.get_or_create(&BackendResult { backend: cluster.to_owned(), result }).inc();
        self.duration.get_or_create(&BackendLabel { backend: cluster.to_owned() }).observe(took.as_secs_f64());
    }
}

// === impl BreakerGauges ===

impl BreakerGauges {
    /// Shows a breaker's current state.
    pub fn show(&self, now: BreakerState) {
        for (state, gauge) in &self.0 {
            gauge.set(i64::from(*state == now));
        }
    }
}

// === impl BreakerState ===

impl BreakerState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}
