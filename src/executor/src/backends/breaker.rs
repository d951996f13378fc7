//! A circuit breaker: stops calls to a backend after repeated failures, and probes it with one call after a while.
//!
//! Closed until a number of failures in a row; then open, and nothing is sent. After a time half-open: one call passes,
//! and its outcome closes or opens the breaker. The caller supplies the time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::metrics::{BreakerGauges, BreakerState};
use super::settings::BreakerSettings;

/// The breaker of one backend.
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<Circuit>,
    gauges: BreakerGauges,
}

#[derive(Debug)]
enum Circuit {
    Closed {
        /// Failures in a row.
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// One call is the probe.
    HalfOpen {
        since: Instant,
    },
}

/// Permission to send one attempt. Dropping it without a result, as when its caller has gone, changes nothing.
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    kind: PassKind,
}

enum PassKind {
    Ordinary,
    Probe,
    Settled,
}

/// Nothing may be sent for this long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftAlone {
    pub(super) failures: u32,
    pub(super) remaining: Duration,
}

// === impl Breaker ===

impl Breaker {
    /// Creates a closed breaker with its state in `gauges`.
    pub(super) fn new(settings: BreakerSettings, gauges: BreakerGauges) -> Self {
        Self { settings, state: Mutex::new(Circuit::Closed { failures: 0 }), gauges }
    }

    /// Asks for permission to send an attempt.
    pub(super) fn admit(&self, now: Instant) -> Result<Pass<'_>, LeftAlone> {
        let mut state = self.state();
        let kind = match *state {
            Circuit::Closed { .. } => PassKind::Ordinary,
            Circuit::Open { until } if now >= until => {
                self.change(&mut state, Circuit::HalfOpen { since: now });
                PassKind::Probe
            }
            Circuit::Open { until } => return Err(self.left_alone(until.saturating_duration_since(now))),
            Circuit::HalfOpen { .. } => return Err(self.left_alone(Duration::ZERO)),
        };
        Ok(Pass { breaker: self, kind })
    }

    /// Changes and shows the state under one lock, so the gauge never shows an older state.
    fn change(&self, state: &mut Circuit, to: Circuit) {
        self.gauges.show(match &to {
            Circuit::Closed { .. } => BreakerState::Closed,
            Circuit::Open { .. } => BreakerState::Open,
            Circuit::HalfOpen { .. } => BreakerState::HalfOpen,
        });
        *state = to;
    }

    fn left_alone(&self, remaining: Duration) -> LeftAlone {
        LeftAlone { failures: self.settings.failures, remaining }
    }

    fn state(&self) -> MutexGuard<'_, Circuit> {
        // Nothing panics while it is held, and every state is complete.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Pass ===

