//! The instructions and the items of input, as parts of a conversation.

use callgate_json::Span;

use crate::conversation::{Each, Part, Role, content};
use crate::skeleton::document::Body;

pub(super) fn show<'t>(body: &'t Body, each: Each<'_, 't>) {
    content(Role::System, body.get("instructions"), each, |_| None);
    let Some(input) = body.get("input") else { return };
    if input.is_string() {
        return each(Part::Text { role: Role::User, text: input });
    }
    for item in input.items() {
        let kind = item.some("type").and_then(Span::string);
        let call =
            |arguments| Part::Call { id: item.get("call_id"), name: item.get("name"), arguments: item.get(arguments) };
        match kind.as_deref() {
            Some("function_call") => each(call("arguments")),
            Some("custom_tool_call") => each(call("input")),
            Some("function_call_output" | "custom_tool_call_output") => {
                each(Part::Result { id: item.get("call_id"), name: None, content: item.get("output") });
            }
            None | Some("message") if item.some("content").is_some() => {
                content(Role::of(item), item.get("content"), each, |_| None);
            }
            _ => each(Part::Other { role: Role::of(item), value: item }),
        }
    }
}
