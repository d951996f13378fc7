//! Blocks of the conversation. They may not define tools: those would not be the contract's.

use callgate_json::Span;

use crate::RequestError;
use crate::checks::exact;

const REFERENCES: [&str; 3] = ["tool_reference", "mcp_tool_reference", "mcp_toolset_reference"];

/// Checks a content: a text, or blocks.
pub(super) fn check(content: Option<Span<'_>>, param: &'static str) -> Result<(), RequestError> {
    for block in content.into_iter().flat_map(Span::items) {
        let block = block.object().ok_or(RequestError::invalid(param, "made of blocks that are objects"))?;
        exact(block, param, &["type", "tool", "tool_changes"])?;
        // A summary reports tools that came and went.
        for change in block.get("tool_changes").into_iter().flat_map(Span::items) {
            tool_change(change.object().ok_or(RequestError::invalid(param, "made of known blocks"))?, param)?;
        }
        if block.get("type").and_then(Span::string).is_some_and(|kind| kind == "tool_addition") {
            tool_change(block, param)?;
        }
    }
    Ok(())
}

/// `tool_addition` and `tool_removal` may name tools that are declared in `tools`.
fn tool_change(block: Span<'_>, param: &'static str) -> Result<(), RequestError> {
    exact(block, param, &["type", "tool"])?;
    let kind = block.get("tool").and_then(|tool| tool.get("type")).and_then(Span::string);
    if kind.is_some_and(|kind| REFERENCES.contains(&kind.as_ref())) {
        return Ok(());
    }
    Err(RequestError::invalid(param, "free of tool definitions; declare every tool in `tools`"))
}
