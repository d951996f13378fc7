//! Accepts JSON texts in one pass, without copies, whole or as they arrive. [`TextScan`](crate::TextScan) reads every other text again, to
//! refuse it with a reason.
//!
//! It keeps [places](ValuePlace) of members and of some values in them, and a [survey](Survey) of a conversation: they are not searched again.
//!
//! **Pieces.** A reader that comes to the end of a piece notes the place and the [next thing](Next) to read. White space, strings, keys and
//! numbers go on in their midst, so the work is linear in the bytes however short the pieces are.

mod digits;
mod keys;
mod known;
mod record;
mod state;
mod values;

use crate::outline::number;
use crate::outline::strings::{self, Endless};
use crate::places::{self, Reach, ValuePlace};
use crate::pool::Pool;
use crate::read::MAX_DEPTH;
use crate::scan::skip;
use crate::survey::Survey;
use digits::Digits;
pub(crate) use keys::FEW_MEMBERS;
use keys::LateKeys;
use known::KnownValues;
use state::{Next, OpenValue, ReadKey};

thread_local! {
    static KEYS: Pool<ReadKey> = const { Pool::new() };
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

/// The next thing and its place, which may be beyond the end of the text.
enum Advance {
    To(usize, Next),
    End(usize, Next),
}

/// Returns the last byte of the first fault of a text that is whole as far as it goes.
pub(crate) fn fault(text: &[u8], most_values: usize) -> Option<usize> {
    Reader::new(Reach { depth: 1, except: b"" }, most_values).read(text, false).err()
}

/// A reader between two pieces has no text.
pub(crate) struct Reader<'t> {
    text: &'t [u8],
    /// No more of the text comes.
    is_last: bool,
    next: Next,
    /// The place of the next thing.
    at: usize,
    /// The begin of the value or key that is read.
    start: usize,
    /// The last byte of a fault that breaks another rule than the grammar.
    fault: Option<usize>,
    reach: Reach,
    /// The number of values, and its maximum.
    values: usize,
    most_values: usize,
    /// The keys of the open objects, of the innermost last. The last one is the key of the member that is read.
    keys: Vec<ReadKey>,
    late: LateKeys,
    /// The innermost open array or object.
    open: OpenValue,
    /// The others around it, of the outermost first.
    outer: Vec<OpenValue>,
    nodes: Vec<ValuePlace>,
    has_places: bool,
    turns: Survey,
    blocks: Survey,
    known: KnownValues,
}

// === impl Reader ===

impl Reader<'static> {
    pub(crate) fn new(reach: Reach, most_values: usize) -> Reader<'static> {
        Reader {
            text: b"",
            is_last: false,
            next: Next::Value,
            at: 0,
            start: 0,
            fault: None,
            reach,
            values: 0,
            most_values,
            keys: KEYS.with(|pool| pool.take(FEW_MEMBERS / 2)),
            late: LateKeys::default(),
            open: OpenValue::OUTSIDE,
            outer: OUTER.with(|pool| pool.take(8)),
            nodes: places::buffer(FEW_MEMBERS),
            has_places: true,
            turns: Survey::default(),
            blocks: Survey::default(),
            known: KnownValues::default(),
        }
    }

    /// Reads on in a text that begins with all bytes of earlier calls, and is UTF-8. Returns the place of a fault.
    pub(crate) fn read(self, text: &[u8], is_last: bool) -> Result<Reader<'static>, usize> {
        let known = KnownValues::take();
        let mut reader = Reader { text, is_last, known, ..self };
        let is_read = reader.run().is_some();
        std::mem::take(&mut reader.known).give_back();
        if is_read { Ok(reader.without_text()) } else { Err(reader.at) }
    }

    /// Returns the knowledge of the text, if it is a whole value.
    pub(crate) fn accepted(self) -> Option<Accepted> {
        let is_whole = self.next == Next::Follow && self.open.end == 0;
        let Reader { keys, outer, nodes, turns, blocks, .. } = self;
        KEYS.with(|pool| pool.give(keys));
        OUTER.with(|pool| pool.give(outer));
        is_whole.then_some(Accepted { nodes, turns, blocks })
    }

    /// Returns the bytes held.
    pub(crate) fn held(&self) -> usize {
        self.late.held()
            + self.keys.capacity() * size_of::<ReadKey>()
            + self.outer.capacity() * size_of::<OpenValue>()
            + self.nodes.capacity() * size_of::<ValuePlace>()
    }
}

