//! Bounds the rate of log lines strangers can cause, so they displace no other line, and counts the suppressed ones.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(1);
const LINES: u32 = 10;

/// Counts the lines of the current second.
#[derive(Debug)]
pub(crate) struct Throttle(Mutex<ThrottleState>);

#[derive(Debug)]
struct ThrottleState {
    since: Instant,
    written: u32,
    held_back: u64,
}

// === impl Throttle ===

impl Throttle {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(ThrottleState { since: Instant::now(), written: 0, held_back: 0 }))
    }

    /// If a line may be written now, returns the number of lines suppressed since the last one.
    pub(crate) fn line(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.since.elapsed() >= PERIOD {
            (state.since, state.written) = (Instant::now(), 0);
        }
        if state.written == LINES {
            state.held_back += 1;
            return None;
        }
        state.written += 1;
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_writes_a_few_lines_and_says_how_many_it_did_not() {
        let throttle = Throttle::new();
        // All happen within a second, unless the machine stalls; then more lines are correct.
        let written = (0..1000).filter(|_| throttle.line().is_some()).count();
        assert!((10..1000).contains(&written), "{written}");
        throttle.0.lock().unwrap().since = Instant::now().checked_sub(PERIOD).unwrap();
        assert!(throttle.line().unwrap() > 0);
        assert_eq!(throttle.line(), Some(0));
    }
}
