//! Betas in `additionalModelRequestFields`, which enable members and tools of Anthropic's own API.

use callgate_json::Span;

use crate::RequestError;
use crate::members::Fields;

/// Betas without tools: they concern the size of input and output, the amount of thinking, and how inputs are cut.
const HARMLESS: [&str; 7] = [
    "context-1m-",
    "context-management-",
    "effort-",
    "fine-grained-tool-streaming-",
    "interleaved-thinking-",
    "output-128k-",
    "token-efficient-tools-",
];

/// Refuses betas unless they are known to bring no tools.
pub(super) fn check(fields: &Fields<'_>) -> Result<(), RequestError> {
    let expected =
        "an object whose `anthropic_beta` lists only betas that bring no tools, such as `interleaved-thinking-…`";
    let is_harmless =
        |beta: Span<'_>| beta.string().is_some_and(|beta| HARMLESS.iter().any(|harmless| beta.starts_with(harmless)));
    let betas = fields.get("additionalModelRequestFields").and_then(|object| object.some("anthropic_beta"));
    if betas.is_none_or(|betas| betas.is_array() && betas.items().all(is_harmless)) {
        return Ok(());
    }
    Err(RequestError::invalid("additionalModelRequestFields", expected))
}
