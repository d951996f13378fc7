//! The system's text and the messages, as parts of a conversation.

use callgate_json::Span;

use crate::conversation::{Each, Part, Role, content};
use crate::skeleton::document::Body;

pub(super) fn show<'t>(body: &'t Body, each: Each<'_, 't>) {
    content(Role::System, body.get("system"), each, block);
    for message in body.get("messages").into_iter().flat_map(Span::items) {
        content(Role::of(message), message.get("content"), each, block);
    }
}

fn block(block: Span<'_>) -> Option<Part<'_>> {
    match block.get("type").and_then(Span::string)?.as_ref() {
        "tool_use" => Some(Part::Call {
            id: block.get("id"),
            name: block.get("name"),
            namespace: block.get("toolset_name"),
            arguments: block.get("input"),
        }),
        "tool_result" => Some(Part::Result { id: block.get("tool_use_id"), name: None, content: block.get("content") }),
        // A summary in place of earlier messages, whatever members it has.
        "compaction" => Some(Part::Other { role: Role::Unknown, value: block }),
        _ => None,
    }
}
