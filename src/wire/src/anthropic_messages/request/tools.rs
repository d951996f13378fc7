//! The tools a request declares, chooses, and lets the provider run.

use callgate_json::{Map, Value};

use super::{invalid, list};
use crate::shape::{declared_once, exact_members};
use crate::{Declaration, Declared, Form, RequestError, raw};

/// What a request says of tools.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    /// The functions that it declares.
    pub(super) declared: Vec<Declared>,
    /// What it makes the provider run, and what the API itself defines for clients to run.
    pub(super) provided: Vec<String>,
    /// The names that those have, where they have one.
    names: Vec<String>,
    /// Models that such tools ask.
    pub(super) models: Vec<String>,
    /// Where the API is asked to keep what it has read so far: the text of `cache_control`, by function.
    cached: Vec<(String, String)>,
}

const READ_MEMBERS: [&str; 8] =
    ["type", "name", "description", "input_schema", "allowed_callers", "model", "cache_control", "max_tokens"];

// === impl Tools ===

impl Tools {
    pub(super) fn read(body: &Map<String, Value>) -> Result<Tools, RequestError> {
        let mut tools = Tools::default();
        for tool in list(body, "tools")? {
            let tool = tool.as_object().ok_or(invalid("tools", "an array of objects"))?;
            exact_members(tool, "tools", &READ_MEMBERS)?;
            tools.one(tool)?;
        }
        let servers = list(body, "mcp_servers")?;
        if !servers.is_empty() {
            tools.provide("mcp");
        }
        if let Some(Value::Object(container)) = body.get("container")
            && !list(container, "skills")?.is_empty()
        {
            tools.provide("skills");
        }
        // A tool of the API and a function of one name could not be told apart in calls.
        let named = tools.names.iter().map(|name| Declared { name: name.clone(), form: Form::Tool });
        declared_once(tools.declared.iter().cloned().chain(named).collect())?;
        Ok(tools)
    }

    fn one(&mut self, tool: &Map<String, Value>) -> Result<(), RequestError> {
        let name = match tool.get("name") {
            None | Some(Value::Null) => "",
            Some(Value::String(name)) => name,
            Some(_) => return Err(invalid("tools", "an array of tools with a `name`")),
        };
        // Called by code, which the provider would run for that.
        for caller in list(tool, "allowed_callers")? {
            match caller.as_str().ok_or(invalid("tools", "an array of tools whose `allowed_callers` are strings"))? {
                "direct" => {}
                code => self.provide(code),
            }
        }
        match tool.get("type") {
            None | Some(Value::Null) => {}
            Some(Value::String(kind)) if kind == "custom" => {}
            Some(Value::String(kind)) => {
                self.provide(kind);
                self.names.extend(Some(name).filter(|name| !name.is_empty()).map(str::to_owned));
                self.models.extend(tool.get("model").and_then(Value::as_str).map(str::to_owned));
                return Ok(());
            }
            Some(_) => return Err(invalid("tools", "an array of tools whose `type` is a string")),
        }
        if name.is_empty() {
            return Err(invalid("tools", "an array of tools with a `name`"));
        }
        self.declared.push(Declared { name: name.to_owned(), form: Form::Tool });
        self.cached.extend(cache_control(tool).map(|control| (name.to_owned(), control)));
        Ok(())
    }

    fn provide(&mut self, tool: &str) {
        if !self.provided.iter().any(|known| known == tool) {
            self.provided.push(tool.to_owned());
        }
    }

    /// The function that `tool_choice` names. Tools of the API are judged as what they are.
    pub(super) fn chosen<'b>(&self, body: &'b Map<String, Value>) -> Vec<&'b str> {
        let named = body.get("tool_choice").and_then(|choice| choice.get("name")).and_then(Value::as_str);
        named.into_iter().filter(|name| !self.names.iter().any(|known| known == name)).collect()
    }

    /// Declares these functions only. The list to send: of each name, description and parameters, and where the caller asked
    /// the API to keep what it has read; then the tools of the API as `request`, the body's text, has them.
    pub(super) fn declare(&mut self, declarations: &[&Declaration], request: &[u8]) -> Option<String> {
        let mut entries: Vec<String> = declarations.iter().map(|declaration| self.entry(declaration)).collect();
        for raw in raw::items(raw::member(request, "tools").unwrap_or_default()) {
            let kind = raw::member(raw, "type").map(callgate_json::read);
            if matches!(kind, Some(Ok(Value::String(kind))) if kind != "custom") {
                entries.push(String::from_utf8_lossy(raw).into_owned());
            }
        }
        let declared = |tool: &&Declaration| Declared { name: tool.name().to_owned(), form: Form::Tool };
        self.declared = declarations.iter().map(declared).collect();
        Some(entries).filter(|entries| !entries.is_empty()).map(|entries| format!("[{}]", entries.join(",")))
    }

    fn entry(&self, declaration: &Declaration) -> String {
        let mut entry = declaration.object("input_schema");
        if let Some((_, control)) = self.cached.iter().find(|(name, _)| name == declaration.name()) {
            entry.pop();
            entry.push_str(&format!(r#","cache_control":{control}}}"#));
        }
        entry
    }
}

/// The text of a tool's `cache_control`, where it says nothing that is not known: it costs, and means nothing.
fn cache_control(tool: &Map<String, Value>) -> Option<String> {
    let control = tool.get("cache_control")?;
    let known = |(key, value): (&String, &Value)| match key.as_str() {
        "type" => value == "ephemeral",
        "ttl" => matches!(value.as_str(), Some("5m" | "1h")),
        _ => false,
    };
    control.as_object()?.iter().all(known).then(|| control.to_string())
}
