//! The tools of a request: declared, chosen, or run by the provider.

use std::borrow::Cow;
use std::collections::HashMap;

use callgate_json::{Span, with_member};

use crate::checks::exact;
use crate::members::{Fields, Judged, ProviderTools};
use crate::skeleton::document::{Tools, callers, declare, declared_once, kept_members};
use crate::{Declaration, Form, RequestError};

/// Kinds of entries of `tools`.
const SPEC: &str = "toolSpec";
const SYSTEM: &str = "systemTool";
const CACHE_POINT: &str = "cachePoint";

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
        read_entry(&mut tools, entry, judged)?;
    }
    declared_once(&tools.declared)?;
    if let Some(name) = choice(config)? {
        tools.chosen.add("toolConfig", &name)?;
    }
    Ok(tools)
}

fn read_entry(tools: &mut Tools, entry: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
    let entry = entry.object().ok_or(invalid("an array of objects"))?;
    exact(entry, "toolConfig.tools", &[SPEC, SYSTEM, CACHE_POINT])?;
    let mut members = entry.members().filter(|(_, value)| !value.is_null());
    let (Some((kind, value)), None) = (members.next(), members.next()) else {
        return Err(invalid("an array of objects with one member each"));
    };
    match kind.as_ref() {
        SPEC => {
            callers(value, judged)?;
            declare(&mut tools.declared, "toolConfig.tools", &name(value)?, Form::Tool)
        }
        SYSTEM => judged.runs.add("toolConfig.tools", &name(value)?),
        CACHE_POINT => Ok(()),
        _ => judged.runs.add("toolConfig.tools", &kind),
    }
}

/// Notes a tool that a message adds. It must be one that is declared, or from an MCP server.
pub(super) fn read_addition(tools: &mut Tools, addition: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
    let invalid = RequestError::invalid("messages", "an array of messages that add tools by name");
    let tool = addition.get("tool").and_then(Span::object).ok_or(invalid.clone())?;
    exact(tool, "messages", &["name", "serverName"])?;
    let name = tool.get("name").and_then(Span::string).ok_or(invalid)?;
    match tool.some("serverName") {
        // A tool of the provider that a message adds cannot be taken out.
        None if judged.runs.uses(&name) => judged.runs.fix("messages", &name),
        None => tools.chosen.add("messages", &name),
        Some(_) => judged.runs.fix("messages", "mcp"),
    }
}

/// Returns the entries of `tools` with these declarations in place of the functions. Each declaration stands at the place of its
/// namesake, because cache points count the entries before them; new ones come last. The caller's members about the handling of a
/// function stay. Cache points alone are no list of tools.
pub(super) fn replaced(old: Option<Span<'_>>, declarations: &[&Declaration], runs: &ProviderTools) -> Vec<String> {
    let mut rest: HashMap<&str, &Declaration> = declarations.iter().map(|tool| (tool.name(), *tool)).collect();
    let mut list = Vec::new();
    for entry in old.into_iter().flat_map(Span::items) {
        let Some(spec) = entry.some(SPEC) else {
            if !is_dropped(entry, runs) {
                list.push(entry.text().into_owned());
            }
            continue;
        };
        let name = spec.get("name").and_then(Span::string).unwrap_or_default();
        list.extend(rest.remove(name.as_ref()).map(|tool| spec_of(tool, &kept_members(spec, runs))));
    }
    list.extend(declarations.iter().filter(|tool| rest.contains_key(tool.name())).map(|tool| spec_of(tool, "")));
    let is_cache_point = |entry: &String| Span::new(entry.as_bytes()).some(CACHE_POINT).is_some();
    if list.iter().all(is_cache_point) {
        list.clear();
    }
    list
}

/// Returns true for an entry of a tool of the provider that was taken out.
fn is_dropped(entry: Span<'_>, runs: &ProviderTools) -> bool {
    let Some((kind, value)) = entry.members().find(|(_, value)| !value.is_null()) else { return false };
    match kind.as_ref() {
        SYSTEM => value.get("name").and_then(Span::string).is_some_and(|name| runs.is_dropped(&name)),
        CACHE_POINT => false,
        kind => runs.is_dropped(kind),
    }
}

/// Returns the configuration without members that are tools of the provider which were taken out; `None` if all stay.
pub(super) fn without_dropped(config: Span<'_>, runs: &ProviderTools) -> Option<String> {
    let is_gone = |key: &str| !matches!(key, "tools" | "toolChoice") && runs.is_dropped(key);
    let gone: Vec<String> = config.members().map(|(key, _)| key.into_owned()).filter(|key| is_gone(key)).collect();
    let mut left: Option<String> = None;
    for key in gone {
        let text = left.take().unwrap_or_else(|| config.text().into_owned());
        left = Some(with_member(Span::new(text.as_bytes()), key, None));
    }
    left
}

/// Returns the name of the chosen tool.
pub(super) fn chosen(config: Span<'_>) -> Option<Cow<'_, str>> {
    choice(config).ok().flatten()
}

fn spec_of(declaration: &Declaration, kept: &str) -> String {
    let schema = format!(r#"{{"json":{}}}"#, declaration.parameters());
    let mut out = format!(r#"{{"{SPEC}":{{"#);
    declaration.write_members(&mut out, "inputSchema", [&schema, kept]);
    out.push('}');
    out
}

fn invalid(expected: &'static str) -> RequestError {
    RequestError::invalid("toolConfig.tools", expected)
}

fn name(tool: Span<'_>) -> Result<Cow<'_, str>, RequestError> {
    let tool = tool.object().ok_or(invalid("an array of tools that are objects"))?;
    exact(tool, "toolConfig.tools", &["name", "description", "inputSchema"])?;
    let name = tool.get("name").and_then(Span::string).filter(|name| !name.is_empty());
    name.ok_or(invalid("an array of tools with a `name`"))
}

/// Reads the name in `{"tool": {"name": …}}`.
fn choice(config: Span<'_>) -> Result<Option<Cow<'_, str>>, RequestError> {
    let invalid = |expected| RequestError::invalid("toolConfig.toolChoice", expected);
    let Some(choice) = config.some("toolChoice") else { return Ok(None) };
    let choice = choice.object().ok_or(invalid("an object"))?;
    exact(choice, "toolConfig.toolChoice", &["tool"])?;
    let Some(tool) = choice.some("tool") else { return Ok(None) };
    let tool = tool.object().ok_or(invalid("a choice of a tool with a `name`"))?;
    exact(tool, "toolConfig.toolChoice", &["name"])?;
    tool.get("name").and_then(Span::string).map(Some).ok_or(invalid("a choice of a tool with a `name`"))
}
