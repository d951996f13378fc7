//! Messages and the kinds of their blocks. Only a block that adds a tool decides something.

use callgate_json::Span;

use super::tools;
use crate::RequestError;
use crate::checks::exact;
use crate::members::{Fields, Judged};
use crate::skeleton::document::Tools;

const TOOL_ADDITION: &str = "toolAddition";

/// Kinds of blocks.
const BLOCKS: [&str; 14] = [
    "text",
    "image",
    "document",
    "video",
    "audio",
    "toolUse",
    "toolResult",
    "guardContent",
    "cachePoint",
    "reasoningContent",
    "citationsContent",
    "searchResult",
    "toolRemoval",
    TOOL_ADDITION,
];

/// Reads the messages, and the tools added by their blocks.
pub(super) fn read(fields: &Fields<'_>, tools: &mut Tools, judged: &mut Judged) -> Result<(), RequestError> {
    let invalid = |expected| RequestError::invalid("messages", expected);
    for message in fields.list("messages")? {
        let message = message.object().ok_or(invalid("an array of objects"))?;
        exact(message, "messages", &["role", "content"])?;
        let blocks = message.get("content").and_then(Span::objects);
        for block in blocks.ok_or(invalid("an array of messages with a list of blocks"))?.items() {
            exact(block, "messages", &BLOCKS)?;
            let mut unknown =
                block.members().filter(|(key, value)| !BLOCKS.contains(&key.as_ref()) && !value.is_null());
            if unknown.next().is_some() {
                return Err(invalid("an array of messages with blocks of known kinds"));
            }
            if let Some(addition) = block.some(TOOL_ADDITION) {
                tools::read_addition(tools, addition, judged)?;
            }
        }
    }
    Ok(())
}
