//! A call of a stream between its start and its stop.

use callgate_json::{Map, Value};

use crate::{Call, ChoiceIndex, Delta, Form};

/// The start of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// The identifier; empty if it is missing.
    pub id: String,
    /// The name; empty if it is missing.
    pub name: String,
    /// The form of the call.
    pub form: Form,
    /// As [`Call::extra`].
    pub extra: Map<String, Value>,
    /// The text of an input in the start.
    pub input: Option<String>,
}

/// A call under way.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) slot: u32,
    start: Start,
    /// A piece of the input arrived.
    pieces: bool,
}

// === impl OpenCall ===

impl OpenCall {
    pub(super) fn new(slot: u32, mut start: Start) -> (OpenCall, Delta) {
        let extra = std::mem::take(&mut start.extra);
        let call = Call { id: start.id.clone(), name: start.name.clone(), form: start.form, extra, ..Call::default() };
        (OpenCall { slot, start, pieces: false }, fragment(slot, call))
    }

    pub(super) fn start(&self) -> &Start {
        &self.start
    }

    /// Returns `true` if `start` only repeats the start of this call.
    pub(super) fn is_repeated_by(&self, start: &Start) -> bool {
        !self.pieces && !start.id.is_empty() && (&start.id, &start.name) == (&self.start.id, &self.start.name)
    }

    /// Takes a piece of the input.
    pub(super) fn piece(&mut self, piece: String) -> Option<Delta> {
        if piece.is_empty() {
            return None;
        }
        self.pieces = true;
        Some(self.arguments(piece))
    }

    /// Ends the input. Pieces replace an input in the start, as in the official SDKs; a call with neither has no arguments.
    pub(super) fn stop(mut self) -> Option<Delta> {
        if self.pieces {
            return None;
        }
        let input = self.start.input.take().unwrap_or_else(|| "{}".to_owned());
        Some(self.arguments(input))
    }

    fn arguments(&self, arguments: String) -> Delta {
        fragment(self.slot, Call { arguments, form: self.start.form, ..Call::default() })
    }
}

fn fragment(slot: u32, call: Call) -> Delta {
    Delta::Fragment { choice: ChoiceIndex::FIRST, slot, call }
}

/// Returns the upstream's identifier of a call, or one of ours if it is empty. `position` counts the turn's calls from 0, so a
/// stream and a whole answer give the same identifier.
pub(crate) fn call_id(given: &str, position: usize) -> String {
    if given.is_empty() { format!("call_{position}") } else { given.to_owned() }
}
