//! The tools a request declares, chooses, and lets the provider run.

use std::collections::HashMap;

use callgate_json::{Map, Value};

use super::unknown;
use crate::shape::{declared_once, exact_members};
use crate::{Declaration, Declared, Form, RequestError, raw};

/// Kinds of entries of `tools`.
const SPEC: &str = "toolSpec";
const SYSTEM: &str = "systemTool";
const CACHE_POINT: &str = "cachePoint";

/// What `toolConfig` says, and messages that add to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    declared: Vec<Declared>,
    /// Names of system tools, kinds of entries and members that are not known, `mcp`.
    provided: Vec<String>,
    chosen: Vec<String>,
}

// === impl Tools ===

impl Tools {
    pub(super) fn read(body: &Map<String, Value>) -> Result<Tools, RequestError> {
        let config = match body.get("toolConfig") {
            None | Some(Value::Null) => return Ok(Tools::default()),
            Some(Value::Object(config)) => config,
            Some(_) => return Err(RequestError::Invalid { param: "toolConfig", expected: "an object" }),
        };
        exact_members(config, "toolConfig", &["tools", "toolChoice"])?;
        let mut tools = Tools { provided: unknown(config, &[&["tools", "toolChoice"]]), ..Tools::default() };
        match config.get("tools") {
            None | Some(Value::Null) => {}
            Some(Value::Array(entries)) => entries.iter().try_for_each(|entry| tools.entry(entry))?,
            Some(_) => return Err(invalid("an array")),
        }
        tools.declared = declared_once(std::mem::take(&mut tools.declared))?;
        if let Some(name) = choice(config)? {
            tools.chosen.push(name);
        }
        Ok(tools)
    }

    fn entry(&mut self, entry: &Value) -> Result<(), RequestError> {
        let entry = entry.as_object().ok_or(invalid("an array of objects"))?;
        exact_members(entry, "toolConfig.tools", &[SPEC, SYSTEM, CACHE_POINT])?;
        let mut members = entry.iter().filter(|(_, value)| !value.is_null());
        let (Some((kind, value)), None) = (members.next(), members.next()) else {
            return Err(invalid("an array of objects with one member each"));
        };
        match kind.as_str() {
            SPEC => self.declared.push(Declared { name: name(value)?, form: Form::Tool }),
            SYSTEM => self.provided.push(name(value)?),
            CACHE_POINT => {}
            _ => self.provided.push(kind.clone()),
        }
        Ok(())
    }

    /// Notes a tool that a message adds; `None` if it names none. It must be one that is declared, or comes from an MCP server.
    pub(super) fn added(&mut self, addition: &Value) -> Option<()> {
        let tool = addition.get("tool")?.as_object()?;
        exact_members(tool, "messages", &["name", "serverName"]).ok()?;
        let name = tool.get("name")?.as_str()?;
        match tool.get("serverName") {
            None | Some(Value::Null) => self.chosen.push(name.to_owned()),
            Some(_) => self.provided.push("mcp".to_owned()),
        }
        Some(())
    }

    pub(super) fn declared(&self) -> &[Declared] {
        &self.declared
    }

    pub(super) fn provided(&self) -> impl Iterator<Item = &str> {
        self.provided.iter().map(String::as_str)
    }

    /// The functions that are named as the ones to call. The provider's tools can be named too, and are allowed or not by themselves.
    pub(super) fn chosen(&self) -> Vec<&str> {
        self.chosen.iter().filter(|name| !self.provided.contains(name)).map(String::as_str).collect()
    }

    /// The entries of `tools` with these declarations in place of the functions: each where its namesake stood, because cache
    /// points count what stands before them; new ones last.
    pub(super) fn replace(&mut self, old: &[u8], declarations: &[&Declaration]) -> Vec<String> {
        let mut rest: HashMap<&str, &Declaration> = declarations.iter().map(|tool| (tool.name(), *tool)).collect();
        let mut list = Vec::new();
        for entry in raw::items(old) {
            let Some(spec) = raw::member(entry, SPEC).filter(|spec| *spec != b"null") else {
                list.push(String::from_utf8_lossy(entry).into_owned());
                continue;
            };
            let name = raw::member(spec, "name").and_then(|name| serde_json::from_slice::<String>(name).ok());
            list.extend(name.and_then(|name| rest.remove(name.as_str())).map(spec_of));
        }
        list.extend(declarations.iter().filter(|tool| rest.contains_key(tool.name())).map(|tool| spec_of(tool)));
        self.declared =
            declarations.iter().map(|tool| Declared { name: tool.name().to_owned(), form: Form::Tool }).collect();
        list
    }
}

fn spec_of(declaration: &Declaration) -> String {
    let schema = format!(r#"{{"json":{}}}"#, declaration.parameters());
    format!(r#"{{"{SPEC}":{}}}"#, declaration.object_with("inputSchema", &schema))
}

fn invalid(expected: &'static str) -> RequestError {
    RequestError::Invalid { param: "toolConfig.tools", expected }
}

fn name(tool: &Value) -> Result<String, RequestError> {
    let tool = tool.as_object().ok_or(invalid("an array of tools that are objects"))?;
    exact_members(tool, "toolConfig.tools", &["name", "description", "inputSchema"])?;
    match tool.get("name") {
        Some(Value::String(name)) if !name.is_empty() => Ok(name.clone()),
        _ => Err(invalid("an array of tools with a `name`")),
    }
}

/// The name in `{"tool": {"name": …}}`.
fn choice(config: &Map<String, Value>) -> Result<Option<String>, RequestError> {
    let invalid = |expected| RequestError::Invalid { param: "toolConfig.toolChoice", expected };
    let choice = match config.get("toolChoice") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(choice)) => choice,
        Some(_) => return Err(invalid("an object")),
    };
    exact_members(choice, "toolConfig.toolChoice", &["tool"])?;
    match choice.get("tool") {
        None | Some(Value::Null) => Ok(None),
        Some(tool) => {
            let tool = tool.as_object().ok_or(invalid("a choice of a tool with a `name`"))?;
            exact_members(tool, "toolConfig.toolChoice", &["name"])?;
            let name = tool.get("name").and_then(Value::as_str).ok_or(invalid("a choice of a tool with a `name`"))?;
            Ok(Some(name.to_owned()))
        }
    }
}
