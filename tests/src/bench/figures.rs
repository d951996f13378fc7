//! All samples of a run, by case and variant, and the ratios between them.

use std::collections::BTreeMap;

use super::load::{Measure, Sample, Spread};

/// The samples of a run, one a round.
#[derive(Debug, Default)]
pub(super) struct Figures {
    samples: BTreeMap<(&'static str, &'static str), Vec<Sample>>,
}

impl Figures {
    pub(super) fn add(&mut self, case: &'static str, variant: &'static str, sample: Sample) {
        self.samples.entry((case, variant)).or_default().push(sample);
    }

    /// Returns the medians of a variant in a case, if it was measured.
    pub(super) fn median(&self, case: &str, variant: &str) -> Option<Sample> {
        self.of(case, variant).map(Sample::median)
    }

    /// Returns the spread of one figure over the rounds.
    pub(super) fn spread(&self, case: &str, variant: &str, measure: Measure) -> Option<Spread> {
        self.of(case, variant).map(|samples| Spread::of(samples.iter().map(|sample| sample.get(measure))))
    }

    /// Returns the ratio of a figure to that of a baseline. Each round has its own ratio, so slow changes of the machine cancel out.
    pub(super) fn ratio(
        &self,
        (case, variant): (&str, &str),
        (base_case, base): (&str, &str),
        measure: Measure,
    ) -> Option<Spread> {
        let (samples, bases) = (self.of(case, variant)?, self.of(base_case, base)?);
        let rounds = samples.iter().zip(bases);
        Some(Spread::of(rounds.map(|(sample, base)| sample.get(measure) / base.get(measure))))
    }

    /// Returns the difference of a figure to that of a baseline, round by round.
    pub(super) fn added(&self, (case, variant): (&str, &str), base: (&str, &str), measure: Measure) -> Option<Spread> {
        let (samples, bases) = (self.of(case, variant)?, self.of(base.0, base.1)?);
        let rounds = samples.iter().zip(bases);
        Some(Spread::of(rounds.map(|(sample, base)| sample.get(measure) - base.get(measure))))
    }

    fn of(&self, case: &str, variant: &str) -> Option<&[Sample]> {
        let found = self.samples.iter().find(|((c, v), _)| *c == case && *v == variant);
        found.map(|(_, samples)| samples.as_slice()).filter(|samples| !samples.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ratios_are_taken_round_by_round() {
        let mut figures = Figures::default();
        for (bare, gate) in [(100, 50), (50, 25), (80, 48)] {
            let sample = |count| Sample::of(vec![1.0; count], Duration::from_secs(1));
            figures.add("case", "bare", sample(bare));
            figures.add("case", "gate", sample(gate));
        }
        let ratio = figures.ratio(("case", "gate"), ("case", "bare"), Measure::Throughput).unwrap();
        assert_eq!(ratio, Spread { low: 0.5, median: 0.5, high: 0.6 });
        assert_eq!(figures.ratio(("case", "gate"), ("case", "other"), Measure::Throughput), None);
    }
}
