//! The tools a request declares, chooses, and lets the provider run.

use callgate_json::{Map, Value};

use super::Request;
use crate::shape::{declared_once, exact_members};
use crate::{Declaration, Declared, Form, RequestError, splice};

/// Members that make the provider run something, and the tool they stand for: OpenAI's own and those of APIs that imitate it.
pub(super) const PROVIDER_MEMBERS: [(&str, &str); 9] = [
    ("web_search_options", "web_search"),
    ("enable_search", "web_search"),
    ("search_parameters", "live_search"),
    ("search_settings", "web_search"),
    ("compound_custom", "compound"),
    ("data_sources", "data_sources"),
    ("mcp_servers", "mcp"),
    ("connectors", "connectors"),
    ("plugins", "plugins"),
];

/// Reads both lists of declarations.
pub(super) fn read(body: &Map<String, Value>) -> Result<Vec<Declared>, RequestError> {
    let mut declared = Vec::new();
    for tool in list(body, "tools")? {
        let invalid = |expected| RequestError::Invalid { param: "tools", expected };
        let tool = tool.as_object().ok_or(invalid("an array of objects"))?;
        exact_members(tool, "tools", &["type", "function"])?;
        let kind = tool.get("type").and_then(Value::as_str).ok_or(invalid("an array of tools with a `type`"))?;
        if kind == "function" {
            let function = tool.get("function").and_then(Value::as_object);
            let function = function.ok_or(invalid("an array of tools with a `function` where the type says so"))?;
            declared.push(Declared { name: name(function, "tools")?, form: Form::Tool });
        }
    }
    for function in list(body, "functions")? {
        let function = function.as_object();
        let function = function.ok_or(RequestError::Invalid { param: "functions", expected: "an array of objects" })?;
        declared.push(Declared { name: name(function, "functions")?, form: Form::Function });
    }
    declared_once(declared)
}

/// The tools that run at the provider.
fn provided(body: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    tools.filter(|tool| tool.get("type").is_none_or(|kind| kind != "function"))
}

/// Whether there are such.
pub(super) fn has_provided(body: &Map<String, Value>) -> bool {
    provided(body).next().is_some()
}

fn list<'a>(body: &'a Map<String, Value>, param: &'static str) -> Result<&'a [Value], RequestError> {
    match body.get(param) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(RequestError::Invalid { param, expected: "an array" }),
    }
}

fn name(function: &Map<String, Value>, param: &'static str) -> Result<String, RequestError> {
    exact_members(function, param, &["name"])?;
    match function.get("name") {
        Some(Value::String(name)) if !name.is_empty() => Ok(name.clone()),
        _ => Err(RequestError::Invalid { param, expected: "an array of functions with a `name`" }),
    }
}

// === impl Request ===

impl Request {
    /// The functions that the request declares, `tools` before `functions`.
    #[must_use]
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// What the provider itself would run: the types of `tools` that are no functions, and the tools behind members such as
    /// `web_search_options`.
    #[must_use]
    pub fn provider_tools(&self) -> Vec<&str> {
        let tools = self.body.get("tools").and_then(Value::as_array).into_iter().flatten();
        let kinds = tools.filter_map(|tool| tool.get("type").and_then(Value::as_str));
        let members = PROVIDER_MEMBERS.iter().filter(|(member, _)| self.body.get(*member).is_some_and(is_asked_for));
        kinds.filter(|kind| *kind != "function").chain(members.map(|(_, tool)| *tool)).collect()
    }

    /// The tools that the request names as the ones to call, in `tool_choice` and `function_call`.
    #[must_use]
    pub fn chosen(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if let Some(choice) = self.body.get("tool_choice") {
            names.extend(chosen_name(choice));
            let allowed = choice.get("allowed_tools").unwrap_or(choice).get("tools");
            names.extend(allowed.and_then(Value::as_array).into_iter().flatten().filter_map(chosen_name));
        }
        names.extend(self.body.get("function_call").and_then(|choice| choice.get("name")).and_then(Value::as_str));
        names
    }

    /// Turns a choice that forces a call into `auto`; one that allows only some tools still does.
    pub(super) fn unforce(&mut self) {
        for member in ["tool_choice", "function_call"] {
            let free = match self.body.get(member) {
                Some(Value::String(mode)) if !matches!(mode.as_str(), "auto" | "none") => Value::from("auto"),
                Some(Value::Object(choice)) => only_allowed(choice).unwrap_or_else(|| Value::from("auto")),
                _ => continue,
            };
            self.set(member, free);
        }
    }

    /// Replaces the declarations of one form by these: of each only name, description and parameters are written. Tools that
    /// the provider runs stay. A list that would be empty is left out.
    pub fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        let mut list: Vec<String> = declarations.iter().map(|declaration| entry(declaration, form)).collect();
        let member = match form {
            Form::Function => "functions",
            Form::Tool => {
                list.extend(provided(&self.body).map(Value::to_string));
                "tools"
            }
            // Forms of calls that are refused: nothing is declared in them.
            Form::Custom | Form::Unclear => return,
        };
        self.declared.retain(|tool| tool.form != form);
        self.declared.extend(declarations.iter().map(|tool| Declared { name: tool.name().to_owned(), form }));
        self.edits.retain(|edit| edit.member != member);
        if list.is_empty() {
            self.remove(member);
        } else {
            self.edits.push(splice::Edit { member, text: Some(format!("[{}]", list.join(","))) });
        }
    }
}

/// One entry of a list of declarations.
fn entry(declaration: &Declaration, form: Form) -> String {
    match form {
        Form::Function => declaration.object("parameters"),
        Form::Tool | Form::Custom | Form::Unclear => {
            format!(r#"{{"type":"function","function":{}}}"#, declaration.object("parameters"))
        }
    }
}

/// A choice of `allowed_tools`, in mode `auto`.
fn only_allowed(choice: &Map<String, Value>) -> Option<Value> {
    let mut allowed = choice.get("allowed_tools")?.as_object()?.clone();
    allowed.insert("mode".to_owned(), Value::from("auto"));
    let mut choice = choice.clone();
    choice.insert("allowed_tools".to_owned(), Value::Object(allowed));
    Some(Value::Object(choice))
}

/// `null`, `false` and empty lists ask for nothing.
fn is_asked_for(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

/// The name in `{"type": "function", "function": {"name": …}}` and its like.
fn chosen_name(choice: &Value) -> Option<&str> {
    let named = choice.get("function").or_else(|| choice.get("custom")).unwrap_or(choice);
    named.get("name").and_then(Value::as_str)
}
