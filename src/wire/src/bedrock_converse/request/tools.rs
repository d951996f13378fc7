//! The tools a request declares, chooses, and lets the provider run.

use std::borrow::Cow;
use std::collections::HashMap;

use callgate_json::Span;

use crate::checks::{declare, declared_once, exact};
use crate::declaration::{callers, extended, kept_members};
use crate::members::{Fields, Judged, Names};
use crate::{Declaration, Declared, Form, RequestError};

/// Kinds of entries of `tools`.
const SPEC: &str = "toolSpec";
const SYSTEM: &str = "systemTool";
const CACHE_POINT: &str = "cachePoint";

/// The tools of `toolConfig`, and those that messages add.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    pub(super) declared: Vec<Declared>,
    pub(super) chosen: Names,
}

// === impl Tools ===

impl Tools {
    /// Reads `toolConfig`. Its unknown members, and entries of unknown kinds, are tools of the provider by their names.
    pub(super) fn read(fields: &Fields<'_>, judged: &mut Judged) -> Result<Tools, RequestError> {
        let mut tools = Tools::default();
        let Some(config) = fields.read("toolConfig", "an object", Span::object)? else { return Ok(tools) };
        exact(config, "toolConfig", &["tools", "toolChoice"])?;
        for (key, value) in config.members() {
            if !matches!(key.as_ref(), "tools" | "toolChoice") && !value.is_null() {
                judged.runs.add("toolConfig", &key)?;
            }
        }
        let list = config.some("tools").map(|list| list.array().ok_or(invalid("an array"))).transpose()?;
        for entry in list.into_iter().flat_map(Span::items) {
            tools.entry(entry, judged)?;
        }
        tools.declared = declared_once(tools.declared)?;
        if let Some(name) = choice(config)? {
            tools.chosen.add("toolConfig", &name)?;
        }
        Ok(tools)
    }

    fn entry(&mut self, entry: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
        let entry = entry.object().ok_or(invalid("an array of objects"))?;
        exact(entry, "toolConfig.tools", &[SPEC, SYSTEM, CACHE_POINT])?;
        let mut members = entry.members().filter(|(_, value)| !value.is_null());
        let (Some((kind, value)), None) = (members.next(), members.next()) else {
            return Err(invalid("an array of objects with one member each"));
        };
        match kind.as_ref() {
            SPEC => {
                callers(value, judged)?;
                declare(&mut self.declared, "toolConfig.tools", &name(value)?, Form::Tool)
            }
            SYSTEM => judged.runs.add("toolConfig.tools", &name(value)?),
            CACHE_POINT => Ok(()),
            _ => judged.runs.add("toolConfig.tools", &kind),
        }
    }

    /// Notes a tool that a message adds. It must be one that is declared, or comes from an MCP server.
    pub(super) fn added(&mut self, addition: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
        let expected = "an array of messages that add tools by name";
        let invalid = RequestError::Invalid { param: "messages", expected };
        let tool = addition.get("tool").and_then(Span::object).ok_or(invalid.clone())?;
        exact(tool, "messages", &["name", "serverName"])?;
        let name = tool.get("name").and_then(Span::string).ok_or(invalid)?;
        match tool.some("serverName") {
            None => self.chosen.add("messages", &name),
            Some(_) => judged.runs.add("messages", "mcp"),
        }
    }

    /// The entries of `tools` with these declarations in place of the functions: each where its namesake stood, because cache
    /// points count what stands before them; new ones last. What the caller said of how a function is handled stays.
    pub(super) fn replace(&mut self, old: Option<Span<'_>>, declarations: &[&Declaration]) -> Vec<String> {
        let mut rest: HashMap<&str, &Declaration> = declarations.iter().map(|tool| (tool.name(), *tool)).collect();
        let mut list = Vec::new();
        for entry in old.into_iter().flat_map(Span::items) {
            let Some(spec) = entry.some(SPEC) else {
                list.push(entry.text().into_owned());
                continue;
            };
            let name = spec.get("name").and_then(Span::string).unwrap_or_default();
            list.extend(rest.remove(name.as_ref()).map(|tool| spec_of(tool, &kept_members(spec))));
        }
        list.extend(declarations.iter().filter(|tool| rest.contains_key(tool.name())).map(|tool| spec_of(tool, "")));
        self.declared =
            declarations.iter().map(|tool| Declared { name: tool.name().to_owned(), form: Form::Tool }).collect();
        list
    }
}

fn spec_of(declaration: &Declaration, kept: &str) -> String {
    let schema = format!(r#"{{"json":{}}}"#, declaration.parameters());
    format!(r#"{{"{SPEC}":{}}}"#, extended(declaration.object_with("inputSchema", &schema), kept))
}

fn invalid(expected: &'static str) -> RequestError {
    RequestError::Invalid { param: "toolConfig.tools", expected }
}

fn name(tool: Span<'_>) -> Result<Cow<'_, str>, RequestError> {
    let tool = tool.object().ok_or(invalid("an array of tools that are objects"))?;
    exact(tool, "toolConfig.tools", &["name", "description", "inputSchema"])?;
    let name = tool.get("name").and_then(Span::string).filter(|name| !name.is_empty());
    name.ok_or(invalid("an array of tools with a `name`"))
}

/// The name in `{"tool": {"name": …}}`.
fn choice(config: Span<'_>) -> Result<Option<Cow<'_, str>>, RequestError> {
    let invalid = |expected| RequestError::Invalid { param: "toolConfig.toolChoice", expected };
    let Some(choice) = config.some("toolChoice") else { return Ok(None) };
    let choice = choice.object().ok_or(invalid("an object"))?;
    exact(choice, "toolConfig.toolChoice", &["tool"])?;
    let Some(tool) = choice.some("tool") else { return Ok(None) };
    let tool = tool.object().ok_or(invalid("a choice of a tool with a `name`"))?;
    exact(tool, "toolConfig.toolChoice", &["name"])?;
    tool.get("name").and_then(Span::string).map(Some).ok_or(invalid("a choice of a tool with a `name`"))
}
