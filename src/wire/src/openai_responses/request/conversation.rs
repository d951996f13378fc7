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
        let call = |arguments| Part::Call {
            id: item.get("call_id"),
            name: item.get("name"),
            namespace: item.get("namespace"),
            arguments: item.get(arguments),
        };
        let native = |name, arguments| Part::Call {
            id: item.get("call_id"),
            name: Some(name),
            namespace: None,
            arguments: item.get(arguments),
        };
        let result = |id| Part::Result { id, name: None, content: item.get("output") };
        match kind.as_deref() {
            Some("function_call") => each(call("arguments")),
            Some("custom_tool_call") => each(call("input")),
            Some("local_shell_call") => each(native(Span::new(br#""local_shell""#), "action")),
            // One in a container of the provider is a report.
            Some("shell_call") if item.some("environment").is_none_or(is_local) => {
                each(native(Span::new(br#""shell""#), "action"))
            }
            Some("apply_patch_call") => each(native(Span::new(br#""apply_patch""#), "operation")),
            Some("tool_search_call") if item.get("execution").and_then(Span::string).as_deref() == Some("client") => {
                each(native(Span::new(br#""tool_search""#), "arguments"));
            }
            Some("computer_call") => {
                let action = if item.some("action").is_some() { "action" } else { "actions" };
                each(native(Span::new(br#""computer""#), action));
            }
            // A screenshot has no text.
            Some("computer_call_output") => {
                each(Part::Result { id: item.get("call_id"), name: None, content: None });
                each(Part::Other { role: Role::Tool, value: item });
            }
            Some(
                "function_call_output" | "custom_tool_call_output" | "shell_call_output" | "apply_patch_call_output",
            ) => each(result(item.get("call_id"))),
            // The reference has the call's id as `id`, and its examples as `call_id`.
            Some("local_shell_call_output") => each(result(item.some("call_id").or(item.get("id")))),
            None | Some("message") if item.some("content").is_some() => {
                content(Role::of(item), item.get("content"), each, |_| None);
            }
            _ => each(Part::Other { role: Role::of(item), value: item }),
        }
    }
}

fn is_local(environment: Span<'_>) -> bool {
    environment.get("type").and_then(Span::string).is_some_and(|kind| kind == "local")
}
