//! Compares the ratios of a run with those of an earlier one.

use super::report::{Better, SummaryLine};
use crate::stack::StackError;

/// The least change that counts: two runs on one quiet machine differ by so much.
const NOISE: f64 = 0.05;
/// The largest spread that is taken for noise: beyond it, a real loss could hide in it.
const MOST: f64 = 0.2;

/// The comparison of one line.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    /// Within the noise.
    Kept,
    Better,
    Worse,
    Missing,
}

/// Prints every comparison; an error names the ratios that got worse by more than their noise. `partial` is true if only some cases
/// were measured; lines of the others are then left out.
pub(super) fn compare(lines: &[SummaryLine], earlier: &[SummaryLine], partial: bool) -> Result<(), StackError> {
    println!("\n{:<44}{:>8}{:>8}{:>8}", "ratio", "before", "now", "noise");
    let mut worse = Vec::new();
    let mut compared = 0;
    for before in earlier.iter().filter(|line| line.steady()) {
        let now = lines.iter().find(|line| line.name == before.name);
        let noise = now.map_or(NOISE, |now| noise(before, now));
        let change = now.map_or(Change::Missing, |now| change(before, now, noise));
        if change == Change::Missing && partial {
            continue;
        }
        compared += 1;
        let word = match change {
            Change::Kept => "",
            Change::Better => "better",
            Change::Worse => "WORSE",
            Change::Missing => "NOT MEASURED",
        };
        let ratio = now.map_or(f64::NAN, |now| now.ratio);
        println!("{:<44}{:>8.3}{ratio:>8.3}{noise:>8.2}  {word}", before.name, before.ratio);
        if matches!(change, Change::Worse | Change::Missing) {
            worse.push(before.name.clone());
        }
    }
    match (compared, worse.is_empty()) {
        (0, _) => Err(StackError::Unfit { what: "the file to compare with has none of the measured ratios".into() }),
        (_, true) => Ok(()),
        (_, false) => Err(StackError::Unfit { what: format!("worse than before: {}", worse.join(", ")) }),
    }
}

/// Half of the spread of both runs together, as a part of the ratio.
fn noise(before: &SummaryLine, now: &SummaryLine) -> f64 {
    let half = |line: &SummaryLine| (line.ratio_high - line.ratio_low).abs() / 2.0 / line.ratio.abs();
    (half(before) + half(now)).clamp(NOISE, MOST)
}

fn change(before: &SummaryLine, now: &SummaryLine, noise: f64) -> Change {
    let gain = match before.better {
        Better::More => now.ratio / before.ratio,
        Better::Less => before.ratio / now.ratio,
    };
    // A figure that cannot be read proves nothing.
    if !gain.is_finite() {
        return Change::Missing;
    }
    if gain < 1.0 - noise {
        Change::Worse
    } else if gain > 1.0 + noise {
        Change::Better
    } else {
        Change::Kept
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::Spread;
    use super::*;

    fn line(name: &str, low: f64, median: f64, high: f64) -> SummaryLine {
        SummaryLine::new(name, median, "us", 1.0, "bare", Spread { low, median, high }, Better::Less)
    }

    #[test]
    fn a_ratio_that_rises_by_more_than_its_noise_is_an_error() {
        let before = [line("two_calls.callgate_wasm.cpu", 1.98, 2.0, 2.02)];
        compare(&[line("two_calls.callgate_wasm.cpu", 2.0, 2.05, 2.1)], &before, false).unwrap();
        let error = compare(&[line("two_calls.callgate_wasm.cpu", 2.2, 2.25, 2.3)], &before, false).unwrap_err();
        assert!(error.to_string().contains("two_calls.callgate_wasm.cpu"), "{error}");
    }

    #[test]
    fn spread_does_not_hide_a_large_loss() {
        let before = [line("two_calls.callgate_wasm.cpu", 1.0, 2.0, 3.0)];
        compare(&[line("two_calls.callgate_wasm.cpu", 1.0, 2.6, 4.0)], &before, false).unwrap_err();
    }

    #[test]
    fn a_missing_ratio_is_an_error_unless_cases_were_chosen() {
        let before =
            [line("two_calls.callgate_wasm.cpu", 2.0, 2.0, 2.0), line("mcp_call.callgate_wasm.cpu", 2.0, 2.0, 2.0)];
        let now = [line("two_calls.callgate_wasm.cpu", 2.0, 2.0, 2.0)];
        compare(&now, &before, false).unwrap_err();
        compare(&now, &before, true).unwrap();
        compare(&now, &before[1..], true).unwrap_err();
    }
}
