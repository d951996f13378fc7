//! Accepts plain JSON texts in one pass, without copies. [`check`](crate::check) reads every other text again, to refuse it with a
//! reason or to accept it after all.
//!
//! It accepts a subset of the texts that `check` accepts, and leaves rare forms to it: escapes in keys, and objects with many members.
//! It keeps [places](ValuePlace) of an object's members and of some values in them, and a [survey](Survey) of a conversation, so that they need
//! not be searched again.

mod known;
mod record;
mod state;

use crate::outline::{number, strings};
use crate::places::{self, Reach, ValuePlace};
use crate::pool::Pool;
use crate::read::MAX_DEPTH;
use crate::scan::{SPREAD, before, place, skip, special, specials, word};
use crate::survey::Survey;
use known::KnownValues;
use state::{Level, OpenValue, PlainKey};

/// The maximum number of members of an object. Each key is compared with all before it.
const MOST_MEMBERS: usize = 64;

/// Returns the places in the object that the text is, and no places for another value. `None` leaves the text to `check`.
///
/// The text must be UTF-8.
pub(crate) fn accept(text: &[u8], reach: Reach<'_>) -> Option<Accepted> {
    // Places have 32 bits.
    u32::try_from(text.len()).ok()?;
    let mut reader = Reader {
        text,
        reach,
        keys: KEYS.with(|pool| pool.take(MOST_MEMBERS / 2)),
        open: OpenValue::OUTSIDE,
        outer: OUTER.with(|pool| pool.take(8)),
        nodes: places::buffer(MOST_MEMBERS),
        most_nodes: MOST_MEMBERS + text.len() / 32,
        turns: Survey::default(),
        blocks: Survey::default(),
        known: KnownValues::take(),
    };
    let start = reader.space(0);
    let end = reader.value(start).map(|end| reader.space(end));
    let Reader { keys, outer, nodes, turns, blocks, known, .. } = reader;
    known.give_back();
    KEYS.with(|pool| pool.give(keys));
    OUTER.with(|pool| pool.give(outer));
    (end == Some(text.len())).then_some(Accepted { nodes, turns, blocks })
}

thread_local! {
    static KEYS: Pool<PlainKey> = const { Pool::new() };
    static OUTER: Pool<OpenValue> = const { Pool::new() };
}

/// The knowledge of an accepted text.
pub(crate) struct Accepted {
    pub(crate) nodes: Vec<ValuePlace>,
    /// The objects in the list of the member without places.
    pub(crate) turns: Survey,
    /// The objects in the lists of those.
    pub(crate) blocks: Survey,
}

struct Reader<'t> {
    text: &'t [u8],
    reach: Reach<'t>,
    /// The keys of the open objects, of the innermost last. The last one is the key of the member that is read.
    keys: Vec<PlainKey>,
    /// The innermost open array or object.
    open: OpenValue,
    /// The others around it, of the outermost first.
    outer: Vec<OpenValue>,
    nodes: Vec<ValuePlace>,
    most_nodes: usize,
    turns: Survey,
    blocks: Survey,
    known: KnownValues,
}

// === impl Reader ===

