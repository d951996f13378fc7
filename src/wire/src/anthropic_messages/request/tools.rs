//! The tools a request declares, chooses, and lets the provider run.

use std::borrow::Cow;
use std::collections::HashMap;

use callgate_json::Span;

use super::invalid;
use crate::body::Body;
use crate::checks::{declare, declared_once, exact};
use crate::declaration::{callers, extended, kept_members};
use crate::members::{Fields, Judged};
use crate::{Declaration, Declared, Form, RequestError};

/// The tools of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    /// The functions that it declares.
    pub(super) declared: Vec<Declared>,
    /// The function that `tool_choice` names. Tools of the API are judged as what they are.
    pub(super) chosen: Option<String>,
}

const READ_MEMBERS: [&str; 8] =
    ["type", "name", "description", "input_schema", "allowed_callers", "model", "cache_control", "max_tokens"];

// === impl Tools ===

impl Tools {
    pub(super) fn read(fields: &Fields<'_>, judged: &mut Judged) -> Result<Tools, RequestError> {
        let mut tools = Tools::default();
        let mut names = Vec::new();
        for tool in fields.list("tools")? {
            let tool = tool.object().ok_or(invalid("tools", "an array of objects"))?;
            exact(tool, "tools", &READ_MEMBERS)?;
            tools.one(tool, judged, &mut names)?;
        }
        if fields.list("mcp_servers")?.next().is_some() {
            judged.runs.add("mcp_servers", "mcp")?;
        }
        let skills = fields.get("container").and_then(|container| container.some("skills"));
        if let Some(skills) = skills
            && skills.array().ok_or(invalid("skills", "an array"))?.items().next().is_some()
        {
            judged.runs.add("container", "skills")?;
        }
        // A tool of the API and a function of one name could not be told apart in calls.
        let own = tools.declared.len();
        tools.declared.extend(names.iter().cloned());
        tools.declared = declared_once(tools.declared)?;
        tools.declared.truncate(own);
        let chosen = fields.get("tool_choice").and_then(|choice| choice.get("name")).and_then(Span::string);
        tools.chosen = chosen.filter(|name| names.iter().all(|known| known.name != *name)).map(Cow::into_owned);
        Ok(tools)
    }

    fn one(&mut self, tool: Span<'_>, judged: &mut Judged, names: &mut Vec<Declared>) -> Result<(), RequestError> {
        let name = match tool.some("name") {
            None => Cow::Borrowed(""),
            Some(name) => name.string().ok_or(invalid("tools", "an array of tools with a `name`"))?,
        };
        callers(tool, judged)?;
        if let Some(kind) = provided(tool)? {
            judged.runs.add("tools", &kind)?;
            if let Some(model) = tool.get("model").and_then(Span::string) {
                judged.model("tools", &model)?;
            }
            return if name.is_empty() { Ok(()) } else { declare(names, "tools", &name, Form::Tool) };
        }
        if name.is_empty() {
            return Err(invalid("tools", "an array of tools with a `name`"));
        }
        declare(&mut self.declared, "tools", &name, Form::Tool)
    }

    /// Declares these functions only: of each name, description and parameters, and what the caller said of how it is handled;
    /// then the tools of the API as they came.
    pub(super) fn declare(&mut self, body: &mut Body, declarations: &[&Declaration]) {
        let mut kept: HashMap<Cow<'_, str>, String> = HashMap::new();
        let mut of_the_api = Vec::new();
        for tool in body.came().get("tools").into_iter().flat_map(Span::items) {
            if matches!(provided(tool), Ok(None)) {
                kept.insert(tool.get("name").and_then(Span::string).unwrap_or_default(), kept_members(tool));
            } else {
                of_the_api.push(tool.text().into_owned());
            }
        }
        let entry = |tool: &&Declaration| {
            extended(tool.object("input_schema"), kept.get(tool.name()).map_or("", String::as_str))
        };
        let list: Vec<String> = declarations.iter().map(entry).chain(of_the_api).collect();
        let declared = |tool: &&Declaration| Declared { name: tool.name().to_owned(), form: Form::Tool };
        self.declared = declarations.iter().map(declared).collect();
        body.set_list("tools", &list);
    }
}

/// The type of a tool that the API defines; `None` for a function.
fn provided(tool: Span<'_>) -> Result<Option<Cow<'_, str>>, RequestError> {
    let Some(kind) = tool.some("type") else { return Ok(None) };
    let kind = kind.string().ok_or(invalid("tools", "an array of tools whose `type` is a string"))?;
    // This API's own word for a function.
    Ok(Some(kind).filter(|kind| kind != "custom"))
}
