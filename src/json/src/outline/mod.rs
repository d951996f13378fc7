//! Reads a JSON text once, and keeps the place of each value in it instead of a tree.
//!
//! An answer has a hundred values, of which a few are decided on and all others keep their bytes. A tree copies and hashes every key and
//! string; an [`Outline`] is one list of places. It accepts exactly the texts that [`read_nearest`](crate::read_nearest) accepts: the scan
//! only says yes or no, and a refused text is read again for the reason.

mod changes;
mod item;
mod scan;
pub(crate) mod strings;
mod tree;
mod write;

use std::borrow::Cow;

pub use changes::Changes;
pub use item::Item;
pub(crate) use scan::number;

use crate::ReadError;
use crate::pool::Pool;
use crate::read::{refusal, utf8};

/// A JSON text, and the places of all its values. Costs 16 bytes for each value and each key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline<'t> {
    text: Cow<'t, str>,
    nodes: Vec<OutlineNode>,
}

/// The place of one value or key. A container's values follow it; in an object each value follows its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OutlineNode {
    start: u32,
    /// The byte after it.
    end: u32,
    /// The number of nodes in it.
    inside: u32,
    kind: Kind,
    is_key: bool,
    /// True if its tree would be written as this very text.
    is_written_so: bool,
}

thread_local! {
    static NODES: Pool<OutlineNode> = const { Pool::new() };
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

impl<'t> Outline<'t> {
    /// Reads one JSON text as strictly as [`read_nearest`](crate::read_nearest).
    ///
    /// # Errors
    /// As [`read_nearest`](crate::read_nearest).
    pub fn read(text: &'t [u8]) -> Result<Outline<'t>, ReadError> {
        let text = utf8(text)?;
        Outline::of(text).ok_or_else(|| refusal(text))
    }

    /// Reads a text, and returns `None` if it is refused.
    pub(crate) fn of(text: &'t str) -> Option<Outline<'t>> {
        scan::scan(text).map(|nodes| Outline { text: Cow::Borrowed(text), nodes })
    }

    /// Reads a text as [`read`](Outline::read) does, and keeps it.
    ///
    /// # Errors
    /// As [`read_nearest`](crate::read_nearest).
    pub fn keep(text: Vec<u8>) -> Result<Outline<'static>, ReadError> {
        let text =
            String::from_utf8(text).map_err(|error| ReadError::NotUtf8 { offset: error.utf8_error().valid_up_to() })?;
        match scan::scan(&text) {
            Some(nodes) => Ok(Outline { text: Cow::Owned(text), nodes }),
            None => Err(refusal(&text)),
        }
    }

    /// Returns the same outline with a copy of the text, unless it has one.
    #[must_use]
    pub fn into_owned(mut self) -> Outline<'static> {
        let (text, nodes) = (std::mem::take(&mut self.text), std::mem::take(&mut self.nodes));
        Outline { text: Cow::Owned(text.into_owned()), nodes }
    }

    /// Returns the bytes that were read.
    #[must_use]
    pub fn into_text(mut self) -> Vec<u8> {
        std::mem::take(&mut self.text).into_owned().into_bytes()
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the whole value.
    #[must_use]
    pub fn root(&self) -> Item<'_> {
        Item::first(&self.text, &self.nodes)
    }
}

impl Drop for Outline<'_> {
    fn drop(&mut self) {
        let nodes = std::mem::take(&mut self.nodes);
        // A thread that ends keeps no buffer.
        let _ = NODES.try_with(|pool| pool.give(nodes));
    }
}