impl Reader<'_> {
    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// Returns the place after white space.
    #[inline]
    fn space(&self, at: usize) -> usize {
        if self.byte(at).is_none_or(|byte| byte > b' ') {
            return at;
        }
        skip(self.text, at, |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// Reads a value with everything in it, and returns the place after it.
    fn value(&mut self, mut at: usize) -> Option<usize> {
        loop {
            let start = at;
            let begin = self.byte(start)?;
            if self.open.level != Level::Other {
                self.observe(start, begin);
            }
            let mut needs_place = self.open.records;
            at = match begin {
                b'"' => strings::read(self.text, start + 1)?.at,
                b'{' | b'['
                    if self.outer.len() == 1
                        && let Some(end) = self.known(start) =>
                {
                    needs_place = false;
                    end
                }
                b'{' | b'[' => {
                    let inside = self.space(start + 1);
                    // Both brackets are closed by the second byte after them.
                    let end = begin + 2;
                    if self.outer.len() == MAX_DEPTH {
                        return None;
                    }
                    if self.byte(inside)? == end {
                        inside + 1
                    } else {
                        self.open(start, end)?;
                        at = if end == b'}' { self.key(inside)? } else { inside };
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => number(self.text, start)?,
                b't' => self.word(start, b"true")?,
                b'f' => self.word(start, b"false")?,
                b'n' => self.word(start, b"null")?,
                _ => return None,
            };
            if needs_place {
                self.record(start, at)?;
            }
            // Reads what follows the value, up to the next one.
            loop {
                if self.open.end == 0 {
                    return Some(at);
                }
                at = self.space(at);
                let byte = self.byte(at)?;
                at += 1;
                if byte == b',' {
                    at = self.space(at);
                    if self.open.end == b'}' {
                        at = self.key(at)?;
                    }
                    break;
                }
                if byte != self.open.end {
                    return None;
                }
                self.close(at)?;
            }
        }
    }

    fn word(&self, at: usize, word: &[u8]) -> Option<usize> {
        self.text.get(at..)?.starts_with(word).then(|| at + word.len())
    }

    /// Begins an array or object that is not empty.
    #[inline]
    fn open(&mut self, start: usize, end: u8) -> Option<()> {
        let depth = self.outer.len();
        let node = self.nodes.len();
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
            (Level::Other, b']') if depth == 1 && self.is_excepted() => {
                self.turns.begin();
                Level::Turns
            }
            (Level::Other, _) => Level::Other,
            (Level::Turns, b'}') => Level::Turn,
            (Level::Turn, b']') => Level::Blocks,
            (Level::Blocks, b'}') => Level::Block,
            _ => Level::Other,
        };
        let inner = OpenValue { marks: 0, start, node, keys: self.keys.len(), end, records, level };
        self.outer.push(std::mem::replace(&mut self.open, inner));
        Some(())
    }

    #[inline]
    fn text_of(&self, key: PlainKey) -> &[u8] {
        self.text.get(key.start..key.end).unwrap_or_default()
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
    fn close(&mut self, end: usize) -> Option<()> {
        let inner = std::mem::replace(&mut self.open, self.outer.pop()?);
        self.keys.truncate(inner.keys);
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

    /// Returns true if the innermost object does not have a key, and few enough others.
    #[cold]
    fn is_new(&self, new: PlainKey) -> bool {
        let others = self.keys.get(self.open.keys..).unwrap_or_default();
        let is_same = |key: &PlainKey| key.first == new.first && self.text_of(*key) == self.text_of(new);
        others.len() < MOST_MEMBERS && !others.iter().any(is_same)
    }

    /// Reads a key that differs from those of the same object, and the colon after it. Returns the place of its value.
    #[inline]
    fn key(&mut self, at: usize) -> Option<usize> {
        if self.byte(at)? != b'"' {
            return None;
        }
        let start = at + 1;
        let (end, first) = match word(self.text, start) {
            Some(word) => match specials(word) {
                0 => (special(self.text, start + 8), word),
                hits => (start + place(hits), word & before(hits)),
            },
            None => self.last_key(start)?,
        };
        let key = PlainKey { first, start, end };
        let mark = 1 << (first.wrapping_mul(SPREAD) >> 58);
        if self.byte(end)? != b'"' || (self.open.marks & mark != 0 && !self.is_new(key)) {
            return None;
        }
        self.open.marks |= mark;
        self.keys.push(key);
        let colon = self.space(end + 1);
        if self.byte(colon)? != b':' {
            return None;
        }
        Some(self.space(colon + 1))
    }

    /// Reads a key near the end of the text, byte by byte: its end and its first bytes.
    #[cold]
    fn last_key(&self, start: usize) -> Option<(usize, u64)> {
        let end = special(self.text, start);
        let text = self.text.get(start..end)?;
        Some((end, text.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte))))
    }
}
