//! One value of an outlined text.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use super::{Kind, Node, strings};
use crate::Span;
use crate::read::read_nearest;

/// A value of a text that was outlined: a place, and nothing of its own.
#[derive(Clone, Copy)]
pub struct Item<'t> {
    text: &'t [u8],
    nodes: &'t [Node],
    position: usize,
}

// === impl Item ===

impl<'t> Item<'t> {
    pub(super) fn new(text: &'t [u8], nodes: &'t [Node], position: usize) -> Item<'t> {
        Item { text, nodes, position }
    }

    fn at(self, position: usize) -> Item<'t> {
        Item { position, ..self }
    }

    fn node(self) -> Node {
        // Every item is made of a node, so the null is never seen.
        self.nodes.get(self.position).copied().unwrap_or(Node { start: 0, end: 0, next: u32::MAX, kind: Kind::Null })
    }

    pub(super) fn kind(self) -> Kind {
        self.node().kind
    }

    pub(super) fn next(self) -> usize {
        wide(self.node().next)
    }

    /// Returns its place in the outline, which names it for [`Changes`](super::Changes).
    pub(super) fn position(self) -> usize {
        self.position
    }

    /// Returns its bytes: strings with quotes and escapes.
    #[must_use]
    pub fn raw(self) -> &'t [u8] {
        let node = self.node();
        self.text.get(wide(node.start)..wide(node.end)).unwrap_or_default()
    }

    /// Returns its bytes as a value that was read.
    #[must_use]
    pub fn span(self) -> Span<'t> {
        Span::whole(self.raw())
    }

    /// Returns its tree.
    #[must_use]
    pub fn value(self) -> Value {
        // The whole text was accepted, so a part of it is.
        read_nearest(self.raw()).unwrap_or_default()
    }

    /// Returns true for `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.node().kind == Kind::Null
    }

    /// Returns true for a number.
    #[must_use]
    pub fn is_number(self) -> bool {
        self.node().kind == Kind::Number
    }

    /// Returns true for an array.
    #[must_use]
    pub fn is_array(self) -> bool {
        self.node().kind == Kind::Array
    }

    /// Returns true for an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.node().kind == Kind::Object
    }

    /// Returns true for a string.
    #[must_use]
    pub fn is_string(self) -> bool {
        matches!(self.node().kind, Kind::Plain | Kind::Escaped)
    }

    /// Returns true for `true`.
    #[must_use]
    pub fn is_true(self) -> bool {
        self.node().kind == Kind::Bool && self.raw().first() == Some(&b't')
    }

    /// Returns true for an empty string, array or object.
    #[must_use]
    pub fn is_empty(self) -> bool {
        let node = self.node();
        match node.kind {
            Kind::Plain => node.end - node.start == 2,
            Kind::Array | Kind::Object => wide(node.next) == self.position + 1,
            Kind::Null | Kind::Bool | Kind::Number | Kind::Escaped => false,
        }
    }

    /// Returns the string, without its escapes.
    #[must_use]
    pub fn string(self) -> Option<Cow<'t, str>> {
        match self.node().kind {
            Kind::Plain => std::str::from_utf8(self.inside()).ok().map(Cow::Borrowed),
            Kind::Escaped => strings::unescaped(self.inside()).map(Cow::Owned),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Array | Kind::Object => None,
        }
    }

    /// Returns true if it is this string.
    #[must_use]
    pub fn is(self, string: &str) -> bool {
        match self.node().kind {
            Kind::Plain => self.inside() == string.as_bytes(),
            Kind::Escaped => self.string().is_some_and(|own| own == string),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Array | Kind::Object => false,
        }
    }

    pub(super) fn is_same_string(self, other: Item<'_>) -> bool {
        match (self.node().kind, other.node().kind) {
            (Kind::Plain, Kind::Plain) => self.inside() == other.inside(),
            _ => self.string() == other.string(),
        }
    }

    /// Returns the bytes between the quotes.
    fn inside(self) -> &'t [u8] {
        let node = self.node();
        self.text.get(wide(node.start) + 1..wide(node.end).saturating_sub(1)).unwrap_or_default()
    }

    /// Returns the number if it is whole and not negative.
    #[must_use]
    pub fn count(self) -> Option<u64> {
        if !self.is_number() {
            return None;
        }
        self.value().as_u64()
    }

    /// Returns the member of an object with this name.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Item<'t>> {
        self.pairs().find(|(key, _)| key.is(name)).map(|(_, value)| value)
    }

    /// Returns the members of an object in their order, and none for another value. Keys are strings.
    pub fn pairs(self) -> impl Iterator<Item = (Item<'t>, Item<'t>)> + use<'t> {
        let node = self.node();
        let end = if node.kind == Kind::Object { wide(node.next) } else { 0 };
        let mut at = self.position + 1;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let (key, value) = (self.at(at), self.at(at + 1));
            at = value.next();
            Some((key, value))
        })
    }

    /// Returns the members of an object in their order with the meaning of their keys, and none for another value.
    pub fn members(self) -> impl Iterator<Item = (Cow<'t, str>, Item<'t>)> + use<'t> {
        self.pairs().map(|(key, value)| (key.string().unwrap_or_default(), value))
    }

    /// Returns the items of an array in their order, and none for another value.
    pub fn items(self) -> impl Iterator<Item = Item<'t>> + use<'t> {
        let node = self.node();
        let end = if node.kind == Kind::Array { wide(node.next) } else { 0 };
        let mut at = self.position + 1;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let item = self.at(at);
            at = item.next();
            Some(item)
        })
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.span().text())
    }
}

fn wide(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
