//! The choice among tools.

use callgate_json::{Span, with_member};

use super::entry;
use crate::NativeName;
use crate::members::ProviderTools;
use crate::namespace::name_in_contract;
use crate::openai_responses::kinds;
use crate::skeleton::document::{Body, List};

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

/// Takes the tools that are gone out of the choice. A choice of no other tool is left to the model. The API refuses a choice without
/// tools.
pub(super) fn limit(body: &mut Body, tools_left: bool, is_offered: &dyn Fn(&str) -> bool) {
    if !tools_left {
        body.remove(MEMBER);
        body.remove("parallel_tool_calls");
        return;
    }
    let Some(choice) = body.get(MEMBER).and_then(Span::object) else { return };
    let is_left = |choice: Span<'_>| is_left(choice, body.runs(), is_offered);
    let limited = if entry::kind(choice).as_deref() == Some("allowed_tools") {
        let tools = choice.get("tools").into_iter().flat_map(Span::items);
        let mut left = List::with_capacity(choice.bytes().len());
        tools.filter(|tool| is_left(*tool)).for_each(|tool| left.item().push_str(&tool.text()));
        left.end().map(|left| with_member(choice, "tools", Some(left)))
    } else {
        is_left(choice).then(|| choice.text().into_owned())
    };
    body.set(MEMBER, limited.unwrap_or_else(|| AUTO.to_owned()));
}

/// Returns true for a choice of a tool that is still there.
fn is_left(choice: Span<'_>, runs: &ProviderTools, is_offered: &dyn Fn(&str) -> bool) -> bool {
    let text = |member| choice.get(member).and_then(Span::string).unwrap_or_default();
    let kind = text("type");
    match kind.as_ref() {
        "function" | "custom" => is_offered(&name_in_contract(&text("namespace"), &text("name"))),
        kind if kinds::COMPUTERS.contains(&kind) => is_offered(NativeName::Computer.as_str()),
        kinds::LOCAL_SHELL | kinds::APPLY_PATCH => is_offered(&kind),
        kinds::SHELL => is_offered(kinds::SHELL) || runs.uses(kinds::HOSTED_SHELL),
        kinds::TOOL_SEARCH => is_offered(kinds::TOOL_SEARCH) || runs.uses(kinds::TOOL_SEARCH),
        kind => runs.uses(kind),
    }
}
