//! The tools that a request declares, chooses, and lets the provider run; and what else its input brings.

use std::collections::BTreeSet;

use callgate_json::{Map, Value};

use crate::shape::{declared_once, exact_members};
use crate::{Declaration, Declared, Form, RequestError, raw};

/// Members of APIs that imitate this one, which make the provider run something, and the tool they stand for.
const PROVIDER_MEMBERS: [(&str, &str); 7] = [
    ("web_search_options", "web_search"),
    ("enable_search", "web_search"),
    ("search_parameters", "live_search"),
    ("data_sources", "data_sources"),
    ("mcp_servers", "mcp"),
    ("connectors", "connectors"),
    ("plugins", "plugins"),
];

/// Kinds of items of input, and the tool that must be allowed where they make the provider go on with something or tell the
/// model of tools; none for what only tells what was.
const INPUT: [(&str, Option<&str>); 33] = [
    ("message", None),
    ("reasoning", None),
    ("compaction", None),
    ("compaction_trigger", None),
    ("configuration_update", None),
    ("item_reference", None),
    ("function_call", None),
    ("function_call_output", None),
    ("custom_tool_call", None),
    ("custom_tool_call_output", None),
    ("web_search_call", None),
    ("x_search_call", None),
    ("file_search_call", None),
    ("code_interpreter_call", None),
    ("image_generation_call", None),
    ("computer_call", None),
    ("computer_call_output", None),
    ("local_shell_call", None),
    ("local_shell_call_output", None),
    ("shell_call", None),
    ("shell_call_output", None),
    ("apply_patch_call", None),
    ("apply_patch_call_output", None),
    ("mcp_call", None),
    ("mcp_list_tools", Some("mcp")),
    ("mcp_approval_request", Some("mcp")),
    ("mcp_approval_response", Some("mcp")),
    ("tool_search_call", Some("tool_search")),
    ("tool_search_output", Some("tool_search")),
    ("program", Some("programmatic_tool_calling")),
    ("program_output", Some("programmatic_tool_calling")),
    // Declarations in the midst of a conversation: the contract's own could not take their place.
    ("additional_tools", Some("additional_tools")),
    ("", None),
];

/// What a request says of tools.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    pub(super) declared: Vec<Declared>,
    /// Names of functions in `tool_choice`.
    pub(super) chosen: Vec<String>,
    /// What the provider would run.
    pub(super) provided: BTreeSet<String>,
    /// The entries of `tools` that are no functions, as they came.
    kept: Vec<String>,
}

// === impl Tools ===

impl Tools {
    /// Reads what `body`, which was read from `text`, says of tools.
    pub(super) fn read(body: &Map<String, Value>, text: &[u8]) -> Result<Tools, RequestError> {
        let mut tools = Tools::default();
        tools.list(body, text)?;
        tools.choice(body)?;
        for (member, tool) in PROVIDER_MEMBERS {
            exact_members(body, member, &[member])?;
            if body.get(member).is_some_and(is_asked_for) {
                tools.provide(tool);
            }
        }
        for item in body.get("input").and_then(Value::as_array).into_iter().flatten() {
            tools.item(item)?;
        }
        tools.declared = declared_once(tools.declared)?;
        Ok(tools)
    }

    fn list(&mut self, body: &Map<String, Value>, text: &[u8]) -> Result<(), RequestError> {
        let invalid = |expected| RequestError::Invalid { param: "tools", expected };
        let list = match body.get("tools") {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(invalid("an array")),
        };
        let mut texts = None;
        for (position, tool) in list.iter().enumerate() {
            let tool = tool.as_object().ok_or(invalid("an array of objects"))?;
            exact_members(tool, "tools", &["type", "name", "function"])?;
            let kind = tool.get("type").and_then(Value::as_str).ok_or(invalid("an array of tools with a `type`"))?;
            if kind != "function" {
                self.provide(kind);
                let texts = texts.get_or_insert_with(|| raw::items(raw::member(text, "tools").unwrap_or_default()));
                let entry = texts.get(position).copied().unwrap_or_default();
                self.kept.push(String::from_utf8_lossy(entry).into_owned());
                continue;
            }
            match tool.get("name") {
                Some(Value::String(name)) if !name.is_empty() && !tool.contains_key("function") => {
                    self.declared.push(Declared { name: name.clone(), form: Form::Tool });
                }
                _ => return Err(invalid("an array of functions with a `name` of their own")),
            }
        }
        Ok(())
    }

