//! A call of a stream between its start and its stop.

use callgate_json::{Map, Value};

use super::block;
use crate::shape::{exact_keys, text};
use crate::{Delta, Form, ShapeError};

/// A call under way.
#[derive(Debug)]
pub(super) struct Called {
    slot: u32,
    /// Whether a piece of its input came.
    pieces: bool,
}

// === impl Called ===

impl Called {
    pub(super) fn start(slot: u32, used: &block::Use<'_>) -> (Called, Delta) {
        let called = Called { slot, pieces: false };
        let delta = called.fragment(used.id, used.name, "");
        (called, delta)
    }

    /// Takes a delta.
    pub(super) fn delta(&mut self, delta: &Map<String, Value>) -> Result<Option<Delta>, ShapeError> {
        let used = match block::only(delta, &["toolUse"])? {
            None => return Ok(None),
            Some((_, Value::Object(used))) => used,
            Some(_) => return Err(ShapeError::Type { at: "delta.toolUse", expected: "an object" }),
        };
        exact_keys(used, &["input", "toolUseId", "name"])?;
        block::no_call(used)?;
        // They came with the start; what came again could differ.
        if ["toolUseId", "name"].iter().any(|key| used.get(*key).is_some_and(|value| !value.is_null())) {
            return Err(ShapeError::StrayCall);
        }
        let piece = text(used, "input")?;
        self.pieces |= !piece.is_empty();
        Ok((!piece.is_empty()).then(|| self.fragment("", "", piece)))
    }

    /// The end of the call. No pieces at all are a call without arguments.
    pub(super) fn stop(self) -> Vec<Delta> {
        let end = Delta::CallEnd { choice: 0, slot: self.slot };
        if self.pieces { vec![end] } else { vec![self.fragment("", "", "{}"), end] }
    }

    fn fragment(&self, id: &str, name: &str, arguments: &str) -> Delta {
        Delta::Fragment {
            choice: 0,
            slot: self.slot,
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            form: Form::Tool,
            extra: Map::new(),
        }
    }
}
