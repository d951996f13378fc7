//! Blocks of `content`: their kinds, the tools behind them, and the places a call could hide in.
//!
//! Source: API reference, *Messages*, response `content`; `BetaContentBlock` of the SDK.

use callgate_json::{Item, Map, Value};

use crate::checks::{self, exact_keys, folds_to, text};
use crate::skeleton::blocks::Start;
use crate::{Form, ShapeError};
use crate::{outlined, unknown};

/// The kind of a block, as far as a decision needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessagesBlock {
    /// `text`.
    Text,
    /// `thinking`, with the signature of the unchanged text.
    Thinking,
    /// `tool_use`: a call, which the client runs.
    Call,
    /// `server_tool_use`, `mcp_tool_use`: the provider has run it, or is about to.
    Provided,
    /// `compaction`: a summary of the conversation so far.
    Compaction,
    /// Every other known kind; streams bring it in one piece.
    Whole,
    /// An unknown kind without a call.
    Unknown,
}

/// Members the reader reads of a block. It refuses keys that only resemble them.
const READ_MEMBERS: [&str; 7] = ["type", "id", "name", "input", "toolset_name", "text", "thinking"];

/// Members the reader reads of a delta.
pub(super) const DELTA_MEMBERS: [&str; 4] = ["type", "text", "partial_json", "thinking"];

/// The names, or beginnings of names, of the provider tools behind a block; one of them must be there. Newer searches run code to
/// filter their results (`web_search_20260209` and later), and so may skills.
const CODE: &[&str] = &["code_execution_", "web_search_2026", "web_fetch_2026", "skills"];
const MCP: &[&str] = &["mcp"];

/// Reads the kind of a block.
///
/// `provided` are the tools the request makes the provider run. A kind that only other tools make is an error, and so is a call
/// inside of a block of another kind.
pub(super) fn kind<S: AsRef<str>>(block: &Map<String, Value>, provided: &[S]) -> Result<MessagesBlock, ShapeError> {
    exact_keys(block, &READ_MEMBERS)?;
    let Some(Value::String(name)) = block.get("type") else {
        return Err(ShapeError::Type { at: "content[].type", expected: "a string" });
    };
    let (kind, makers) = match name.as_str() {
        "tool_use" => return Ok(MessagesBlock::Call),
        "text" => {
            text(block, "text")?;
            (MessagesBlock::Text, None)
        }
        "thinking" => {
            text(block, "thinking")?;
            (MessagesBlock::Thinking, None)
        }
        "redacted_thinking" | "fallback" => (MessagesBlock::Whole, None),
        "compaction" => (MessagesBlock::Compaction, None),
        "server_tool_use" => (MessagesBlock::Provided, Some(makers_of_use(text(block, "name")?))),
        "web_search_tool_result" => (MessagesBlock::Whole, Some(&["web_search_"] as &[_])),
        "web_fetch_tool_result" => (MessagesBlock::Whole, Some(&["web_fetch_"] as &[_])),
        "code_execution_tool_result"
        | "bash_code_execution_tool_result"
        | "text_editor_code_execution_tool_result"
        | "container_upload" => (MessagesBlock::Whole, Some(CODE)),
        "tool_search_tool_result" => (MessagesBlock::Whole, Some(&["tool_search_tool_"] as &[_])),
        "advisor_tool_result" => (MessagesBlock::Whole, Some(&["advisor_"] as &[_])),
        "mcp_tool_use" => (MessagesBlock::Provided, Some(MCP)),
        "mcp_tool_result" | "mcp_tool_listing" => (MessagesBlock::Whole, Some(MCP)),
        name => return unknown::no_part_of_call(name, block).map(|()| MessagesBlock::Unknown),
    };
    let is_there = |maker: &&str| provided.iter().any(|tool| tool.as_ref().starts_with(maker));
    if makers.is_some_and(|makers| !makers.iter().any(is_there)) {
        return Err(ShapeError::UnknownPart);
    }
    block.values().try_for_each(no_call_in)?;
    Ok(kind)
}

/// The tools behind a `server_tool_use` of this name.
fn makers_of_use(name: &str) -> &'static [&'static str] {
    match name {
        "web_search" => &["web_search_"],
        "web_fetch" => &["web_fetch_"],
        "code_execution" | "bash_code_execution" | "text_editor_code_execution" => CODE,
        "tool_search_tool_regex" => &["tool_search_tool_regex"],
        "tool_search_tool_bm25" => &["tool_search_tool_bm25"],
        "advisor" => &["advisor_"],
        _ => &[],
    }
}

/// Reads a `tool_use` block but for its input.
///
/// A member of a toolset (`toolset_name`) is the client's own and no function of that name. No contract can name it, so it counts
/// as [unknown](Form::Unknown).
pub(super) fn named(block: &Map<String, Value>) -> Result<Start, ShapeError> {
    exact_keys(block, &READ_MEMBERS)?;
    let is_own = block.get("toolset_name").is_some_and(|toolset| !toolset.is_null());
    let form = if is_own { Form::Unknown } else { Form::Tool };
    let extra: Map<String, Value> = block
        .iter()
        .filter(|(key, value)| !["type", "id", "name", "input"].contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    unknown::no_call_in(&extra)?;
    let (id, name) = (text(block, "id")?.to_owned(), text(block, "name")?.to_owned());
    Ok(Start { id, name, form, extra, input: None })
}

/// Refuses calls anywhere in an object.
pub(super) fn no_call(members: &Map<String, Value>) -> Result<(), ShapeError> {
    no_call_but(members, "")
}

/// Refuses calls anywhere in an object but under one member, which the caller reads.
pub(super) fn no_call_but(members: &Map<String, Value>, expected: &str) -> Result<(), ShapeError> {
    checks::no_call_but(members, &[expected], is_call_member)
}

/// Returns the members of an outlined object with these names. It refuses calls anywhere but under the first of them.
pub(super) fn members<'t, const N: usize>(
    object: Item<'t>,
    names: &[&'static str; N],
) -> Result<[Option<Item<'t>>; N], ShapeError> {
    let is_call =
        |key: Item<'_>, value: Item<'_>| value.is("tool_use") && key.string().is_some_and(|key| folds_to(&key, "type"));
    outlined::members(object, names, 1, is_call, |_, _| Ok(()))
}

pub(super) fn no_call_in(value: &Value) -> Result<(), ShapeError> {
    checks::no_call(value, is_call_member)
}

fn is_call_member(key: &str, value: &Value) -> bool {
    folds_to(key, "type") && value == "tool_use"
}
