//! Histograms of a host: times, sizes and rounds of exchanges.

use std::time::Duration;

use callgate_engine::Tally;

/// One histogram. Each exchange adds at most one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Histogram {
    /// The gate's own time on an exchange, in microseconds.
    FilterTime,
    /// The time for which the request was held, in milliseconds.
    RequestHeld,
    /// The time for which the response was held, in milliseconds. Streams without a held call add nothing.
    ResponseHeld,
    /// The largest number of bytes that the gate held from one callback to the next.
    HeldBytes,
    /// Requests to the model.
    Rounds,
}

// === impl Histogram ===

impl Histogram {
    /// Every histogram.
    pub const ALL: [Self; 5] = [Self::FilterTime, Self::RequestHeld, Self::ResponseHeld, Self::HeldBytes, Self::Rounds];

    /// Returns the name, such as `callgate.held_bytes`. Its end is the unit, if it has one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FilterTime => "callgate.filter_time_us",
            Self::RequestHeld => "callgate.request_held_ms",
            Self::ResponseHeld => "callgate.response_held_ms",
            Self::HeldBytes => "callgate.held_bytes",
            Self::Rounds => "callgate.rounds",
        }
    }
}

/// Passes the values of one exchange to `record`. A time is `None` if there was none.
pub(crate) fn measure(
    tally: &Tally,
    held: usize,
    times: [(Histogram, Option<Duration>); 3],
    mut record: impl FnMut(Histogram, u64),
) {
    for (histogram, time) in times {
        let Some(time) = time else { continue };
        let value = if histogram == Histogram::FilterTime { time.as_micros() } else { time.as_millis() };
        record(histogram, u64::try_from(value).unwrap_or(u64::MAX));
    }
    let held = u64::try_from(held).unwrap_or(u64::MAX);
    for (histogram, value) in [(Histogram::HeldBytes, held), (Histogram::Rounds, tally.rounds.into())] {
        if value > 0 {
            record(histogram, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_adds_each_value_once_in_its_unit() {
        let tally = Tally { rounds: 2, ..Tally::default() };
        let times = [
            (Histogram::FilterTime, Some(Duration::from_micros(120))),
            (Histogram::RequestHeld, Some(Duration::from_micros(2700))),
            (Histogram::ResponseHeld, None),
        ];
        let mut values = Vec::new();
        measure(&tally, 1500, times, |histogram, value| values.push((histogram.name(), value)));
        assert_eq!(
            values,
            [
                ("callgate.filter_time_us", 120),
                ("callgate.request_held_ms", 2),
                ("callgate.held_bytes", 1500),
                ("callgate.rounds", 2)
            ]
        );
    }
}
