//! A JSON object whose members can be changed. Unchanged members keep their bytes.

use std::borrow::Cow;
use std::ops::Range;

use crate::Span;
use crate::splice::{append, is_key, pair, places, walk};

/// The text of a JSON object, the places of its members, and their changes. It holds no tree.
#[derive(Debug, Clone)]
pub struct Object {
    text: Vec<u8>,
    members: Members,
    edits: Vec<Edit>,
}

/// A changed member: its new JSON text, or `None` if it is removed.
#[derive(Debug, Clone)]
struct Edit {
    member: Cow<'static, str>,
    text: Option<String>,
}

/// The places of an object's members in its text.
#[derive(Debug, Clone, Default)]
pub struct Members(Vec<Member>);

#[derive(Debug, Clone)]
struct Member {
    /// With its quotes.
    key: Range<usize>,
    value: Range<usize>,
}

// === impl Members ===

impl Members {
    /// The maximum number of places, which bounds their memory. The members of an object with more are found in its text.
    const MOST: usize = 64;

    /// Finds the members of an object that was checked before.
    #[must_use]
    pub fn of(text: &[u8]) -> Members {
        let mut members = Members::default();
        if Span::new(text).is_object() {
            for place in places(text).take(Self::MOST + 1) {
                members.push(place.key, place.value);
            }
        }
        members
    }

    pub(crate) fn push(&mut self, key: Range<usize>, value: Range<usize>) {
        if self.0.is_empty() {
            self.0.reserve_exact(16);
        }
        self.0.push(Member { key, value });
    }

    /// Returns the members in `text`, whose places these are: each key with its quotes, and each value.
    pub fn walk<'t>(&self, text: &'t [u8]) -> impl Iterator<Item = (&'t [u8], &'t [u8])> {
        let is_known = self.0.len() <= Self::MOST;
        let known = self.0.iter().filter(move |_| is_known);
        let part = |place: &Range<usize>| text.get(place.clone()).unwrap_or_default();
        known.map(move |Member { key, value }| (part(key), part(value))).chain(walk(if is_known { b"" } else { text }))
    }
}

// === impl Object ===

impl Object {
    /// Takes the text of an object that was checked before.
    #[must_use]
    pub fn new(text: Vec<u8>) -> Object {
        let members = Members::of(&text);
        Object::with_members(text, members)
    }

    /// Takes the text of an object that was checked before, with the places of its members.
    #[must_use]
    pub fn with_members(text: Vec<u8>, members: Members) -> Object {
        Object { text, members, edits: Vec::new() }
    }

