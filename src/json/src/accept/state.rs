//! The state of a reader: the next thing to read, and the keys and the open values around it.

use super::digits::Digits;

/// A key. Most keys differ in their first eight bytes.
#[derive(Clone, Copy)]
pub(super) struct ReadKey {
    pub(super) first: u64,
    /// The place of its text: between the quotes, or in the buffer of unescaped keys.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_escaped: bool,
}

/// An array or object whose end is not reached.
#[derive(Clone, Copy)]
pub(super) struct OpenValue {
    /// A bit for each of its keys. The same key has the same bit.
    pub(super) marks: u64,
    pub(super) start: usize,
    /// Its own node, if it has one.
    pub(super) node: usize,
    /// The number of keys of the objects around it.
    pub(super) keys: usize,
    /// The number of hashes of keys of the objects around it.
    pub(super) hashes: usize,
    /// The byte that ends it; 0 outside of all.
    pub(super) end: u8,
    /// The values in it get nodes.
    pub(super) records: bool,
    pub(super) level: Level,
}

/// The next thing to read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A value, perhaps after white space.
    Value,
    /// More of a string.
    Text,
    /// More of a number, which may end here.
    Digits(Digits),
    /// The first value, key or bracket in an array or object that this byte ends.
    Inside(u8),
    Key,
    /// More of a key.
    KeyText,
    Colon,
    /// A comma, a bracket, or the end of the text.
    Follow,
}

/// The place of an array or object in the member without places.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Other,
    /// The list in the member.
    Turns,
    /// An object in it.
    Turn,
    /// A list in such an object.
    Blocks,
    /// An object in such a list.
    Block,
}

// === impl OpenValue ===

impl OpenValue {
    /// The place outside of all values.
    pub(super) const OUTSIDE: OpenValue =
        OpenValue { marks: 0, start: 0, node: 0, keys: 0, hashes: 0, end: 0, records: false, level: Level::Other };
}
