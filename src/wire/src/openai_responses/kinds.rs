//! The kinds of items, and the tools behind them.

use callgate_json::{Map, Value};

use crate::{Form, NativeName};

pub(super) const CALL: &str = "function_call";
pub(super) const CUSTOM: &str = "custom_tool_call";
/// Tools that the API defines and the client runs, by their names in requests and contracts.
pub(super) const LOCAL_SHELL: &str = NativeName::LocalShell.as_str();
pub(super) const SHELL: &str = NativeName::Shell.as_str();
pub(super) const APPLY_PATCH: &str = NativeName::ApplyPatch.as_str();
pub(super) const TOOL_SEARCH: &str = NativeName::ToolSearch.as_str();
/// The types under which requests declare and choose the computer: the tool's own name, its older form, and another name in choices.
pub(super) const COMPUTERS: [&str; 3] = [NativeName::Computer.as_str(), "computer_use_preview", "computer_use"];
/// The tool `shell` in a container of the provider, by its name in contracts.
pub(super) const HOSTED_SHELL: &str = "hosted_shell";

/// A tool that the API defines and the client runs.
#[derive(Debug)]
pub(super) struct NativeTool {
    /// The kind of the items of its calls.
    pub(super) kind: &'static str,
    pub(super) name: NativeName,
    /// The member with what the call does.
    pub(super) action: &'static str,
    /// The member with a list of such actions in its place.
    pub(super) batch: Option<&'static str>,
    /// The types of actions; empty if actions have no type.
    pub(super) types: &'static [&'static str],
    /// As [`Made::events`].
    events: &'static [&'static str],
}

const NATIVE: [NativeTool; 5] = [
    NativeTool {
        kind: "local_shell_call",
        name: NativeName::LocalShell,
        action: "action",
        batch: None,
        types: &["exec"],
        events: &["local_shell_call."],
    },
    NativeTool {
        kind: "shell_call",
        name: NativeName::Shell,
        action: "action",
        batch: None,
        types: &[],
        events: &["shell_call.", "shell_call_command."],
    },
    NativeTool {
        kind: "apply_patch_call",
        name: NativeName::ApplyPatch,
        action: "operation",
        batch: None,
        types: &["create_file", "update_file", "delete_file"],
        events: &["apply_patch_call.", "apply_patch_call_operation_diff."],
    },
    NativeTool {
        kind: "tool_search_call",
        name: NativeName::ToolSearch,
        action: "arguments",
        batch: None,
        types: &[],
        events: &["tool_search_call.", "tool_search_call_arguments."],
    },
    NativeTool {
        kind: "computer_call",
        name: NativeName::Computer,
        action: "action",
        batch: Some("actions"),
        types: &["click", "double_click", "drag", "keypress", "move", "screenshot", "scroll", "type", "wait"],
        events: &[],
    },
];

/// The kinds of calls.
#[derive(Debug, Clone, Copy)]
pub(super) enum CallKind {
    Function,
    Custom,
    Native(&'static NativeTool),
}

/// Kinds of items with text, which make nothing run.
const SAYING: [&str; 5] = ["message", "reasoning", "compaction", "compaction_summary", "context_compaction"];

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

/// Kinds of items of the provider's tools.
const MADE: [Made; 16] = [
    made("web_search_call", "web_search", &["web_search_call."]),
    made("x_search_call", "x_search", &["x_search_call."]),
    made("file_search_call", "file_search", &["file_search_call."]),
    made("code_interpreter_call", "code_interpreter", &["code_interpreter_call.", "code_interpreter_call_code."]),
    made("image_generation_call", "image_generation", &["image_generation_call."]),
    made("mcp_call", "mcp", &["mcp_call.", "mcp_call_arguments."]),
    made("mcp_list_tools", "mcp", &["mcp_list_tools."]),
    made("mcp_approval_request", "mcp", &[]),
    made("mcp_approval_response", "mcp", &[]),
    made("computer_call_output", "computer", &[]),
    made("shell_call", HOSTED_SHELL, &["shell_call.", "shell_call_command."]),
    made("shell_call_output", HOSTED_SHELL, &["shell_call_output_content."]),
    made("tool_search_call", TOOL_SEARCH, &["tool_search_call."]),
    made("tool_search_output", TOOL_SEARCH, &[]),
    made("program", "programmatic_tool_calling", &[]),
    made("program_output", "programmatic_tool_calling", &[]),
];

// === impl NativeTool ===

impl NativeTool {
    /// Returns true for an action of a documented type. One action with the name of a list of actions would read as that list.
    pub(super) fn knows(&self, action: &Value) -> bool {
        let kind = action.get("type").and_then(Value::as_str);
        let is_single = self.batch.is_none_or(|batch| action.get(batch).is_none());
        is_single && (self.types.is_empty() || kind.is_some_and(|kind| self.types.contains(&kind)))
    }

