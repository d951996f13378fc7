//! The instruction and the contents, as parts of a conversation.

use callgate_json::Span;

use super::member;
use crate::conversation::{Each, Part, Role, content};
use crate::skeleton::document::Body;

pub(super) fn show<'t>(body: &'t Body, each: Each<'_, 't>) {
    // Both spellings, since the gate forwards both.
    for instruction in ["systemInstruction", "system_instruction"].into_iter().filter_map(|name| body.get(name)) {
        match instruction.some("parts") {
            None => content(Role::System, Some(instruction), each, part),
            parts => content(Role::System, parts, each, part),
        }
    }
    for message in body.get("contents").into_iter().flat_map(Span::items) {
        match message.some("parts") {
            None => each(Part::Other { role: Role::of(message), value: message }),
            parts => content(Role::of(message), parts, each, part),
        }
    }
}

fn part<'t>(part: Span<'t>) -> Option<Part<'t>> {
    let find = |camel| member(part, camel).map(|(_, value)| value).filter(|value| !value.is_null());
    let call = |call: Span<'t>| Part::Call {
        id: call.get("id"),
        name: call.get("name"),
        namespace: None,
        arguments: call.get("args"),
    };
    let result = |result: Span<'t>| Part::Result {
        id: result.get("id"),
        name: result.get("name"),
        content: result.get("response"),
    };
    find("functionCall").map(call).or_else(|| find("functionResponse").map(result))
}
