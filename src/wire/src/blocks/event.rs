//! One event of a stream: its bytes, and the members that it carries.

use callgate_json::{Map, Value};

use super::Format;
use crate::ShapeError;
use crate::checks::small;

/// An event that was read.
#[derive(Debug)]
pub struct Event {
    /// Its type.
    pub kind: String,
    /// Its bytes; empty if they have to be written.
    pub frame: Vec<u8>,
    /// Its JSON text.
    pub data: Vec<u8>,
    /// Its members.
    pub body: Map<String, Value>,
}

// === impl Event ===

impl Event {
    /// The number of the event's block.
    pub(super) fn index<F: Format>(&self) -> Result<u32, ShapeError> {
        small(self.body.get(F::INDEX).unwrap_or(&Value::Null), F::INDEX)
    }

    /// The members of the event's `delta`.
    pub(crate) fn delta(&self) -> Result<&Map<String, Value>, ShapeError> {
        match self.body.get("delta") {
            Some(Value::Object(delta)) => Ok(delta),
            _ => Err(ShapeError::Type { at: "delta", expected: "an object" }),
        }
    }

    /// The event's bytes with the number `place`.
    pub(super) fn numbered<F: Format>(mut self, index: u32, place: u32) -> Vec<u8> {
        if index == place {
            return self.frame;
        }
        self.body.insert(F::INDEX.to_owned(), Value::from(place));
        F::event(&self.kind, &Value::Object(self.body))
    }

    /// The event's bytes.
    pub(super) fn bytes<F: Format>(&self) -> Vec<u8> {
        if self.frame.is_empty() {
            return F::event(&self.kind, &Value::Object(self.body.clone()));
        }
        self.frame.clone()
    }

    /// Takes a later event of the same kind: its members win unless they are `null`. The bytes are written when they are needed,
    /// so that many events cost no more than their own size.
    pub(super) fn merge(&mut self, later: Event) {
        overlay(&mut self.body, later.body);
        self.frame.clear();
    }
}

/// Puts members over others; objects are merged member by member, and `null` replaces nothing.
pub(super) fn overlay(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(_), Value::Null) => {}
            (Some(Value::Object(below)), Value::Object(above)) => overlay(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}
