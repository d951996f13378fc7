//! The tools that a request declares, chooses, and lets the provider run.

use std::borrow::Cow;
use std::collections::HashMap;

use callgate_json::Span;

use super::invalid;
use crate::body::Body;
use crate::checks::{declare, declared_once, exact};
use crate::declaration::{callers, kept_members};
use crate::members::{Fields, Judged, Names};
use crate::{Declaration, Declared, Form, RequestError};

/// The tools of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    pub(super) declared: Vec<Declared>,
    /// Names of functions in `tool_choice`.
    pub(super) chosen: Names,
    /// Tools whose input is free text.
    pub(super) has_custom: bool,
}

// === impl Tools ===

impl Tools {
    pub(super) fn read(fields: &Fields<'_>, judged: &mut Judged) -> Result<Tools, RequestError> {
        let mut tools = Tools::default();
        for tool in fields.list("tools")? {
            tools.one(tool, judged)?;
        }
        match fields.get("tool_choice") {
            Some(choice) if choice.is_object() => tools.choose(choice, judged, true)?,
            Some(choice) if !choice.is_string() => return Err(invalid("tool_choice", "a string or an object")),
            _ => {}
        }
        tools.declared = declared_once(tools.declared)?;
        Ok(tools)
    }

    fn one(&mut self, tool: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
        let tool = tool.object().ok_or(invalid("tools", "an array of objects"))?;
        exact(tool, "tools", &["type", "name", "function", "tools"])?;
        let kind = kind(tool).ok_or(invalid("tools", "an array of tools with a `type`"))?;
        match kind.as_ref() {
            "function" => {
                let name = tool.get("name").and_then(Span::string).filter(|name| !name.is_empty());
                let name = name.filter(|_| tool.get("function").is_none());
                let name = name.ok_or(invalid("tools", "an array of functions with a `name` of their own"))?;
                callers(tool, judged)?;
                declare(&mut self.declared, "tools", &name, Form::Tool)
            }
            "custom" => {
                self.has_custom = true;
                Ok(())
            }
            _ => judged.runs.add("tools", &kind),
        }
    }

    fn choose(&mut self, choice: Span<'_>, judged: &mut Judged, is_top: bool) -> Result<(), RequestError> {
        exact(choice, "tool_choice", &["type", "name", "tools"])?;
        let kind = kind(choice).ok_or(invalid("tool_choice", "a choice with a `type`"))?;
        match kind.as_ref() {
            "function" => {
                let name = choice.get("name").and_then(Span::string);
                self.chosen.add("tool_choice", &name.ok_or(invalid("tool_choice", "a function with its `name`"))?)
            }
            "allowed_tools" if is_top => {
                let tools = choice.get("tools").and_then(Span::objects);
                let mut tools = tools.ok_or(invalid("tool_choice", "a list of tools"))?.items();
                tools.try_for_each(|tool| self.choose(tool, judged, false))
            }
            "allowed_tools" => Err(invalid("tool_choice", "a list of tools with a `type`")),
            "custom" => {
                self.has_custom = true;
                Ok(())
            }
            _ => judged.runs.add("tool_choice", &kind),
        }
    }

    /// Replaces the declarations, with what the caller said of how each is handled. Tools that the provider runs stay.
    ///
    /// A function that says nothing of `strict` gets false: the API would make a schema of its own of the contract's.
    pub(super) fn declare(&mut self, body: &mut Body, declarations: &[&Declaration]) {
        let mut kept: HashMap<Cow<'_, str>, String> = HashMap::new();
        let mut provided = Vec::new();
        for tool in body.came().get("tools").into_iter().flat_map(Span::items) {
            match kind(tool).as_deref() {
                Some("function") => {
                    let name = tool.get("name").and_then(Span::string).unwrap_or_default();
                    let default = if tool.some("strict").is_none() { r#","strict":false"# } else { "" };
                    kept.insert(name, format!("{default}{}", kept_members(tool)));
                }
                Some("custom") => {}
                _ => provided.push(tool.text().into_owned()),
            }
        }
        let entry = |tool: &&Declaration| {
            let object = tool.object("parameters");
            let kept = kept.get(tool.name()).map_or(r#","strict":false"#, String::as_str);
            format!(r#"{{"type":"function"{kept},{}"#, object.strip_prefix('{').unwrap_or_default())
        };
        let list: Vec<String> = declarations.iter().map(entry).chain(provided).collect();
        let declared = |tool: &&Declaration| Declared { name: tool.name().to_owned(), form: Form::Tool };
        self.declared = declarations.iter().map(declared).collect();
        body.set_list("tools", &list);
    }
}

fn kind(tool: Span<'_>) -> Option<Cow<'_, str>> {
    tool.get("type").and_then(Span::string)
}
