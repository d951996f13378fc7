//! The choice among tools.

use callgate_json::{Span, with_member};

use crate::skeleton::document::Body;

const MEMBER: &str = "tool_choice";
const AUTO: &str = r#""auto""#;

/// Turns a choice that forces a call into `auto`; one that allows only some tools still does.
pub(super) fn unforce(body: &mut Body) {
    let Some(choice) = body.get(MEMBER) else { return };
    let free = match (choice.string(), choice.get("type").and_then(Span::string)) {
        (Some(mode), _) if matches!(mode.as_ref(), "auto" | "none") => return,
        (None, Some(kind)) if kind == "allowed_tools" => with_member(choice, "mode", Some(AUTO.to_owned())),
        _ => AUTO.to_owned(),
    };
    body.set(MEMBER, free);
}

/// Leaves the choice to the model. The API refuses a choice without tools.
pub(super) fn take_back(body: &mut Body, tools_left: bool) {
    match body.get(MEMBER) {
        Some(choice) if tools_left && choice.is_object() => body.set(MEMBER, AUTO.to_owned()),
        Some(_) if !tools_left => body.remove(MEMBER),
        _ => {}
    }
    if !tools_left {
        body.remove("parallel_tool_calls");
    }
}
