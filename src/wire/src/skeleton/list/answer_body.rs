//! The body of a whole answer: its text, its members, and the changed ones.

use callgate_json::{Map, Outline, Value, splice};

use crate::checks::add;
use crate::{AnswerError, ShapeError};

/// A body that was read, and perhaps changed since. Unchanged members keep their bytes.
///
/// Numbers no double holds exactly are tolerated outside of arguments: nothing is decided by them, and they keep their bytes.
#[derive(Debug, Clone)]
pub(crate) struct AnswerBody {
    text: Vec<u8>,
    members: Map<String, Value>,
    edits: Vec<splice::Edit>,
}

// === impl AnswerBody ===

impl AnswerBody {
    /// Takes a body.
    ///
    /// # Errors
    /// [`AnswerError`] if it is not an object.
    pub(crate) fn new(body: &Outline<'_>) -> Result<AnswerBody, AnswerError> {
        let Value::Object(members) = body.root().value() else {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        };
        Ok(AnswerBody { text: body.text().as_bytes().to_vec(), members, edits: Vec::new() })
    }

    /// Its bytes as they arrived.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The members; the caller notes with [`AnswerBody::edit`] which of them it changes.
    pub(crate) fn members_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.members
    }

    /// The members, of which the caller changes `member`.
    pub(crate) fn edit(&mut self, member: &'static str) -> &mut Map<String, Value> {
        splice::Edit::value(&mut self.edits, member);
        &mut self.members
    }

    /// Gives a member another value.
    pub(crate) fn set(&mut self, member: &'static str, value: Value) {
        self.edit(member).insert(member.to_owned(), value);
    }

    /// Removes a member; returns true if it was there.
    pub(crate) fn remove(&mut self, member: &'static str) -> bool {
        let is_there = self.members.contains_key(member);
        if is_there {
            self.edit(member).shift_remove(member);
        }
        is_there
    }

    /// The usage under `member`.
    pub(crate) fn usage(&self, member: &str) -> Option<&Value> {
        self.members.get(member).filter(|usage| usage.is_object())
    }

    /// Adds the usage of an earlier turn: each number is summed with its namesake.
    pub(crate) fn add_usage(&mut self, member: &'static str, earlier: &Value) {
        if earlier.is_object() {
            add(self.edit(member).entry(member).or_insert(Value::Null), earlier);
        }
    }

    /// The body's bytes.
    pub(crate) fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &self.members, &self.edits)
    }
}
