//! The system's blocks and the messages, as parts of a conversation.

use callgate_json::Span;

use crate::conversation::{Each, Part, Role, content};
use crate::skeleton::document::Body;

pub(super) fn show<'t>(body: &'t Body, each: Each<'_, 't>) {
    content(Role::System, body.get("system"), each, block);
    for message in body.get("messages").into_iter().flat_map(Span::items) {
        content(Role::of(message), message.get("content"), each, block);
    }
}

fn block<'t>(block: Span<'t>) -> Option<Part<'t>> {
    let call = |call: Span<'t>| Part::Call {
        id: call.get("toolUseId"),
        name: call.get("name"),
        namespace: None,
        arguments: call.get("input"),
    };
    let result =
        |result: Span<'t>| Part::Result { id: result.get("toolUseId"), name: None, content: result.get("content") };
    block.some("toolUse").map(call).or_else(|| block.some("toolResult").map(result))
}
