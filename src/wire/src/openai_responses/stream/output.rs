//! The output of a streamed response: the items that were read, at the places that the server gave them, and those that went on.

use std::collections::BTreeMap;

use callgate_json::{Map, Value};

use super::call::{self, Open};
use crate::openai_responses::items;
use crate::shape::MAX_CALLS;
use crate::{Call, ShapeError, StreamError};

/// Both sides of an output.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// By the server's place.
    read: BTreeMap<u32, Item>,
    calls: usize,
    /// In the order in which they went on.
    written: Vec<Value>,
}

/// An item that was read.
#[derive(Debug)]
enum Item {
    /// A call that is not complete.
    Open(Open),
    Call(Call),
    /// Another, which stands at `at` among those that went on.
    Other {
        kind: String,
        at: usize,
        done: bool,
    },
}

/// What an event that has a whole item says.
#[derive(Debug)]
pub(super) enum Step {
    /// What is new of a call.
    Call(Call),
    /// Another item, which stands at this place among those that went on.
    Item(usize),
}

// === impl Output ===

impl Output {
    /// An item begins.
    pub(super) fn added(&mut self, index: u32, item: &Value, tools: &[String]) -> Result<Step, StreamError> {
        if self.read.contains_key(&index) {
            return Err(StreamError::OutOfOrder);
        }
        let (kind, call) = items::read(item, tools)?;
        let Some(call) = call else { return Ok(self.other(index, kind, item, false)) };
        self.count()?;
        self.read.insert(index, Item::Open(Open::new(call.clone())));
        Ok(Step::Call(Call { extra: Map::new(), ..call }))
    }

    /// An item is complete; it may not have begun before.
    pub(super) fn done(&mut self, index: u32, item: &Value, tools: &[String]) -> Result<Step, StreamError> {
        let (kind, call) = items::read(item, tools)?;
        let open = match (self.read.remove(&index), &call) {
            (None, None) => return Ok(self.other(index, kind, item, true)),
            (None, Some(_)) => {
                self.count()?;
                Open::default()
            }
            (Some(Item::Open(open)), Some(_)) => open,
            (Some(Item::Other { kind: known, at, done: false }), None) if known == kind => {
                if let Some(written) = self.written.get_mut(at) {
                    *written = item.clone();
                }
                self.read.insert(index, Item::Other { kind: known, at, done: true });
                return Ok(Step::Item(at));
            }
            _ => return Err(StreamError::OutOfOrder),
        };
        let (news, call) = open.done(call.unwrap_or_default())?;
        self.read.insert(index, Item::Call(call));
        Ok(Step::Call(news))
    }

    fn other(&mut self, index: u32, kind: &str, item: &Value, done: bool) -> Step {
        let at = self.write(item.clone());
        self.read.insert(index, Item::Other { kind: kind.to_owned(), at, done });
        Step::Item(at)
    }

    fn count(&mut self) -> Result<(), ShapeError> {
        self.calls = self.calls.saturating_add(1);
        if self.calls > MAX_CALLS { Err(ShapeError::TooMany) } else { Ok(()) }
    }

    /// The call under way at a place.
    pub(super) fn open(&mut self, index: u32) -> Result<&mut Open, StreamError> {
        match self.read.get_mut(&index) {
            Some(Item::Open(open)) => Ok(open),
            _ => Err(StreamError::OutOfOrder),
        }
    }

    /// Where the item at a place stands among those that went on; it must be under way, and of a kind that `fits`.
    pub(super) fn under_way(&self, index: Option<u32>, fits: impl Fn(&str) -> bool) -> Result<usize, StreamError> {
        let index = index.ok_or(StreamError::UnknownEvent)?;
        match self.read.get(&index) {
            Some(Item::Other { kind, at, done: false }) if fits(kind) => Ok(*at),
            Some(Item::Other { done: false, .. }) => Err(StreamError::UnknownEvent),
            _ => Err(StreamError::OutOfOrder),
        }
    }

    /// An item goes on; its place.
    pub(super) fn write(&mut self, item: Value) -> usize {
        self.written.push(item);
        self.written.len() - 1
    }

    /// What has gone on.
    pub(super) fn written(&self) -> &[Value] {
        &self.written
    }

    /// Whether nothing has come of it yet.
    pub(super) fn is_empty(&self) -> bool {
        self.read.is_empty()
    }

    /// Holds the end of a response, which repeats its output, to what was streamed: it has those calls, word for word, and no
    /// other. Some servers repeat nothing there.
    pub(super) fn holds(&self, repeated: &[Value], tools: &[String]) -> Result<(), StreamError> {
        let calls = items::calls(repeated, tools)?;
        let mut streamed = Vec::new();
        for item in self.read.values() {
            match item {
                Item::Open(_) => return Err(StreamError::OutOfOrder),
                Item::Call(call) => streamed.push(call),
                Item::Other { .. } => {}
            }
        }
        let same = |(a, b): (&Call, &&Call)| a.id == b.id && a.name == b.name && a.arguments == b.arguments;
        let agrees = calls.len() == streamed.len() && calls.iter().zip(&streamed).all(same);
        if agrees || repeated.is_empty() { Ok(()) } else { Err(call::differs("output").into()) }
    }

    /// What has gone on, in the words of an end that repeats it: of items that are no calls those may differ (a cipher that is drawn
    /// anew).
    pub(super) fn in_words_of(&self, repeated: &[Value]) -> Vec<Value> {
        let mut output = self.written.clone();
        let others = repeated.iter().filter(|item| !items::is_call(item));
        let streamed = self.read.values().filter_map(|item| match item {
            Item::Other { kind, at, .. } => Some((kind.as_str(), *at)),
            Item::Open(_) | Item::Call(_) => None,
        });
        if others.clone().map(items::kind).eq(streamed.clone().map(|(kind, _)| kind)) {
            for (item, (_, at)) in others.zip(streamed) {
                if let Some(written) = output.get_mut(at) {
                    *written = item.clone();
                }
            }
        }
        output
    }

    /// The output that an end must have instead of the one that it repeats, where that says something else than what has gone on:
    /// never where no call was read, nor where the server repeats nothing.
    pub(super) fn instead_of(&self, repeated: &[Value]) -> Option<Vec<Value>> {
        let has_calls = self.calls > 0 || repeated.iter().any(items::is_call);
        if repeated.is_empty() || !has_calls {
            return None;
        }
        Some(self.in_words_of(repeated)).filter(|output| output != repeated)
    }
}
