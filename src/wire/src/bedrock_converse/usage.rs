//! The tokens in a `usage` object of Converse.

use crate::usage::{Figures, ReportedUsage, sum_of};

/// Reads a usage. `inputTokens` has neither the tokens read from a cache nor those written to one; `cacheDetails` has the latter by
/// the time for which they are kept.
pub(super) fn read(usage: impl Figures) -> ReportedUsage {
    let (read, written) = (usage.at(&["cacheReadInputTokens"]), usage.at(&["cacheWriteInputTokens"]));
    let mut long = None;
    if let Some(details) = usage.member("cacheDetails") {
        details.items(&mut |detail| {
            if detail.member("ttl").is_some_and(|ttl| ttl.says("1h")) {
                long = sum_of([long, detail.at(&["inputTokens"])]);
            }
        });
    }
    ReportedUsage {
        input_tokens: sum_of([usage.at(&["inputTokens"]), read, written]),
        cache_read_tokens: read,
        cache_write_tokens: written,
        cache_write_1h_tokens: long,
        output_tokens: usage.at(&["outputTokens"]),
        reasoning_tokens: None,
    }
}
