//! Accepts plain JSON texts in one pass, without copies. [`check`](crate::check) reads every other text again, to refuse it with a
//! reason or to accept it after all.
//!
//! It accepts a subset of the texts that `check` accepts, and leaves rare forms to it: escapes in keys, and objects with many members.
//! It keeps [places](ValuePlace) of an object's members and of some values in them, and a [survey](Survey) of a conversation, so that they need
//! not be searched again.

use crate::outline::{number, strings};
use crate::places::{Reach, ValuePlace};
use crate::read::MAX_DEPTH;
use crate::scan::{place, skip, special, specials, word};
use crate::survey::Survey;

/// The maximum number of members of an object. Each key is compared with all before it.
const MOST_MEMBERS: usize = 64;

/// Spreads the bits of a key's first bytes (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Returns the places in the object that the text is, and no places for another value. `None` leaves the text to `check`.
///
/// The text must be UTF-8.
pub(crate) fn accept(text: &[u8], reach: Reach<'_>) -> Option<Accepted> {
    // Places have 32 bits.
    u32::try_from(text.len()).ok()?;
    let outermost = OpenValue { end: 0, records: false, start: 0, node: 0, keys: 0, marks: 0, level: Level::Other };
    let mut reader = Reader {
        text,
        at: 0,
        reach,
        key: KeyPlace::default(),
        keys: Vec::with_capacity(MOST_MEMBERS / 2),
        open: outermost,
        outer: Vec::with_capacity(8),
        nodes: Vec::with_capacity(MOST_MEMBERS / 2),
        most_nodes: MOST_MEMBERS + text.len() / 32,
        turns: Survey::default(),
        blocks: Survey::default(),
    };
    reader.space();
    reader.value()?;
    reader.space();
    let Reader { at, nodes, turns, blocks, .. } = reader;
    (at == text.len()).then_some(Accepted { nodes, turns, blocks })
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
    at: usize,
    reach: Reach<'t>,
    /// The key of the member that is read, with its quotes.
    key: KeyPlace,
    /// The keys of the open objects, of the innermost last.
    keys: Vec<PlainKey<'t>>,
    /// The innermost open array or object.
    open: OpenValue,
    /// The others around it, of the outermost first.
    outer: Vec<OpenValue>,
    nodes: Vec<ValuePlace>,
    most_nodes: usize,
    turns: Survey,
    blocks: Survey,
}

#[derive(Clone, Copy, Default)]
struct KeyPlace {
    start: usize,
    end: usize,
}

/// A key between its quotes. Most keys differ in their first eight bytes.
#[derive(Clone, Copy)]
struct PlainKey<'t> {
    first: u64,
    text: &'t [u8],
}

/// An array or object whose end is not reached.
#[derive(Clone, Copy)]
struct OpenValue {
    /// The byte that ends it; 0 outside of all.
    end: u8,
    /// The values in it get nodes.
    records: bool,
    start: usize,
    /// Its own node, if it has one.
    node: usize,
    /// The number of keys of the objects around it.
    keys: usize,
    /// A bit for each of its keys. The same key has the same bit.
    marks: u64,
    level: Level,
}

/// The place of an array or object in the member without places.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
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

// === impl Reader ===

