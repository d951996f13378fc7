//! Values inside a JSON text that was read or checked before: their bytes, and the values they hold.
//!
//! If an API writes a call's arguments as an object, the decision is about their bytes. A tree from [`read_nearest`](crate::read_nearest)
//! has lost everything a strict reader refuses, and writing it again would hide the loss. Requests are read through [`Span`] alone, so
//! a request never becomes a tree.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::places::{self, ValuePlace};
use crate::scan::{after_value, same, skip};
use crate::splice::{self, MemberPlace, is_key, walk};

/// The bytes of one value in a text that was read or checked.
#[derive(Debug, Clone, Copy)]
pub struct Span<'t> {
    bytes: &'t [u8],
    /// The places in it. If there are none, it is searched.
    places: &'t [ValuePlace],
}

/// The key of a member.
#[derive(Debug, Clone, Copy)]
pub struct Key<'t> {
    /// With its quotes.
    raw: &'t [u8],
    is_escaped: bool,
}

// === impl Key ===

impl<'t> Key<'t> {
    /// Takes a key without escapes, with its quotes.
    pub(crate) fn plain(raw: &'t [u8]) -> Key<'t> {
        Key { raw, is_escaped: false }
    }

    /// Returns its bytes, with quotes and escapes.
    #[must_use]
    pub fn raw(self) -> &'t [u8] {
        self.raw
    }

    /// Returns the bytes between its quotes.
    #[inline]
    fn inside(self) -> &'t [u8] {
        self.raw.get(1..self.raw.len().saturating_sub(1)).unwrap_or_default()
    }

    /// Returns true if it is this name.
    #[inline(never)]
    #[must_use]
    pub fn is(self, name: &str) -> bool {
        if self.is_escaped { is_key(self.raw, name) } else { same(self.inside(), name.as_bytes()) }
    }

    /// Returns the name, unescaped.
    #[must_use]
    pub fn name(self) -> Cow<'t, str> {
        Span::whole(self.raw).string().unwrap_or_default()
    }

    /// Returns false if it is not `name` for any reader that ignores case or takes characters beyond ASCII for letters of it. `name` must
    /// be ASCII.
    #[inline]
    #[must_use]
    pub fn resembles(self, name: &str) -> bool {
        let key = self.inside();
        match key.len().cmp(&name.len()) {
            Ordering::Less => false,
            Ordering::Equal => key.eq_ignore_ascii_case(name.as_bytes()),
            // An escape, or a character beyond ASCII, is longer than the letter it stands for.
            Ordering::Greater => self.is_escaped || !key.is_ascii(),
        }
    }
}

// === impl Span ===

impl<'t> Span<'t> {
    /// Returns the value in the text, without the white space around it.
    #[must_use]
    pub fn new(text: &'t [u8]) -> Span<'t> {
        Span::whole(text.trim_ascii())
    }

    /// Returns the value with the white space around it.
    #[must_use]
    pub fn whole(text: &'t [u8]) -> Span<'t> {
        Span { bytes: text, places: &[] }
    }

    /// Returns a value with the places in it, without white space around it.
    pub(crate) fn with_places(bytes: &'t [u8], places: &'t [ValuePlace]) -> Span<'t> {
        Span { bytes, places }
    }

    /// Returns its bytes.
    #[must_use]
    pub fn bytes(self) -> &'t [u8] {
        self.bytes
    }

