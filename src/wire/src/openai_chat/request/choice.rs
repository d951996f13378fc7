//! The choice among tools, in `tool_choice` and `function_call`.

use callgate_json::{Span, with_member};

use crate::Form;
use crate::skeleton::document::Body;

const MEMBERS: [&str; 2] = ["tool_choice", "function_call"];

/// Turns a choice that forces a call into `auto`; one that allows only some tools still does.
pub(super) fn unforce(body: &mut Body) {
    for member in MEMBERS {
        let free = match body.get(member) {
            Some(choice) if choice.is_object() => only_allowed(choice),
            Some(choice) if !matches!(choice.string().as_deref(), None | Some("auto" | "none")) => None,
            _ => continue,
        };
        body.set(member, free.unwrap_or_else(|| r#""auto""#.to_owned()));
    }
}

/// Leaves the choice to the model. APIs refuse a choice, and `parallel_tool_calls`, without tools.
pub(super) fn take_back(body: &mut Body, tools_left: bool) {
    for member in MEMBERS {
        match body.get(member) {
            Some(choice) if tools_left && !choice.is_string() => body.set(member, r#""auto""#.to_owned()),
            Some(_) if !tools_left => body.remove(member),
            _ => {}
        }
    }
    if !tools_left {
        body.remove("parallel_tool_calls");
    }
}

/// Takes back the choice among declarations of one form after the last was removed: APIs refuse a choice without them.
pub(super) fn without(body: &mut Body, form: Form) {
    match form {
        Form::Function => body.remove("function_call"),
        Form::Tool | Form::Custom | Form::Native(_) | Form::Unknown | Form::Unclear => {
            body.remove("tool_choice");
            body.remove("parallel_tool_calls");
        }
    }
}

/// A choice of `allowed_tools`, in mode `auto`.
fn only_allowed(choice: Span<'_>) -> Option<String> {
    let allowed = choice.get("allowed_tools")?.object()?;
    let allowed = with_member(allowed, "mode", Some(r#""auto""#.to_owned()));
    Some(with_member(choice, "allowed_tools", Some(allowed)))
}
