//! A JSON object whose members can be changed. Unchanged members keep their bytes.

use serde_json::Map;

use crate::Span;
use crate::splice::{self, Edit};

/// The text of a JSON object, and the changes of its members. It holds no tree.
#[derive(Debug, Clone)]
pub struct Object {
    text: Vec<u8>,
    edits: Vec<Edit<String>>,
}

// === impl Object ===

impl Object {
    /// Takes the text of an object that was checked before.
    #[must_use]
    pub fn new(text: Vec<u8>) -> Object {
        Object { text, edits: Vec::new() }
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
        self.text = text;
    }

    /// Returns the current value of a member, and `None` if it is missing or `null`.
    #[must_use]
    pub fn get(&self, member: &str) -> Option<Span<'_>> {
        self.member(member).filter(|value| !value.is_null())
    }

    fn member(&self, member: &str) -> Option<Span<'_>> {
        match self.edits.iter().find(|edit| edit.member == member) {
            Some(edit) => edit.text.as_deref().map(|text| Span::new(text.as_bytes())),
            None => self.original().get(member),
        }
    }

    /// Sets a member to a JSON text, unless this is its text already.
    pub fn set(&mut self, member: &str, text: String) {
        if self.member(member).is_some_and(|now| now.bytes() == text.as_bytes()) {
            return;
        }
        self.edits.retain(|edit| edit.member != member);
        self.edits.push(Edit { member: member.to_owned(), text: Some(text) });
    }

    /// Removes a member.
    pub fn remove(&mut self, member: &str) {
        let is_original = self.original().get(member).is_some();
        self.edits.retain(|edit| edit.member != member);
        if is_original {
            self.edits.push(Edit { member: member.to_owned(), text: None });
        }
    }

    /// Sets a member to a list of JSON texts, or removes it if the list is empty.
    pub fn set_list(&mut self, member: &str, list: &[String]) {
        if list.is_empty() { self.remove(member) } else { self.set(member, format!("[{}]", list.join(","))) }
    }

    /// Appends items to the list in a member.
    pub fn extend_list(&mut self, member: &str, items: &[String]) {
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
        splice::write(&self.text, &Map::new(), &self.edits)
    }
}

/// Returns the text of an object with another value of one member, or without it.
#[must_use]
pub fn with_member(object: Span<'_>, member: &str, text: Option<String>) -> String {
    let mut object = Object::new(object.bytes().to_vec());
    match text {
        Some(text) => object.set(member, text),
        None => object.remove(member),
    }
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