    /// Returns its text.
    #[must_use]
    pub fn text(self) -> Cow<'t, str> {
        crate::text(self.bytes)
    }

    fn begins(self, byte: u8) -> bool {
        self.bytes.trim_ascii_start().first() == Some(&byte)
    }

    /// Returns true for `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.begins(b'n')
    }

    /// Returns true for an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.begins(b'{')
    }

    /// Returns true for an array.
    #[must_use]
    pub fn is_array(self) -> bool {
        self.begins(b'[')
    }

    /// Returns true for a string.
    #[must_use]
    pub fn is_string(self) -> bool {
        self.begins(b'"')
    }

    /// Returns the same value if it is an object.
    #[must_use]
    pub fn object(self) -> Option<Span<'t>> {
        Some(self).filter(|value| value.is_object())
    }

    /// Returns the same value if it is an array.
    #[must_use]
    pub fn array(self) -> Option<Span<'t>> {
        Some(self).filter(|value| value.is_array())
    }

    /// Returns the same value if it is an array of objects.
    #[must_use]
    pub fn objects(self) -> Option<Span<'t>> {
        self.array().filter(|list| list.items().all(Span::is_object))
    }

    /// Returns the boolean.
    #[must_use]
    pub fn bool(self) -> Option<bool> {
        match self.bytes {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// Returns the string, unescaped.
    #[must_use]
    pub fn string(self) -> Option<Cow<'t, str>> {
        if !self.is_string() {
            return None;
        }
        if self.bytes.contains(&b'\\') {
            return serde_json::from_slice(self.bytes).ok().map(Cow::Owned);
        }
        std::str::from_utf8(self.bytes.get(1..self.bytes.len().saturating_sub(1))?).ok().map(Cow::Borrowed)
    }

    /// Returns the number if a strict reader holds it exactly.
    #[must_use]
    pub fn number(self) -> Option<Number> {
        let text = Some(self.bytes).filter(|text| matches!(text.first(), Some(b'-' | b'0'..=b'9')))?;
        match crate::read(text) {
            Ok(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// Returns the number if it is whole and not negative.
    #[must_use]
    pub fn count(self) -> Option<u64> {
        self.number()?.as_u64()
    }

    /// Returns the members of an object in their order, and none for another value.
    pub fn members(self) -> impl Iterator<Item = (Cow<'t, str>, Span<'t>)> {
        self.pairs().filter_map(|(key, value)| Some((Span::whole(key.raw).string()?, value)))
    }

    /// Returns the same as [`members`](Span::members), with keys that are not unescaped.
    #[inline]
    pub fn pairs(self) -> impl Iterator<Item = (Key<'t>, Span<'t>)> {
        let Span { bytes, mut places } = if self.is_object() { self } else { Span::whole(b"") };
        let text = if places.is_empty() { bytes } else { b"" };
        let mut searched = splice::places(text);
        let part = |place| text.get(place).unwrap_or_default();
        std::iter::from_fn(move || match places::next(bytes, &mut places) {
            // Texts with escapes in keys get no places.
            Some((key, value)) => Some((Key::plain(key), value)),
            None => searched.next().map(|MemberPlace { key, is_escaped, value }| {
                (Key { raw: part(key), is_escaped }, Span::whole(part(value)))
            }),
        })
    }

    /// Returns the value of a member, which may be `null`.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Span<'t>> {
        self.pairs().find(|(key, _)| key.is(name)).map(|(_, value)| value)
    }

    /// Returns the value of a member if it is present and not `null`.
    #[must_use]
    pub fn some(self, name: &str) -> Option<Span<'t>> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// Returns the items of an array in their order, and none for another value.
    pub fn items(self) -> impl Iterator<Item = Span<'t>> {
        let Span { bytes, mut places } = if self.is_array() { self } else { Span::whole(b"") };
        let mut searched = each(if places.is_empty() { bytes } else { b"" });
        std::iter::from_fn(move || match places::next(bytes, &mut places) {
            Some((_, item)) => Some(item),
            None => searched.next().map(Span::whole),
        })
    }
}

/// Returns the bytes of a member's value if the text is an object with this member.
#[must_use]
pub fn member<'t>(object: &'t [u8], name: &str) -> Option<&'t [u8]> {
    walk(object).find(|(key, _)| is_key(key, name)).map(|(_, value)| value)
}

/// Returns the bytes of a valid array's items in order, and none for `null`.
#[must_use]
pub fn items(array: &[u8]) -> Vec<&[u8]> {
    each(array).collect()
}

fn each(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = array.iter().position(|&byte| byte == b'[').map_or(array.len(), |open| open + 1);
    std::iter::from_fn(move || {
        let start = skip(array, at, |byte| byte == b',' || byte.is_ascii_whitespace());
        at = after_value(array, start);
        array.get(start..at).filter(|item| !item.is_empty())
    })
}

/// Returns true if every reader takes the text for the same value as `canonical`, so the text's own bytes may be forwarded.
///
/// White space, escapes and the order of keys may differ. The kinds of numbers (`1`, `1.0`) may not.
#[must_use]
pub fn says(text: &str, canonical: &str) -> bool {
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
        let text = Span::new(br#" {"a":"xA","b":[true,null,12,1e2,-1],"c":{"d":"e"},"f":null} "#);
        assert_eq!(text.get("a").unwrap().string().unwrap(), "xA");
        let items: Vec<Span<'_>> = text.get("b").unwrap().items().collect();
        assert_eq!((items[0].bool(), items[1].is_null(), items[2].count()), (Some(true), true, Some(12)));
        assert_eq!(
            (items[3].count(), items[4].count(), items[4].number().unwrap().as_i64()),
            (Some(100), None, Some(-1))
        );
        assert_eq!(text.get("c").unwrap().get("d").unwrap().string().unwrap(), "e");
        assert!(text.get("f").is_some() && text.some("f").is_none() && text.get("g").is_none());
        assert_eq!(text.members().map(|(key, _)| key.into_owned()).collect::<Vec<_>>(), ["a", "b", "c", "f"]);
        assert_eq!((text.items().count(), Span::new(b"[1]").members().count()), (0, 0));
    }

    #[test]
    fn a_text_equals_its_canonical_form_unless_readers_could_differ() {
        assert!(says(r#"{ "b":[1, 2.50], "a":"\u00e9" }"#, r#"{"a":"é","b":[1,2.5]}"#));
        for (text, canonical) in [("1.0", "1"), ("-0", "0"), ("1e2", "100"), ("{", "{}")] {
            assert!(!says(text, canonical), "{text}");
        }
    }
}
