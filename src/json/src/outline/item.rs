//! One value of an outlined text.

use std::borrow::Cow;
use std::fmt;

use super::{Kind, OutlineNode, strings};
use crate::Span;
use crate::number::Exact;
use crate::scan::same;

/// A value of a text that was outlined: a place, and nothing of its own.
#[derive(Clone, Copy)]
pub struct Item<'t> {
    text: &'t str,
    node: OutlineNode,
    /// The nodes in it.
    inside: &'t [OutlineNode],
}

// === impl Item ===

impl<'t> Item<'t> {
    /// Returns the value of the first node.
    pub(super) fn first(text: &'t str, nodes: &'t [OutlineNode]) -> Item<'t> {
        // Every outline has a node, so the null is never seen.
        take(text, &mut { nodes }).unwrap_or(Item { text, node: OutlineNode::NULL, inside: &[] })
    }

    pub(super) fn of(text: &'t str, node: OutlineNode, inside: &'t [OutlineNode]) -> Item<'t> {
        Item { text, node, inside }
    }

    pub(super) fn kind(self) -> Kind {
        self.node.kind
    }

    /// Returns true if its tree would be written as this very text.
    #[inline]
    pub(crate) fn is_written_so(self) -> bool {
        self.node.is_written_so
    }

    /// Returns its place in the text, which names it for [`Changes`](super::Changes).
    pub(super) fn start(self) -> usize {
        wide(self.node.start)
    }

    /// Returns the place after it.
    pub(super) fn end(self) -> usize {
        wide(self.node.end)
    }

    pub(super) fn bytes_between(self, start: usize, end: usize) -> &'t [u8] {
        self.text.as_bytes().get(start..end).unwrap_or_default()
    }

    /// Returns its bytes: strings with quotes and escapes.
    #[must_use]
    pub fn raw(self) -> &'t [u8] {
        self.bytes_between(self.start(), self.end())
    }

    /// Returns its text: strings with quotes and escapes.
    #[must_use]
    pub fn text(self) -> &'t str {
        self.text.get(self.start()..self.end()).unwrap_or_default()
    }

    /// Returns its bytes as a value that was read.
    #[must_use]
    pub fn span(self) -> Span<'t> {
        Span::whole(self.raw())
    }

    /// Returns true for `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.node.kind == Kind::Null
    }

    /// Returns true for a number.
    #[must_use]
    pub fn is_number(self) -> bool {
        self.node.kind == Kind::Number
    }

    /// Returns true for an array.
    #[must_use]
    pub fn is_array(self) -> bool {
        self.node.kind == Kind::Array
    }

    /// Returns true for an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.node.kind == Kind::Object
    }

    /// Returns true for a string.
    #[must_use]
    pub fn is_string(self) -> bool {
        matches!(self.node.kind, Kind::Plain | Kind::Escaped)
    }

    /// Returns true for `true`.
    #[must_use]
    pub fn is_true(self) -> bool {
        self.node.kind == Kind::Bool && self.node.end - self.node.start == 4
    }

    /// Returns true for an empty string, array or object.
    #[must_use]
    pub fn is_empty(self) -> bool {
        match self.node.kind {
            Kind::Plain => self.node.end - self.node.start == 2,
            Kind::Array | Kind::Object => self.inside.is_empty(),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Escaped => false,
        }
    }

    /// Returns the string, without its escapes.
    #[must_use]
    pub fn string(self) -> Option<Cow<'t, str>> {
        match self.node.kind {
            Kind::Plain => self.plain().map(Cow::Borrowed),
            Kind::Escaped => strings::unescaped(self.inside_bytes()).map(Cow::Owned),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Array | Kind::Object => None,
        }
    }

    /// Returns the text of a string without escapes.
    #[inline]
    #[must_use]
    pub fn plain(self) -> Option<&'t str> {
        match self.node.kind {
            Kind::Plain => self.text.get(self.start() + 1..self.end().saturating_sub(1)),
            _ => None,
        }
    }

    /// Returns true if it is this string.
    ///
    /// It is a function of its own: a reader that compares one key with several names is slower with this inlined.
    #[inline(never)]
    #[must_use]
    pub fn is(self, string: &str) -> bool {
        match self.node.kind {
            Kind::Plain => same(self.inside_bytes(), string.as_bytes()),
            Kind::Escaped => self.string().is_some_and(|own| own == string),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Array | Kind::Object => false,
        }
    }

    /// Returns the bytes between the quotes.
    fn inside_bytes(self) -> &'t [u8] {
        self.bytes_between(self.start() + 1, self.end().saturating_sub(1))
    }

    /// Returns the number if it is whole and not negative.
    #[must_use]
    pub fn count(self) -> Option<u64> {
        self.number(Exact::None)?.as_u64()
    }

    /// Returns the member of an object with this name.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Item<'t>> {
        self.pairs().find(|(key, _)| key.is(name)).map(|(_, value)| value)
    }

    /// Returns the members of an object in their order, and none for another value. Keys are strings.
    #[inline]
    pub fn pairs(self) -> impl Iterator<Item = (Item<'t>, Item<'t>)> + use<'t> {
        let mut rest = if self.is_object() { self.inside } else { &[] };
        std::iter::from_fn(move || Some((take(self.text, &mut rest)?, take(self.text, &mut rest)?)))
    }

    /// Returns the members of an object in their order with the meaning of their keys, and none for another value.
    pub fn members(self) -> impl Iterator<Item = (Cow<'t, str>, Item<'t>)> + use<'t> {
        self.pairs().map(|(key, value)| (key.string().unwrap_or_default(), value))
    }

    /// Returns the members of all objects in it, itself included, in the order of the text.
    #[inline]
    pub fn pairs_within(self) -> impl Iterator<Item = (Item<'t>, Item<'t>)> + use<'t> {
        let mut rest = self.inside;
        std::iter::from_fn(move || {
            loop {
                let (node, after) = rest.split_first()?;
                rest = after;
                if node.is_key {
                    let key = Item { text: self.text, node: *node, inside: &[] };
                    return Some((key, take(self.text, &mut { after })?));
                }
            }
        })
    }

    /// Returns the items of an array in their order, and none for another value.
    #[inline]
    pub fn items(self) -> impl Iterator<Item = Item<'t>> + use<'t> {
        let mut rest = if self.is_array() { self.inside } else { &[] };
        std::iter::from_fn(move || take(self.text, &mut rest))
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

// === impl OutlineNode ===

impl OutlineNode {
    const NULL: OutlineNode =
        OutlineNode { start: 0, end: 0, inside: 0, kind: Kind::Null, is_key: false, is_written_so: true };
}

/// Takes the value of the first node, with all nodes in it.
#[inline]
fn take<'t>(text: &'t str, nodes: &mut &'t [OutlineNode]) -> Option<Item<'t>> {
    let (node, rest) = nodes.split_first()?;
    let (inside, rest) = rest.split_at_checked(wide(node.inside))?;
    *nodes = rest;
    Some(Item { text, node: *node, inside })
}

#[inline]
fn wide(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
