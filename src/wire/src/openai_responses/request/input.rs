//! The items of input, by their kinds: which bring tools, and which stand for state at the provider.

use callgate_json::Span;

use crate::RequestError;
use crate::checks::exact;
use crate::declaration::additional;
use crate::members::{Fields, Judged};
use crate::openai_responses::items;

/// The effect of an item of input.
#[derive(Clone, Copy)]
enum Kind {
    /// It only tells what was said or done.
    Told,
    /// It stands for something that only the provider knows.
    State,
    /// It makes the provider continue something, or tells the model of tools; judged as this tool.
    Runs(&'static str),
}

const KINDS: [(&str, Kind); 32] = [
    ("message", Kind::Told),
    ("reasoning", Kind::Told),
    ("compaction", Kind::State),
    ("compaction_trigger", Kind::Told),
    ("configuration_update", Kind::Told),
    ("item_reference", Kind::State),
    ("function_call", Kind::Told),
    ("function_call_output", Kind::Told),
    ("custom_tool_call", Kind::Told),
    ("custom_tool_call_output", Kind::Told),
    ("web_search_call", Kind::Told),
    ("x_search_call", Kind::Told),
    ("file_search_call", Kind::Told),
    ("code_interpreter_call", Kind::Told),
    ("image_generation_call", Kind::Told),
    ("computer_call", Kind::Told),
    ("computer_call_output", Kind::Told),
    ("local_shell_call", Kind::Told),
    ("local_shell_call_output", Kind::Told),
    ("shell_call", Kind::Told),
    ("shell_call_output", Kind::Told),
    ("apply_patch_call", Kind::Told),
    ("apply_patch_call_output", Kind::Told),
    ("mcp_call", Kind::Told),
    ("mcp_list_tools", Kind::Runs("mcp")),
    ("mcp_approval_request", Kind::Runs("mcp")),
    ("mcp_approval_response", Kind::Runs("mcp")),
    ("tool_search_call", Kind::Runs("tool_search")),
    ("tool_search_output", Kind::Runs("tool_search")),
    ("program", Kind::Runs("programmatic_tool_calling")),
    ("program_output", Kind::Runs("programmatic_tool_calling")),
    // Declarations in the midst of a conversation: the contract's own could not take their place.
    ("additional_tools", Kind::Runs("additional_tools")),
];

/// Reads the input: a text, or items of known kinds. Returns the input as it is to be written, if it must be changed.
///
/// A reference to an item that was made here is dropped: the provider has no such item. It stands for a sentence of ours, which
/// nobody keeps.
pub(super) fn read(fields: &Fields<'_>, judged: &mut Judged) -> Result<Option<String>, RequestError> {
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

/// Returns true for a reference to an item that was made here.
fn is_ours(item: Span<'_>) -> bool {
    let text = |member: &str| item.some(member).and_then(Span::string).unwrap_or_default();
    let is_reference = match item.some("type") {
        Some(_) => text("type") == "item_reference",
        None => item.some("role").is_none(),
    };
    is_reference && items::is_ours(&text("id"))
}

fn one(item: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
    let invalid = RequestError::Invalid { param: "input", expected: "made of known kinds of items" };
    exact(item, "input", &["type"])?;
    additional(item, "input", judged)?;
    let kind = match item.some("type") {
        None => {
            // An item without a kind is a message if it has a role, else a reference.
            judged.state |= item.some("role").is_none();
            return Ok(());
        }
        Some(kind) => kind.string().ok_or(invalid.clone())?,
    };
    match KINDS.iter().find(|(known, _)| *known == kind) {
        Some((_, Kind::Told)) => Ok(()),
        Some((_, Kind::State)) => {
            judged.state = true;
            Ok(())
        }
        Some((_, Kind::Runs(tool))) => judged.runs.add("input", tool),
        None if kind.is_empty() => {
            judged.state = true;
            Ok(())
        }
        None => Err(invalid),
    }
}
