//! The tools a request declares, chooses, and lets the provider run.

use std::borrow::Cow;

use callgate_json::Span;

use crate::checks::exact;
use crate::members::{Fields, Judged};
use crate::skeleton::document::{Body, Replaced, Tools, callers, declare, declared_once, kept_members, redeclared};
use crate::{Declaration, Declared, Form, RequestError};

const READ_MEMBERS: [&str; 8] =
    ["type", "name", "description", "input_schema", "allowed_callers", "model", "cache_control", "max_tokens"];

pub(super) fn read(fields: &Fields<'_>, judged: &mut Judged) -> Result<Tools, RequestError> {
    let mut tools = Tools::default();
    let mut of_the_api = Vec::new();
    for tool in fields.list("tools")? {
        let tool = tool.object().ok_or(invalid("an array of objects"))?;
        exact(tool, "tools", &READ_MEMBERS)?;
        entry(tool, &mut tools.declared, &mut of_the_api, judged)?;
    }
    if fields.list("mcp_servers")?.next().is_some() {
        judged.runs.add("mcp_servers", "mcp")?;
    }
    let skills = fields.get("container").and_then(|container| container.some("skills"));
    if let Some(skills) = skills
        && skills.array().ok_or(RequestError::invalid("skills", "an array"))?.items().next().is_some()
    {
        judged.runs.add("container", "skills")?;
    }
    // A tool of the API and a function of one name could not be told apart in calls.
    declared_once(tools.declared.iter().chain(&of_the_api))?;
    // A choice of a tool of the API is judged as that tool.
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
    if let Some(kind) = provided(tool)? {
        judged.runs.add("tools", &kind)?;
        if let Some(model) = tool.get("model").and_then(Span::string) {
            judged.model("tools", &model)?;
        }
        return if name.is_empty() { Ok(()) } else { declare(of_the_api, "tools", &name, Form::Tool) };
    }
    if name.is_empty() {
        return Err(invalid("an array of tools with a `name`"));
    }
    declare(functions, "tools", &name, Form::Tool)
}

/// Replaces the declared functions. The caller's members about the handling of a function stay; tools of the API come last.
pub(super) fn write(body: &mut Body, declarations: &[&Declaration]) {
    let sort = |tool| match provided(tool) {
        Ok(None) => Replaced::Function(tool.get("name").and_then(Span::string).unwrap_or_default(), kept_members(tool)),
        Ok(Some(_)) | Err(_) => Replaced::Provided,
    };
    let list = redeclared(body.original().get("tools"), declarations, sort, |out, tool, kept| {
        tool.write(out, "input_schema", kept.map_or("", String::as_str));
    });
    body.put("tools", list);
}

/// Returns the type of a tool that the API defines, and `None` for a function.
fn provided(tool: Span<'_>) -> Result<Option<Cow<'_, str>>, RequestError> {
    let Some(kind) = tool.some("type") else { return Ok(None) };
    let kind = kind.string().ok_or(invalid("an array of tools whose `type` is a string"))?;
    // This API's own word for a function.
    Ok(Some(kind).filter(|kind| kind != "custom"))
}

fn invalid(expected: &'static str) -> RequestError {
    RequestError::invalid("tools", expected)
}
