//! The record of one counter: the counts of each limit, and the decision on a charge.
//!
//! A minute is any 60 seconds: no burst at the edge of a window can pass twice the limit. A day is a day of UTC, because budgets are
//! compared with bills, and a person wants to know when a budget is full again.

use std::time::Duration;

use crate::bytes;
use crate::limit::{Charge, Limit, Period, Unit};
use crate::window::Window;

/// The decision on a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It fits, and is counted.
    Admitted,
    /// It does not fit; nothing is counted.
    Refused {
        /// The first limit that is reached.
        limit: Limit,
        /// The time until the charge may fit.
        retry_after: Duration,
    },
}

/// The counts of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meters {
    requests: Counts,
    calls: Counts,
    tokens: Counts,
    cost: Counts,
}

/// The counts of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Counts {
    minute: Window,
    day: Window,
}

// === impl Meters ===

impl Default for Meters {
    fn default() -> Self {
        let counts = Counts { minute: Window::new(Period::Minute), day: Window::new(Period::Day) };
        Self { requests: counts.clone(), calls: counts.clone(), tokens: counts.clone(), cost: counts }
    }
}

impl Meters {
    /// Reads a record. An empty one counts nothing. Returns `None` for bytes that no [`Meters::write`] wrote.
    #[must_use]
    pub fn read(mut record: &[u8]) -> Option<Self> {
        let record = &mut record;
        let mut meters = Self::default();
        while let Some((tag, rest)) = record.split_first() {
            *record = rest;
            let (unit, period) = of_tag(*tag)?;
            let newest = bytes::take(record)?;
            let window = Window::of(period, newest, || bytes::take(record))?;
            let read = meters.window(unit, period);
            if window.is_empty() || !read.is_empty() {
                return None;
            }
            *read = window;
        }
        Some(meters)
    }

    /// Writes the record. What no longer counts is left out.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut record = Vec::new();
        for (unit, window) in self.windows().filter(|(_, window)| !window.is_empty()) {
            record.push(tag(unit, window.period()));
            bytes::put(&mut record, window.newest());
            window.counts().for_each(|count| bytes::put(&mut record, count));
        }
        record
    }

    /// Decides on charges at a time in seconds since the Unix epoch. All of them are counted, or none.
    pub fn admit(&mut self, now: u64, charges: &[Charge]) -> Admission {
        for Charge { limit, amount } in charges {
            let needed = (*amount).max(1);
            let window = self.window(limit.unit, limit.period);
            window.advance(now);
            if window.total().saturating_add(needed) > limit.most {
                let retry_after = Duration::from_secs(window.wait(now, needed, limit.most));
                return Admission::Refused { limit: *limit, retry_after };
            }
        }
        self.add(now, charges);
        Admission::Admitted
    }

    /// Counts charges whatever the limits are.
    pub fn add(&mut self, now: u64, charges: &[Charge]) {
        for Charge { limit, amount } in charges {
            let window = self.window(limit.unit, limit.period);
            window.advance(now);
            window.add(*amount);
        }
    }

    /// Takes charges back that were admitted a moment ago.
    pub fn give_back(&mut self, charges: &[Charge]) {
        for Charge { limit, amount } in charges {
            self.window(limit.unit, limit.period).give_back(*amount);
        }
    }

    /// Returns the time in seconds since the Unix epoch at which nothing counts any more.
    #[must_use]
    pub fn ends(&self) -> u64 {
        self.windows().map(|(_, window)| window.ends()).max().unwrap_or_default()
    }

    /// Returns the count of a unit over a period, at the time of the last charge.
    #[must_use]
    pub fn total(&self, unit: Unit, period: Period) -> u64 {
        let counts = match unit {
            Unit::Requests => &self.requests,
            Unit::Calls => &self.calls,
            Unit::Tokens => &self.tokens,
            Unit::Cost => &self.cost,
        };
        match period {
            Period::Minute => counts.minute.total(),
            Period::Day => counts.day.total(),
        }
    }

    fn window(&mut self, unit: Unit, period: Period) -> &mut Window {
        let counts = match unit {
            Unit::Requests => &mut self.requests,
            Unit::Calls => &mut self.calls,
            Unit::Tokens => &mut self.tokens,
            Unit::Cost => &mut self.cost,
        };
        match period {
            Period::Minute => &mut counts.minute,
            Period::Day => &mut counts.day,
        }
    }

    fn windows(&self) -> impl Iterator<Item = (Unit, &Window)> {
        let units = [
            (Unit::Requests, &self.requests),
            (Unit::Calls, &self.calls),
            (Unit::Tokens, &self.tokens),
            (Unit::Cost, &self.cost),
        ];
        units.into_iter().flat_map(|(unit, counts)| [(unit, &counts.minute), (unit, &counts.day)])
    }
}

fn tag(unit: Unit, period: Period) -> u8 {
    let unit = match unit {
        Unit::Requests => 0,
        Unit::Calls => 1,
        Unit::Tokens => 2,
        Unit::Cost => 3,
    };
    let period = match period {
        Period::Minute => 0,
        Period::Day => 1,
    };
    unit << 1 | period
}

fn of_tag(tag: u8) -> Option<(Unit, Period)> {
    let unit = match tag >> 1 {
        0 => Unit::Requests,
        1 => Unit::Calls,
        2 => Unit::Tokens,
        3 => Unit::Cost,
        _ => return None,
    };
    Some((unit, if tag & 1 == 0 { Period::Minute } else { Period::Day }))
}
