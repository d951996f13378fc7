//! The tokens in `usageMetadata`.

use crate::usage::{Figures, ReportedUsage, sum_of};

/// Reads a usage. The counts of tools and of thoughts are in neither the prompt's nor the candidates'.
pub(super) fn read(usage: impl Figures) -> ReportedUsage {
    let thoughts = usage.at(&["thoughtsTokenCount"]);
    let counts = ReportedUsage {
        input_tokens: sum_of([usage.at(&["promptTokenCount"]), usage.at(&["toolUsePromptTokenCount"])]),
        cache_read_tokens: usage.at(&["cachedContentTokenCount"]),
        cache_write_tokens: None,
        cache_write_1h_tokens: None,
        output_tokens: sum_of([usage.at(&["candidatesTokenCount"]), thoughts]),
        reasoning_tokens: thoughts,
    };
    counts.with_total(usage.at(&["totalTokenCount"]))
}