impl Reader<'_> {
    fn without_text(self) -> Reader<'static> {
        let Reader {
            text: _,
            is_last,
            next,
            at,
            start,
            fault,
            reach,
            values,
            most_values,
            keys,
            late,
            open,
            outer,
            ..
        } = self;
        let Reader { nodes, has_places, turns, blocks, known, .. } = self;
        let text = b"";
        Reader {
            text,
            is_last,
            next,
            at,
            start,
            fault,
            reach,
            values,
            most_values,
            keys,
            late,
            open,
            outer,
            nodes,
            has_places,
            turns,
            blocks,
            known,
        }
    }

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

    /// Reads to the end of the text. If it is refused, the place is that of the fault.
    fn run(&mut self) -> Option<()> {
        let (mut at, mut next) = (self.at, self.next);
        loop {
            match self.step(at, next) {
                Some(Advance::To(place, then)) => (at, next) = (place, then),
                Some(Advance::End(place, then)) => {
                    (self.at, self.next) = (place, then);
                    return if self.is_last { self.end_number(place) } else { Some(()) };
                }
                None => {
                    self.at = self.fault.unwrap_or(at);
                    return None;
                }
            }
        }
    }

    /// Reads the next thing.
    #[inline(always)]
    fn step(&mut self, mut at: usize, next: Next) -> Option<Advance> {
        // These begin after white space; the others are in the midst of something.
        if matches!(next, Next::Value | Next::Inside(_) | Next::Key | Next::Colon | Next::Follow) {
            at = self.space(at);
        }
        let Some(byte) = self.byte(at) else { return Some(Advance::End(at, next)) };
        let (at, next) = match next {
            Next::Value => match byte {
                b'"' => {
                    self.start = at;
                    (at + 1, Next::Text)
                }
                b'{' | b'[' => match if self.outer.len() == 1 { self.known(at) } else { None } {
                    Some(end) => (end, Next::Follow),
                    None if self.outer.len() == MAX_DEPTH => return self.refuse(at),
                    None => {
                        self.start = at;
                        // Both brackets are closed by the second byte after them.
                        (at + 1, Next::Inside(byte + 2))
                    }
                },
                b'-' | b'0'..=b'9' => match number(self.text, at) {
                    Some(end) if end < self.text.len() || self.is_last => (self.leaf(at, end)?, Next::Follow),
                    _ => {
                        self.start = at;
                        (at, Next::Digits(Digits::Begin))
                    }
                },
                _ => match self.word(at)? {
                    Some(end) => (self.leaf(at, end)?, Next::Follow),
                    None => return Some(Advance::End(at, next)),
                },
            },
            Next::Text => match strings::read_on(self.text, at) {
                Ok(end) => (self.leaf(self.start, end.at)?, Next::Follow),
                Err(Endless::Cut(place)) => return Some(Advance::End(place, next)),
                Err(Endless::Invalid) => return None,
            },
            Next::Digits(digits) => {
                let (end, digits) = digits.read_on(self.text, at)?;
                if end == self.text.len() {
                    return Some(Advance::End(end, Next::Digits(digits)));
                }
                (self.long_number(end)?, Next::Follow)
            }
            Next::Inside(end) if byte == end => (self.leaf(self.start, at + 1)?, Next::Follow),
            Next::Inside(end) => {
                self.open(self.start, end)?;
                (at, if end == b'}' { Next::Key } else { Next::Value })
            }
            Next::Key => match self.key(at) {
                Some(end) => (end, Next::Colon),
                None if byte != b'"' => return None,
                None => {
                    self.start = at;
                    (at + 1, Next::KeyText)
                }
            },
            Next::KeyText => match strings::read_on(self.text, at) {
                Ok(end) => match self.slow_key(self.start, end.at) {
                    Some(()) => (end.at, Next::Colon),
                    None => return self.refuse(end.at - 1),
                },
                Err(Endless::Cut(place)) => return Some(Advance::End(place, next)),
                Err(Endless::Invalid) => return None,
            },
            Next::Colon => (at + 1, (byte == b':').then_some(Next::Value)?),
            Next::Follow => match byte {
                b',' if self.open.end == b'}' => (at + 1, Next::Key),
                b',' if self.open.end == b']' => (at + 1, Next::Value),
                // Outside of all values it is 0.
                end if end == self.open.end && end != 0 => match self.close(at + 1) {
                    Some(()) => (at + 1, Next::Follow),
                    None => return self.refuse(at),
                },
                _ => return None,
            },
        };
        Some(Advance::To(at, next))
    }

    /// Refuses the text for a fault that is known at a place.
    #[cold]
    fn refuse(&mut self, place: usize) -> Option<Advance> {
        self.fault = Some(place);
        None
    }
}
