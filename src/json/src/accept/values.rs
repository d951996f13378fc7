//! Values: their number, their places, and the arrays and objects around them.

use super::Reader;
use super::state::{Level, Next, OpenValue};
use crate::outline::number;

// === impl Reader ===

impl Reader<'_> {
    /// Returns the place after `true`, `false` or `null`; `None` inside if the text ends within it.
    #[inline]
    pub(super) fn word(&self, at: usize) -> Option<Option<usize>> {
        let rest = self.text.get(at..)?;
        let word: &[u8] = match rest.first()? {
            b't' => b"true",
            b'f' => b"false",
            b'n' => b"null",
            _ => return None,
        };
        if rest.starts_with(word) {
            return Some(Some(at + word.len()));
        }
        (!self.is_last && word.starts_with(rest)).then_some(None)
    }

    /// Takes a number that was read in pieces, if it is in the range of doubles.
    #[cold]
    pub(super) fn long_number(&mut self, end: usize) -> Option<usize> {
        (number(self.text, self.start)? == end).then_some(())?;
        self.leaf(self.start, end)
    }

    /// Takes a number with which the text ends.
    pub(super) fn end_number(&mut self, end: usize) -> Option<()> {
        if let Next::Digits(_) = self.next {
            self.long_number(end)?;
            self.next = Next::Follow;
        }
        Some(())
    }

    /// Takes a value without others in it. Returns the place after it.
    #[inline]
    pub(super) fn leaf(&mut self, start: usize, end: usize) -> Option<usize> {
        self.count(start)?;
        if self.open.records {
            self.record(start, end)?;
        }
        Some(end)
    }

    /// Counts and surveys a value, of which at least a string is there to its end.
    #[inline]
    pub(super) fn count(&mut self, start: usize) -> Option<()> {
        if self.values == self.most_values {
            self.fault = Some(start);
            return None;
        }
        self.values += 1;
        if self.open.level != Level::Other {
            self.observe(start, self.byte(start)?);
        }
        Some(())
    }

    /// Begins an array or object that is not empty.
    #[inline]
    pub(super) fn open(&mut self, start: usize, end: u8) -> Option<()> {
        let depth = self.outer.len();
        let node = self.nodes.len();
        self.count(start)?;
        if self.open.records {
            self.record(start, start)?;
        }
        let records = match depth {
            0 => end == b'}',
            _ if !self.open.records => false,
            1 => self.reach.depth > 1 && !self.is_excepted(),
            _ => depth < self.reach.depth,
        };
        let level = match (self.open.level, end) {
            (Level::Other, b']') if depth == 1 && self.has_places && self.is_excepted() => {
                self.turns.begin();
                Level::Turns
            }
            (Level::Other, _) => Level::Other,
            (Level::Turns, b'}') => Level::Turn,
            (Level::Turn, b']') => Level::Blocks,
            (Level::Blocks, b'}') => Level::Block,
            _ => Level::Other,
        };
        let (keys, hashes) = (self.keys.len(), self.late.hashed());
        let inner = OpenValue { marks: 0, start, node, keys, hashes, end, records, level };
        self.outer.push(std::mem::replace(&mut self.open, inner));
        Some(())
    }

    /// Surveys a value in the conversation.
    fn observe(&mut self, start: usize, begin: u8) {
        let Some(key) = self.keys.last().copied() else { return };
        let survey = match self.open.level {
            Level::Other => return,
            Level::Turns => return self.turns.item(begin),
            Level::Blocks => return self.blocks.item(begin),
            Level::Turn => &mut self.turns,
            Level::Block => &mut self.blocks,
        };
        survey.key(self.text, key.first, key.start..key.end);
        if self.text.get(key.start..key.end) == Some(b"type") {
            survey.kind(self.text, start);
        }
    }

    /// Ends the innermost array or object before a place.
    #[inline]
    pub(super) fn close(&mut self, end: usize) -> Option<()> {
        self.end_keys(self.open.keys, self.open.hashes)?;
        let inner = std::mem::replace(&mut self.open, self.outer.pop()?);
        if self.open.records {
            let inside = self.nodes.len().checked_sub(inner.node + 1)?;
            self.nodes.get_mut(inner.node)?.end(end - self.open.start, inside)?;
        }
        if self.outer.len() == 1 && inner.records && self.reach.depth > 1 {
            let (text, nodes) = (self.text.get(inner.start..end)?, self.nodes.get(inner.node + 1..)?);
            self.known.keep(text, nodes, self.reach.depth);
        }
        Some(())
    }
}
