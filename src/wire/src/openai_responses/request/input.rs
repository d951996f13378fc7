//! The items of input by their kinds: some bring tools, and some stand for state at the provider.

use callgate_json::{Objects, Span};

use crate::RequestError;
use crate::checks::{exact, is_like};
use crate::members::{Fields, Judged};
use crate::openai_responses::items;
use crate::skeleton::document::{additional, may_bring_tools};

/// The effect of an item of input.
#[derive(Clone, Copy)]
enum Effect {
    /// It only reports a turn or an event of the past.
    None,
    /// It stands for state that only the provider has.
    State,
    /// It makes the provider continue something, or tells the model of tools. It is judged as this tool.
    Runs(&'static str),
}

const KINDS: [(&str, Effect); 32] = [
    ("message", Effect::None),
    ("reasoning", Effect::None),
    ("compaction", Effect::State),
    ("compaction_trigger", Effect::None),
    ("configuration_update", Effect::None),
    ("item_reference", Effect::State),
    ("function_call", Effect::None),
    ("function_call_output", Effect::None),
    ("custom_tool_call", Effect::None),
    ("custom_tool_call_output", Effect::None),
    ("web_search_call", Effect::None),
    ("x_search_call", Effect::None),
    ("file_search_call", Effect::None),
    ("code_interpreter_call", Effect::None),
    ("image_generation_call", Effect::None),
    ("computer_call", Effect::None),
    ("computer_call_output", Effect::None),
    ("local_shell_call", Effect::None),
    ("local_shell_call_output", Effect::None),
    ("shell_call", Effect::None),
    ("shell_call_output", Effect::None),
    ("apply_patch_call", Effect::None),
    ("apply_patch_call_output", Effect::None),
    ("mcp_call", Effect::None),
    ("mcp_list_tools", Effect::Runs("mcp")),
    ("mcp_approval_request", Effect::Runs("mcp")),
    ("mcp_approval_response", Effect::Runs("mcp")),
    ("tool_search_call", Effect::Runs("tool_search")),
    ("tool_search_output", Effect::Runs("tool_search")),
    ("program", Effect::Runs("programmatic_tool_calling")),
    ("program_output", Effect::Runs("programmatic_tool_calling")),
    // Declarations in the midst of a conversation: the contract's own could not take their place.
    ("additional_tools", Effect::Runs("additional_tools")),
];

/// Reads the input: a text, or items of known kinds. Returns the changed input if it must change.
///
/// A reference to an item made by the gate is dropped: the provider has no such item. It stands for a sentence of the gate, and
/// nobody keeps that.
pub(super) fn read(
    fields: &Fields<'_>,
    known: Option<Objects<'_>>,
    judged: &mut Judged,
) -> Result<Option<String>, RequestError> {
    if fields.get("input").is_some_and(Span::is_array) && known.is_some_and(are_reports) {
        return Ok(None);
    }
    let text_or_items = |input: Span<'_>| input.is_string().then_some(()).or(input.objects().map(|_| ()));
    fields.read("input", "a string or an array of objects", text_or_items)?;
    let items = || fields.get("input").into_iter().flat_map(Span::items);
    items().filter(|item| !is_ours(*item)).try_for_each(|item| one(item, judged))?;
    if !items().any(is_ours) {
        return Ok(None);
    }
    items().filter(|item| is_ours(*item)).try_for_each(|item| exact(item, "input", &["type", "role", "id"]))?;
    let kept: Vec<_> = items().filter(|item| !is_ours(*item)).map(Span::text).collect();
    Ok(Some(format!("[{}]", kept.join(","))))
}

/// Returns true if each item has a kind without effect, and none brings tools.
fn are_reports(items: Objects<'_>) -> bool {
    let reports =
        |kind: &[u8]| KINDS.iter().any(|(known, effect)| matches!(effect, Effect::None) && known.as_bytes() == kind);
    items.all_have("type")
        && items.kinds().all(reports)
        && !items.keys().any(|key| is_like(key, "type"))
        && !may_bring_tools(items)
}

/// Returns true for a reference to an item made by the gate.
fn is_ours(item: Span<'_>) -> bool {
    let text = |member: &str| item.some(member).and_then(Span::string).unwrap_or_default();
    let is_reference = match item.some("type") {
        Some(_) => text("type") == "item_reference",
        None => item.some("role").is_none(),
    };
    is_reference && items::is_ours(&text("id"))
}

fn one(item: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
    let invalid = RequestError::invalid("input", "made of known kinds of items");
    exact(item, "input", &["type"])?;
    additional([item], "input", judged)?;
    let kind = match item.some("type") {
        None => {
            // An item without a kind is a message if it has a role, else a reference.
            judged.state |= item.some("role").is_none();
            return Ok(());
        }
        Some(kind) => kind.string().ok_or(invalid.clone())?,
    };
    match KINDS.iter().find(|(known, _)| *known == kind) {
        Some((_, Effect::None)) => Ok(()),
        Some((_, Effect::State)) => {
            judged.state = true;
            Ok(())
        }
        Some((_, Effect::Runs(tool))) => judged.runs.add("input", tool),
        None if kind.is_empty() => {
            judged.state = true;
            Ok(())
        }
        None => Err(invalid),
    }
}
