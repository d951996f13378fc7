//! The tokens in a `usage` object of Messages.

use crate::usage::{Figures, ReportedUsage, sum_of};

/// Reads a usage.
///
/// If the API samples several times in one turn (compaction, an advisor), the counts at the top have the last sampling only, and
/// `iterations` has all of them.
pub(super) fn read(usage: impl Figures) -> ReportedUsage {
    let last = sampling(usage);
    let mut all = ReportedUsage::default();
    if let Some(iterations) = usage.member("iterations") {
        iterations.items(&mut |one| all.add(sampling(one)));
    }
    let size = |usage: &ReportedUsage| sum_of([usage.input_tokens, usage.output_tokens]);
    if size(&all) > size(&last) { all } else { last }
}

/// Reads the counts of one sampling. `input_tokens` has neither the tokens read from a cache nor those written to one.
fn sampling(usage: impl Figures) -> ReportedUsage {
    let (read, written) = (usage.at(&["cache_read_input_tokens"]), usage.at(&["cache_creation_input_tokens"]));
    ReportedUsage {
        input_tokens: sum_of([usage.at(&["input_tokens"]), read, written]),
        cache_read_tokens: read,
        cache_write_tokens: written,
        cache_write_1h_tokens: usage.at(&["cache_creation", "ephemeral_1h_input_tokens"]),
        output_tokens: usage.at(&["output_tokens"]),
        reasoning_tokens: usage.at(&["output_tokens_details", "thinking_tokens"]),
    }
}
