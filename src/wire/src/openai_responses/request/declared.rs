//! The tools of a request: declared, chosen, or run by the provider.

use std::borrow::Cow;

use callgate_json::Span;

use crate::checks::exact;
use crate::members::{Fields, Judged};
use crate::skeleton::document::{Body, Replaced, Tools, callers, declare, declared_once, kept_members, redeclared};
use crate::{Declaration, Form, RequestError};

pub(super) fn read(fields: &Fields<'_>, judged: &mut Judged) -> Result<Tools, RequestError> {
    let mut tools = Tools::default();
    for tool in fields.list("tools")? {
        entry(&mut tools, tool, judged)?;
    }
    match fields.get("tool_choice") {
        Some(choice) if choice.is_object() => choose(&mut tools, choice, judged, true)?,
        Some(choice) if !choice.is_string() => {
            return Err(RequestError::invalid("tool_choice", "a string or an object"));
        }
        _ => {}
    }
    declared_once(&tools.declared)?;
    Ok(tools)
}

fn entry(tools: &mut Tools, tool: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
    let invalid = |expected| RequestError::invalid("tools", expected);
    let tool = tool.object().ok_or(invalid("an array of objects"))?;
    exact(tool, "tools", &["type", "name", "function", "tools"])?;
    let kind = kind(tool).ok_or(invalid("an array of tools with a `type`"))?;
    match kind.as_ref() {
        "function" => {
            let name = tool.get("name").and_then(Span::string).filter(|name| !name.is_empty());
            let name = name.filter(|_| tool.get("function").is_none());
            let name = name.ok_or(invalid("an array of functions with a `name` of their own"))?;
            callers(tool, judged)?;
            declare(&mut tools.declared, "tools", &name, Form::Tool)
        }
        "custom" => {
            tools.has_custom = true;
            Ok(())
        }
        _ => judged.runs.add("tools", &kind),
    }
}

fn choose(tools: &mut Tools, choice: Span<'_>, judged: &mut Judged, is_top: bool) -> Result<(), RequestError> {
    let invalid = |expected| RequestError::invalid("tool_choice", expected);
    exact(choice, "tool_choice", &["type", "name", "tools"])?;
    let kind = kind(choice).ok_or(invalid("a choice with a `type`"))?;
    match kind.as_ref() {
        "function" => {
            let name = choice.get("name").and_then(Span::string);
            tools.chosen.add("tool_choice", &name.ok_or(invalid("a function with its `name`"))?)
        }
        "allowed_tools" if is_top => {
            let list = choice.get("tools").and_then(Span::objects);
            let mut list = list.ok_or(invalid("a list of tools"))?.items();
            list.try_for_each(|tool| choose(tools, tool, judged, false))
        }
        "allowed_tools" => Err(invalid("a list of tools with a `type`")),
        "custom" => {
            tools.has_custom = true;
            Ok(())
        }
        _ => judged.runs.add("tool_choice", &kind),
    }
}

/// Replaces the declared functions. The caller's members about the handling of a function stay, and so do the provider's tools.
///
/// A function without `strict` gets false: the API would else turn the contract's schema into one of its own.
pub(super) fn write(body: &mut Body, declarations: &[&Declaration]) {
    const NOT_STRICT: &str = r#","strict":false"#;
    let sort = |tool| match kind(tool).as_deref() {
        Some("function") => {
            let name = tool.get("name").and_then(Span::string).unwrap_or_default();
            let default = if tool.some("strict").is_none() { NOT_STRICT } else { "" };
            Replaced::Function(name, format!("{default}{}", kept_members(tool)))
        }
        Some("custom") => Replaced::Dropped,
        _ => Replaced::Provided,
    };
    let list = redeclared(body.original().get("tools"), declarations, sort, |out, tool, kept| {
        out.push_str(r#"{"type":"function""#);
        out.push_str(kept.map_or(NOT_STRICT, String::as_str));
        out.push(',');
        tool.write_members(out, "parameters", [tool.parameters(), ""]);
    });
    body.put("tools", list);
}

fn kind(tool: Span<'_>) -> Option<Cow<'_, str>> {
    tool.get("type").and_then(Span::string)
}
