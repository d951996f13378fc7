//! The tools a request declares, chooses, and lets the provider run.

mod kept;
mod write;

use std::borrow::Cow;

use callgate_json::{Span, with_member};

use super::super::client_tools::{ClientTool, member_name};
use crate::checks::exact;
use crate::members::{Fields, Judged, ProviderTools};
use crate::skeleton::document::{Body, Tools, callers, declare, declared_once};
use crate::{Declared, Form, RequestError};
pub(super) use write::write;

const READ_MEMBERS: [&str; 15] = [
    "type",
    "name",
    "description",
    "input_schema",
    "input_examples",
    "allowed_callers",
    "strict",
    "defer_loading",
    "eager_input_streaming",
    "model",
    "cache_control",
    "max_tokens",
    "configs",
    "default_config",
    "tools",
];

/// Names of what runs at the provider.
const MCP: &str = "mcp";
const TOOLSET: &str = "mcp_toolset";
const SKILLS: &str = "skills";

/// The kind of an entry of `tools`.
enum EntryKind<'t> {
    Function,
    /// A tool that the API defines and the client runs.
    Client(ClientTool),
    /// A tool that the provider runs, by its type.
    Provided(Cow<'t, str>),
}

pub(super) fn read(fields: &Fields<'_>, judged: &mut Judged) -> Result<Tools, RequestError> {
    let mut tools = Tools::default();
    let mut of_the_api = Vec::new();
    for tool in fields.list("tools")? {
        let tool = tool.object().ok_or(invalid("an array of objects"))?;
        exact(tool, "tools", &READ_MEMBERS)?;
        entry(tool, &mut tools.declared, &mut of_the_api, judged)?;
    }
    if fields.list("mcp_servers")?.next().is_some() {
        judged.runs.add("mcp_servers", MCP)?;
    }
    let skills = fields.get("container").and_then(|container| container.some(SKILLS));
    if let Some(skills) = skills
        && skills.array().ok_or(RequestError::invalid("skills", "an array"))?.items().next().is_some()
    {
        judged.runs.add("container", SKILLS)?;
    }
    // A tool of the provider and a tool of the client with one name could not be told apart in calls.
    declared_once(tools.declared.iter().chain(&of_the_api))?;
    // A choice of a tool of the provider is judged as that tool.
    let chosen = fields.get("tool_choice").and_then(|choice| choice.get("name")).and_then(Span::string);
    if let Some(name) = chosen.filter(|name| of_the_api.iter().all(|tool| tool.name != *name)) {
        tools.chosen.add("tool_choice", &name)?;
    }
    Ok(tools)
}

fn entry(
    tool: Span<'_>,
    functions: &mut Vec<Declared>,
    of_the_api: &mut Vec<Declared>,
    judged: &mut Judged,
) -> Result<(), RequestError> {
    let name = match tool.some("name") {
        None => Cow::Borrowed(""),
        Some(name) => name.string().ok_or(invalid("an array of tools with a `name`"))?,
    };
    callers(tool, judged)?;
    kept::check(tool)?;
    match kind(tool)? {
        EntryKind::Function if name.is_empty() => Err(invalid("an array of tools with a `name`")),
        EntryKind::Function => declare(functions, "tools", &name, Form::Tool),
        EntryKind::Client(ClientTool::One(one)) => {
            one.check(tool, &name)?;
            declare(functions, "tools", &name, Form::Tool)
        }
        EntryKind::Client(ClientTool::Set(set)) => {
            let mut offered = set.offered(tool)?.into_iter();
            offered.try_for_each(|member| declare(functions, "tools", &member_name(set.family, member), Form::Tool))
        }
        EntryKind::Provided(kind) => {
            judged.runs.add("tools", &kind)?;
            if let Some(model) = tool.get("model").and_then(Span::string) {
                judged.model_of(&kind, "tools", &model)?;
            }
            if kind == TOOLSET {
                mcp_toolset(tool)?;
            }
            if name.is_empty() { Ok(()) } else { declare(of_the_api, "tools", &name, Form::Tool) }
        }
    }
}

/// Leaves out the servers of an MCP toolset, and skills, that were taken out.
pub(super) fn drop_provided(body: &mut Body) {
    if body.runs().is_dropped(MCP) {
        body.remove("mcp_servers");
    }
    let container = body.get("container").filter(|_| body.runs().is_dropped(SKILLS)).and_then(Span::object);
    let left = container.map(|container| with_member(container, SKILLS, None));
    match left {
        Some(left) if left == "{}" => body.remove("container"),
        Some(left) => body.set("container", left),
        None => {}
    }
}

/// Returns true for a tool of the provider that was taken out. Without servers, their toolset has no tools.
fn is_dropped(kind: &str, runs: &ProviderTools) -> bool {
    runs.is_dropped(kind) || kind == TOOLSET && runs.is_dropped(MCP)
}

/// Returns the names of the provider's tools that are left.
pub(super) fn provided(body: &Body) -> impl Iterator<Item = Cow<'_, str>> {
    let is_left =
        |tool: &Span<'_>| matches!(kind(*tool), Ok(EntryKind::Provided(kind)) if !is_dropped(&kind, body.runs()));
    let tools = body.original().get("tools").into_iter().flat_map(Span::items);
    tools.filter(is_left).filter_map(|tool| tool.get("name").and_then(Span::string))
}

/// Checks a toolset of an MCP server, which runs at the provider. The caller may switch its tools; its words about them would not be
/// the server's.
fn mcp_toolset(tool: Span<'_>) -> Result<(), RequestError> {
    if tool.some("tools").is_some() {
        return Err(invalid(
            "an array in which no `mcp_toolset` lists `tools`; leave them out, the provider asks the server",
        ));
    }
    let object = |value: Span<'_>| value.object().is_some();
    let expected =
        "an array in which the `configs` of an `mcp_toolset` are objects with flags `enabled` and `defer_loading`";
    let configs = tool.some("configs");
    if configs.is_some_and(|configs| !object(configs)) {
        return Err(invalid(expected));
    }
    let each = configs.into_iter().flat_map(Span::members).map(|(_, config)| config);
    for config in tool.some("default_config").into_iter().chain(each.filter(|config| !config.is_null())) {
        let is_flag = |(name, value): (Cow<'_, str>, Span<'_>)| {
            ["enabled", "defer_loading"].contains(&name.as_ref()) && (value.is_null() || value.bool().is_some())
        };
        if !object(config) || !config.members().all(is_flag) {
            return Err(invalid(expected));
        }
    }
    Ok(())
}

/// Returns the kind of an entry by its type.
fn kind(tool: Span<'_>) -> Result<EntryKind<'_>, RequestError> {
    let Some(kind) = tool.some("type") else { return Ok(EntryKind::Function) };
    let kind = kind.string().ok_or(invalid("an array of tools whose `type` is a string"))?;
    // This API's own word for a function.
    if kind == "custom" {
        return Ok(EntryKind::Function);
    }
    Ok(ClientTool::of(&kind).map_or(EntryKind::Provided(kind), EntryKind::Client))
}

fn invalid(expected: &'static str) -> RequestError {
    RequestError::invalid("tools", expected)
}
