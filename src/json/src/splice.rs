//! Writes a changed JSON object and keeps the bytes of every unchanged top-level member.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::outline::{Changes, Item};
use crate::scan::{after_value, same, skip, string};

/// A changed member.
#[derive(Debug, Clone)]
pub struct Edit<M = &'static str> {
    /// Its name.
    pub member: M,
    /// Its new JSON text. `None` stands for the value in the body, or for a removal if the body has none.
    pub text: Option<String>,
}

// === impl Edit ===

impl Edit {
    /// Adds an edit that takes the member's value from the body, unless there is one.
    pub fn value(edits: &mut Vec<Edit>, member: &'static str) {
        if !edits.iter().any(|edit| edit.member == member) {
            edits.push(Edit { member, text: None });
        }
    }
}

impl<M: AsRef<str>> Edit<M> {
    /// Appends the member under `key`, its name with quotes, unless it is removed.
    fn write(&self, out: &mut Vec<u8>, key: &[u8], body: &Map<String, Value>) {
        match (&self.text, body.get(self.member.as_ref())) {
            (Some(text), _) => pair(out, key, text.as_bytes()),
            (None, Some(value)) => {
                pair(out, key, b"");
                append(out, value);
            }
            (None, None) => {}
        }
    }
}

/// Writes `body`, which was read from `text` and then changed: `edits` name the members set, added or removed.
#[must_use]
pub fn write<M: AsRef<str>>(text: &[u8], body: &Map<String, Value>, edits: &[Edit<M>]) -> Vec<u8> {
    if edits.is_empty() {
        return text.to_vec();
    }
    join(text.len(), walk(text), |out, value| out.extend_from_slice(value), body, edits)
}

/// Writes an outlined text with other texts for some strings, and with the members of `body` that `edits` name. A member with a changed
/// string is written as its tree would be.
#[must_use]
pub fn write_outlined<M: AsRef<str>>(
    text: &[u8],
    root: Item<'_>,
    changes: &Changes,
    body: &Map<String, Value>,
    edits: &[Edit<M>],
) -> Vec<u8> {
    if edits.is_empty() && changes.is_empty() {
        return text.to_vec();
    }
    if edits.is_empty() && root.is_written_so() {
        let mut out = Vec::with_capacity(text.len() + changes.len() + 128);
        root.write(&mut out, changes);
        return out;
    }
    let put = |out: &mut Vec<u8>, value: Item<'_>| {
        if changes.touch(value) { value.write(out, changes) } else { out.extend_from_slice(value.raw()) }
    };
    join(text.len() + changes.len(), root.pairs().map(|(key, value)| (key.raw(), value)), put, body, edits)
}

/// Writes an object from its members and the changes of them.
fn join<'t, V, M: AsRef<str>>(
    length: usize,
    members: impl Iterator<Item = (&'t [u8], V)>,
    put: impl Fn(&mut Vec<u8>, V),
    body: &Map<String, Value>,
    edits: &[Edit<M>],
) -> Vec<u8> {
    let new: usize = edits.iter().filter_map(|edit| edit.text.as_ref()).map(String::len).sum();
    let mut out = Vec::with_capacity(length + new + 128);
    let mut written: Vec<&str> = Vec::with_capacity(edits.len());
    out.push(b'{');
    for (key, value) in members {
        match edits.iter().find(|edit| is_key(key, edit.member.as_ref())) {
            Some(edit) => {
                edit.write(&mut out, key, body);
                written.push(edit.member.as_ref());
            }
            None => {
                pair(&mut out, key, b"");
                put(&mut out, value);
            }
        }
    }
    for edit in edits.iter().filter(|edit| !written.contains(&edit.member.as_ref())) {
        let mut key = Vec::new();
        append(&mut key, &Value::from(edit.member.as_ref()));
        edit.write(&mut out, &key, body);
    }
    out.push(b'}');
    out
}

/// Returns true if a key, with its quotes and escapes, is `member`.
#[inline]
#[must_use]
pub fn is_key(raw: &[u8], member: &str) -> bool {
    let Some(inside) = raw.get(1..raw.len().saturating_sub(1)) else { return false };
    // An escape is longer than the character it stands for.
    if inside.len() <= member.len() {
        return same(inside, member.as_bytes()) && !inside.contains(&b'\\');
    }
    inside.contains(&b'\\') && serde_json::from_slice::<String>(raw).is_ok_and(|key| key == member)
}

/// Appends a value's text.
pub fn append(out: &mut Vec<u8>, value: &Value) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "writing to a vector does not fail");
}

/// Appends a member to an object that is being written: its name with quotes, and the text of its value.
pub fn pair(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    if out.len() > 1 {
        out.push(b',');
    }
    out.extend_from_slice(key);
    out.push(b':');
    out.extend_from_slice(value);
}

