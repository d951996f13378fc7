//! One line of `summary.json`.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bench::load::Spread;
use crate::stack::StackError;

/// A figure, compared with a baseline. The names are stable: docs/contribute/benchmarks.md lists them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SummaryLine {
    pub(crate) name: String,
    /// Median of the rounds.
    pub(crate) value: f64,
    pub(crate) unit: String,
    pub(crate) baseline: f64,
    /// The baseline's name.
    pub(crate) against: String,
    /// Median of the ratios of all rounds.
    pub(crate) ratio: f64,
    pub(crate) ratio_low: f64,
    pub(crate) ratio_high: f64,
    pub(crate) better: Better,
}

/// The direction of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    More,
    Less,
}

impl SummaryLine {
    /// A figure without rounds.
    pub(crate) fn plain(name: &str, value: f64, unit: &str, baseline: f64, against: &str, better: Better) -> Self {
        Self::new(name, value, unit, baseline, against, Spread::exact(value / baseline), better)
    }

    /// True if the ratio depends little on the machine: Envoy's CPU time of a gate, against another Envoy's in the same round.
    pub(crate) fn steady(&self) -> bool {
        let gate = self.name.contains(".callgate_");
        gate && [".cpu", ".cpu_of_one_tool"].iter().any(|end| self.name.ends_with(end))
    }

    /// A figure with a ratio for each round.
    pub(crate) fn new(
        name: &str,
        value: f64,
        unit: &str,
        baseline: f64,
        against: &str,
        ratio: Spread,
        better: Better,
    ) -> Self {
        Self {
            name: name.to_owned(),
            value: round(value),
            unit: unit.to_owned(),
            baseline: round(baseline),
            against: against.to_owned(),
            ratio: fine(ratio.median),
            ratio_low: fine(ratio.low),
            ratio_high: fine(ratio.high),
            better,
        }
    }
}

/// Writes lines as JSON.
pub(crate) fn write(lines: &[SummaryLine], file: &Path) -> Result<(), StackError> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(StackError::io(folder.display().to_string()))?;
    }
    let text = serde_json::to_string_pretty(lines).unwrap_or_default() + "\n";
    fs::write(file, text).map_err(StackError::io(file.display().to_string()))
}

/// Reads lines that [`write`] has written, or some of them.
pub(crate) fn read(file: &Path) -> Result<Vec<SummaryLine>, StackError> {
    let text = fs::read_to_string(file).map_err(StackError::io(file.display().to_string()))?;
    let unfit = |error| StackError::Unfit { what: format!("{} is no summary of a bench ({error})", file.display()) };
    serde_json::from_str(&text).map_err(unfit)
}

/// Prints lines as a table on standard output.
pub(crate) fn print(lines: &[SummaryLine]) {
    println!("{:<34}{:>12} {:<12}{:>8}  {:<14} against", "", "value", "unit", "ratio", "low–high");
    for line in lines {
        let spread = format!("{}–{}", digits(line.ratio_low), digits(line.ratio_high));
        let SummaryLine { name, value, unit, ratio, against, baseline, .. } = line;
        let (value, baseline, ratio) = (number(*value), number(*baseline), digits(*ratio));
        println!("{name:<34}{value:>12} {unit:<12}{ratio:>8}  {spread:<14} {against} ({baseline})");
    }
}

pub(crate) fn number(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// Ratios may be small.
fn fine(ratio: f64) -> f64 {
    (ratio * 1e5).round() / 1e5
}

/// A ratio with three digits that mean something.
fn digits(ratio: f64) -> String {
    if ratio.abs() < 0.1 { format!("{ratio:.4}") } else { format!("{ratio:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bench/summary.json");
        let lines = [SummaryLine::plain("a.b.cpu", 30.00004, "us", 20.0, "bare", Better::Less)];
        write(&lines, &file).unwrap();
        assert_eq!(read(&file).unwrap(), lines);
        assert_eq!((lines[0].value, lines[0].ratio), (30.0, 1.5));
    }
}