    /// Returns the object without the changes.
    #[must_use]
    pub fn original(&self) -> Span<'_> {
        Span::new(&self.text)
    }

    /// Returns the bytes of the text and of the changes.
    #[must_use]
    pub fn held(&self) -> usize {
        let changes = self.edits.iter().map(|edit| edit.text.as_ref().map_or(0, String::len));
        self.text.len().saturating_add(changes.sum())
    }

    /// Returns true if a member was changed.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        !self.edits.is_empty()
    }

    /// Replaces the text below the changes.
    pub fn replace_text(&mut self, text: Vec<u8>) {
        self.members = Members::of(&text);
        self.text = text;
    }

    /// Returns the members without the changes: each key with its quotes, and each value.
    pub fn members(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.members.walk(&self.text)
    }

    /// Returns the members of the text with their current values, without those that were removed or added.
    pub fn current(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.members().filter_map(|(key, value)| match self.edits.iter().find(|edit| is_key(key, &edit.member)) {
            Some(edit) => edit.text.as_ref().map(|text| (key, text.as_bytes())),
            None => Some((key, value)),
        })
    }

    /// Replaces the text by one that was made of the [`current`](Self::current) members. Added members stay.
    pub fn replace_current(&mut self, text: Vec<u8>) {
        let mut edits = std::mem::take(&mut self.edits);
        edits.retain(|edit| self.find(&edit.member).is_none());
        self.edits = edits;
        self.replace_text(text);
    }

    fn find(&self, member: &str) -> Option<Span<'_>> {
        self.members().find(|(key, _)| is_key(key, member)).map(|(_, value)| Span::new(value))
    }

    /// Returns the current value of a member, and `None` if it is missing or `null`.
    #[must_use]
    pub fn get(&self, member: &str) -> Option<Span<'_>> {
        self.member(member).filter(|value| !value.is_null())
    }

    fn member(&self, member: &str) -> Option<Span<'_>> {
        match self.edits.iter().find(|edit| edit.member == member) {
            Some(edit) => edit.text.as_deref().map(|text| Span::new(text.as_bytes())),
            None => self.find(member),
        }
    }

    /// Sets a member to a JSON text, unless this is its text already.
    pub fn set(&mut self, member: impl Into<Cow<'static, str>>, text: String) {
        self.edit(member.into(), text);
    }

    fn edit(&mut self, member: Cow<'static, str>, text: String) {
        if self.member(&member).is_some_and(|now| now.bytes() == text.as_bytes()) {
            return;
        }
        self.edits.retain(|edit| edit.member != member);
        self.edits.push(Edit { member, text: Some(text) });
    }

    /// Removes a member.
    pub fn remove(&mut self, member: impl Into<Cow<'static, str>>) {
        let member = member.into();
        let is_original = self.find(&member).is_some();
        self.edits.retain(|edit| edit.member != member);
        if is_original {
            self.edits.push(Edit { member, text: None });
        }
    }

    /// Sets a member to a JSON text, or removes it.
    pub fn put(&mut self, member: impl Into<Cow<'static, str>>, text: Option<String>) {
        match text {
            Some(text) => self.set(member, text),
            None => self.remove(member),
        }
    }

    /// Appends items to the list in a member.
    pub fn extend_list(&mut self, member: &'static str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        let now = self.get(member).filter(|list| list.is_array()).map_or("[]".into(), Span::text);
        let before = now.strip_suffix(']').unwrap_or_default().trim_end();
        let between = if before.ends_with('[') { "" } else { "," };
        let text = format!("{before}{between}{}]", items.join(","));
        self.set(member, text);
    }

    /// Returns the object's bytes: the original ones if nothing was changed.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        if self.edits.is_empty() {
            return self.text.clone();
        }
        // A new member has its key, two quotes, a colon and a comma.
        let size = |edit: &Edit| edit.text.as_ref().map_or(0, |text| text.len() + edit.member.len() + 4);
        let new: usize = self.edits.iter().map(size).sum();
        let mut out = Vec::with_capacity(self.text.len() + new);
        out.push(b'{');
        for (key, value) in self.members() {
            match self.edits.iter().find(|edit| is_key(key, &edit.member)) {
                Some(Edit { text: Some(text), .. }) => pair(&mut out, key, text.as_bytes()),
                Some(Edit { text: None, .. }) => {}
                None => pair(&mut out, key, value),
            }
        }
        for Edit { member, text } in &self.edits {
            if let Some(text) = text.as_ref().filter(|_| self.find(member).is_none()) {
                let mut key = Vec::with_capacity(member.len() + 2);
                append(&mut key, &serde_json::Value::from(member.as_ref()));
                pair(&mut out, &key, text.as_bytes());
            }
        }
        out.push(b'}');
        out
    }
}

/// Returns the text of an object with another value of one member, or without it.
#[must_use]
pub fn with_member(object: Span<'_>, member: impl Into<Cow<'static, str>>, text: Option<String>) -> String {
    let mut object = Object::new(object.bytes().to_vec());
    object.put(member, text);
    Span::whole(&object.write()).text().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_members_keep_their_bytes() {
        let text = br#" { "a" : 1.50 , "\u0062":[ {"x":"}\"]"}, 2 ],"c": "\u00e9" } "#;
        let mut object = Object::new(text.to_vec());
        assert_eq!(object.write(), text);
        object.set("c", "true".to_owned());
        assert_eq!(object.write(), br#"{"a":1.50,"\u0062":[ {"x":"}\"]"}, 2 ],"c":true}"#);
        object.remove("b");
        object.set("new", "{}".to_owned());
        assert_eq!(object.write(), br#"{"a":1.50,"c":true,"new":{}}"#);
        object.remove("new");
        object.set("a", "1.50".to_owned());
        assert_eq!(object.write(), br#"{"a":1.50,"c":true}"#);
    }

    #[test]
    fn lists_grow_at_their_end() {
        let mut object = Object::new(br#"{"a":[ 1 ],"b":null}"#.to_vec());
        for member in ["a", "b", "c"] {
            object.extend_list(member, &["2".to_owned(), "3".to_owned()]);
        }
        assert_eq!(object.write(), br#"{"a":[ 1,2,3],"b":[2,3],"c":[2,3]}"#);
    }

    #[test]
    fn an_object_is_written_with_another_member() {
        let object = Span::new(br#"{"a": 1,"b":2}"#);
        assert_eq!(with_member(object, "a", Some("[]".to_owned())), r#"{"a":[],"b":2}"#);
        assert_eq!(with_member(object, "a", None), r#"{"b":2}"#);
        assert_eq!(with_member(object, "c", None), r#"{"a": 1,"b":2}"#);
        assert_eq!(with_member(object, "b", Some("2".to_owned())), r#"{"a": 1,"b":2}"#);
    }
}
