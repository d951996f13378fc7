//! The tokens in an answer of Ollama, or in the last line of a stream.

use crate::usage::{Figures, ReportedUsage};

/// Reads the usage among the members of an answer. Older servers leave `prompt_eval_count` out if the prompt is cached.
pub(super) fn read(answer: impl Figures) -> ReportedUsage {
    ReportedUsage {
        input_tokens: answer.at(&["prompt_eval_count"]),
        output_tokens: answer.at(&["eval_count"]),
        ..ReportedUsage::default()
    }
}
