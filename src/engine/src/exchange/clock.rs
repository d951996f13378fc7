//! The time of an exchange. Some events carry no time; the next one with a time, a tick at the latest, sets it.

use std::time::Duration;

use crate::Event;

/// The overrun allowed before a stream is reset. Until then, its next chunk can carry an error event.
const GRACE: Duration = Duration::from_secs(2);

/// The start times of limits. Each is unknown until an event carries a time.
#[derive(Debug, Default)]
pub(super) struct Clock {
    now: Option<Duration>,
    /// The begin of the request, or of the turn once the request was forwarded.
    began: Option<Duration>,
    /// The last event other than a tick.
    progress: Option<Duration>,
}

/// The limits that apply in a state.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimits {
    pub(super) idle: bool,
    pub(super) turn: bool,
}

/// The exceeded limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeLimit {
    /// `turnIdleTimeout`: too long a silence.
    Idle,
    /// `turnTimeout`: too long a turn.
    Turn,
}

// === impl TimeLimits ===

impl TimeLimits {
    pub(super) const NONE: Self = Self { idle: false, turn: false };
    pub(super) const TURN: Self = Self { idle: false, turn: true };
    pub(super) const BOTH: Self = Self { idle: true, turn: true };
}

// === impl Clock ===

impl Clock {
    /// Takes the time of an event.
    pub(super) fn observe(&mut self, event: &Event<'_>) {
        let now = event.now();
        if now.is_some() {
            self.now = now;
            self.began = self.began.or(now);
        }
        self.progress = if matches!(event, Event::Tick { .. }) { self.progress.or(now) } else { now };
    }

    /// Returns the time of the latest event with one, in milliseconds since the Unix epoch. A host without a clock gives zero.
    pub(super) fn unix_millis(&self) -> Option<u64> {
        self.now.filter(|now| !now.is_zero()).and_then(|now| u64::try_from(now.as_millis()).ok())
    }

    /// Begins the turn: the request is forwarded now.
    pub(super) fn begin(&mut self, timed: bool) {
        self.began = self.now.filter(|_| timed);
    }

    /// Returns the rest of a turn's time, at least one millisecond.
    pub(super) fn left(&self, timeout: Duration) -> Duration {
        let spent = self.spent(self.began).unwrap_or_default();
        timeout.saturating_sub(spent).max(Duration::from_millis(1))
    }

    /// Returns true if the turn has taken longer than `timeout`.
    pub(super) fn is_over(&self, timeout: Duration) -> bool {
        self.spent(self.began).is_some_and(|spent| spent > timeout)
    }

    /// Returns true if the turn has taken too long to wait for another chunk.
    pub(super) fn is_long_over(&self, timeout: Duration) -> bool {
        self.is_over(timeout.saturating_add(GRACE))
    }

    /// Returns true if nothing has come for longer than `timeout`.
    pub(super) fn is_silent(&self, timeout: Duration) -> bool {
        self.spent(self.progress).is_some_and(|spent| spent > timeout)
    }

    fn spent(&self, since: Option<Duration>) -> Option<Duration> {
        Some(self.now?.saturating_sub(since?))
    }
}
