//! The processor time of this process, which other work on the machine does not take part in.

use criterion::measurement::{Measurement, ValueFormatter, WallTime};

/// The clock of a bench: processor time on Linux, and time elsewhere.
pub(crate) struct Clock(pub(crate) WallTime);

#[cfg(target_os = "linux")]
fn now() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

#[cfg(not(target_os = "linux"))]
fn now() -> f64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed().as_secs_f64() * 1e9
}

// === impl Clock ===

impl Measurement for Clock {
    type Intermediate = f64;
    /// Nanoseconds.
    type Value = f64;

    fn start(&self) -> f64 {
        now()
    }

    fn end(&self, began: f64) -> f64 {
        now() - began
    }

    fn add(&self, one: &f64, other: &f64) -> f64 {
        one + other
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self.0.formatter()
    }
}
