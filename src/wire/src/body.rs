//! The skeleton of all dialects' requests: the text as it came, and the members that were changed since.
//!
//! A body holds no tree, so that a request which waits for its answer costs its bytes and no more. Later rounds read the text
//! again.

use std::ops::{Deref, DerefMut};

use callgate_json::Span;
use callgate_json::splice::{append, is_key, walk};
use serde_json::Value;

use crate::members::{self, Fields, Judged, Table};
use crate::{RequestError, Target, UnknownMembers, target};

/// The text of a request, what its members ask for, and which were changed.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    object: Object,
    table: &'static Table,
    judged: Judged,
    rewritten: bool,
}

/// A JSON object and changes of its members. Members that were not changed keep their bytes.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    text: Vec<u8>,
    edits: Vec<Edit>,
}

/// A member that was changed.
#[derive(Debug, Clone)]
struct Edit {
    member: String,
    /// Its new JSON text; `None` if the member was taken out.
    text: Option<String>,
}

/// Checks the text of a request. A byte order mark before it is skipped and not forwarded.
pub(crate) fn checked(text: &[u8]) -> Result<Span<'_>, RequestError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    callgate_json::check(text)?;
    Span::whole(text).object().ok_or(RequestError::NotAnObject)
}

// === impl Body ===

impl Body {
    /// Reads the members of a request that was [`checked`].
    pub(crate) fn read<'t>(text: Span<'t>, table: &'static Table) -> Result<(Body, Fields<'t>), RequestError> {
        let (fields, judged) = members::judge(text, table)?;
        Ok((Body { object: Object::of(text.bytes()), table, judged, rewritten: false }, fields))
    }

    /// The demands of its members; dialects add those that they read themselves.
    pub(crate) fn judged(&mut self) -> &mut Judged {
        &mut self.judged
    }

    pub(crate) fn models(&self) -> Vec<&str> {
        self.judged.models.iter().collect()
    }

    pub(crate) fn provider_tools(&self) -> Vec<&str> {
        self.judged.runs.iter().collect()
    }

    pub(crate) fn server_state(&self) -> bool {
        self.judged.state
    }

    /// The bytes of its text and of its changes.
    pub(crate) fn held(&self) -> usize {
        let changes = self.object.edits.iter().map(|edit| edit.text.as_ref().map_or(0, String::len));
        self.object.text.len().saturating_add(changes.sum())
    }

    /// True if the body is not written as it came.
    pub(crate) fn is_changed(&self) -> bool {
        self.rewritten || !self.object.edits.is_empty()
    }

    fn rewrite(&mut self, text: Option<Vec<u8>>) {
        if let Some(text) = text {
            self.object.text = text;
            self.rewritten = true;
        }
    }

    /// Leaves out the members that no table knows and `allow` does not list; says which they were.
    pub(crate) fn drop_unknown(&mut self, allow: &[String]) -> UnknownMembers {
        let mut unknown = UnknownMembers::default();
        if std::mem::take(&mut self.judged.has_unknown) {
            self.rewrite(members::without_unknown(self.object.came(), self.table, allow, &mut unknown));
        }
        unknown
    }

    /// Lowers every limit of output tokens to `max`.
    pub(crate) fn clamp(&mut self, max: u64) {
        self.rewrite(members::clamp(self.object.came(), self.table, max));
    }
}

impl Deref for Body {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.object
    }
}

impl DerefMut for Body {
    fn deref_mut(&mut self) -> &mut Object {
        &mut self.object
    }
}

// === impl Object ===

impl Object {
    /// An object that was checked before.
    pub(crate) fn of(object: &[u8]) -> Object {
        Object { text: object.to_vec(), edits: Vec::new() }
    }

