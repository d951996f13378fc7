//! The bytes of a value within a JSON text that was read before.
//!
//! Where an API writes a call's arguments as an object, these are what is decided on: a tree that was read with
//! [`callgate_json::read_nearest`] has lost what a strict reader refuses, and re-writing it would hide that.

use serde_json::Value;

use crate::splice::{after_value, is_key, members};

/// The bytes of a member's value, if the text is an object that has it.
pub(crate) fn member<'t>(object: &'t [u8], name: &str) -> Option<&'t [u8]> {
    members(object).into_iter().find(|(key, _)| is_key(key, name)).map(|(_, value)| value)
}

/// The bytes of a valid array's items, in order; none for `null`.
pub(crate) fn items(array: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let Some(mut at) = array.iter().position(|&byte| byte == b'[').map(|open| open + 1) else { return found };
    while at < array.len() {
        let end = after_value(array, at);
        let item = array.get(at..end).unwrap_or_default().trim_ascii();
        if !item.is_empty() {
            found.push(item);
        }
        at = end + 1;
    }
    found
}

/// Whether a text says to every reader what `canonical` says, so that its own bytes may go on: white space, escapes and the
/// order of keys may differ, the kinds of its numbers (`1`, `1.0`) may not.
pub(crate) fn says(text: &str, canonical: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    read(text).is_some_and(|value| read(canonical) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_with_their_own_bytes() {
        let text = br#" { "a" : [ {"x":"]\"}"} , [1,[2]],"b" , 1.0 ], "\u0062": {"c": [ ]} } "#;
        let a = member(text, "a").unwrap();
        assert_eq!(items(a), [&br#"{"x":"]\"}"}"#[..], b"[1,[2]]", b"\"b\"", b"1.0"]);
        assert_eq!(items(member(member(text, "b").unwrap(), "c").unwrap()), [&b""[..]; 0]);
        assert_eq!(member(text, "c"), None);
        assert_eq!(items(b"null"), [&b""[..]; 0]);
        assert_eq!(items(b"[]"), [&b""[..]; 0]);
    }

    #[test]
    fn a_text_says_what_its_canonical_form_says_unless_readers_could_differ() {
        assert!(says(r#"{ "b":[1, 2.50], "a":"\u00e9" }"#, r#"{"a":"é","b":[1,2.5]}"#));
        for (text, canonical) in [("1.0", "1"), ("-0", "0"), ("1e2", "100"), ("{", "{}")] {
            assert!(!says(text, canonical), "{text}");
        }
    }
}
