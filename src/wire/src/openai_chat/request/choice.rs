//! The choice among tools, in `tool_choice` and `function_call`.

use callgate_json::{Span, with_member};

use super::declared;
use crate::Form;
use crate::members::ProviderTools;
use crate::skeleton::document::{Body, List};

const AUTO: &str = r#""auto""#;
const MEMBERS: [&str; 2] = ["tool_choice", "function_call"];

/// Turns a choice that forces a call into `auto`; one that allows only some tools still does.
pub(super) fn unforce(body: &mut Body) {
    for member in MEMBERS {
        let free = match body.get(member) {
            Some(choice) if choice.is_object() => only_allowed(choice),
            Some(choice) if !matches!(choice.string().as_deref(), None | Some("auto" | "none")) => None,
            _ => continue,
        };
        body.set(member, free.unwrap_or_else(|| AUTO.to_owned()));
    }
}

/// Takes the tools that are gone out of the choice. A choice of no other tool is left to the model. APIs refuse a choice, and
/// `parallel_tool_calls`, without tools.
pub(super) fn limit(body: &mut Body, tools_left: bool, is_offered: &dyn Fn(&str) -> bool) {
    for member in MEMBERS {
        match body.get(member) {
            Some(choice) if tools_left && !choice.is_string() => {
                let limited = limited(choice, body.runs(), is_offered);
                body.set(member, limited.unwrap_or_else(|| AUTO.to_owned()));
            }
            Some(_) if !tools_left => body.remove(member),
            _ => {}
        }
    }
    if !tools_left {
        body.remove("parallel_tool_calls");
    }
}

/// Returns a choice of the tools that are still there. `None` if it has none. The list of allowed tools stands in `allowed_tools` or
/// beside the type.
fn limited(choice: Span<'_>, runs: &ProviderTools, is_offered: &dyn Fn(&str) -> bool) -> Option<String> {
    let is_left = |tool: Span<'_>| match declared::chosen(tool) {
        Some(name) => is_offered(&name),
        None => !tool.some("type").and_then(Span::string).is_some_and(|kind| runs.is_dropped(&kind)),
    };
    let allowed = choice.some("allowed_tools").and_then(Span::object);
    let Some(tools) = allowed.unwrap_or(choice).some("tools") else {
        return is_left(choice).then(|| choice.text().into_owned());
    };
    let mut left = List::with_capacity(tools.bytes().len());
    tools.items().filter(|tool| is_left(*tool)).for_each(|tool| left.item().push_str(&tool.text()));
    let limited = with_member(allowed.unwrap_or(choice), "tools", Some(left.end()?));
    Some(if allowed.is_some() { with_member(choice, "allowed_tools", Some(limited)) } else { limited })
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
    let allowed = with_member(allowed, "mode", Some(AUTO.to_owned()));
    Some(with_member(choice, "allowed_tools", Some(allowed)))
}