impl<'t> Reader<'t> {
    #[inline]
    fn next(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        if self.next().is_some_and(|byte| byte <= b' ') {
            self.at = skip(self.text, self.at, |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        }
    }

    /// Reads a value with everything in it.
    fn value(&mut self) -> Option<()> {
        loop {
            let start = self.at;
            let begin = self.next()?;
            if self.open.level != Level::Other {
                self.observe(start, begin);
            }
            match begin {
                b'"' => self.at = strings::read(self.text, start + 1)?.at,
                b'{' => {
                    if self.open(b'}')? {
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    if self.open(b']')? {
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => self.at = number(self.text, start)?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => return None,
            }
            if self.open.records {
                self.record(start, self.at)?;
            }
            if !self.follows()? {
                return Some(());
            }
        }
    }

    /// Reads what follows a value, up to the next one. Returns false if none follows.
    fn follows(&mut self) -> Option<bool> {
        loop {
            if self.open.end == 0 {
                return Some(false);
            }
            self.space();
            let byte = self.next()?;
            self.at += 1;
            if byte == b',' {
                self.space();
                if self.open.end == b'}' {
                    self.key()?;
                }
                return Some(true);
            }
            if byte != self.open.end {
                return None;
            }
            self.close()?;
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// Reads the begin of an array or object. Returns false if it is empty, and thus read.
    fn open(&mut self, end: u8) -> Option<bool> {
        let depth = self.outer.len();
        if depth == MAX_DEPTH {
            return None;
        }
        let start = self.at;
        self.at += 1;
        self.space();
        if self.next()? == end {
            self.at += 1;
            return Some(false);
        }
        let node = self.nodes.len();
        if self.open.records {
            self.record(start, start)?;
        }
        let records = match depth {
            0 => end == b'}',
            _ if !self.open.records => false,
            1 => self.reach.depth > 1 && self.keys.last()?.text != self.reach.except,
            _ => depth < self.reach.depth,
        };
        let level = match (self.open.level, end) {
            (Level::Turns, b'}') => Level::Turn,
            (Level::Turn, b']') => Level::Blocks,
            (Level::Blocks, b'}') => Level::Block,
            (Level::Other, b']') if depth == 1 && self.keys.last().is_some_and(|key| key.text == self.reach.except) => {
                self.turns.begin();
                Level::Turns
            }
            _ => Level::Other,
        };
        let inner = OpenValue { end, records, start, node, keys: self.keys.len(), marks: 0, level };
        self.outer.push(std::mem::replace(&mut self.open, inner));
        Some(true)
    }

    /// Surveys a value in the conversation.
    fn observe(&mut self, start: usize, begin: u8) {
        let (survey, key) = match self.open.level {
            Level::Other => return,
            Level::Turns => return self.turns.item(begin),
            Level::Blocks => return self.blocks.item(begin),
            Level::Turn => (&mut self.turns, self.keys.last()),
            Level::Block => (&mut self.blocks, self.keys.last()),
        };
        let Some(key) = key else { return };
        survey.key(self.text, key.first, self.key.start + 1..self.key.end - 1);
        if key.text == b"type" {
            survey.kind(self.text, start);
        }
    }

    /// Ends the innermost array or object.
    fn close(&mut self) -> Option<()> {
        let inner = std::mem::replace(&mut self.open, self.outer.pop()?);
        self.keys.truncate(inner.keys);
        if self.open.records {
            let inside = self.nodes.len().checked_sub(inner.node + 1)?;
            self.nodes.get_mut(inner.node)?.end(self.at - self.open.start, inside)?;
        }
        Some(())
    }

    /// Adds the node of a value. The members of the outermost object always get theirs.
    fn record(&mut self, start: usize, end: usize) -> Option<()> {
        if self.outer.len() > 1 && self.nodes.len() >= self.most_nodes {
            self.stop_recording();
            return Some(());
        }
        let (base, key) = (self.open.start, self.key);
        let key = if self.open.end == b'}' { (key.start - base, key.end - base) } else { (0, 0) };
        self.nodes.push(ValuePlace::new(key, (start - base, end - base))?);
        Some(())
    }

    /// Forgets the places in the current member of the outermost object, and records none in later members.
    fn stop_recording(&mut self) {
        let member = self.outer.get(2).unwrap_or(&self.open).node;
        self.nodes.truncate(member + 1);
        self.reach.depth = 1;
        self.open.records = false;
        self.outer.iter_mut().skip(2).for_each(|open| open.records = false);
    }

    /// Returns true if the innermost object does not have a key, and few enough others.
    fn is_new(&self, new: PlainKey<'_>) -> bool {
        let others = self.keys.get(self.open.keys..).unwrap_or_default();
        others.len() < MOST_MEMBERS && !others.iter().any(|key| key.first == new.first && key.text == new.text)
    }

    /// Reads a key that differs from those of the same object, and the colon after it.
    fn key(&mut self) -> Option<()> {
        let start = self.at;
        if self.next()? != b'"' {
            return None;
        }
        let inside = start + 1;
        let (end, first) = match word(self.text, inside) {
            Some(word) => match specials(word) {
                0 => (special(self.text, inside + 8), Some(word)),
                hits => (inside + place(hits), Some(word & ((1 << (8 * place(hits))) - 1))),
            },
            None => (special(self.text, inside), None),
        };
        let text = self.text.get(inside..end)?;
        // The last key of a text is read byte by byte.
        let first =
            first.unwrap_or_else(|| text.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        let mark = 1 << (first.wrapping_mul(SPREAD) >> 58);
        let is_new = self.open.marks & mark == 0 || self.is_new(PlainKey { first, text });
        self.open.marks |= mark;
        if self.text.get(end) != Some(&b'"') || !is_new {
            return None;
        }
        self.keys.push(PlainKey { first, text });
        self.at = end + 1;
        self.key = KeyPlace { start, end: self.at };
        self.space();
        if self.next()? != b':' {
            return None;
        }
        self.at += 1;
        self.space();
        Some(())
    }
}
