//! The tools of a request: declared, chosen, or run by the provider.

use std::borrow::Cow;

use callgate_json::{Span, Value};

use crate::checks::exact;
use crate::members::{Fields, Judged};
use crate::skeleton::document::{
    Body, Replaced, ToolMembers, Tools, add, declare, declared_once, is_known_format, kept_members, redeclared,
};
use crate::{Declaration, Declared, Form, RequestError};

/// An entry of `tools`.
enum ToolEntry<'t> {
    Function(Span<'t>),
    /// A tool whose input is free text.
    Custom(Span<'t>),
    /// A tool of this type, which the provider runs.
    Provided(Cow<'t, str>),
}

/// Reads `tools` before `functions`, then the choices among them.
pub(super) fn read(fields: &Fields<'_>, judged: &mut Judged) -> Result<Tools, RequestError> {
    let mut tools = Tools::default();
    for tool in fields.list("tools")? {
        let (entry, outside) = entry(tool)?;
        match entry {
            ToolEntry::Function(function) => {
                outside.callers(judged)?;
                let inside = ToolMembers::of(function, ["name"]);
                inside.callers(judged)?;
                tools.keeps |= outside.has_kept || inside.has_kept;
                declare(&mut tools.declared, "tools", &name(&inside, "tools")?, Form::Tool)?;
            }
            ToolEntry::Custom(custom) => {
                outside.callers(judged)?;
                tools.keeps = true;
                let inside = ToolMembers::of(custom, ["name"]);
                inside.callers(judged)?;
                let (name, called) = (name(&inside, "tools")?.into_owned(), Form::Custom);
                let tool = Declared { name, form: Form::Tool, called, namespace: String::new() };
                add(&mut tools.declared, "tools", tool)?;
            }
            ToolEntry::Provided(kind) => {
                tools.keeps = true;
                judged.runs.add("tools", &kind)?;
                // Servers that ignore the type tell the model of a function. Moonshot names its own tools so.
                let [_, function, _] = outside.values;
                if kind != "builtin_function" && function.is_some_and(|function| !function.is_null()) {
                    return Err(RequestError::invalid("tools", "free of a `function` in tools of another type"));
                }
            }
        }
    }
    for function in fields.list("functions")? {
        let function = function.object().ok_or(RequestError::invalid("functions", "an array of objects"))?;
        let name = name(&ToolMembers::of(function, ["name"]), "functions")?;
        declare(&mut tools.declared, "functions", &name, Form::Function)?;
    }
    declared_once(&tools.declared)?;
    for choice in ["tool_choice", "function_call"] {
        let is_choice = |choice: Span<'_>| (choice.is_string() || choice.is_object()).then_some(());
        fields.read(choice, "a string or an object", is_choice)?;
    }
    if let Some(choice) = fields.get("tool_choice") {
        choose(&mut tools, choice)?;
        let allowed = match choice.some("allowed_tools") {
            None => choice.get("tools"),
            Some(allowed) => {
                let invalid = RequestError::invalid("tool_choice", "a choice of `allowed_tools`");
                let allowed = allowed.object().ok_or(invalid)?;
                exact(allowed, "tool_choice", &["mode", "tools"])?;
                allowed.get("tools")
            }
        };
        allowed.into_iter().flat_map(Span::items).try_for_each(|tool| choose(&mut tools, tool))?;
    }
    if let Some(name) = fields.get("function_call").and_then(|choice| choice.get("name")).and_then(Span::string) {
        tools.chosen.add("function_call", &name)?;
    }
    Ok(tools)
}

/// Reads the name in `{"type": "function", "function": {"name": …}}` and its like.
fn choose(tools: &mut Tools, choice: Span<'_>) -> Result<(), RequestError> {
    exact(choice, "tool_choice", &["type", "function", "custom", "name", "allowed_tools", "tools"])?;
    chosen(choice).map_or(Ok(()), |name| tools.chosen.add("tool_choice", &name))
}

/// Returns the name of a chosen function or custom tool.
pub(super) fn chosen(choice: Span<'_>) -> Option<Cow<'_, str>> {
    let named = choice.some("function").or(choice.some("custom")).unwrap_or(choice);
    named.get("name").and_then(Span::string)
}

/// Replaces the declarations of one form. The caller's members about the handling of a function stay, and so do the provider's
/// tools, if the list [keeps](Tools::keeps) any. An empty list is left out, with the choice among its tools.
pub(super) fn write(body: &mut Body, declarations: &[&Declaration], form: Form, keeps: bool) {
    let (member, list) = if form == Form::Function {
        let none = |_| Replaced::<()>::Dropped;
        ("functions", redeclared(None, declarations, none, |out, tool, _| tool.write(out, "parameters", "")))
    } else {
        let runs = body.runs();
        let sort = |tool| match entry(tool) {
            Ok((ToolEntry::Function(function), _)) => {
                let name = function.get("name").and_then(Span::string).unwrap_or_default();
                Replaced::Function(name, (kept_members(tool, runs), kept_members(function, runs), None))
            }
            Ok((ToolEntry::Custom(custom), _)) => {
                let name = custom.get("name").and_then(Span::string).unwrap_or_default();
                Replaced::Function(name, (kept_members(tool, runs), kept_members(custom, runs), Some(format(custom))))
            }
            Ok((ToolEntry::Provided(kind), _)) if !runs.is_dropped(&kind) => Replaced::Provided,
            Ok((ToolEntry::Provided(_), _)) | Err(_) => Replaced::Dropped,
        };
        let tools = if keeps { body.original().get("tools") } else { None };
        let list = redeclared(tools, declarations, sort, |out, tool, kept| {
            if let Some((outside, inside, Some(format))) = kept {
                return custom(out, tool, &[inside, format], outside);
            }
            let (outside, inside) = kept.map_or(("", ""), |(outside, inside, _)| (outside.as_str(), inside.as_str()));
            out.push_str(r#"{"type":"function","function":"#);
            tool.write(out, "parameters", inside);
            out.push_str(outside);
            out.push('}');
        });
        ("tools", list)
    };
    let is_empty = list.is_none();
    body.put(member, list);
    if is_empty {
        super::choice::without(body, form);
    }
}

/// Reads an entry of `tools`. A tool without a type is a function, as clients of Mistral send it.
fn entry(tool: Span<'_>) -> Result<(ToolEntry<'_>, ToolMembers<'_, 3>), RequestError> {
    let invalid = |expected| RequestError::invalid("tools", expected);
    let tool = tool.object().ok_or(invalid("an array of objects"))?;
    let members = ToolMembers::of(tool, ["type", "function", "custom"]);
    members.exact("tools")?;
    let [kind, function, custom] = members.values;
    let kind = match kind.filter(|kind| !kind.is_null()) {
        None => Cow::Borrowed("function"),
        Some(kind) => kind.string().ok_or(invalid("an array of tools whose `type` is a string"))?,
    };
    let entry = match kind.as_ref() {
        "function" | "custom" if function.and_then(some).is_some() && custom.and_then(some).is_some() => {
            return Err(invalid("an array of tools with a `function` or a `custom`, not both"));
        }
        "function" => {
            let expected = "an array of tools with a `function`, or with a `type` that names another kind";
            ToolEntry::Function(function.and_then(Span::object).ok_or(invalid(expected))?)
        }
        "custom" => {
            let expected = "an array of custom tools with a `custom`";
            ToolEntry::Custom(custom.and_then(Span::object).ok_or(invalid(expected))?)
        }
        _ => ToolEntry::Provided(kind),
    };
    Ok((entry, members))
}

fn some(value: Span<'_>) -> Option<Span<'_>> {
    Some(value).filter(|value| !value.is_null())
}

/// Writes a custom tool. Its input has no schema. `inside` are further members, each with a comma before it.
fn custom(out: &mut String, tool: &Declaration, inside: &[&str; 2], outside: &str) {
    let name = Value::from(tool.name());
    out.push_str(&format!(r#"{{"type":"custom","custom":{{"name":{name}"#));
    if let Some(description) = tool.description() {
        out.push_str(&format!(r#","description":{description}"#));
    }
    inside.iter().for_each(|members| out.push_str(members));
    out.push('}');
    out.push_str(outside);
    out.push('}');
}

/// Returns the member with the format of a custom tool, with a comma before it; empty for an unknown or unbounded format.
fn format(custom: Span<'_>) -> String {
    let format = custom.some("format").filter(|format| is_known_format(*format, Some("grammar")));
    format.map(|format| format!(r#","format":{}"#, format.text())).unwrap_or_default()
}

fn name<'t>(function: &ToolMembers<'t, 1>, param: &'static str) -> Result<Cow<'t, str>, RequestError> {
    function.exact(param)?;
    let [name] = function.values;
    let name = name.and_then(Span::string).filter(|name| !name.is_empty());
    name.ok_or(RequestError::invalid(param, "an array of functions with a `name`"))
}
