//! The log line about calls on which a candidate contract decides otherwise.
//!
//! A process writes at most one line a second, with the number of differences since the line before. Metrics count all of them, and the
//! access log has the first one of each exchange.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use callgate_engine::Tally;

/// The second of the last line.
static LAST: AtomicU64 = AtomicU64::new(0);
/// The differences since the last line.
static SINCE: AtomicU64 = AtomicU64::new(0);

/// Logs the differences of an exchange that has ended.
pub(crate) fn report(tally: &Tally, now: Duration) {
    let Some(first) = tally.differences.first() else { return };
    let count = u64::try_from(tally.differences.len()).unwrap_or(u64::MAX);
    if let Some(count) = due(&LAST, &SINCE, count, now) {
        log::info!(
            "callgate: the candidate decides {count} calls otherwise since the last such line; the last one: {} (active>candidate)",
            first.words()
        );
    }
}

/// Returns the number of differences to report, if it is time for a line.
fn due(last: &AtomicU64, since: &AtomicU64, count: u64, now: Duration) -> Option<u64> {
    since.fetch_add(count, Ordering::Relaxed);
    let second = now.as_secs();
    // Of several workers, one writes the line.
    let before = last.swap(second, Ordering::Relaxed);
    (before != second).then(|| since.swap(0, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_reports_every_difference() {
        let (last, since) = (AtomicU64::new(0), AtomicU64::new(0));
        let at = |second, count| due(&last, &since, count, Duration::from_millis(second));
        assert_eq!(at(1000, 1), Some(1));
        assert_eq!(at(1400, 2), None);
        assert_eq!(at(1999, 3), None);
        assert_eq!(at(2000, 1), Some(6));
    }
}
