//! The kinds of items, and the provider's tools behind them.

pub(super) const CALL: &str = "function_call";
/// Calls a client runs outside of every contract: of a custom tool always, of the others unless the request has the tool and the
/// contract allows it.
pub(super) const CUSTOM: &str = "custom_tool_call";
const RUN_BY_CLIENTS: [&str; 4] = ["computer_call", "local_shell_call", "shell_call", "apply_patch_call"];

/// Kinds of items with text, which make nothing run.
const SAYING: [&str; 3] = ["message", "reasoning", "compaction"];

/// A kind of item that only exists if the request has a tool for it.
struct Made {
    kind: &'static str,
    /// The tool: its name, or the beginning of its name before an underscore (`web_search_preview`, a date).
    by: &'static str,
    /// The beginnings of the types of events about such an item, after `response.`.
    events: &'static [&'static str],
}

const fn made(kind: &'static str, by: &'static str, events: &'static [&'static str]) -> Made {
    Made { kind, by, events }
}

/// Kinds of items of the provider's tools, some of which the client runs by another way than functions.
const MADE: [Made; 21] = [
    made("web_search_call", "web_search", &["web_search_call."]),
    made("x_search_call", "x_search", &["x_search_call."]),
    made("file_search_call", "file_search", &["file_search_call."]),
    made("code_interpreter_call", "code_interpreter", &["code_interpreter_call.", "code_interpreter_call_code."]),
    made("image_generation_call", "image_generation", &["image_generation_call."]),
    made("mcp_call", "mcp", &["mcp_call.", "mcp_call_arguments."]),
    made("mcp_list_tools", "mcp", &["mcp_list_tools."]),
    made("mcp_approval_request", "mcp", &[]),
    made("mcp_approval_response", "mcp", &[]),
    made("computer_call", "computer", &[]),
    made("computer_call_output", "computer", &[]),
    made("local_shell_call", "local_shell", &[]),
    made("local_shell_call_output", "local_shell", &[]),
    made("shell_call", "shell", &["shell_call_command."]),
    made("shell_call_output", "shell", &["shell_call_output_content."]),
    made("apply_patch_call", "apply_patch", &["apply_patch_call_operation_diff."]),
    made("apply_patch_call_output", "apply_patch", &[]),
    made("tool_search_call", "tool_search", &[]),
    made("tool_search_output", "tool_search", &[]),
    made("program", "programmatic_tool_calling", &[]),
    made("program_output", "programmatic_tool_calling", &[]),
];

/// Returns true for a kind of item with text.
pub(super) fn says(kind: &str) -> bool {
    SAYING.contains(&kind)
}

/// Returns true for a kind of item of some tool.
pub(super) fn is_known(kind: &str) -> bool {
    MADE.iter().any(|made| made.kind == kind)
}

/// Returns true for a call outside of every contract.
pub(super) fn is_undecidable(kind: &str, tools: &[String]) -> bool {
    kind == CUSTOM || RUN_BY_CLIENTS.contains(&kind) && !is_made(kind, tools)
}

/// Returns true for a kind of item of one of these provider's tools.
pub(super) fn is_made(kind: &str, tools: &[String]) -> bool {
    let made = MADE.iter().find(|made| made.kind == kind);
    made.is_some_and(|made| tools.iter().any(|tool| is_tool(tool, made.by)))
}

/// Returns true if an event of this type is about a tool's item of this kind.
pub(super) fn tells_of(event: &str, kind: &str) -> bool {
    let about = event.strip_prefix("response.").unwrap_or_default();
    let made = MADE.iter().filter(|made| made.kind == kind);
    made.flat_map(|made| made.events).any(|stem| about.starts_with(stem))
        || kind == "compaction" && about.starts_with("compaction.")
}

/// Returns true if an event of this type is about a tool's item, or a call of a custom tool.
pub(super) fn is_told_of(event: &str) -> bool {
    let kinds = MADE.iter().map(|made| made.kind).chain(["compaction"]);
    event.starts_with("response.custom_tool_call_input.") || kinds.into_iter().any(|kind| tells_of(event, kind))
}

fn is_tool(name: &str, tool: &str) -> bool {
    name.strip_prefix(tool).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}
