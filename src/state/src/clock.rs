//! The clocks of the machine. Tests bring their own.

use std::fmt;
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// Names the current boot on Linux. It changes at each boot and at nothing else.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The two clocks of a machine: the wall clock, which people set, and the uptime, which only counts.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall clock. It can jump in both directions at any time.
    fn wall(&self) -> SystemTime;

    /// The time since the machine booted, sleep included. It never jumps while the machine runs.
    fn uptime(&self) -> Duration;

    /// Names the current boot. Two equal names, if not empty, prove a continuous [`uptime`](Self::uptime) in between.
    fn boot(&self) -> String;
}

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

// === impl SystemClock ===

impl Clock for SystemClock {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn uptime(&self) -> Duration {
        let time = clock_gettime(UPTIME);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanos)
    }

    fn boot(&self) -> String {
        std::fs::read_to_string(BOOT_ID).map(|id| id.trim().to_owned()).unwrap_or_default()
    }
}

/// `CLOCK_MONOTONIC` stands still while the machine sleeps, and a request must not outlive a sleep.
#[cfg(target_os = "linux")]
const UPTIME: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const UPTIME: ClockId = ClockId::Monotonic;
