//! One event of a stream: its bytes, and its members.

use callgate_json::{Map, Value};

use super::BlockFormat;
use crate::checks::small;
use crate::{End, ShapeError, StreamError, unknown};

/// An event, parsed.
#[derive(Debug)]
pub struct BlockEvent {
    /// Its type.
    pub kind: String,
    /// Its bytes; empty if they have to be written.
    pub frame: Vec<u8>,
    /// Its JSON text.
    pub data: Vec<u8>,
    /// Its members.
    pub body: Map<String, Value>,
}

// === impl BlockEvent ===

impl BlockEvent {
    /// The number of the event's block.
    pub(super) fn index<F: BlockFormat>(&self) -> Result<u32, ShapeError> {
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
    pub(super) fn numbered<F: BlockFormat>(mut self, index: u32, place: u32) -> Vec<u8> {
        if index == place {
            return self.frame;
        }
        self.body.insert(F::INDEX.to_owned(), Value::from(place));
        F::event(&self.kind, &Value::Object(self.body))
    }

    /// The event as the end of its turn.
    pub(super) fn into_end<F: BlockFormat>(self) -> End {
        let BlockEvent { kind, frame, body, .. } = self;
        let body = Value::Object(body);
        let frame = if frame.is_empty() { F::event(&kind, &body) } else { frame };
        End::parsed(frame, Some(kind), body)
    }

    /// Takes a later event of the same kind: its members win unless they are `null`. The bytes are written when they are needed,
    /// so many events cost no more than their own size.
    pub(super) fn merge(&mut self, later: BlockEvent) {
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

/// Reads the members of an event from its data. `None` for an event of an unknown kind in which no reader finds a call: it is
/// dropped.
///
/// # Errors
/// [`StreamError`] if the data is not a strict JSON object, or is of an unknown kind and could carry a call.
pub(crate) fn read_members(
    data: &[u8],
    is_unknown: bool,
    at: &'static str,
) -> Result<Option<Map<String, Value>>, StreamError> {
    match callgate_json::read_nearest(data) {
        Ok(Value::Object(members)) => Ok(Some(members)),
        // No reader finds a call in data other than JSON.
        Err(_) if is_unknown => Ok(None),
        Ok(other) if is_unknown => Ok(unknown::no_call(&other).map(|()| None)?),
        Ok(_) => Err(ShapeError::Type { at, expected: "an object" }.into()),
        Err(error) => Err(error.into()),
    }
}
