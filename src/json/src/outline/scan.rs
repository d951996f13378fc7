//! The strict scan: one pass over the text.

use std::borrow::Cow;

use super::{Item, Kind, NODES, OutlineNode, strings};
use crate::read::{MAX_DEPTH, MAX_VALUES};
use crate::scan::{SPREAD, before, place, skip, special, specials, word};

/// The number of keys compared one by one. The keys of a larger object are sorted.
const FEW: usize = 16;

/// Returns the places of a strict text, and `None` for any other.
pub(super) fn scan(text: &str) -> Option<Vec<OutlineNode>> {
    // Places have 32 bits.
    u32::try_from(text.len()).ok()?;
    // About one value or key for each dozen bytes, as in answers of APIs.
    let nodes = NODES.with(|pool| pool.take((text.len() / 12).min(MAX_VALUES) + 8));
    let mut scan = Scan { text, nodes, values: 0, odd: 0 };
    let at = scan.space(0);
    let at = scan.value(at, 0)?;
    let at = scan.space(at);
    (at == text.len()).then_some(scan.nodes)
}

struct Scan<'t> {
    text: &'t str,
    nodes: Vec<OutlineNode>,
    values: usize,
    /// The place after the last bytes that would be written in another way: white space, a long escape, or a number but a short one.
    odd: usize,
}

/// The keys of an object so far.
#[derive(Default)]
struct Keys {
    count: usize,
    /// A bit for each key. Two keys of the same meaning have a bit in common.
    marks: u64,
}

// === impl Scan ===

