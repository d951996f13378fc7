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
        kind if kinds::COMPUTERS.contains(&kind) => match screen(tool) {
            true => Ok(ToolEntry::Native(NativeName::Computer)),
            false => {
                Err(invalid("an array of computers with a known `environment` and a display of at most 16,384 pixels"))
            }
        },
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

/// The places in which a computer runs.
const PLACES: [&str; 5] = ["browser", "linux", "mac", "ubuntu", "windows"];
/// The maximum width and height of a computer's display, in pixels.
const WIDEST: u64 = 16_384;
const SIZES: [&str; 2] = ["display_width", "display_height"];

/// Returns true if the members of a computer are the documented ones with bounded values.
fn screen(tool: Span<'_>) -> bool {
    let is_size = |size: Span<'_>| size.count().is_some_and(|size| (1..=WIDEST).contains(&size));
    let is_place = |place: Span<'_>| place.string().is_some_and(|place| PLACES.contains(&place.as_ref()));
    SIZES.iter().filter_map(|size| tool.some(size)).all(is_size) && tool.some("environment").is_none_or(is_place)
}

/// Returns the documented members of a computer as JSON text, with a comma at the start.
pub(super) fn screen_members(tool: Span<'_>) -> String {
    let known = SIZES.iter().chain(&["environment"]).filter_map(|member| Some((member, tool.some(member)?)));
    known.map(|(member, value)| format!(r#","{member}":{}"#, value.text())).collect()
}

/// Returns the format of a custom tool as JSON text if it is a known and bounded one.
pub(super) fn format(tool: Span<'_>) -> Option<Cow<'_, str>> {
    tool.some("format").filter(|format| is_known_format(*format, None)).map(Span::text)
}

pub(super) fn kind(tool: Span<'_>) -> Option<Cow<'_, str>> {
    tool.get("type").and_then(Span::string)
}
