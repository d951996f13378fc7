//! Blocks of the conversation. They may not define tools: those would not be the contract's.

use callgate_json::{Key, Objects, Span};

use crate::RequestError;
use crate::checks::{exact, is_like};

const REFERENCES: [&str; 3] = ["tool_reference", "mcp_tool_reference", "mcp_toolset_reference"];

const MEMBERS: [&str; 3] = ["type", "tool", CHANGES];
const CHANGES: &str = "tool_changes";
const ADDITION: &str = "tool_addition";

/// Returns true if [`check`] accepts the contents of all messages, and no key of theirs is like `content`.
pub(super) fn are_plain(messages: Objects<'_>, blocks: Option<Objects<'_>>) -> bool {
    let decides = |key: Key<'_>| key.is(CHANGES) || MEMBERS.iter().any(|member| is_like(key, member));
    !messages.keys().any(|key| is_like(key, "content"))
        && blocks.is_some_and(|blocks| {
            !blocks.keys().any(decides) && !blocks.kinds().any(|kind| kind == ADDITION.as_bytes())
        })
}

/// Checks a content: a text, or blocks.
pub(super) fn check(content: Option<Span<'_>>, param: &'static str) -> Result<(), RequestError> {
    for block in content.into_iter().flat_map(Span::items) {
        let block = block.object().ok_or(RequestError::invalid(param, "made of blocks that are objects"))?;
        exact(block, param, &MEMBERS)?;
        // A summary reports tools that came and went.
        for change in block.get(CHANGES).into_iter().flat_map(Span::items) {
            tool_change(change.object().ok_or(RequestError::invalid(param, "made of known blocks"))?, param)?;
        }
        if block.get("type").and_then(Span::string).is_some_and(|kind| kind == ADDITION) {
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
