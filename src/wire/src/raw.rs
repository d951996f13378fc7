//! Values within a JSON text that was read or checked before: their bytes, and what they hold.
//!
//! Where an API writes a call's arguments as an object, the bytes are what is decided on: a tree that was read with
//! [`callgate_json::read_nearest`] has lost what a strict reader refuses, and re-writing it would hide that. Requests are read
//! through [`Raw`] alone, so that no tree of them is ever built.

use std::borrow::Cow;

use serde_json::Value;

use crate::splice::{after_value, is_key, walk};

/// One value of a text that was checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'t>(&'t [u8]);

// === impl Raw ===

impl<'t> Raw<'t> {
    /// The value that the text holds.
    pub(crate) fn new(text: &'t [u8]) -> Raw<'t> {
        Raw(text.trim_ascii())
    }

    /// The value with the white space around it.
    pub(crate) fn whole(text: &'t [u8]) -> Raw<'t> {
        Raw(text)
    }

    /// Its bytes.
    pub(crate) fn bytes(self) -> &'t [u8] {
        self.0
    }

    /// Its text.
    pub(crate) fn text(self) -> Cow<'t, str> {
        String::from_utf8_lossy(self.0)
    }

    fn begins(self, byte: u8) -> bool {
        self.0.trim_ascii_start().first() == Some(&byte)
    }

    pub(crate) fn is_null(self) -> bool {
        self.begins(b'n')
    }

    pub(crate) fn is_object(self) -> bool {
        self.begins(b'{')
    }

    pub(crate) fn is_array(self) -> bool {
        self.begins(b'[')
    }

    pub(crate) fn is_string(self) -> bool {
        self.begins(b'"')
    }

    /// The same value if it is an object.
    pub(crate) fn object(self) -> Option<Raw<'t>> {
        Some(self).filter(|value| value.is_object())
    }

    /// The same value if it is an array.
    pub(crate) fn array(self) -> Option<Raw<'t>> {
        Some(self).filter(|value| value.is_array())
    }

    /// The same value if it is an array of objects.
    pub(crate) fn objects(self) -> Option<Raw<'t>> {
        self.array().filter(|list| list.items().all(Raw::is_object))
    }

    pub(crate) fn bool(self) -> Option<bool> {
        match self.0 {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    pub(crate) fn string(self) -> Option<Cow<'t, str>> {
        if !self.is_string() {
            return None;
        }
        if self.0.contains(&b'\\') {
            return serde_json::from_slice(self.0).ok().map(Cow::Owned);
        }
        std::str::from_utf8(self.0.get(1..self.0.len().saturating_sub(1))?).ok().map(Cow::Borrowed)
    }

    /// The number, if a reader holds it exactly.
    pub(crate) fn number(self) -> Option<serde_json::Number> {
        match callgate_json::read(
            Some(self.0).filter(|text| text.first().is_some_and(|byte| b"-0123456789".contains(byte)))?,
        ) {
            Ok(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn count(self) -> Option<u64> {
        self.number()?.as_u64()
    }

    /// The members of an object in their order; none of another value.
    pub(crate) fn members(self) -> impl Iterator<Item = (Cow<'t, str>, Raw<'t>)> {
        let text = if self.is_object() { self.0 } else { b"" };
        walk(text).filter_map(|(key, value)| Some((Raw(key).string()?, Raw(value))))
    }

    /// The value of a member, which may be `null`.
    pub(crate) fn get(self, name: &str) -> Option<Raw<'t>> {
        let text = if self.is_object() { self.0 } else { b"" };
        walk(text).find(|(key, _)| is_key(key, name)).map(|(_, value)| Raw(value))
    }

    /// The value of a member, if it is there and not `null`.
    pub(crate) fn some(self, name: &str) -> Option<Raw<'t>> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// The items of an array in their order; none of another value.
    pub(crate) fn items(self) -> impl Iterator<Item = Raw<'t>> {
        each(if self.is_array() { self.0 } else { b"" }).map(Raw)
    }
}

/// The bytes of a member's value, if the text is an object that has it.
pub(crate) fn member<'t>(object: &'t [u8], name: &str) -> Option<&'t [u8]> {
    walk(object).find(|(key, _)| is_key(key, name)).map(|(_, value)| value)
}

/// The bytes of a valid array's items, in order; none for `null`.
pub(crate) fn items(array: &[u8]) -> Vec<&[u8]> {
    each(array).collect()
}

fn each(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = array.iter().position(|&byte| byte == b'[').map_or(array.len(), |open| open + 1);
    std::iter::from_fn(move || {
        while at < array.len() {
            let end = after_value(array, at);
            let item = array.get(at..end).unwrap_or_default().trim_ascii();
            at = end + 1;
            if !item.is_empty() {
                return Some(item);
            }
        }
        None
    })
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
    fn values_are_read_out_of_the_text() {
        let text = Raw::new(br#" {"a":"xA","b":[true,null,12,1e2,-1],"c":{"d":"e"},"f":null} "#);
        assert_eq!(text.get("a").unwrap().string().unwrap(), "xA");
        let items: Vec<Raw<'_>> = text.get("b").unwrap().items().collect();
        assert_eq!((items[0].bool(), items[1].is_null(), items[2].count()), (Some(true), true, Some(12)));
        assert_eq!(
            (items[3].count(), items[4].count(), items[4].number().unwrap().as_i64()),
            (Some(100), None, Some(-1))
        );
        assert_eq!(text.get("c").unwrap().get("d").unwrap().string().unwrap(), "e");
        assert!(text.get("f").is_some() && text.some("f").is_none() && text.get("g").is_none());
        assert_eq!(text.members().map(|(key, _)| key.into_owned()).collect::<Vec<_>>(), ["a", "b", "c", "f"]);
        assert_eq!((text.items().count(), Raw::new(b"[1]").members().count()), (0, 0));
    }

    #[test]
    fn a_text_says_what_its_canonical_form_says_unless_readers_could_differ() {
        assert!(says(r#"{ "b":[1, 2.50], "a":"\u00e9" }"#, r#"{"a":"é","b":[1,2.5]}"#));
        for (text, canonical) in [("1.0", "1"), ("-0", "0"), ("1e2", "100"), ("{", "{}")] {
            assert!(!says(text, canonical), "{text}");
        }
    }
}