    /// Returns the member of a call with these arguments, and its value.
    pub(super) fn written(&self, mut arguments: Value) -> (&'static str, Value) {
        let batch = self.batch.and_then(|name| Some((name, arguments.get_mut(name)?.as_array_mut()?)));
        match batch {
            Some((name, actions)) => (name, Value::Array(std::mem::take(actions))),
            None => (self.action, arguments),
        }
    }
}

// === impl CallKind ===

impl CallKind {
    /// Returns the form of its calls.
    pub(super) fn form(self) -> Form {
        match self {
            CallKind::Function => Form::Tool,
            CallKind::Custom => Form::Custom,
            CallKind::Native(native) => Form::Native(native.name),
        }
    }
}

/// Returns true for a kind of item with text.
pub(super) fn says(kind: &str) -> bool {
    SAYING.contains(&kind)
}

/// Returns true for a kind of item of some tool.
pub(super) fn is_known(kind: &str) -> bool {
    MADE.iter().any(|made| made.kind == kind)
}

/// Returns the kind of call of an item; `None` for other items. `tools` are the provider's tools of the request.
///
/// A shell and a search for tools run at the client or at the provider, as their items say.
pub(super) fn call_of(item: &Map<String, Value>, tools: &[String]) -> Option<CallKind> {
    let kind = item.get("type").and_then(Value::as_str)?;
    match kind {
        CALL => return Some(CallKind::Function),
        CUSTOM => return Some(CallKind::Custom),
        _ => {}
    }
    let native = NATIVE.iter().find(|native| native.kind == kind)?;
    let is_clients = match native.name {
        NativeName::Shell => match item.get("environment").filter(|place| !place.is_null()) {
            Some(place) => place.get("type").is_some_and(|kind| kind == "local"),
            None => !is_made(kind, tools),
        },
        NativeName::ToolSearch => item.get("execution").is_some_and(|by| by == "client"),
        NativeName::LocalShell | NativeName::ApplyPatch | NativeName::Computer => true,
    };
    is_clients.then_some(CallKind::Native(native))
}

/// Returns true for a kind of item that is a call in some answer.
pub(super) fn is_of_call(kind: &str) -> bool {
    matches!(kind, CALL | CUSTOM) || NATIVE.iter().any(|native| native.kind == kind)
}

/// Returns the API's own tool of this name.
pub(super) fn native(name: NativeName) -> Option<&'static NativeTool> {
    NATIVE.iter().find(|native| native.name == name)
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

/// Returns true if an event of this type is about a tool's item.
pub(super) fn is_told_of(event: &str) -> bool {
    let about = event.strip_prefix("response.").unwrap_or_default();
    let mut kinds = MADE.iter().map(|made| made.kind).chain(["compaction"]);
    kinds.any(|kind| tells_of(event, kind))
        || NATIVE.iter().flat_map(|native| native.events).any(|stem| about.starts_with(stem))
}

/// Returns the tools that make items of this kind.
pub(super) fn makers(kind: &str) -> impl Iterator<Item = &'static str> {
    MADE.iter().filter(move |made| made.kind == kind).map(|made| made.by)
}

/// Returns true for the name of a tool in one of its versions.
pub(super) fn is_tool(name: &str, tool: &str) -> bool {
    name.strip_prefix(tool).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}
