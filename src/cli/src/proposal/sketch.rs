//! The tools that files declare, before they are a contract.

use std::collections::{HashMap, HashSet};

use callgate_contract::Hints;
use callgate_provenance::Content;
use serde_json::Value;

/// The calls that are kept: of one tool, and of all.
const CALLS: usize = 256;
const ALL_CALLS: usize = 16_384;
/// The maximum bytes of a kept call.
const CALL_BYTES: usize = 1 << 20;
/// The entries that cannot be read and are named. The others are counted.
const UNREAD: usize = 20;

/// A declared tool.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToolSketch {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// The JSON Schema of the arguments, as it was declared.
    pub(crate) parameters: Value,
    /// The JSON Schema of the results, if it was declared.
    pub(crate) result: Option<Value>,
    pub(crate) hints: Hints,
    /// The contents of its results in conversations.
    pub(crate) results: Vec<Content>,
    /// True if requests declare it in different forms. The first one counts.
    pub(crate) differs: bool,
    /// The MCP server at which the executor runs it, and the server's own name of it.
    pub(crate) at_server: Option<(String, String)>,
}

/// All that the files say.
#[derive(Debug, Default)]
pub(crate) struct Sketch {
    /// In the order in which they were first declared.
    pub(crate) tools: Vec<ToolSketch>,
    /// The models of the requests, sorted.
    pub(crate) models: Vec<String>,
    /// The tools that providers run, sorted.
    pub(crate) provider_tools: Vec<String>,
    /// The bytes of the largest request.
    pub(crate) largest: usize,
    /// The number of requests and of lists.
    pub(crate) requests: usize,
    pub(crate) lists: usize,
    /// The entries that are neither, such as requests without a body.
    pub(crate) skipped: usize,
    /// The different calls in conversations: tool, arguments.
    pub(crate) calls: Vec<(String, Value)>,
    /// The number of calls that are not kept.
    pub(crate) calls_left: usize,
    /// The errors of entries that cannot be read, and their number.
    pub(crate) unread: Vec<String>,
    pub(crate) unread_count: usize,
    places: HashMap<String, usize>,
    calls_of: HashMap<String, usize>,
    calls_seen: HashSet<(String, String)>,
}

// === impl Sketch ===

impl Sketch {
    /// Adds a tool, or what is new about a known one.
    pub(crate) fn add(&mut self, tool: ToolSketch) {
        let place = self.places.get(&tool.name).copied();
        let Some(known) = place.and_then(|place| self.tools.get_mut(place)) else {
            self.places.insert(tool.name.clone(), self.tools.len());
            self.tools.push(tool);
            return;
        };
        known.differs |= known.parameters != tool.parameters;
        known.description = known.description.take().or(tool.description);
        known.result = known.result.take().or(tool.result);
        let Hints { read_only, destructive, open_world } = tool.hints;
        known.hints.read_only = known.hints.read_only.or(read_only);
        known.hints.destructive = known.hints.destructive.or(destructive);
        known.hints.open_world = known.hints.open_world.or(open_world);
    }

    /// Adds the result of a call. It may come before the tool's declaration.
    pub(crate) fn result(&mut self, tool: &str, content: Content) {
        let place = self.places.get(tool).copied();
        if let Some(known) = place.and_then(|place| self.tools.get_mut(place)) {
            known.results.push(content);
        }
    }

    /// Adds a call, if it is new.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) {
        let text = arguments.to_string();
        let of_tool = self.calls_of.entry(tool.to_owned()).or_default();
        let is_kept = text.len() <= CALL_BYTES && *of_tool < CALLS && self.calls.len() < ALL_CALLS;
        if !is_kept {
            self.calls_left += 1;
        } else if self.calls_seen.insert((tool.to_owned(), text)) {
            *of_tool += 1;
            self.calls.push((tool.to_owned(), arguments));
        }
    }

    /// Adds the error of an entry that cannot be read.
    pub(crate) fn note_unread(&mut self, error: String) {
        self.unread_count += 1;
        if self.unread.len() < UNREAD {
            self.unread.push(error);
        }
    }

    pub(crate) fn note_model(&mut self, model: &str) {
        insert(&mut self.models, model);
    }

    pub(crate) fn note_provider_tool(&mut self, tool: &str) {
        insert(&mut self.provider_tools, tool);
    }
}

fn insert(sorted: &mut Vec<String>, item: &str) {
    if let Err(place) = sorted.binary_search_by(|other| other.as_str().cmp(item)) {
        sorted.insert(place, item.to_owned());
    }
}
