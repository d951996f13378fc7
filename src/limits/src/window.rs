//! Counts over one period, by parts.
//!
//! The counts are those of the newest part and of the parts before it. A charge goes to the newest part. A part leaves when it is as old
//! as the period, so over a minute the count covers 60 to 70 seconds: never less than the last 60, whatever the moment.
//!
//! # Clocks
//! Those who charge may have clocks that differ, and a clock may go back.
//! 1. If the time is before the newest part, the charge still goes to the newest part. Nothing is forgotten.
//! 2. If it is before it by more than the period, a clock was wrong: the newest part becomes that of the time, with all counts. So a
//!    clock that was ahead once keeps a counter full for one period at most, and again nothing is forgotten.

use crate::limit::Period;

/// The most parts of any period.
const MOST_PARTS: usize = 7;

/// The counts of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    period: Period,
    /// The number of the newest part since the Unix epoch.
    newest: u64,
    /// From the newest part to older ones.
    counts: [u64; MOST_PARTS],
}

// === impl Window ===

impl Window {
    /// Nothing counted yet.
    pub(crate) fn new(period: Period) -> Self {
        Self { period, newest: 0, counts: [0; MOST_PARTS] }
    }

    /// A window as it was read.
    pub(crate) fn of(period: Period, newest: u64, mut count: impl FnMut() -> Option<u64>) -> Option<Self> {
        let mut counts = [0; MOST_PARTS];
        for kept in counts.iter_mut().take(period.parts()) {
            *kept = count()?;
        }
        Some(Self { period, newest, counts })
    }

    pub(crate) fn period(&self) -> Period {
        self.period
    }

    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Returns the kept counts, from the newest part to older ones.
    pub(crate) fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.counts.iter().copied().take(self.period.parts())
    }

    /// Returns true if nothing counts.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts().all(|count| count == 0)
    }

    /// Moves to a time in seconds: parts that are too old leave.
    pub(crate) fn advance(&mut self, now: u64) {
        let part = now / self.period.part();
        let tolerated = u64::try_from(self.period.parts()).unwrap_or(u64::MAX);
        match part.checked_sub(self.newest) {
            Some(0) => {}
            Some(steps) => {
                let steps = usize::try_from(steps).unwrap_or(usize::MAX).min(MOST_PARTS);
                self.counts.rotate_right(steps);
                self.counts.iter_mut().take(steps).for_each(|count| *count = 0);
                self.newest = part;
                // A period with fewer parts keeps no more of them.
                self.counts.iter_mut().skip(self.period.parts()).for_each(|count| *count = 0);
            }
            None if self.newest.saturating_sub(part) > tolerated => self.newest = part,
            None => {}
        }
    }

    /// Returns the count.
    pub(crate) fn total(&self) -> u64 {
        self.counts().fold(0, u64::saturating_add)
    }

    /// Counts more, in the newest part.
    pub(crate) fn add(&mut self, amount: u64) {
        if let Some(newest) = self.counts.first_mut() {
            *newest = newest.saturating_add(amount);
        }
    }

    /// Takes back what was counted before, from the newest part to older ones.
    pub(crate) fn give_back(&mut self, mut amount: u64) {
        for count in &mut self.counts {
            let back = amount.min(*count);
            *count -= back;
            amount -= back;
        }
    }

    /// Returns the seconds until `amount` more fits, from a time in seconds. If it never fits, until nothing counts.
    pub(crate) fn wait(&self, now: u64, amount: u64, most: u64) -> u64 {
        let mut left = self.total();
        let mut at = now;
        for age in (0..self.period.parts()).rev() {
            if left.saturating_add(amount) <= most {
                break;
            }
            let count = self.counts.get(age).copied().unwrap_or_default();
            if count > 0 {
                left = left.saturating_sub(count);
                at = self.leaves(age);
            }
        }
        at.saturating_sub(now).max(1)
    }

    /// Returns the time in seconds at which nothing counts any more.
    pub(crate) fn ends(&self) -> u64 {
        let oldest_first = (0..self.period.parts()).filter(|age| self.counts.get(*age).is_some_and(|count| *count > 0));
        oldest_first.map(|age| self.leaves(age)).max().unwrap_or_default()
    }

    /// Returns the time in seconds at which the part of this age leaves.
    fn leaves(&self, age: usize) -> u64 {
        let kept = u64::try_from(self.period.parts().saturating_sub(age)).unwrap_or(u64::MAX);
        self.newest.saturating_add(kept).saturating_mul(self.period.part())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(charges: &[(u64, u64)]) -> Window {
        let mut window = Window::new(Period::Minute);
        for (now, amount) in charges {
            window.advance(*now);
            window.add(*amount);
        }
        window
    }

    #[test]
    fn a_charge_counts_for_at_least_sixty_seconds_and_at_most_seventy() {
        for begin in 1_000..1_010 {
            let mut window = minute(&[(begin, 5)]);
            window.advance(begin + 60);
            assert_eq!(window.total(), 5, "{begin}");
            window.advance(begin + 70);
            assert_eq!(window.total(), 0, "{begin}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_utc() {
        let mut window = Window::new(Period::Day);
        window.advance(86_400 * 3 - 1);
        window.add(9);
        assert_eq!(window.wait(86_400 * 3 - 1, 1, 9), 1);
        window.advance(86_400 * 3);
        assert_eq!(window.total(), 0);
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        let mut window = minute(&[(10_000, 5)]);
        for now in [9_999, 9_940, 9_000, 0] {
            window.advance(now);
            assert_eq!(window.total(), 5, "{now}");
        }
        // After the longest jump, it ends one period later.
        window.advance(69);
        assert_eq!(window.total(), 5);
        window.advance(70);
        assert_eq!(window.total(), 0);
    }

    #[test]
    fn two_clocks_around_midnight_do_not_clear_the_count_of_each_other() {
        let mut window = Window::new(Period::Day);
        for now in [86_399, 86_401, 86_398, 86_402, 86_399, 86_403] {
            window.advance(now);
            window.add(1);
        }
        assert_eq!(window.total(), 5, "the first one was yesterday's; the others are today's");
    }

    #[test]
    fn a_charge_fits_after_the_wait_and_not_a_second_earlier() {
        let window = minute(&[(1_000, 3), (1_015, 2), (1_031, 4)]);
        for most in 1..12 {
            let now = 1_031;
            if window.total() < most {
                continue;
            }
            let after = now + window.wait(now, 1, most);
            let (mut fits, mut early) = (window, window);
            fits.advance(after);
            early.advance(after - 1);
            assert!(fits.total() < most && early.total() >= most, "{most}");
        }
    }

    #[test]
    fn counts_and_times_saturate() {
        let mut window = minute(&[(u64::MAX - 1, u64::MAX), (u64::MAX, u64::MAX)]);
        assert_eq!(window.total(), u64::MAX);
        assert!(window.wait(0, u64::MAX, 1) >= 1);
        assert!(window.ends() >= 1);
        window.give_back(u64::MAX);
        window.advance(0);
        window.add(1);
        assert!(!window.is_empty());
    }
}
