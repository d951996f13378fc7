//! The messages of a request, as parts of a conversation.

use callgate_json::Span;

use crate::conversation::{Each, Part, Role, content};
use crate::skeleton::document::Body;

pub(super) fn show<'t>(body: &'t Body, each: Each<'_, 't>) {
    for message in body.get("messages").into_iter().flat_map(Span::items) {
        match Role::of(message) {
            Role::Tool => each(Part::Result {
                id: message.get("tool_call_id"),
                name: message.get("name"),
                content: message.get("content"),
            }),
            role => content(role, message.get("content"), each, |_| None),
        }
        let calls = message.some("tool_calls").into_iter().flat_map(Span::items);
        calls.for_each(|call| each(of_call(call)));
        if let Some(call) = message.some("function_call") {
            each(of_function(None, call, "arguments"));
        }
    }
}

fn of_call(call: Span<'_>) -> Part<'_> {
    let id = call.get("id");
    match (call.some("function"), call.some("custom")) {
        (Some(function), _) => of_function(id, function, "arguments"),
        (None, Some(custom)) => of_function(id, custom, "input"),
        (None, None) => Part::Other { role: Role::Assistant, value: call },
    }
}

fn of_function<'t>(id: Option<Span<'t>>, function: Span<'t>, arguments: &str) -> Part<'t> {
    Part::Call { id, name: function.get("name"), namespace: None, arguments: function.get(arguments) }
}
