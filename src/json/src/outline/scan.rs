//! The strict scan: one pass over the text.

use std::borrow::Cow;

use super::{Item, Kind, Node, strings};
use crate::read::{MAX_DEPTH, MAX_VALUES};

/// The number of keys compared one by one. The keys of a larger object are sorted.
const FEW: usize = 16;

/// Returns the places of a strict text, and `None` for any other.
pub(super) fn scan(text: &str) -> Option<Vec<Node>> {
    // Places have 32 bits.
    u32::try_from(text.len()).ok()?;
    // About one value or key for each dozen bytes, as in answers of APIs.
    let nodes = Vec::with_capacity((text.len() / 12).min(MAX_VALUES) + 8);
    let mut scan = Scan { text: text.as_bytes(), at: 0, nodes, values: 0 };
    scan.space();
    scan.value(0)?;
    scan.space();
    (scan.at == scan.text.len()).then_some(scan.nodes)
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
    values: usize,
}

// === impl Scan ===

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return None;
        }
        let start = self.at;
        match self.peek()? {
            b'"' => self.string(),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'-' | b'0'..=b'9' => {
                self.at = number(self.text, start)?;
                self.leaf(start, Kind::Number)
            }
            b't' => self.word(b"true", Kind::Bool),
            b'f' => self.word(b"false", Kind::Bool),
            b'n' => self.word(b"null", Kind::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Option<()> {
        let start = self.at;
        self.at += word.len();
        (self.text.get(start..self.at)? == word).then_some(())?;
        self.leaf(start, kind)
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at;
        let end = strings::read(self.text, start + 1)?;
        self.at = end.at;
        self.leaf(start, if end.escaped { Kind::Escaped } else { Kind::Plain })
    }

    fn leaf(&mut self, start: usize, kind: Kind) -> Option<()> {
        let next = self.nodes.len() + 1;
        self.nodes.push(Node { start: short(start)?, end: short(self.at)?, next: short(next)?, kind });
        Some(())
    }

    fn open(&mut self, kind: Kind) -> Option<usize> {
        let position = self.nodes.len();
        self.nodes.push(Node { start: short(self.at)?, end: 0, next: 0, kind });
        self.at += 1;
        self.space();
        Some(position)
    }

    fn close(&mut self, position: usize) -> Option<()> {
        self.at += 1;
        let (end, next) = (short(self.at)?, short(self.nodes.len())?);
        let node = self.nodes.get_mut(position)?;
        (node.end, node.next) = (end, next);
        Some(())
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        if depth == MAX_DEPTH {
            return None;
        }
        let position = self.open(Kind::Array)?;
        if self.peek()? == b']' {
            return self.close(position);
        }
        loop {
            self.value(depth + 1)?;
            if self.ends(b']')? {
                return self.close(position);
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        if depth == MAX_DEPTH {
            return None;
        }
        let position = self.open(Kind::Object)?;
        if self.peek()? == b'}' {
            return self.close(position);
        }
        let mut keys = 0;
        loop {
            let key = self.nodes.len();
            (self.peek()? == b'"').then_some(())?;
            self.string()?;
            keys += 1;
            if keys <= FEW && self.repeats(position, key) {
                return None;
            }
            self.space();
            (self.peek()? == b':').then_some(())?;
            self.at += 1;
            self.space();
            self.value(depth + 1)?;
            if self.ends(b'}')? {
                self.close(position)?;
                return (keys <= FEW || self.are_unique(position)).then_some(());
            }
        }
    }

    /// Reads the comma before another value, or finds the end of the container.
    fn ends(&mut self, end: u8) -> Option<bool> {
        self.space();
        match self.peek()? {
            b',' => {
                self.at += 1;
                self.space();
                Some(false)
            }
            byte => (byte == end).then_some(true),
        }
    }

    /// Returns true if an earlier key of the object means the same as `key`.
    fn repeats(&self, object: usize, key: usize) -> bool {
        let item = |position| Item::new(self.text, &self.nodes, position);
        let Some(node) = self.nodes.get(key) else { return true };
        let mut earlier = object + 1;
        while let Some(other) = self.nodes.get(earlier..key).and_then(|nodes| nodes.first()) {
            // Keys without escapes differ if their lengths do.
            let differ =
                node.kind == other.kind && node.kind == Kind::Plain && node.end - node.start != other.end - other.start;
            if !differ && item(earlier).is_same_string(item(key)) {
                return true;
            }
            earlier = item(earlier + 1).next();
        }
        false
    }

    fn are_unique(&self, object: usize) -> bool {
        let members = Item::new(self.text, &self.nodes, object).members();
        let mut keys: Vec<Cow<'_, str>> = members.map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2).all(|pair| pair.first() != pair.last())
    }
}

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
