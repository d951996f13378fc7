//! Writes the declared tools in the contract's words. A tool that the API defines has no words, and keeps its documented members.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use callgate_json::Span;

use super::super::references;
use super::{ClientTool, EntryKind, kept, kind, member_name};
use crate::Declaration;
use crate::anthropic_messages::client_tools::{SingleTool, Toolset};
use crate::skeleton::document::{Body, List};

/// An entry of the list, by the name of its tool.
enum ListedTool<'t> {
    Function(Span<'t>),
    One(&'static SingleTool, Span<'t>),
    /// A toolset with this position among the toolsets.
    Member(usize),
}

/// Replaces the declared tools. Those of the provider come last. References in the conversation to tools that are gone are taken out.
pub(in crate::anthropic_messages::request) fn write(body: &mut Body, declarations: &[&Declaration]) {
    let mut entries: HashMap<Cow<'_, str>, ListedTool<'_>> = HashMap::new();
    let mut sets: Vec<Option<(&'static Toolset, Span<'_>)>> = Vec::new();
    let mut provided = Vec::new();
    for tool in body.original().get("tools").into_iter().flat_map(Span::items) {
        let name = || tool.get("name").and_then(Span::string).unwrap_or_default();
        match kind(tool) {
            Ok(EntryKind::Function) => drop(entries.insert(name(), ListedTool::Function(tool))),
            Ok(EntryKind::Client(ClientTool::One(one))) => drop(entries.insert(name(), ListedTool::One(one, tool))),
            Ok(EntryKind::Client(ClientTool::Set(set))) => {
                for member in set.offered(tool).unwrap_or_default() {
                    entries.insert(member_name(set.family, member).into(), ListedTool::Member(sets.len()));
                }
                sets.push(Some((set, tool)));
            }
            Ok(EntryKind::Provided(_)) | Err(_) => provided.push(tool),
        }
    }
    let names: HashSet<&str> = declarations.iter().map(|tool| tool.name()).collect();
    let mut list = List::with_capacity(declarations.iter().map(|tool| tool.size()).sum());
    for declaration in declarations {
        match entries.get(declaration.name()) {
            Some(ListedTool::Function(tool)) => declaration.write(list.item(), "input_schema", &kept::members(*tool)),
            Some(ListedTool::One(one, tool)) => list.item().push_str(&one.write(*tool, &kept::members(*tool))),
            Some(ListedTool::Member(position)) => {
                // The first of its members brings the whole toolset.
                if let Some((set, tool)) = sets.get_mut(*position).and_then(Option::take) {
                    let cache = if Toolset::is_deferred(tool) { String::new() } else { kept::cache_control(tool) };
                    list.item().push_str(&set.write(tool, |name| names.contains(name), &cache));
                }
            }
            None => declaration.write(list.item(), "input_schema", ""),
        }
    }
    for tool in provided {
        list.item().push_str(&tool.text());
    }
    // Tools of MCP servers are in no list of the request.
    let has_servers = body.provider_tools().iter().any(|tool| tool.starts_with("mcp"));
    let is_gone = |name: &str| !names.contains(name) && (!has_servers || entries.contains_key(name));
    let messages = references::without(body, is_gone);
    let list = list.end();
    if let Some(messages) = messages {
        body.set("messages", messages);
    }
    body.put("tools", list);
}