/// Returns an object's text without its first member of this name, if `leaves_out` is true of the member's value. All other bytes
/// are those of a writer that never had the member: one comma goes with it, and the white space after the comma.
#[must_use]
pub fn without(text: &[u8], member: &str, leaves_out: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut end = None;
    let mut members = places(text);
    let place = members.find(|place| {
        let is_it = text.get(place.key.clone()).is_some_and(|key| is_key(key, member))
            && text.get(place.value.clone()).is_some_and(&leaves_out);
        if !is_it {
            end = Some(place.value.end);
        }
        is_it
    })?;
    let cut = match (end, members.next()) {
        (Some(end), _) => end..place.value.end,
        (None, Some(next)) => place.key.start..next.key.start,
        (None, None) => place.key.start..place.value.end,
    };
    Some([text.get(..cut.start)?, text.get(cut.end..)?].concat())
}

/// Returns the members of a valid JSON object: each key with its quotes, each value without the white space around it.
#[inline]
pub fn walk(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    places(text)
        .map(|MemberPlace { key, value, .. }| (text.get(key).unwrap_or_default(), text.get(value).unwrap_or_default()))
}

/// The place of a member.
pub(crate) struct MemberPlace {
    /// With its quotes.
    pub(crate) key: Range<usize>,
    /// The key has escapes.
    pub(crate) is_escaped: bool,
    pub(crate) value: Range<usize>,
}

/// Returns the places of the members of a valid JSON object.
#[inline]
pub(crate) fn places(text: &[u8]) -> impl Iterator<Item = MemberPlace> {
    let mut at = text.iter().position(|&byte| byte == b'{').map_or(text.len(), |open| open + 1);
    std::iter::from_fn(move || {
        let key = skip(text, at, |byte| byte != b'"' && byte != b'}');
        if text.get(key) != Some(&b'"') {
            return None;
        }
        let (end, is_escaped) = string(text, key + 1);
        let colon = skip(text, end, |byte| byte != b':');
        let value = skip(text, colon + 1, |byte| byte.is_ascii_whitespace());
        at = after_value(text, value);
        Some(MemberPlace { key: key..end, is_escaped, value: value..at })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str, edit: impl Fn(&mut Map<String, Value>), edited: &[&'static str]) -> String {
        let edits: Vec<Edit> = edited.iter().map(|&member| Edit { member, text: None }).collect();
        let Ok(Value::Object(mut body)) = crate::read(text.as_bytes()) else { panic!("not an object") };
        edit(&mut body);
        String::from_utf8(write(text.as_bytes(), &body, &edits)).unwrap()
    }

    #[test]
    fn unchanged_members_keep_their_bytes() {
        let text = r#" { "a" : 1.50 , "\u0062":[ {"x":"}\"]"}, 2 ],"c": "\u00e9" } "#;
        let set = |body: &mut Map<String, Value>| {
            body.insert("c".to_owned(), Value::Bool(true));
        };
        assert_eq!(rewritten(text, set, &["c"]), r#"{"a":1.50,"\u0062":[ {"x":"}\"]"}, 2 ],"c":true}"#);
        assert_eq!(rewritten(text, |_| {}, &[]), text);
    }

    #[test]
    fn a_member_can_be_given_as_text() {
        let Ok(Value::Object(body)) = crate::read(br#"{"\u0061":1,"b":2}"#) else { panic!("not an object") };
        let edits = [("a", "[3]"), ("c", "{}")].map(|(member, text)| Edit { member, text: Some(text.to_owned()) });
        assert_eq!(write(br#"{"\u0061":1,"b":2}"#, &body, &edits), br#"{"\u0061":[3],"b":2,"c":{}}"#);
    }

    #[test]
    fn removed_members_are_left_out_and_new_ones_come_last() {
        let remove = |body: &mut Map<String, Value>| {
            body.shift_remove("a");
        };
        assert_eq!(rewritten(r#"{"a":1,"b":2}"#, remove, &["a"]), r#"{"b":2}"#);
        assert_eq!(rewritten(r#"{"a":1}"#, remove, &["a"]), "{}");
        let add = |body: &mut Map<String, Value>| {
            body.insert("new".to_owned(), Value::Null);
        };
        assert_eq!(rewritten("{ }", add, &["new"]), r#"{"new":null}"#);
        assert_eq!(rewritten(r#"{"a":[]}"#, add, &["new"]), r#"{"a":[],"new":null}"#);
    }

    #[test]
    fn a_member_without_a_value_is_left_out_with_its_comma() {
        let left_out = |text: &str| {
            without(text.as_bytes(), "u", |value| value == b"null").map(|text| String::from_utf8(text).unwrap())
        };
        for (text, rest) in [
            (r#"{"a":1,"u":null,"b":2}"#, r#"{"a":1,"b":2}"#),
            (r#"{"a": 1, "u": null, "b": 2}"#, r#"{"a": 1, "b": 2}"#),
            (r#"{"a": 1, "u": null}"#, r#"{"a": 1}"#),
            (r#"{"u": null, "a": [{"u": null}]}"#, r#"{"a": [{"u": null}]}"#),
            (r#"{"u":null}"#, "{}"),
            (r#"{"a": "u", "u": null }"#, r#"{"a": "u" }"#),
        ] {
            assert_eq!(left_out(text).as_deref(), Some(rest), "{text}");
        }
        for text in [r#"{"u":0}"#, r#"{"u":{}}"#, r#"{"a":null}"#, "{}", "[]", "", r#"{"a":{"u":null}}"#] {
            assert_eq!(left_out(text), None, "{text}");
        }
    }
}
