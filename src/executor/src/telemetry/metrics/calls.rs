//! Metrics of calls: outcome, resource use and time in the queue.

use std::time::{Duration, Instant};

use callgate_contract::Tool;
use callgate_proto::executor::v1::Usage;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{KindLabel, ToolLabel, ToolOutcome};

/// Buckets from a warm sandbox, well under a millisecond, to the longest usual grant.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];
/// Buckets from one page of memory, by fours, to a gigabyte.
const BYTES: [f64; 8] = [65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0, 67_108_864.0, 268_435_456.0, 1e9];

/// Metrics of calls and the queue before them.
#[derive(Debug)]
pub struct CallMetrics {
    ended: Family<ToolOutcome, Counter>,
    denied: Family<KindLabel, Counter>,
    ruled: Family<ToolOutcome, Counter>,
    duration: Family<ToolLabel, Histogram>,
    fuel: Family<ToolLabel, Counter>,
    peak_memory: Family<ToolLabel, Histogram>,
    running: Gauge,
    stuck: Gauge,
    waiting: Gauge,
    waited: Histogram,
    shed: Family<KindLabel, Counter>,
}

/// The reason a call was shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// The queue is full.
    Full,
    /// The tenant holds its share of the queue already.
    Share,
}

/// One call counted as running or waiting until this is dropped.
#[derive(Debug)]
pub struct CountedCall {
    gauge: Gauge,
    /// The histogram of waiting times, for a waiting call.
    since: Option<(Instant, Histogram)>,
}

// === impl CallMetrics ===

impl CallMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let calls = Self {
            ended: Family::default(),
            denied: Family::default(),
            ruled: Family::default(),
            duration: Family::new_with_constructor(seconds),
            fuel: Family::default(),
            peak_memory: Family::new_with_constructor(|| Histogram::new(BYTES)),
            running: Gauge::default(),
            stuck: Gauge::default(),
            waiting: Gauge::default(),
            waited: seconds(),
            shed: Family::default(),
        };
        registry.register("calls", "Calls by tool and outcome; denied ones included", calls.ended.clone());
        registry.register("denials", "Denied calls by the violation's code", calls.denied.clone());
        registry.register("rulings", "Rulings on calls that the application runs, by tool", calls.ruled.clone());
        registry.register_with_unit(
            "call_duration",
            "Time from the decision to the outcome of allowed calls, waiting included",
            Unit::Seconds,
            calls.duration.clone(),
        );
        registry.register("call_fuel", "Fuel consumed", calls.fuel.clone());
        registry.register_with_unit(
            "call_peak_memory",
            "Peak linear memory of a call",
            Unit::Bytes,
            calls.peak_memory.clone(),
        );
        registry.register("calls_running", "Running calls", calls.running.clone());
        registry.register(
            "sandbox_stuck_slots",
            "Places of the sandbox whose calls should have ended by their timeout",
            calls.stuck.clone(),
        );
        registry.register("queue_length", "Calls waiting for a slot", calls.waiting.clone());
        registry.register_with_unit(
            "queue_wait",
            "Time that calls waited for a slot, given up or not",
            Unit::Seconds,
            calls.waited.clone(),
        );
        registry.register("calls_shed", "Calls shed by the queue", calls.shed.clone());
        for shed in [Shed::Full, Shed::Share] {
            drop(calls.shed.get_or_create(&KindLabel { kind: shed.as_str() }));
        }
        calls
    }

    /// Counts an ended call. `tool` is the contract's, or `None` for an unknown name; `outcome` is a fixed name.
    pub fn ended(&self, tool: Option<&Tool>, outcome: &'static str, usage: &Usage) {
        self.ended.get_or_create(&ToolOutcome::of(tool, outcome)).inc();
        let label = ToolLabel::of(tool);
        self.duration.get_or_create(&label).observe(Duration::from_micros(usage.duration_us).as_secs_f64());
        if usage.fuel > 0 {
            self.fuel.get_or_create(&label).inc_by(usage.fuel);
        }
        if usage.peak_memory_bytes > 0 {
            // Exact up to 2^53, more than any memory.
            #[allow(clippy::cast_precision_loss, reason = "a histogram counts in f64")]
            self.peak_memory.get_or_create(&label).observe(usage.peak_memory_bytes as f64);
        }
    }

    /// Counts a denied call; `code` is a violation's.
    pub fn denied(&self, tool: Option<&Tool>, code: &'static str) {
        self.ended.get_or_create(&ToolOutcome::of(tool, "denied")).inc();
        self.denied.get_or_create(&KindLabel { kind: code }).inc();
    }

    /// Counts a ruling on a call that the application runs.
    pub fn ruled(&self, tool: Option<&Tool>, ruling: &'static str) {
        self.ruled.get_or_create(&ToolOutcome::of(tool, ruling)).inc();
    }

    /// Counts a running call until the result is dropped.
    pub fn running(&self) -> CountedCall {
        self.running.inc();
        CountedCall { gauge: self.running.clone(), since: None }
    }

    /// Sets the number of stuck slots of the sandbox.
    pub fn stuck(&self, slots: u32) {
        self.stuck.set(i64::from(slots));
    }

    /// Counts a waiting call until the result is dropped.
    pub fn waiting(&self) -> CountedCall {
        self.waiting.inc();
        CountedCall { gauge: self.waiting.clone(), since: Some((Instant::now(), self.waited.clone())) }
    }

    /// Counts shed calls.
    pub fn shed(&self, why: Shed, calls: usize) {
        self.shed.get_or_create(&KindLabel { kind: why.as_str() }).inc_by(u64::try_from(calls).unwrap_or(u64::MAX));
    }
}

// === impl Shed ===

impl Shed {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "queue_full",
            Self::Share => "tenant_share",
        }
    }
}

// === impl CountedCall ===

impl Drop for CountedCall {
    fn drop(&mut self) {
        self.gauge.dec();
        if let Some((since, waited)) = &self.since {
            waited.observe(since.elapsed().as_secs_f64());
        }
    }
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}