impl Scan<'_> {
    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Returns the place after white space.
    #[inline]
    fn space(&mut self, at: usize) -> usize {
        if self.byte(at).is_none_or(|byte| byte > b' ') {
            return at;
        }
        let end = skip(self.text.as_bytes(), at, |byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        if end > at {
            self.odd = end;
        }
        end
    }

    /// Reads the value at a place, and returns the place after it.
    #[inline]
    fn value(&mut self, at: usize, depth: usize) -> Option<usize> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return None;
        }
        match self.byte(at)? {
            b'"' => self.string(at),
            b'{' => self.object(at, depth),
            b'[' => self.array(at, depth),
            b'-' | b'0'..=b'9' => self.number(at),
            b't' => self.word(at, b"true", Kind::Bool),
            b'f' => self.word(at, b"false", Kind::Bool),
            b'n' => self.word(at, b"null", Kind::Null),
            _ => None,
        }
    }

    fn word(&mut self, at: usize, word: &[u8], kind: Kind) -> Option<usize> {
        let end = at + word.len();
        (self.text.as_bytes().get(at..end)? == word).then_some(())?;
        self.leaf(at, end, kind, true)
    }

    fn number(&mut self, at: usize) -> Option<usize> {
        let end = skip(self.text.as_bytes(), at, |byte| byte.is_ascii_digit());
        let digits = end - at;
        let is_whole = !matches!(self.byte(end), Some(b'.' | b'e' | b'E'));
        // A whole number of up to 18 digits is written as it is read.
        if (1..=18).contains(&digits) && is_whole && (digits == 1 || self.byte(at) != Some(b'0')) {
            return self.leaf(at, end, Kind::Number, true);
        }
        let end = number(self.text.as_bytes(), at)?;
        self.odd = end;
        self.leaf(at, end, Kind::Number, false)
    }

    #[inline]
    fn string(&mut self, at: usize) -> Option<usize> {
        let end = special(self.text.as_bytes(), at + 1);
        self.end_of_string(at, end, false)
    }

    /// Reads a key, and returns the place after it and its mark.
    #[inline]
    fn key(&mut self, at: usize) -> Option<(usize, u64)> {
        let text = self.text.as_bytes();
        let start = at + 1;
        let (end, first) = match word(text, start) {
            Some(word) => match specials(word) {
                0 => (special(text, start + 8), word),
                hits => (start + place(hits), word & before(hits)),
            },
            None => (special(text, start), 0),
        };
        // A key near the end of the text has no first word, so it may be any key. So may a key with escapes.
        let is_plain = start + 8 <= text.len() && text.get(end) == Some(&b'"');
        let mark = if is_plain { 1 << (first.wrapping_mul(SPREAD) >> 58) } else { u64::MAX };
        Some((self.end_of_string(at, end, true)?, mark))
    }

    /// Reads a string from its first special character.
    #[inline]
    fn end_of_string(&mut self, at: usize, special: usize, is_key: bool) -> Option<usize> {
        let mut end = special + 1;
        let (mut kind, mut is_written_so) = (Kind::Plain, true);
        if self.byte(special)? != b'"' {
            let rest = strings::read(self.text.as_bytes(), special)?;
            end = rest.at;
            (kind, is_written_so) = (Kind::Escaped, rest.is_shortest);
            if !is_written_so {
                self.odd = end;
            }
        }
        let (start, stop) = (short(at)?, short(end)?);
        self.nodes.push(OutlineNode { start, end: stop, inside: 0, kind, is_key, is_written_so });
        Some(end)
    }

    #[inline]
    fn leaf(&mut self, start: usize, end: usize, kind: Kind, is_written_so: bool) -> Option<usize> {
        let (start, stop) = (short(start)?, short(end)?);
        self.nodes.push(OutlineNode { start, end: stop, inside: 0, kind, is_key: false, is_written_so });
        Some(end)
    }

    fn open(&mut self, start: usize, kind: Kind) -> Option<usize> {
        let position = self.nodes.len();
        self.leaf(start, start, kind, false)?;
        Some(position)
    }

    fn close(&mut self, position: usize, end: usize) -> Option<usize> {
        let (stop, inside) = (short(end)?, short(self.nodes.len() - position - 1)?);
        let odd = short(self.odd)?;
        let node = self.nodes.get_mut(position)?;
        (node.end, node.inside, node.is_written_so) = (stop, inside, odd <= node.start);
        Some(end)
    }

    fn array(&mut self, start: usize, depth: usize) -> Option<usize> {
        if depth == MAX_DEPTH {
            return None;
        }
        let position = self.open(start, Kind::Array)?;
        let mut at = self.space(start + 1);
        if self.byte(at)? == b']' {
            return self.close(position, at + 1);
        }
        loop {
            at = self.value(at, depth + 1)?;
            at = self.space(at);
            match self.byte(at)? {
                b',' => at = self.space(at + 1),
                b']' => return self.close(position, at + 1),
                _ => return None,
            }
        }
    }

    fn object(&mut self, start: usize, depth: usize) -> Option<usize> {
        if depth == MAX_DEPTH {
            return None;
        }
        let position = self.open(start, Kind::Object)?;
        let mut at = self.space(start + 1);
        if self.byte(at)? == b'}' {
            return self.close(position, at + 1);
        }
        let mut keys = Keys::default();
        loop {
            if self.byte(at)? != b'"' {
                return None;
            }
            let key = self.nodes.len();
            let (after, mark) = self.key(at)?;
            at = after;
            if keys.may_repeat(mark) && self.repeats(position, key) {
                return None;
            }
            at = self.space(at);
            if self.byte(at)? != b':' {
                return None;
            }
            at = self.space(at + 1);
            at = self.value(at, depth + 1)?;
            at = self.space(at);
            match self.byte(at)? {
                b',' => at = self.space(at + 1),
                b'}' => {
                    self.close(position, at + 1)?;
                    return (keys.count <= FEW || self.are_unique(position)).then_some(at + 1);
                }
                _ => return None,
            }
        }
    }

    /// Returns true if an earlier key of the object means the same as `key`.
    fn repeats(&self, object: usize, key: usize) -> bool {
        let Some(last) = self.nodes.get(key) else { return true };
        let mut rest = self.nodes.get(object + 1..key).unwrap_or_default();
        while let [other, value, after @ ..] = rest {
            // Keys without escapes differ if their lengths do.
            let differ = matches!((last.kind, other.kind), (Kind::Plain, Kind::Plain))
                && last.end - last.start != other.end - other.start;
            if !differ && self.string_of(other) == self.string_of(last) {
                return true;
            }
            rest = usize::try_from(value.inside).ok().and_then(|inside| after.get(inside..)).unwrap_or_default();
        }
        false
    }

    fn string_of(&self, node: &OutlineNode) -> Option<Cow<'_, str>> {
        Item::of(self.text, *node, &[]).string()
    }

    fn are_unique(&self, object: usize) -> bool {
        let members = Item::first(self.text, self.nodes.get(object..).unwrap_or_default()).members();
        let mut keys: Vec<Cow<'_, str>> = members.map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2).all(|pair| pair.first() != pair.last())
    }
}

// === impl Keys ===

impl Keys {
    /// Adds a key. Returns true if one of the few before it may mean the same.
    #[inline]
    fn may_repeat(&mut self, mark: u64) -> bool {
        self.count += 1;
        let is_marked = self.marks & mark != 0;
        self.marks |= mark;
        is_marked && self.count <= FEW
    }
}

#[inline]
fn short(place: usize) -> Option<u32> {
    u32::try_from(place).ok()
}

/// Returns the end of the number at `start`. It must be in the range of doubles.
pub(crate) fn number(text: &[u8], start: usize) -> Option<usize> {
    let digits = |at: usize| text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = start + usize::from(text.get(start) == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && text.get(at) == Some(&b'0')) {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        (fraction > 0).then_some(())?;
        at += 1 + fraction;
    }
    let mut is_bounded = whole < 300;
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        (exponent > 0).then_some(())?;
        at += exponent;
        is_bounded = false;
    }
    if !is_bounded {
        let literal = std::str::from_utf8(text.get(start..at)?).ok()?;
        literal.parse::<f64>().ok().filter(|double| double.is_finite())?;
    }
    Some(at)
}
