//! The messages of a request, as parts of a conversation. Results come without ids from most clients.

use callgate_json::Span;

use crate::conversation::{Each, Part, Role, content};
use crate::skeleton::document::Body;

pub(super) fn show<'t>(body: &'t Body, each: Each<'_, 't>) {
    for message in body.get("messages").into_iter().flat_map(Span::items) {
        match Role::of(message) {
            Role::Tool => each(Part::Result {
                id: message.get("tool_call_id"),
                name: message.get("tool_name"),
                content: message.get("content"),
            }),
            role => content(role, message.get("content"), each, |_| None),
        }
        for call in message.some("tool_calls").into_iter().flat_map(Span::items) {
            let function = call.some("function").unwrap_or(call);
            each(Part::Call {
                id: call.get("id"),
                name: function.get("name"),
                namespace: None,
                arguments: function.get("arguments"),
            });
        }
        for image in message.some("images").into_iter().flat_map(Span::items) {
            each(Part::Other { role: Role::of(message), value: image });
        }
    }
}
