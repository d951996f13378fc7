//! The tokens in a `usage` object of Responses.

use crate::usage::{Figures, ReportedUsage};

/// Reads a usage.
pub(super) fn read(usage: impl Figures) -> ReportedUsage {
    let counts = ReportedUsage {
        input_tokens: usage.at(&["input_tokens"]),
        cache_read_tokens: usage.at(&["input_tokens_details", "cached_tokens"]),
        cache_write_tokens: usage.at(&["input_tokens_details", "cache_write_tokens"]),
        cache_write_1h_tokens: None,
        output_tokens: usage.at(&["output_tokens"]),
        reasoning_tokens: usage.at(&["output_tokens_details", "reasoning_tokens"]),
    };
    counts.with_total(usage.at(&["total_tokens"]))
}