    fn choice(&mut self, body: &Map<String, Value>) -> Result<(), RequestError> {
        match body.get("tool_choice") {
            None | Some(Value::Null | Value::String(_)) => Ok(()),
            Some(Value::Object(choice)) => self.chosen(choice),
            Some(_) => Err(RequestError::Invalid { param: "tool_choice", expected: "a string or an object" }),
        }
    }

    fn chosen(&mut self, choice: &Map<String, Value>) -> Result<(), RequestError> {
        let invalid = |expected| RequestError::Invalid { param: "tool_choice", expected };
        exact_members(choice, "tool_choice", &["type", "name", "tools"])?;
        match choice.get("type").and_then(Value::as_str) {
            Some("function") => {
                let name = choice.get("name").and_then(Value::as_str).ok_or(invalid("a function with its `name`"))?;
                self.chosen.push(name.to_owned());
            }
            Some("allowed_tools") => {
                let tools = choice.get("tools").and_then(Value::as_array).ok_or(invalid("a list of tools"))?;
                for tool in tools {
                    let tool =
                        tool.as_object().filter(|tool| tool.get("type").is_none_or(|kind| kind != "allowed_tools"));
                    self.chosen(tool.ok_or(invalid("a list of tools with a `type`"))?)?;
                }
            }
            Some(kind) => self.provide(kind),
            None => return Err(invalid("a choice with a `type`")),
        }
        Ok(())
    }

    fn item(&mut self, item: &Value) -> Result<(), RequestError> {
        let invalid = RequestError::Invalid { param: "input", expected: "made of known kinds of items" };
        let Some(members) = item.as_object() else { return Err(invalid) };
        exact_members(members, "input", &["type"])?;
        let kind = match members.get("type") {
            None | Some(Value::Null) => "",
            Some(Value::String(kind)) => kind,
            Some(_) => return Err(invalid),
        };
        let Some((_, tool)) = INPUT.iter().find(|(known, _)| *known == kind) else { return Err(invalid) };
        tool.iter().for_each(|tool| self.provide(tool));
        Ok(())
    }

    fn provide(&mut self, tool: &str) {
        if !self.provided.contains(tool) {
            self.provided.insert(tool.to_owned());
        }
    }

    /// Replaces the declarations; the entries of the new list.
    ///
    /// `strict` is written out as false: where it is missing the API tries to make a schema of its own of the contract's.
    pub(super) fn declare(&mut self, declarations: &[&Declaration]) -> Vec<String> {
        let declared = |tool: &&Declaration| Declared { name: tool.name().to_owned(), form: Form::Tool };
        self.declared = declarations.iter().map(declared).collect();
        let entry = |tool: &&Declaration| {
            let object = tool.object("parameters");
            format!(r#"{{"type":"function","strict":false,{}"#, object.strip_prefix('{').unwrap_or_default())
        };
        declarations.iter().map(entry).chain(self.kept.iter().cloned()).collect()
    }
}

/// Whether an item of input stands for something that only the provider knows. An item without a kind is a message if it has a
/// role, else a reference.
pub(super) fn is_state(item: &Value) -> bool {
    match item.get("type").and_then(Value::as_str) {
        Some(kind) => matches!(kind, "item_reference" | "compaction" | ""),
        None => item.get("role").is_none_or(Value::is_null),
    }
}

/// `null`, `false` and empty lists ask for nothing.
fn is_asked_for(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}
