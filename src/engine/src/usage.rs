//! The tokens of an exchange, and their cost.
//!
//! Each round of the model counts once, when it ends in any way:
//!
//! 1. The counts that the upstream reports are taken as they are.
//! 2. If a rule of the contract needs the tokens, a missing count is estimated from bytes, so it is never zero by silence.
//! 3. The output of a round that broke off is at least the estimate of what came until then: a count reported before is not the last.
//! 4. A round that the upstream ended in an error before it said anything counts only with what the upstream reports.
//!
//! Not covered: what the provider goes on to generate after the connection broke off, and reasoning that it does not show.

use callgate_contract::Usage;
use callgate_wire::{ReportedUsage, Wants};

use crate::gate::Gate;
use crate::request::CheckedRequest;
use crate::tally::Tally;

/// The bytes of text that count as one token. English has four for a token, and dense text such as numbers two.
const BYTES_PER_TOKEN: u64 = 2;
/// Tokens of the input that no request shows: a provider's own instructions for tools.
const HIDDEN_INPUT: u64 = 512;
/// Tokens of the output that no answer shows: marks between its parts.
const HIDDEN_OUTPUT: u64 = 128;

/// The source of an exchange's tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageSource {
    /// Nothing was reported, and nothing needed to be estimated. The counts are zero.
    #[default]
    Unknown,
    /// The upstream reported them. A count that it left out is zero.
    Reported,
    /// At least one count of one round is an estimate.
    Estimated,
}

/// The end of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoundEnd {
    /// The model's turn is complete.
    Whole,
    /// It broke off, or could not be read.
    Broken,
    /// The upstream ended it in an error.
    Failed,
}

/// The tokens of one round so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundUsage {
    pub(crate) reported: ReportedUsage,
    pub(crate) end: RoundEnd,
    /// The bytes of the answer's texts and calls. 0 if nobody needs them.
    pub(crate) said_bytes: usize,
}

// === impl RoundUsage ===

impl RoundUsage {
    /// A round without a report.
    pub(crate) fn broken(said_bytes: usize) -> Self {
        Self { reported: ReportedUsage::default(), end: RoundEnd::Broken, said_bytes }
    }

    /// Returns the tokens and their source. Missing counts are estimated if they are `needed`.
    fn tokens(&self, sent_bytes: usize, needed: bool) -> (Usage, UsageSource) {
        let reported = &self.reported;
        let has_failed = self.end == RoundEnd::Failed && self.said_bytes == 0;
        let (input, output) = match needed && !has_failed {
            true => (Some(reported.input_tokens.unwrap_or_else(|| estimate(sent_bytes, HIDDEN_INPUT))), self.output()),
            false => (reported.input_tokens, reported.output_tokens),
        };
        let source = match (input, output) {
            (None, None) => UsageSource::Unknown,
            counts if counts == (reported.input_tokens, reported.output_tokens) => UsageSource::Reported,
            _ => UsageSource::Estimated,
        };
        let usage = Usage {
            input_tokens: input.unwrap_or_default(),
            cache_read_tokens: reported.cache_read_tokens.unwrap_or_default(),
            cache_write_tokens: reported.cache_write_tokens.unwrap_or_default(),
            cache_write_1h_tokens: reported.cache_write_1h_tokens.unwrap_or_default(),
            output_tokens: output.unwrap_or_default(),
            reasoning_tokens: reported.reasoning_tokens.unwrap_or_default(),
        };
        (usage, source)
    }

    fn output(&self) -> Option<u64> {
        let is_whole = self.end == RoundEnd::Whole;
        let estimate = match self.said_bytes {
            0 if !is_whole => 0,
            bytes => estimate(bytes, HIDDEN_OUTPUT),
        };
        match self.reported.output_tokens {
            Some(output) if is_whole => Some(output),
            reported => reported.max(Some(estimate)),
        }
    }
}

impl Tally {
    /// Counts the tokens of one round.
    pub(crate) fn count_round(&mut self, gate: &Gate, checked: &CheckedRequest, round: &RoundUsage) {
        if checked.request.wants() == Wants::Count {
            return;
        }
        let (usage, source) = round.tokens(checked.sent_bytes, gate.contract.needs_usage());
        self.usage.add(&usage);
        self.usage_source = self.usage_source.max(source);
        let cost = checked.price.map(|price| price.cost(&usage));
        self.cost = cost.map(|cost| self.cost.unwrap_or_default().plus(cost));
    }
}

fn estimate(bytes: usize, hidden: u64) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).div_ceil(BYTES_PER_TOKEN).saturating_add(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: Option<u64>, output: Option<u64>, end: RoundEnd, needed: bool) -> (u64, u64, UsageSource) {
        let reported = ReportedUsage { input_tokens: input, output_tokens: output, ..ReportedUsage::default() };
        let (usage, source) = RoundUsage { reported, end, said_bytes: 100 }.tokens(1000, needed);
        (usage.input_tokens, usage.output_tokens, source)
    }

    #[test]
    fn reports_count_and_missing_ones_are_estimated_if_needed() {
        use RoundEnd::{Broken, Failed, Whole};
        use UsageSource::{Estimated, Reported, Unknown};
        for (input, output, end, needed, expected) in [
            (Some(7), Some(3), Whole, true, (7, 3, Reported)),
            (Some(7), Some(3), Whole, false, (7, 3, Reported)),
            (Some(0), Some(0), Whole, true, (0, 0, Reported)),
            (None, None, Whole, false, (0, 0, Unknown)),
            (Some(7), None, Whole, false, (7, 0, Reported)),
            (None, None, Whole, true, (1012, 178, Estimated)),
            (Some(7), None, Whole, true, (7, 178, Estimated)),
            (None, Some(3), Whole, true, (1012, 3, Estimated)),
            (Some(7), Some(3), Broken, true, (7, 178, Estimated)),
            (Some(7), Some(300), Broken, true, (7, 300, Reported)),
            (Some(7), Some(3), Broken, false, (7, 3, Reported)),
            (None, None, Failed, true, (1012, 178, Estimated)),
            (Some(u64::MAX), Some(u64::MAX), Broken, true, (u64::MAX, u64::MAX, Reported)),
        ] {
            assert_eq!(tokens(input, output, end, needed), expected, "{input:?} {output:?} {end:?} {needed}");
        }
    }

    #[test]
    fn a_round_without_a_word_has_no_output() {
        let (usage, source) = RoundUsage::broken(0).tokens(10, true);
        assert_eq!((usage.input_tokens, usage.output_tokens, source), (517, 0, UsageSource::Estimated));
        let failed = RoundUsage { end: RoundEnd::Failed, ..RoundUsage::broken(0) };
        assert_eq!(failed.tokens(10, true), (Usage::default(), UsageSource::Unknown));
    }
}
