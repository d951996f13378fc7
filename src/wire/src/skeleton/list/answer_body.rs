//! The body of a whole answer: its text, its members, and the changed ones.

use callgate_json::{Map, Value, splice};

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
    /// Reads a body.
    ///
    /// # Errors
    /// [`AnswerError`] if it is not a strict JSON object.
    pub(crate) fn read(text: &[u8]) -> Result<AnswerBody, AnswerError> {
        let Value::Object(members) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        };
        Ok(AnswerBody { text: text.to_vec(), members, edits: Vec::new() })
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

    pub(crate) fn into_members(self) -> Map<String, Value> {
        self.members
    }

    /// Takes a member's value, without a change of the text.
    pub(crate) fn take(&mut self, member: &str) {
        self.members.shift_remove(member);
    }

    /// The members, of which the caller changes `member`.
    pub(crate) fn edit(&mut self, member: &'static str) -> &mut Map<String, Value> {
        splice::Edit::value(&mut self.edits, member);
        &mut self.members
    }

    /// Changes members; `change` returns which.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Map<String, Value>) -> Vec<&'static str>) {
        for member in change(&mut self.members) {
            splice::Edit::value(&mut self.edits, member);
        }
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

    /// The body's bytes with another text for one member.
    pub(crate) fn write_with(&self, member: &'static str, text: Option<String>) -> Vec<u8> {
        let Some(text) = text else { return self.write() };
        let mut edits = self.edits.clone();
        edits.push(splice::Edit { member, text: Some(text) });
        splice::write(&self.text, &self.members, &edits)
    }
}
