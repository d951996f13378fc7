//! The body of a whole answer as an outline: its text, the changed strings, and trees of changed members only.

use callgate_json::{Changes, Item, Map, Outline, Value, splice};

use crate::checks::add;
use crate::{AnswerError, ShapeError};

/// A body that was read, and perhaps changed since. Unchanged members keep their bytes.
///
/// Numbers no double holds exactly are tolerated outside of arguments: nothing is decided by them, and they keep their bytes.
#[derive(Debug, Clone)]
pub(crate) struct OutlinedBody {
    outline: Outline<'static>,
    /// Strings with another text, in members without a tree.
    strings: Changes,
    /// The members that were changed as trees, and those alone.
    members: Map<String, Value>,
    edits: Vec<splice::Edit>,
}

// === impl OutlinedBody ===

impl OutlinedBody {
    /// Takes the outline of a body.
    ///
    /// # Errors
    /// [`AnswerError`] if it is not an object.
    pub(crate) fn new(outline: Outline<'_>) -> Result<OutlinedBody, AnswerError> {
        if !outline.root().is_object() {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        }
        let (strings, members) = (Changes::default(), Map::new());
        Ok(OutlinedBody { outline: outline.into_owned(), strings, members, edits: Vec::new() })
    }

    /// The body as it arrived.
    pub(crate) fn root(&self) -> Item<'_> {
        self.outline.root()
    }

    /// Returns true if a member is kept as a tree.
    pub(crate) fn is_edited(&self, member: &str) -> bool {
        self.edits.iter().any(|edit| edit.member == member)
    }

    /// The tree of a member as it is now.
    pub(crate) fn value(&self, member: &str) -> Option<Value> {
        if self.is_edited(member) {
            return self.members.get(member).cloned();
        }
        let item = self.root().get(member)?;
        if !self.strings.touch(item) {
            return Some(item.value());
        }
        let mut text = Vec::new();
        item.write(&mut text, &self.strings);
        callgate_json::read_nearest(&text).ok()
    }

    /// The tree of a member, which the caller changes. Other members are not in the map.
    pub(crate) fn edit(&mut self, member: &'static str) -> &mut Map<String, Value> {
        if !self.is_edited(member) {
            let value = self.value(member);
            self.members.extend(value.map(|value| (member.to_owned(), value)));
            splice::Edit::value(&mut self.edits, member);
        }
        &mut self.members
    }

    /// Gives a member another value.
    pub(crate) fn set(&mut self, member: &'static str, value: Value) {
        self.edit(member).insert(member.to_owned(), value);
    }

    /// Removes a member.
    pub(crate) fn remove(&mut self, member: &'static str) {
        if self.is_edited(member) || self.root().get(member).is_some() {
            self.members.shift_remove(member);
            splice::Edit::value(&mut self.edits, member);
        }
    }

    /// The strings with other texts, in members without a tree.
    pub(crate) fn changes(&self) -> &Changes {
        &self.strings
    }

    /// Replaces the strings with other texts.
    pub(crate) fn set_changes(&mut self, changes: Changes) {
        self.strings = changes;
    }

    /// The usage under `member`.
    pub(crate) fn usage(&self, member: &str) -> Option<Value> {
        self.value(member).filter(Value::is_object)
    }

    /// Adds the usage of an earlier turn: each number is summed with its namesake.
    pub(crate) fn add_usage(&mut self, member: &'static str, earlier: &Value) {
        if earlier.is_object() {
            add(self.edit(member).entry(member).or_insert(Value::Null), earlier);
        }
    }

    /// The trees of all members as they are now, but for `member`.
    pub(crate) fn others(&self, member: &str) -> Map<String, Value> {
        let unchanged = self.root().members().filter(|(key, _)| !self.is_edited(key));
        let changed = self.members.iter().map(|(key, value)| (key.clone(), value.clone()));
        let members = unchanged.map(|(key, value)| (key.into_owned(), value.value())).chain(changed);
        members.filter(|(key, _)| key != member).collect()
    }

    /// The body's bytes with another text for one member.
    pub(crate) fn write_with(&self, member: &'static str, text: Option<String>) -> Vec<u8> {
        let Some(text) = text else { return self.write() };
        let mut edits = self.edits.clone();
        edits.push(splice::Edit { member, text: Some(text) });
        splice::write_outlined(self.outline.text().as_bytes(), self.root(), &self.strings, &self.members, &edits)
    }

    /// The body's bytes.
    pub(crate) fn write(&self) -> Vec<u8> {
        splice::write_outlined(self.outline.text().as_bytes(), self.root(), &self.strings, &self.members, &self.edits)
    }
}
