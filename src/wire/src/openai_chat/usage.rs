//! The tokens in a `usage` object of Chat Completions.

use crate::usage::{Figures, ReportedUsage, spelled};

/// Reads a usage. Imitators have spellings of their own: `input_tokens` and `output_tokens`, and for the tokens read from a cache
/// `prompt_cache_hit_tokens` (DeepSeek), `cached_tokens` (Moonshot) and `cache_read_input_tokens`. xAI and Google count the tokens
/// of reasoning only in `total_tokens`, and not in `completion_tokens`.
pub(super) fn read(usage: impl Figures) -> ReportedUsage {
    const READ: [&[&str]; 4] = [
        &["prompt_tokens_details", "cached_tokens"],
        &["prompt_cache_hit_tokens"],
        &["cached_tokens"],
        &["cache_read_input_tokens"],
    ];
    const WRITTEN: [&[&str]; 3] = [
        &["prompt_tokens_details", "cache_write_tokens"],
        &["prompt_tokens_details", "cache_creation_tokens"],
        &["cache_creation_input_tokens"],
    ];
    let counts = ReportedUsage {
        input_tokens: spelled(usage, [&["prompt_tokens"], &["input_tokens"]]),
        cache_read_tokens: spelled(usage, READ),
        cache_write_tokens: spelled(usage, WRITTEN),
        cache_write_1h_tokens: usage.at(&["cache_creation", "ephemeral_1h_input_tokens"]),
        output_tokens: spelled(usage, [&["completion_tokens"], &["output_tokens"]]),
        reasoning_tokens: spelled(usage, [&["completion_tokens_details", "reasoning_tokens"], &["reasoning_tokens"]]),
    };
    counts.with_total(usage.at(&["total_tokens"]))
}
