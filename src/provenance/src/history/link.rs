//! Builds a history part by part, and links results to calls.
//!
//! | a result has | its call is |
//! |---|---|
//! | an id | the last call with this id, and with the same name if the result has one |
//! | a name and no id | the first call with this name that has no result yet, since the user's last words |
//! | neither | the first call without a result, since the user's last words |
//!
//! A call that repeats the id of a call without a result makes both ambiguous. A second result for a call takes the call from both
//! results; without ids, from all that it could belong to. A result without a call is untrusted, and no rule finds its tool.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::sync::Arc;

use super::{History, HistoryPart, Link, PartData, Speaker};
use crate::content::Content;
use crate::output::Outputs;

/// Builds a history from the parts of a conversation in their order.
pub struct HistoryBuilder<'o> {
    outputs: &'o dyn Outputs,
    parts: Vec<HistoryPart>,
    is_partial: bool,
    bytes: usize,
    /// The last call of each id; `None` if it is ambiguous.
    by_id: HashMap<String, Option<usize>>,
    /// The calls since the user's last words that have no result, in order.
    open: Vec<usize>,
    /// The calls and results since the user's last words that were linked without an id.
    unnamed: Vec<(usize, usize)>,
    /// The results of calls, by the calls' parts.
    answered: HashMap<usize, usize>,
}

// === impl HistoryBuilder ===

impl std::fmt::Debug for HistoryBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryBuilder").field("parts", &self.parts.len()).finish_non_exhaustive()
    }
}

impl<'o> HistoryBuilder<'o> {
    /// Begins an empty history. `outputs` is the contract's view of the tools.
    #[must_use]
    pub fn new(outputs: &'o dyn Outputs) -> HistoryBuilder<'o> {
        HistoryBuilder {
            outputs,
            parts: Vec::new(),
            is_partial: false,
            bytes: 0,
            by_id: HashMap::new(),
            open: Vec::new(),
            unnamed: Vec::new(),
            answered: HashMap::new(),
        }
    }

    /// Adds a text.
    pub fn text(&mut self, speaker: Speaker, text: impl Into<String>) {
        let text = text.into();
        if speaker == Speaker::User {
            self.open.clear();
            self.unnamed.clear();
        }
        self.push(text.len(), PartData::Text { speaker, text });
    }

    /// Adds a call of the model: its id, if it has one, the tool and the text of its arguments.
    pub fn call(&mut self, id: Option<&str>, tool: &str, arguments: impl Into<String>) {
        let (part, arguments) = (self.parts.len(), arguments.into());
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            let is_free = match self.by_id.get(id) {
                None => true,
                Some(Some(earlier)) => self.answered.contains_key(earlier),
                Some(None) => false,
            };
            self.by_id.insert(id.to_owned(), is_free.then_some(part));
        }
        self.open.push(part);
        self.push(arguments.len(), PartData::Call { tool: tool.to_owned(), arguments });
    }

    /// Adds a result: the id of its call and the tool's name, if the API repeats them.
    pub fn result(&mut self, id: Option<&str>, tool: Option<&str>, content: Content) {
        let part = self.parts.len();
        let link = self.link(id.filter(|id| !id.is_empty()), tool.filter(|tool| !tool.is_empty()), part);
        self.push(content.bytes(), PartData::Result { link, content });
    }

    /// Adds something else than text that may hold words of an outsider.
    pub fn opaque(&mut self) {
        self.push(0, PartData::Result { link: Link::None, content: Content::Opaque });
    }

    /// Adds a summary that stands in place of earlier parts and cannot be read. It may hold anybody's words.
    pub fn summary(&mut self) {
        self.is_partial = true;
        self.opaque();
    }

    /// Returns the history.
    #[must_use]
    pub fn finish(self) -> History {
        History {
            parts: self.parts,
            trusts_users: self.outputs.trusts_users(),
            is_partial: self.is_partial,
            bytes: Cell::new(self.bytes),
            honest: OnceCell::new(),
            confidential: OnceCell::new(),
        }
    }

    fn push(&mut self, bytes: usize, data: PartData) {
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(size_of::<HistoryPart>());
        self.parts.push(HistoryPart { data, scalars: OnceCell::new() });
    }

    fn link(&mut self, id: Option<&str>, tool: Option<&str>, result: usize) -> Link {
        let fits = |call: &usize| tool.is_none_or(|tool| self.tool(*call) == Some(tool));
        let call = match id {
            Some(id) => self.by_id.get(id).copied().flatten().filter(fits),
            None => self.open.iter().copied().find(fits),
        };
        let Some(call) = call else {
            if id.is_none() {
                self.doubt(tool);
            }
            return Link::None;
        };
        self.open.retain(|open| *open != call);
        if id.is_none() {
            self.unnamed.push((call, result));
        }
        if let Some(earlier) = self.answered.insert(call, result) {
            if let Some(HistoryPart { data: PartData::Result { link, .. }, .. }) = self.parts.get_mut(earlier) {
                *link = Link::None;
            }
            return Link::None;
        }
        let called = self.tool(call).unwrap_or_default();
        let output = self.outputs.output(called);
        let tool = self.outputs.entry(called).to_owned();
        Link::Call { part: call, tool, output: output.map(|output| Arc::clone(&output)) }
    }

    /// Takes the calls from all results without an id that a further one could belong to: one of them is a second result.
    fn doubt(&mut self, tool: Option<&str>) {
        let results = std::mem::take(&mut self.unnamed);
        for (call, result) in results {
            if tool.is_some_and(|tool| self.tool(call) != Some(tool)) {
                self.unnamed.push((call, result));
            } else if let Some(HistoryPart { data: PartData::Result { link, .. }, .. }) = self.parts.get_mut(result) {
                *link = Link::None;
            }
        }
    }

    fn tool(&self, call: usize) -> Option<&str> {
        match &self.parts.get(call)?.data {
            PartData::Call { tool, .. } => Some(tool),
            PartData::Text { .. } | PartData::Result { .. } => None,
        }
    }
}
