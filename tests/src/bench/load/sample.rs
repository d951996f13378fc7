//! Figures of one load, and their spread over rounds.

use std::time::Duration;

/// The figures of one load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Exchanges a second.
    pub(crate) throughput: f64,
    /// Median latency, in microseconds.
    pub(crate) p50: f64,
    /// 99th percentile, in microseconds.
    pub(crate) p99: f64,
    /// The server's own CPU time for an exchange, in microseconds; other work on the machine hardly changes it.
    pub(crate) cpu: f64,
    /// The part of one processor that the server used, from 0 to 1; above 1 if several threads worked.
    pub(crate) share: f64,
    /// The same of load generator and upstream together: if this is high and `share` is not, they are the limit.
    pub(crate) harness: f64,
}

/// One of the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    Throughput,
    P50,
    P99,
    Cpu,
}

/// The median of several rounds, with the lowest and the highest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Sample {
    /// Summarises latencies in microseconds; without CPU time.
    pub(crate) fn of(mut latencies: Vec<f64>, time: Duration) -> Self {
        let throughput = count(latencies.len()) / time.as_secs_f64();
        latencies.sort_by(f64::total_cmp);
        let at = |part: usize| latencies.get(latencies.len() * part / 100).copied().unwrap_or(f64::NAN);
        Self { throughput, p50: at(50), p99: at(99), cpu: f64::NAN, share: f64::NAN, harness: f64::NAN }
    }

    /// Adds the CPU time during `time` of the server and of the harness.
    pub(crate) fn with_cpu(self, [server, harness]: [Duration; 2], time: Duration) -> Self {
        let time = time.as_secs_f64();
        let cpu = server.as_secs_f64() * 1e6 / (self.throughput * time);
        Self { cpu, share: server.as_secs_f64() / time, harness: harness.as_secs_f64() / time, ..self }
    }

    pub(crate) fn get(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Throughput => self.throughput,
            Measure::P50 => self.p50,
            Measure::P99 => self.p99,
            Measure::Cpu => self.cpu,
        }
    }

    /// Returns the median of each figure over several rounds.
    pub(crate) fn median(samples: &[Self]) -> Self {
        let median = |figure: fn(&Self) -> f64| Spread::of(samples.iter().map(figure)).median;
        Self {
            throughput: median(|s| s.throughput),
            p50: median(|s| s.p50),
            p99: median(|s| s.p99),
            cpu: median(|s| s.cpu),
            share: median(|s| s.share),
            harness: median(|s| s.harness),
        }
    }
}

impl Measure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Cpu => "cpu",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Throughput => "exchanges/s",
            Self::P50 | Self::P99 | Self::Cpu => "us",
        }
    }

    /// True if more is better.
    pub(crate) fn rises(self) -> bool {
        self == Self::Throughput
    }
}

impl Spread {
    /// Summarises numbers; those that are not finite are left out. All are NaN if there are none.
    pub(crate) fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.filter(|number| number.is_finite()).collect();
        numbers.sort_by(f64::total_cmp);
        let at = |place: usize| numbers.get(place).copied().unwrap_or(f64::NAN);
        let last = numbers.len().saturating_sub(1);
        // Of an even count, the middle of the two in the middle.
        let median = f64::midpoint(at(last / 2), at(numbers.len() / 2));
        Self { low: at(0), median, high: at(last) }
    }

    /// One number without spread.
    pub(crate) fn exact(number: f64) -> Self {
        Self { low: number, median: number, high: number }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a count of exchanges")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_medians_are_what_they_say() {
        let sample = Sample::of((1..=200).rev().map(f64::from).collect(), Duration::from_secs(2));
        assert_eq!((sample.throughput, sample.p50, sample.p99), (100.0, 101.0, 199.0));
        let of = |throughput| Sample { throughput, ..sample };
        assert_eq!(Sample::median(&[of(3.0), of(1.0), of(2.0)]).throughput, 2.0);
        assert_eq!(Spread::of([3.0, f64::NAN, 1.0, 2.0].into_iter()), Spread { low: 1.0, median: 2.0, high: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0].into_iter()).median, 2.5);
        assert!(Spread::of([].into_iter()).median.is_nan());
    }

    #[test]
    fn cpu_time_is_shared_by_the_exchanges() {
        let second = Duration::from_secs(1);
        let sample = Sample::of(vec![1.0; 100], second).with_cpu([Duration::from_millis(500), Duration::ZERO], second);
        assert_eq!((sample.cpu, sample.share), (5000.0, 0.5));
    }
}
