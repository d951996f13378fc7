//! Blocks of `content`: their kinds, the tools behind them, and the places a call could hide in.
//!
//! Source: API reference, *Messages*, response `content`; `BetaContentBlock` of the SDK.

use callgate_json::{Item, Map, Value};

use super::client_tools::{is_family, member_name};
use crate::checks::{self, exact_keys, folds_to, text};
use crate::skeleton::blocks::{NAMES_CALLS, Start};
use crate::{Call, Form, ShapeError};
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
const READ_MEMBERS: [&str; 8] = ["type", "id", "name", "input", FAMILY, CALLER, "text", "thinking"];
/// The family of a toolset's member.
pub(super) const FAMILY: &str = "toolset_name";
const CALLER: &str = "caller";
/// The beginning of the kinds of code that call tools.
const CODE_CALLER: &str = "code_execution_";

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
        "tool_use" => {
            let is_codes = called_by(block)?.is_some_and(|caller| caller.starts_with(CODE_CALLER));
            let has_code = || provided.iter().any(|tool| tool.as_ref().starts_with(CODE_CALLER));
            return if is_codes && !has_code() { Err(ShapeError::UnknownPart) } else { Ok(MessagesBlock::Call) };
        }
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
/// A member of a toolset is named after its family too. The client runs the call, whoever made it: the model or code at the
/// provider. A call of an unknown family, or of an unknown caller, is [unknown](Form::Unknown).
pub(super) fn named(block: &Map<String, Value>) -> Result<Start, ShapeError> {
    exact_keys(block, &READ_MEMBERS)?;
    let family = text(block, FAMILY)?;
    let is_clear = (family.is_empty() || is_family(family)) && is_known_caller(block)?;
    let form = if is_clear { Form::Tool } else { Form::Unknown };
    let extra: Map<String, Value> = block
        .iter()
        .filter(|(key, value)| !["type", "id", "name", "input"].contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    unknown::no_call_in(&extra)?;
    let (id, name) = (text(block, "id")?.to_owned(), text(block, "name")?);
    let name = if family.is_empty() { name.to_owned() } else { member_name(family, name) };
    Ok(Start { id, name, form, extra, input: None })
}

/// Returns the members of a call but for its arguments, as the API writes them.
pub(super) fn call_members(call: &Call) -> Map<String, Value> {
    let family = call.extra.get(FAMILY).and_then(Value::as_str).unwrap_or_default();
    let own = if family.is_empty() { None } else { call.name.strip_prefix(member_name(family, "").as_str()) };
    let mut members = Map::new();
    members.insert("type".to_owned(), Value::from(NAMES_CALLS));
    members.insert("id".to_owned(), Value::from(call.id.as_str()));
    members.insert("name".to_owned(), Value::from(own.unwrap_or(&call.name)));
    members.insert("input".to_owned(), Value::Object(Map::new()));
    members.extend(call.extra.clone());
    members
}

/// Returns the kind of the caller of a call; `None` if the block has none.
fn called_by(block: &Map<String, Value>) -> Result<Option<&str>, ShapeError> {
    match block.get(CALLER) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(caller)) => text(caller, "type").map(Some),
        Some(_) => Err(ShapeError::Type { at: "content[].caller", expected: "an object" }),
    }
}

/// Returns true if a call has no caller, the model, or code by the identifier of its block.
fn is_known_caller(block: &Map<String, Value>) -> Result<bool, ShapeError> {
    let Some(kind) = called_by(block)? else { return Ok(true) };
    let members = block.get(CALLER).and_then(Value::as_object);
    let members = || members.into_iter().flatten().filter(|(key, value)| *key != "type" && !value.is_null());
    Ok(match kind {
        "direct" => members().next().is_none(),
        code if code.starts_with(CODE_CALLER) => members().all(|(key, value)| key == "tool_id" && value.is_string()),
        _ => false,
    })
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
