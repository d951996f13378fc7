//! Writes the declared tools in the contract's words. A tool that the API defines has no words, and keeps its documented members.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use callgate_json::Span;

use super::super::references;
use super::{ClientTool, EntryKind, kept, kind, member_name};
use crate::Declaration;
use crate::anthropic_messages::client_tools::Toolset;
use crate::skeleton::document::{Body, List, has_lost_search};

/// Replaces the declared tools, each in its place: a tool that joins at the end changes nothing before it, because the provider caches
/// requests by their beginning. Other declarations come last. References in the conversation to tools that are gone are taken out.
pub(in crate::anthropic_messages::request) fn write(body: &mut Body, declarations: &[&Declaration]) {
    let known: HashMap<&str, &Declaration> = declarations.iter().map(|tool| (tool.name(), *tool)).collect();
    let runs = body.runs();
    let defers = !has_lost_search(runs);
    let mut declared: HashSet<Cow<'_, str>> = HashSet::new();
    let mut list = List::with_capacity(declarations.iter().map(|tool| tool.size()).sum());
    for tool in body.original().get("tools").into_iter().flat_map(Span::items) {
        let name = || tool.get("name").and_then(Span::string).unwrap_or_default();
        match kind(tool) {
            Ok(EntryKind::Function) => {
                if let Some(declaration) = known.get(name().as_ref()) {
                    declaration.write(list.item(), "input_schema", &kept::members(tool, runs));
                }
                declared.insert(name());
            }
            Ok(EntryKind::Client(ClientTool::One(one))) => {
                if known.contains_key(name().as_ref()) {
                    list.item().push_str(&one.write(tool, &kept::members(tool, runs)));
                }
                declared.insert(name());
            }
            Ok(EntryKind::Client(ClientTool::Set(set))) => {
                let members = set.offered(tool).unwrap_or_default().into_iter();
                let members: Vec<String> = members.map(|member| member_name(set.family, member)).collect();
                if members.iter().any(|member| known.contains_key(member.as_str())) {
                    let cache =
                        if defers && Toolset::is_deferred(tool) { String::new() } else { kept::cache_control(tool) };
                    list.item().push_str(&set.write(tool, |name| known.contains_key(name), defers, &cache));
                }
                declared.extend(members.into_iter().map(Cow::Owned));
            }
            Ok(EntryKind::Provided(kind)) if super::is_dropped(&kind, runs) => {}
            Ok(EntryKind::Provided(_)) | Err(_) => list.item().push_str(&tool.text()),
        }
    }
    for tool in declarations.iter().filter(|tool| !declared.contains(tool.name())) {
        tool.write(list.item(), "input_schema", "");
    }
    // Tools of MCP servers are in no list of the request.
    let has_servers = runs.iter().any(|tool| tool.starts_with(super::MCP));
    let provided: Vec<Cow<'_, str>> = super::provided(body).collect();
    let is_gone = |name: &str| {
        let is_left = known.contains_key(name) || provided.iter().any(|provided| provided == name);
        !is_left && (!has_servers || declared.contains(name))
    };
    let messages = references::without(body, is_gone, runs.lost(|tool| tool.starts_with(super::MCP)));
    let list = list.end();
    if let Some(messages) = messages {
        body.set("messages", messages);
    }
    body.put("tools", list);
}