    /// The object as it came.
    pub(crate) fn came(&self) -> Span<'_> {
        Span::new(&self.text)
    }

    /// A member as it is now; `None` if it is missing or `null`.
    pub(crate) fn get(&self, member: &str) -> Option<Span<'_>> {
        self.raw(member).filter(|value| !value.is_null())
    }

    fn raw(&self, member: &str) -> Option<Span<'_>> {
        match self.edits.iter().find(|edit| edit.member == member) {
            Some(edit) => edit.text.as_deref().map(|text| Span::new(text.as_bytes())),
            None => self.came().get(member),
        }
    }

    /// Gives a member another value, unless its text is this already.
    pub(crate) fn set(&mut self, member: &str, text: String) {
        if self.raw(member).is_some_and(|now| now.bytes() == text.as_bytes()) {
            return;
        }
        self.edits.retain(|edit| edit.member != member);
        self.edits.push(Edit { member: member.to_owned(), text: Some(text) });
    }

    /// Takes a member out.
    pub(crate) fn remove(&mut self, member: &str) {
        let came = self.came().get(member).is_some();
        self.edits.retain(|edit| edit.member != member);
        if came {
            self.edits.push(Edit { member: member.to_owned(), text: None });
        }
    }

    /// Gives a member a list of JSON texts; takes it out if the list is empty.
    pub(crate) fn set_list(&mut self, member: &str, list: &[String]) {
        if list.is_empty() { self.remove(member) } else { self.set(member, format!("[{}]", list.join(","))) }
    }

    /// Adds items to the list that a member holds.
    pub(crate) fn extend_list(&mut self, member: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        let now = self.get(member).filter(|list| list.is_array()).map_or("[]".into(), Span::text);
        let before = now.strip_suffix(']').unwrap_or_default().trim_end();
        let between = if before.ends_with('[') { "" } else { "," };
        let text = format!("{before}{between}{}]", items.join(","));
        self.set(member, text);
    }

    /// The object's bytes: those that came if nothing was changed.
    pub(crate) fn write(&self) -> Vec<u8> {
        if self.edits.is_empty() {
            return self.text.clone();
        }
        let new: usize = self.edits.iter().filter_map(|edit| edit.text.as_ref()).map(String::len).sum();
        let mut out = Vec::with_capacity(self.text.len() + new + 64);
        let mut written: Vec<&str> = Vec::with_capacity(self.edits.len());
        out.push(b'{');
        for (key, value) in walk(&self.text) {
            let value = match self.edits.iter().find(|edit| is_key(key, &edit.member)) {
                None => value,
                Some(Edit { text: None, .. }) => continue,
                Some(Edit { text: Some(text), member }) => {
                    written.push(member);
                    text.as_bytes()
                }
            };
            pair(&mut out, key, value);
        }
        for Edit { member, text } in self.edits.iter().filter(|edit| !written.contains(&edit.member.as_str())) {
            let Some(text) = text else { continue };
            let mut key = Vec::new();
            append(&mut key, &Value::from(member.as_str()));
            pair(&mut out, &key, text.as_bytes());
        }
        out.push(b'}');
        out
    }
}

/// Appends a member to an object that is being written.
pub(crate) fn pair(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    if out.len() > 1 {
        out.push(b',');
    }
    out.extend_from_slice(key);
    out.push(b':');
    out.extend_from_slice(value);
}

/// The text of an object with another value of one member, or without it.
pub(crate) fn with_member(object: Span<'_>, member: &str, text: Option<String>) -> String {
    let mut body = Object::of(object.bytes());
    match text {
        Some(text) => body.set(member, text),
        None => body.remove(member),
    }
    String::from_utf8_lossy(&body.write()).into_owned()
}

/// The model that a path names, decoded. Some servers end a segment at a parameter, a query or a fragment, or decode it a second
/// time, and would find another model.
pub(crate) fn model_in_path(target: &Target<'_>) -> Result<Option<String>, RequestError> {
    let invalid = RequestError::Invalid { param: "model", expected: "a plain name in the path" };
    let Some(model) = target.model else { return Ok(None) };
    let is_whole = |model: &String| !model.is_empty() && !model.contains([';', '?', '#', '%', '\\']);
    target::decoded(model).filter(is_whole).map(Some).ok_or(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_were_not_changed_keep_their_bytes() {
        let text = br#" { "a" : 1.50 , "\u0062":[ {"x":"}\"]"}, 2 ],"c": "\u00e9" } "#;
        let mut body = Object::of(checked(text).unwrap().bytes());
        assert_eq!(body.write(), text);
        body.set("c", "true".to_owned());
        assert_eq!(body.write(), br#"{"a":1.50,"\u0062":[ {"x":"}\"]"}, 2 ],"c":true}"#);
        body.remove("b");
        body.set("new", "{}".to_owned());
        assert_eq!(body.write(), br#"{"a":1.50,"c":true,"new":{}}"#);
        body.remove("new");
        body.set("a", "1.50".to_owned());
        assert_eq!(body.write(), br#"{"a":1.50,"c":true}"#);
    }

    #[test]
    fn lists_grow_at_their_end() {
        let mut body = Object::of(br#"{"a":[ 1 ],"b":null}"#);
        for member in ["a", "b", "c"] {
            body.extend_list(member, &["2".to_owned(), "3".to_owned()]);
        }
        assert_eq!(body.write(), br#"{"a":[ 1,2,3],"b":[2,3],"c":[2,3]}"#);
    }

    #[test]
    fn a_byte_order_mark_is_not_forwarded() {
        assert_eq!(checked("\u{feff}{\"a\":1}".as_bytes()).unwrap().bytes(), br#"{"a":1}"#);
        assert!(checked("\u{feff}\u{feff}{}".as_bytes()).is_err());
    }
}
