//! The items of input by their kinds: some bring tools, and some stand for state at the provider.

use callgate_json::{Objects, Span};

use super::declared::Declarations;
use super::sentences;
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
    /// A summary of earlier items, which the client sends back as it came. Without its content it stands for state at the provider.
    Summary,
    /// It makes the provider continue something. It is judged as this tool.
    Runs(&'static str),
    /// It declares tools.
    Declares,
    /// A search for tools, or its result, which declares them. The provider or the client has run it.
    Search,
}

/// The kind of an item that declares tools and says nothing else.
pub(super) const ADDITIONAL_TOOLS: &str = "additional_tools";
/// The kind of an item with the tools that a search has found.
const FOUND_TOOLS: &str = "tool_search_output";

const KINDS: [(&str, Effect); 34] = [
    ("message", Effect::None),
    ("reasoning", Effect::None),
    ("compaction", Effect::Summary),
    ("compaction_summary", Effect::Summary),
    ("context_compaction", Effect::Summary),
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
    ("tool_search_call", Effect::Search),
    (FOUND_TOOLS, Effect::Search),
    ("program", Effect::Runs("programmatic_tool_calling")),
    ("program_output", Effect::Runs("programmatic_tool_calling")),
    (ADDITIONAL_TOOLS, Effect::Declares),
];

/// Reads the input: a text, or items of known kinds. Returns the changed input if it must change.
///
/// A reference to an item made by the gate is dropped: the provider has no such item. It stands for a sentence of the gate, and
/// nobody keeps that. In a conversation that the provider keeps, reasoning needs the item that followed it ([`sentences`]).
pub(super) fn read(
    fields: &Fields<'_>,
    known: Option<Objects<'_>>,
    declarations: &mut Declarations,
    judged: &mut Judged,
) -> Result<Option<String>, RequestError> {
    // The provider checks the order of items that it keeps.
    let is_stored = fields.get("store").and_then(Span::bool) != Some(false);
    let has_ours = is_stored && fields.get("input").is_some_and(|input| items::has_ours(input.bytes()));
    if !has_ours && fields.get("input").is_some_and(Span::is_array) && known.is_some_and(are_reports) {
        return Ok(None);
    }
    let text_or_items = |input: Span<'_>| input.is_string().then_some(()).or(input.objects().map(|_| ()));
    fields.read("input", "a string or an array of objects", text_or_items)?;
    let items = || fields.get("input").into_iter().flat_map(Span::items);
    items().filter(|item| !is_ours(*item)).try_for_each(|item| one(item, declarations, judged))?;
    if !has_ours && !items().any(is_ours) {
        return Ok(None);
    }
    items().filter(|item| is_ours(*item)).try_for_each(|item| exact(item, "input", &["type", "role", "id"]))?;
    let kept: Vec<Span<'_>> = items().filter(|item| !is_ours(*item)).collect();
    let ordered = if has_ours { sentences::ordered(&kept) } else { kept };
    if ordered.len() == items().count() && ordered.iter().zip(items()).all(|(one, other)| one.bytes() == other.bytes())
    {
        return Ok(None);
    }
    let texts: Vec<_> = ordered.into_iter().map(Span::text).collect();
    Ok(Some(format!("[{}]", texts.join(","))))
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

/// Returns true for an item that declares tools.
pub(super) fn declares(item: Span<'_>) -> bool {
    item.get("type").and_then(Span::string).is_some_and(|kind| kind == ADDITIONAL_TOOLS || kind == FOUND_TOOLS)
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

fn one(item: Span<'_>, declarations: &mut Declarations, judged: &mut Judged) -> Result<(), RequestError> {
    let invalid = RequestError::invalid("input", "made of known kinds of items");
    exact(item, "input", &["type"])?;
    if declares(item) {
        exact(item, "input", &["tools", "functions", "execution"])?;
        let tools = item.get("tools").and_then(Span::array).filter(|_| item.some("functions").is_none());
        let tools = tools.ok_or(RequestError::invalid("input", "made of items whose `tools` are a list"))?;
        declarations.has_lists = true;
        declarations.list(tools.items(), "input", judged)?;
    } else {
        additional([item], "input", judged)?;
    }
    let kind = match item.some("type") {
        None => {
            // An item without a kind is a message if it has a role, else a reference.
            judged.state |= item.some("role").is_none();
            return Ok(());
        }
        Some(kind) => kind.string().ok_or(invalid.clone())?,
    };
    match KINDS.iter().find(|(known, _)| *known == kind) {
        Some((_, Effect::None | Effect::Declares)) => Ok(()),
        Some((_, Effect::Search)) => match item.some("execution").map(Span::string) {
            Some(Some(by)) if by == "client" => Ok(()),
            None => judged.runs.fix("input", "tool_search"),
            Some(Some(by)) if by == "server" => judged.runs.fix("input", "tool_search"),
            Some(_) => {
                Err(RequestError::invalid("input", "made of searches whose `execution` is `client` or `server`"))
            }
        },
        Some((_, Effect::Summary)) => {
            let content = item.some("encrypted_content").and_then(Span::string);
            judged.state |= content.is_none_or(|content| content.is_empty());
            Ok(())
        }
        Some((_, Effect::State)) => {
            judged.state = true;
            Ok(())
        }
        Some((_, Effect::Runs(tool))) => judged.runs.fix("input", tool),
        None if kind.is_empty() => {
            judged.state = true;
            Ok(())
        }
        None => Err(invalid),
    }
}
