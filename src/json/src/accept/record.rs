//! Records the places of values.

use super::Reader;
use super::keys::FEW_MEMBERS;
use super::state::Level;
use crate::places::ValuePlace;
use crate::survey::Survey;

impl Reader<'_> {
    /// Returns true in the member without places.
    pub(super) fn is_excepted(&self) -> bool {
        self.keys.last().is_some_and(|key| self.text_of(*key) == self.reach.except)
    }

    /// Takes a member of the outermost object from an earlier text, with its places. Returns the place after it.
    pub(super) fn known(&mut self, start: usize) -> Option<usize> {
        if !self.open.records || self.reach.depth <= 1 || self.is_excepted() {
            return None;
        }
        let (length, count) = self.known.find(self.text.get(start..)?, self.reach.depth)?;
        let own = self.nodes.len();
        if own + count >= self.most_nodes() {
            return None;
        }
        let end = start + length;
        self.record(start, end)?;
        self.nodes.get_mut(own)?.end(end - self.open.start, count)?;
        self.nodes.extend_from_slice(self.known.places());
        Some(end)
    }

    /// Returns the maximum number of nodes in the text so far.
    #[inline]
    fn most_nodes(&self) -> usize {
        FEW_MEMBERS + self.text.len() / 32
    }

    /// Adds the node of a value. The members of the outermost object always get theirs.
    #[inline]
    pub(super) fn record(&mut self, start: usize, end: usize) -> Option<()> {
        if self.outer.len() > 1 && self.nodes.len() >= self.most_nodes() {
            self.stop_recording();
            return Some(());
        }
        let base = self.open.start;
        let key = match self.keys.last() {
            // With its quotes.
            Some(key) if self.open.end == b'}' => (key.start - 1 - base, key.end + 1 - base),
            _ => (0, 0),
        };
        self.nodes.push(ValuePlace::new(key, (start - base, end - base))?);
        Some(())
    }

    /// Forgets all places and surveys, of a text with an escape in a key or with many members. The places in it are searched when it is read.
    #[cold]
    pub(super) fn forget_places(&mut self) {
        self.has_places = false;
        self.nodes.clear();
        (self.turns, self.blocks) = (Survey::default(), Survey::default());
        self.outer.iter_mut().chain([&mut self.open]).for_each(|open| {
            open.records = false;
            open.level = Level::Other;
        });
    }

    /// Forgets the places in the current member of the outermost object, and records none in later members.
    #[cold]
    fn stop_recording(&mut self) {
        let member = self.outer.get(2).unwrap_or(&self.open).node;
        self.nodes.truncate(member + 1);
        self.reach.depth = 1;
        self.open.records = false;
        self.outer.iter_mut().skip(2).for_each(|open| open.records = false);
    }
}
