//! The tools a request declares, chooses, and lets the provider run.

use callgate_json::{Map, Value};

use crate::gemini::names::{
    ALLOWED_FUNCTION_NAMES, FUNCTION_CALLING_CONFIG, FUNCTION_DECLARATIONS, NAME, STREAM_ARGUMENTS, TOOL_CONFIG, TOOLS,
    camel,
};
use crate::shape::declared_once;
use crate::{Declaration, Declared, Form, RequestError};

/// What a request says of tools.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    declared: Vec<Declared>,
    /// Members of `tools[]` that are no function declarations, by their names in camel case.
    provided: Vec<String>,
    chosen: Vec<String>,
}

// === impl Tools ===

impl Tools {
    pub(super) fn read(body: &Map<String, Value>) -> Result<Tools, RequestError> {
        let mut tools = Tools::default();
        for tool in TOOLS.read(body, "an array", Value::as_array)?.into_iter().flatten() {
            let tool =
                tool.as_object().ok_or(RequestError::Invalid { param: "tools", expected: "an array of objects" })?;
            let functions = FUNCTION_DECLARATIONS.read(tool, "an array of objects with a `name`", Value::as_array)?;
            for function in functions.into_iter().flatten() {
                tools.declared.push(Declared { name: name(function)?, form: Form::Tool });
            }
            tools.provided.extend(others(tool).map(|(key, _)| camel(key)));
        }
        tools.declared = declared_once(tools.declared)?;
        tools.read_config(body)?;
        Ok(tools)
    }

    fn read_config(&mut self, body: &Map<String, Value>) -> Result<(), RequestError> {
        let Some(config) = TOOL_CONFIG.read(body, "an object", Value::as_object)? else { return Ok(()) };
        let Some(calling) = FUNCTION_CALLING_CONFIG.read(config, "an object", Value::as_object)? else { return Ok(()) };
        if STREAM_ARGUMENTS.read(calling, "true or false", Value::as_bool)? == Some(true) {
            let expected = "left out or false: a call is decided on whole";
            return Err(RequestError::Invalid { param: STREAM_ARGUMENTS.camel, expected });
        }
        let names = |value: &Value| value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect();
        self.chosen = ALLOWED_FUNCTION_NAMES.read(calling, "an array of strings", names)?.unwrap_or_default();
        Ok(())
    }

    pub(super) fn declared(&self) -> &[Declared] {
        &self.declared
    }

    pub(super) fn provided(&self) -> Vec<&str> {
        self.provided.iter().map(String::as_str).collect()
    }

    pub(super) fn chosen(&self) -> Vec<&str> {
        self.chosen.iter().map(String::as_str).collect()
    }

    /// The entries of `tools` with these declarations instead: all of them in one, then what the provider runs.
    pub(super) fn replace(&mut self, body: &Map<String, Value>, declarations: &[&Declaration]) -> Vec<String> {
        let declared = |tool: &&Declaration| Declared { name: tool.name().to_owned(), form: Form::Tool };
        self.declared = declarations.iter().map(declared).collect();
        let mut list = Vec::new();
        if !declarations.is_empty() {
            let functions: Vec<String> = declarations.iter().map(|tool| tool.object("parametersJsonSchema")).collect();
            list.push(format!(r#"{{"functionDeclarations":[{}]}}"#, functions.join(",")));
        }
        for tool in body.get(TOOLS.camel).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
            let kept: Map<String, Value> = others(tool).map(|(key, value)| (key.clone(), value.clone())).collect();
            if !kept.is_empty() {
                list.push(Value::Object(kept).to_string());
            }
        }
        list
    }
}

/// What a tool has besides functions; `null` is nothing.
fn others(tool: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    tool.iter().filter(|(key, value)| !FUNCTION_DECLARATIONS.is(key) && !value.is_null())
}

fn name(function: &Value) -> Result<String, RequestError> {
    let expected = "an array of objects with a `name`";
    let invalid = RequestError::Invalid { param: FUNCTION_DECLARATIONS.camel, expected };
    let Some(function) = function.as_object() else { return Err(invalid) };
    match NAME.read(function, "a string", Value::as_str)? {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(invalid),
    }
}
