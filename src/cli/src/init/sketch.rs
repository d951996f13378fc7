//! The tools that files declare, before they are a contract.

use callgate_contract::Hints;
use callgate_provenance::Content;
use serde_json::Value;

/// A declared tool.
#[derive(Debug, Clone, Default)]
pub(super) struct ToolSketch {
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// The JSON Schema of the arguments, as it was declared.
    pub(super) parameters: Value,
    /// The JSON Schema of the results, if it was declared.
    pub(super) result: Option<Value>,
    pub(super) hints: Hints,
    /// The contents of its results in conversations.
    pub(super) results: Vec<Content>,
    /// True if requests declare it in different forms. The first one counts.
    pub(super) differs: bool,
}

/// All that the files say.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    /// In the order in which they were first declared.
    pub(super) tools: Vec<ToolSketch>,
    /// The models of the requests, sorted.
    pub(super) models: Vec<String>,
    /// The tools that providers run, sorted.
    pub(super) provider_tools: Vec<String>,
    /// The bytes of the largest request.
    pub(super) largest: usize,
    /// The number of requests and of lists.
    pub(super) requests: usize,
    pub(super) lists: usize,
    /// The entries that are neither, such as requests without a body.
    pub(super) skipped: usize,
}

// === impl Sketch ===

impl Sketch {
    /// Adds a tool, or what is new about a known one.
    pub(super) fn add(&mut self, tool: ToolSketch) {
        let Some(known) = self.tools.iter_mut().find(|known| known.name == tool.name) else {
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
    pub(super) fn result(&mut self, tool: &str, content: Content) {
        if let Some(known) = self.tools.iter_mut().find(|known| known.name == tool) {
            known.results.push(content);
        }
    }

    pub(super) fn note_model(&mut self, model: &str) {
        insert(&mut self.models, model);
    }

    pub(super) fn note_provider_tool(&mut self, tool: &str) {
        insert(&mut self.provider_tools, tool);
    }
}

fn insert(sorted: &mut Vec<String>, item: &str) {
    if let Err(place) = sorted.binary_search_by(|other| other.as_str().cmp(item)) {
        sorted.insert(place, item.to_owned());
    }
}
