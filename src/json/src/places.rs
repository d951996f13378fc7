//! Places of values in a text that was accepted, so that a reader does not search them again.

use crate::accept::Accepted;
use crate::pool::Pool;
use crate::survey::{Objects, Survey};
use crate::{Members, Span};

/// The values that get places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// The depth of the innermost ones. Members of the text's object have depth 1, and always get places.
    pub(crate) depth: usize,
    /// The member without places in it.
    pub(crate) except: &'static [u8],
}

/// The place of a member or item, relative to the object or array that holds it. The nodes in it follow it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValuePlace {
    /// The key with its quotes; empty for an item.
    key: (u32, u32),
    value: (u32, u32),
    /// The number of nodes in it. It has none if its inside was not recorded.
    inside: u32,
}

/// The places in a text that was checked, if it is an object.
#[derive(Debug, Default)]
pub struct Places {
    nodes: Vec<ValuePlace>,
    turns: Survey,
    blocks: Survey,
}

thread_local! {
    static NODES: Pool<ValuePlace> = const { Pool::new() };
}

/// Returns an empty list of places.
pub(crate) fn buffer(most: usize) -> Vec<ValuePlace> {
    NODES.with(|pool| pool.take(most))
}

// === impl Places ===

impl Drop for Places {
    fn drop(&mut self) {
        let nodes = std::mem::take(&mut self.nodes);
        // A thread that ends keeps no buffer.
        let _ = NODES.try_with(|pool| pool.give(nodes));
    }
}

impl Places {
    pub(crate) fn new(Accepted { nodes, turns, blocks }: Accepted) -> Places {
        Places { nodes, turns, blocks }
    }

    /// Returns the objects in the list of the member without places, and the objects in lists of theirs. `text` is the text that was
    /// checked. Returns `None` for a list that has to be searched.
    #[must_use]
    pub fn objects<'t>(&'t self, text: &'t [u8]) -> Option<(Objects<'t>, Option<Objects<'t>>)> {
        if !self.turns.is_found() {
            return None;
        }
        Some((self.turns.of(text)?, self.blocks.of(text)))
    }

    /// Returns the value that the text is. `text` is the text that was checked.
    #[must_use]
    pub fn of<'t>(&'t self, text: &'t [u8]) -> Span<'t> {
        Span::with_places(text.trim_ascii(), &self.nodes)
    }

    /// Returns the places of the members alone.
    #[must_use]
    pub fn members(&self, text: &[u8]) -> Members {
        if self.nodes.is_empty() {
            return Members::of(text);
        }
        let start = text.len() - text.trim_ascii_start().len();
        let mut members = Members::default();
        let mut nodes = self.nodes.as_slice();
        while let Some((node, rest)) = nodes.split_first() {
            let place = |(from, to)| start + wide(from)..start + wide(to);
            members.push(place(node.key), place(node.value));
            nodes = rest.get(wide(node.inside)..).unwrap_or_default();
        }
        members
    }
}

// === impl ValuePlace ===

impl ValuePlace {
    #[inline]
    pub(crate) fn new(key: (usize, usize), value: (usize, usize)) -> Option<ValuePlace> {
        Some(ValuePlace { key: short(key)?, value: short(value)?, inside: 0 })
    }

    /// Notes the end of an array or object.
    pub(crate) fn end(&mut self, end: usize, inside: usize) -> Option<()> {
        (self.value.1, self.inside) = short((end, inside))?;
        Some(())
    }
}

#[inline]
fn short((start, end): (usize, usize)) -> Option<(u32, u32)> {
    Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}

#[inline]
fn wide(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

#[inline]
fn part(text: &[u8], (start, end): (u32, u32)) -> &[u8] {
    text.get(wide(start)..wide(end)).unwrap_or_default()
}

/// Takes the first node, and returns its key and its value.
#[inline]
pub(crate) fn next<'t>(text: &'t [u8], nodes: &mut &'t [ValuePlace]) -> Option<(&'t [u8], Span<'t>)> {
    let (node, rest) = nodes.split_first()?;
    let (inside, rest) = rest.split_at_checked(wide(node.inside))?;
    *nodes = rest;
    Some((part(text, node.key), Span::with_places(part(text, node.value), inside)))
}
