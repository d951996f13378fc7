//! One declared tool: an entry of `tools`, of a namespace, or of an item that brings tools.

use std::borrow::Cow;

use callgate_json::Span;

use crate::checks::exact;
use crate::openai_responses::kinds;
use crate::skeleton::document::is_known_format;
use crate::{Form, NativeName, RequestError};

/// The kinds of declared tools.
pub(super) enum ToolEntry<'t> {
    /// A function or a custom tool, with its name.
    Named(Cow<'t, str>, Form),
    /// A tool that the API defines and the client runs.
    Native(NativeName),
    /// The tools of a namespace.
    Namespace(Cow<'t, str>, Span<'t>),
    /// A tool of this name, which the provider runs.
    Provided(Cow<'t, str>),
}

/// Reads an entry of a list in the member `param`.
pub(super) fn read<'t>(tool: Span<'t>, param: &'static str) -> Result<ToolEntry<'t>, RequestError> {
    let invalid = |expected| RequestError::invalid(param, expected);
    let tool = tool.object().ok_or(invalid("an array of objects"))?;
    exact(tool, param, &["type", "name", "function", "custom", "tools", "execution", "environment", "format"])?;
    let kind = kind(tool).ok_or(invalid("an array of tools with a `type`"))?;
    let other = |member: &str| tool.some(member).is_some();
    match kind.as_ref() {
        "function" | "custom" => {
            let name = tool.get("name").and_then(Span::string).filter(|name| !name.is_empty());
            let name = name.filter(|_| !other("function") && !other("custom") && !other("tools"));
            let name = name.ok_or(invalid("an array of functions with a `name` of their own"))?;
            Ok(ToolEntry::Named(name, if kind == "custom" { Form::Custom } else { Form::Tool }))
        }
        "namespace" => {
            let name = tool.get("name").and_then(Span::string).filter(|name| !name.is_empty());
            let tools = tool.get("tools").and_then(Span::array);
            let (Some(name), Some(tools)) = (name, tools) else {
                return Err(invalid("an array of namespaces with a `name` and `tools`"));
            };
            Ok(ToolEntry::Namespace(name, tools))
        }
        "local_shell" => Ok(ToolEntry::Native(NativeName::LocalShell)),
        "apply_patch" => Ok(ToolEntry::Native(NativeName::ApplyPatch)),
        "shell" => match tool.some("environment").map(|environment| environment.get("type").and_then(Span::string)) {
            None => Ok(ToolEntry::Native(NativeName::Shell)),
            Some(Some(place)) if place == "local" => Ok(ToolEntry::Native(NativeName::Shell)),
            Some(_) => Ok(ToolEntry::Provided(Cow::Borrowed(kinds::HOSTED_SHELL))),
        },
        "tool_search" => match tool.some("execution").map(Span::string) {
            Some(Some(by)) if by == "client" => Ok(ToolEntry::Native(NativeName::ToolSearch)),
            None => Ok(ToolEntry::Provided(kind)),
            Some(Some(by)) if by == "server" => Ok(ToolEntry::Provided(kind)),
            Some(_) => Err(invalid("an array of tool searches whose `execution` is `client` or `server`")),
        },
        _ => Ok(ToolEntry::Provided(kind)),
    }
}

/// Returns the format of a custom tool as JSON text if it is a known and bounded one.
pub(super) fn format(tool: Span<'_>) -> Option<Cow<'_, str>> {
    tool.some("format").filter(|format| is_known_format(*format, None)).map(Span::text)
}

pub(super) fn kind(tool: Span<'_>) -> Option<Cow<'_, str>> {
    tool.get("type").and_then(Span::string)
}
