//! Bounds the rate of log lines that strangers cause, so that they push no other line out, and counts those that were not written.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(1);
const LINES: u32 = 10;

/// Counts the lines of the current second.
#[derive(Debug)]
pub(crate) struct Throttle(Mutex<State>);

#[derive(Debug)]
struct State {
    since: Instant,
    written: u32,
    held_back: u64,
}

// === impl Throttle ===

impl Throttle {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { since: Instant::now(), written: 0, held_back: 0 }))
    }

    /// Returns how many lines were held back since the last one, if a line may be written now.
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
        // All within a second, unless the machine stands still; then more lines are right.
        let written = (0..1000).filter(|_| throttle.line().is_some()).count();
        assert!((10..1000).contains(&written), "{written}");
        throttle.0.lock().unwrap().since = Instant::now().checked_sub(PERIOD).unwrap();
        assert!(throttle.line().unwrap() > 0);
        assert_eq!(throttle.line(), Some(0));
    }
}
