//! Reads a JSON text once, and keeps the place of each value in it instead of a tree.
//!
//! An answer has a hundred values, of which a few are decided on and all others keep their bytes. A tree copies and hashes every key and
//! string; an [`Outline`] is one list of places. It accepts exactly the texts that [`read_nearest`](crate::read_nearest) accepts: the scan
//! only says yes or no, and a refused text is read again for the reason.

mod item;
mod scan;
pub(crate) mod strings;
mod write;

pub use item::Item;
pub(crate) use scan::number;
pub use write::Changes;

use crate::ReadError;
use crate::read::{read_nearest, utf8};

/// The places of all values of one JSON text. Costs 16 bytes for each value and each key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    nodes: Vec<Node>,
}

/// The place of one value or key. A container's values follow it; in an object each value follows its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    start: u32,
    /// The byte after it.
    end: u32,
    /// The node after it and everything in it.
    next: u32,
    kind: Kind,
}

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Bool,
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    Array,
    Object,
}

// === impl Outline ===

impl Outline {
    /// Reads one JSON text as strictly as [`read_nearest`].
    ///
    /// # Errors
    /// As [`read_nearest`].
    pub fn read(text: &[u8]) -> Result<Outline, ReadError> {
        match scan::scan(utf8(text)?) {
            Some(nodes) => Ok(Outline { nodes }),
            // The tree is built for its error. A text of 4 GiB, which places do not reach, has no other error.
            None => Err(match read_nearest(text) {
                Err(error) => error,
                Ok(_) => ReadError::TooMany { line: 1, column: 1 },
            }),
        }
    }

    /// Returns the whole value. `text` is the text that was read.
    #[must_use]
    pub fn root<'t>(&'t self, text: &'t [u8]) -> Item<'t> {
        Item::new(text, &self.nodes, 0)
    }
}
