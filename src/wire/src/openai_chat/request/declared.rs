//! The tools that a request declares, chooses, and lets the provider run.

use std::borrow::Cow;
use std::collections::HashMap;

use callgate_json::Span;

use super::invalid;
use crate::body::Body;
use crate::checks::{declare, declared_once, exact};
use crate::declaration::{callers, extended, kept_members};
use crate::members::{Fields, Judged, Names};
use crate::{Declaration, Declared, Form, RequestError};

/// The tools of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    /// The functions, those of `tools` before those of `functions`.
    pub(super) declared: Vec<Declared>,
    pub(super) chosen: Names,
    /// Tools whose input is free text.
    pub(super) has_custom: bool,
}

/// An entry of `tools`.
enum Entry<'t> {
    Function(Span<'t>),
    Custom,
    /// A tool of this type, which the provider runs.
    Provided(Cow<'t, str>),
}

// === impl Tools ===

impl Tools {
    pub(super) fn read(fields: &Fields<'_>, judged: &mut Judged) -> Result<Tools, RequestError> {
        let mut tools = Tools::default();
        for tool in fields.list("tools")? {
            match entry(tool)? {
                Entry::Function(function) => {
                    callers(tool, judged)?;
                    callers(function, judged)?;
                    declare(&mut tools.declared, "tools", &name(function, "tools")?, Form::Tool)?;
                }
                Entry::Custom => tools.has_custom = true,
                Entry::Provided(kind) => {
                    judged.runs.add("tools", &kind)?;
                    // Servers that ignore the type tell the model of a function. Moonshot names its own tools so.
                    if kind != "builtin_function" && tool.some("function").is_some() {
                        return Err(invalid("tools", "free of a `function` in tools of another type"));
                    }
                }
            }
        }
        for function in fields.list("functions")? {
            let function = function.object().ok_or(invalid("functions", "an array of objects"))?;
            declare(&mut tools.declared, "functions", &name(function, "functions")?, Form::Function)?;
        }
        tools.declared = declared_once(tools.declared)?;
        let kind = |choice: Span<'_>| choice.is_string() || choice.is_object();
        fields.read("tool_choice", "a string or an object", |choice| kind(choice).then_some(()))?;
        fields.read("function_call", "a string or an object", |choice| kind(choice).then_some(()))?;
        if let Some(choice) = fields.get("tool_choice") {
            tools.choose(choice)?;
            let allowed = match choice.some("allowed_tools") {
                None => choice.get("tools"),
                Some(allowed) => {
                    let allowed = allowed.object().ok_or(invalid("tool_choice", "a choice of `allowed_tools`"))?;
                    exact(allowed, "tool_choice", &["mode", "tools"])?;
                    allowed.get("tools")
                }
            };
            allowed.into_iter().flat_map(Span::items).try_for_each(|tool| tools.choose(tool))?;
        }
        if let Some(name) = fields.get("function_call").and_then(|choice| choice.get("name")).and_then(Span::string) {
            tools.chosen.add("function_call", &name)?;
        }
        Ok(tools)
    }

    /// The name in `{"type": "function", "function": {"name": …}}` and its like.
    fn choose(&mut self, choice: Span<'_>) -> Result<(), RequestError> {
        exact(choice, "tool_choice", &["type", "function", "name", "allowed_tools", "tools"])?;
        if choice.get("type").and_then(Span::string).is_some_and(|kind| kind == "custom") {
            self.has_custom = true;
            return Ok(());
        }
        match choice.some("function").unwrap_or(choice).get("name").and_then(Span::string) {
            Some(name) => self.chosen.add("tool_choice", &name),
            None => Ok(()),
        }
    }

    /// Replaces the declarations of one form by these, with what the caller said of how each is handled. Tools that the provider
    /// runs stay. A list that would be empty is left out.
    pub(super) fn declare(&mut self, body: &mut Body, declarations: &[&Declaration], form: Form) {
        let member = match form {
            Form::Tool => "tools",
            Form::Function => "functions",
            // Forms of calls that are refused: nothing is declared in them.
            Form::Custom | Form::Unclear => return,
        };
        let came = body.came().get(member);
        let mut callers: HashMap<Cow<'_, str>, (String, String)> = HashMap::new();
        let mut provided = Vec::new();
        for tool in came.into_iter().flat_map(Span::items) {
            match entry(tool) {
                Ok(Entry::Function(function)) if form == Form::Tool => {
                    let name = function.get("name").and_then(Span::string).unwrap_or_default();
                    callers.insert(name, (kept_members(tool), kept_members(function)));
                }
                Ok(Entry::Provided(_)) if form == Form::Tool => provided.push(tool.text().into_owned()),
                _ => {}
            }
        }
        let written = |tool: &&Declaration| {
            let object = tool.object("parameters");
            if form == Form::Function {
                return object;
            }
            let (outside, inside) = callers.get(tool.name()).cloned().unwrap_or_default();
            format!(r#"{{"type":"function","function":{}{outside}}}"#, extended(object, &inside))
        };
        let list: Vec<String> = declarations.iter().map(written).chain(provided).collect();
        self.declared.retain(|tool| tool.form != form);
        self.declared.extend(declarations.iter().map(|tool| Declared { name: tool.name().to_owned(), form }));
        body.set_list(member, &list);
        if list.is_empty() {
            super::choice::without(body, form);
        }
    }
}

/// A tool without a type is a function, as clients of Mistral send it.
fn entry(tool: Span<'_>) -> Result<Entry<'_>, RequestError> {
    let tool = tool.object().ok_or(invalid("tools", "an array of objects"))?;
    exact(tool, "tools", &["type", "function"])?;
    let kind = match tool.some("type") {
        None => Cow::Borrowed("function"),
        Some(kind) => kind.string().ok_or(invalid("tools", "an array of tools whose `type` is a string"))?,
    };
    match kind.as_ref() {
        "function" => {
            let function = tool.get("function").and_then(Span::object);
            let expected = "an array of tools with a `function`, or with a `type` that names another kind";
            function.map(Entry::Function).ok_or(invalid("tools", expected))
        }
        "custom" => Ok(Entry::Custom),
        _ => Ok(Entry::Provided(kind)),
    }
}

fn name<'t>(function: Span<'t>, param: &'static str) -> Result<Cow<'t, str>, RequestError> {
    exact(function, param, &["name"])?;
    let name = function.get("name").and_then(Span::string).filter(|name| !name.is_empty());
    name.ok_or(invalid(param, "an array of functions with a `name`"))
}