impl Pass<'_> {
    /// Notes an answer of the backend, whatever its content.
    pub(super) fn answered(mut self) {
        let mut state = self.breaker.state();
        if self.counts(&state) {
            self.breaker.change(&mut state, Circuit::Closed { failures: 0 });
        }
        drop(state);
        self.kind = PassKind::Settled;
    }

    /// Notes a failure.
    pub(super) fn failed(mut self, now: Instant) {
        let BreakerSettings { failures: most, open_for } = self.breaker.settings;
        let mut state = self.breaker.state();
        if self.counts(&state) {
            let failures = match *state {
                Circuit::Closed { failures } => failures.saturating_add(1),
                Circuit::Open { .. } | Circuit::HalfOpen { .. } => most,
            };
            let next =
                if failures >= most { Circuit::Open { until: now + open_for } } else { Circuit::Closed { failures } };
            self.breaker.change(&mut state, next);
        }
        drop(state);
        self.kind = PassKind::Settled;
    }

    /// Returns true if the attempt's result counts now: an attempt sent before the breaker opened does not.
    fn counts(&self, state: &Circuit) -> bool {
        matches!(
            (&self.kind, state),
            (PassKind::Ordinary, Circuit::Closed { .. }) | (PassKind::Probe, Circuit::HalfOpen { .. })
        )
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if let (PassKind::Probe, Circuit::HalfOpen { since }) = (&self.kind, &*state) {
            // The probe was abandoned: the next call probes instead.
            let until = *since;
            self.breaker.change(&mut state, Circuit::Open { until });
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::backends::BackendMetrics;

    const OPEN_FOR: Duration = Duration::from_secs(10);

    fn breaker() -> (Breaker, Instant) {
        (
            Breaker::new(BreakerSettings { failures: 2, open_for: OPEN_FOR }, BackendMetrics::default().breaker("b")),
            Instant::now(),
        )
    }

    fn opened() -> (Breaker, Instant) {
        let (breaker, now) = breaker();
        for _ in 0..2 {
            breaker.admit(now).ok().unwrap().failed(now);
        }
        (breaker, now)
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row() {
        let (breaker, now) = breaker();
        breaker.admit(now).ok().unwrap().failed(now);
        breaker.admit(now).ok().unwrap().answered();
        breaker.admit(now).ok().unwrap().failed(now);
        assert!(breaker.admit(now).is_ok(), "an answer in between resets the count");
        breaker.admit(now).ok().unwrap().failed(now);
        let left = breaker.admit(now + Duration::from_secs(4)).err().unwrap();
        assert_eq!(left, LeftAlone { failures: 2, remaining: Duration::from_secs(6) });
    }

    #[test]
    fn half_open_lets_one_call_through_and_closes_when_it_is_answered() {
        let (breaker, now) = opened();
        let later = now + OPEN_FOR;
        let probe = breaker.admit(later).ok().unwrap();
        assert!(breaker.admit(later).is_err(), "one at a time");
        probe.answered();
        assert!(breaker.admit(later).is_ok());
    }

    #[test]
    fn metrics_show_the_state_that_it_is_in() {
        let mut registry = Registry::default();
        let metrics = BackendMetrics::register(&mut registry);
        let breaker = Breaker::new(BreakerSettings { failures: 1, open_for: OPEN_FOR }, metrics.breaker("b"));
        let shown = |state: &str| {
            let mut page = String::new();
            encode(&mut page, &registry).unwrap();
            let line = |state: &str| format!("backend_breaker_state{{backend=\"b\",state=\"{state}\"}}");
            for other in ["closed", "open", "half_open"] {
                let value = i32::from(other == state);
                assert!(page.contains(&format!("{} {value}\n", line(other))), "{state}: {page}");
            }
        };
        let now = Instant::now();
        shown("closed");
        breaker.admit(now).ok().unwrap().failed(now);
        shown("open");
        let probe = breaker.admit(now + OPEN_FOR).ok().unwrap();
        shown("half_open");
        drop(probe);
        shown("open");
        breaker.admit(now + OPEN_FOR).ok().unwrap().answered();
        shown("closed");
    }

    #[test]
    fn a_failed_probe_opens_it_again() {
        let (breaker, now) = opened();
        let later = now + OPEN_FOR;
        breaker.admit(later).ok().unwrap().failed(later);
        assert_eq!(breaker.admit(later).err().unwrap().remaining, OPEN_FOR);
    }

    #[test]
    fn an_abandoned_probe_leaves_its_turn_to_the_next() {
        let (breaker, now) = opened();
        let later = now + OPEN_FOR;
        drop(breaker.admit(later).ok().unwrap());
        assert!(breaker.admit(later).is_ok());
    }

    #[test]
    fn what_was_sent_before_it_opened_does_not_close_it() {
        let (breaker, now) = breaker();
        let early = breaker.admit(now).ok().unwrap();
        for _ in 0..2 {
            breaker.admit(now).ok().unwrap().failed(now);
        }
        early.answered();
        assert!(breaker.admit(now).is_err());
    }
}
