//! The gate's own time on an exchange, and the time for which it holds bodies back.
//!
//! The host's clock is read when a callback begins and again when it ends. Nearly all callbacks of a long stream are chunks that pass
//! unchanged, and these cost about the same. So after the first 16 of them, the end of only every 16th is read, and its time counts for 16.
//!
//! Not covered: the host's work before and after the gate's, such as copies of headers that no callback of the gate asks for.

use std::time::Duration;

/// One of so many passing chunks is measured.
const SAMPLE: u32 = 16;

/// The times of one exchange.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// The begin of the callback under way, if its adapter gave it.
    begun: Option<Duration>,
    own: Duration,
    /// Chunks that passed unchanged.
    passed: u32,
    pub(super) request: HeldTime,
    pub(super) response: HeldTime,
}

/// The time for which one direction of an exchange is held back.
#[derive(Debug, Default)]
pub(super) struct HeldTime {
    since: Option<Duration>,
    /// `None` if it was never held.
    total: Option<Duration>,
}

// === impl Meter ===

impl Meter {
    /// Begins a callback that carries no time of its own.
    pub(super) fn begin(&mut self, now: Duration) {
        self.begun = Some(now);
    }

    /// Takes the begin of the callback under way.
    pub(super) fn take_begin(&mut self) -> Option<Duration> {
        self.begun.take()
    }

    /// Adds the time of a callback.
    pub(super) fn lap(&mut self, begun: Duration, ended: Duration) {
        // A clock that was set back measures nothing.
        self.own = self.own.saturating_add(ended.saturating_sub(begun));
    }

    /// Adds the time of a passed chunk, if it is measured. `clock` gives its end.
    pub(super) fn lap_of_passed(&mut self, begun: Duration, clock: impl FnOnce() -> Duration) {
        let before = self.passed;
        self.passed = before.saturating_add(1);
        let weight = if before < SAMPLE { 1 } else { SAMPLE };
        if weight == 1 || before.is_multiple_of(SAMPLE) {
            let time = clock().saturating_sub(begun);
            self.own = self.own.saturating_add(time.saturating_mul(weight));
        }
    }

    /// Returns the gate's own time so far.
    pub(super) fn own(&self) -> Duration {
        self.own
    }
}

// === impl HeldTime ===

impl HeldTime {
    /// Takes the state after a callback.
    pub(super) fn set(&mut self, held: bool, now: Duration) {
        match (self.since, held) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                let time = now.saturating_sub(since);
                self.total = Some(self.total.unwrap_or_default().saturating_add(time));
                self.since = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// Ends the exchange, and returns the total; `None` if nothing was held.
    pub(super) fn end(&mut self, now: Duration) -> Option<Duration> {
        self.set(false, now);
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn after_the_first_passed_chunks_one_of_sixteen_counts_for_all() {
        let mut meter = Meter::default();
        let mut read = 0;
        for _ in 0..48 {
            meter.lap_of_passed(at(100), || {
                read += 1;
                at(102)
            });
        }
        assert_eq!((read, meter.own()), (18, at(96)), "48 chunks of 2 microseconds each");
        meter.lap(at(100), at(110));
        assert_eq!(meter.own(), at(106));
    }

    #[test]
    fn a_clock_that_is_set_back_adds_nothing() {
        let mut meter = Meter::default();
        meter.lap(at(100), at(50));
        assert_eq!(meter.own(), at(0));
        meter.response.set(true, at(100));
        assert_eq!(meter.response.end(at(10)), Some(at(0)));
    }

    #[test]
    fn held_times_add_up_and_a_time_never_held_is_absent() {
        let mut held = HeldTime::default();
        assert_eq!(held.end(at(1)), None);
        held.set(true, at(10));
        held.set(true, at(15));
        held.set(false, at(20));
        held.set(false, at(30));
        held.set(true, at(40));
        assert_eq!(held.end(at(45)), Some(at(15)));
    }
}
