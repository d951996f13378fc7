//! Accepts plain JSON texts in one pass, without copies. [`check`](crate::check) reads every other text again, to refuse it with a
//! reason or to accept it after all.
//!
//! It accepts a subset of the texts that `check` accepts, and leaves rare forms to it: escapes in keys, objects with many members,
//! very long numbers.

use crate::object::Members;
use crate::read::MAX_DEPTH;
use crate::scan::{skip, special};

/// The maximum number of members of an object. Each key is compared with all before it.
const MOST_MEMBERS: usize = 64;
/// The maximum length of a number without its exponent, and of the digits of the exponent. No such number is outside of the range of
/// doubles.
const LONGEST_NUMBER: usize = 200;
const LONGEST_EXPONENT: usize = 2;

/// Returns the members of the object that the text is, and no members for another value. `None` leaves the text to `check`.
pub(crate) fn accept(text: &str) -> Option<Members> {
    let mut reader =
        Reader { text: text.as_bytes(), at: 0, keys: Vec::with_capacity(MOST_MEMBERS / 2), top: Members::default() };
    reader.space();
    reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(reader.top)
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// The keys of the open objects, of the innermost last.
    keys: Vec<&'t [u8]>,
    /// The members of the outermost object.
    top: Members,
}

// === impl Reader ===

impl<'t> Reader<'t> {
    fn next(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        if matches!(self.next(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at = skip(self.text, self.at, |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        }
    }

    /// Reads these bytes, or nothing.
    fn take(&mut self, wanted: u8) -> bool {
        let is_next = self.next() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.next()? {
            b'"' => {
                self.at += 1;
                self.string()
            }
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    fn digits(&mut self) -> Option<()> {
        let end = skip(self.text, self.at, |byte| byte.is_ascii_digit());
        let has_some = end > self.at;
        self.at = end;
        has_some.then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.at - start > LONGEST_NUMBER {
            return None;
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'-') || self.take(b'+');
            let exponent = self.at;
            self.digits()?;
            return (self.at - exponent <= LONGEST_EXPONENT).then_some(());
        }
        // After a leading zero.
        (!matches!(self.next(), Some(b'0'..=b'9'))).then_some(())
    }

    /// Reads the rest of a string.
    fn string(&mut self) -> Option<()> {
        loop {
            let at = special(self.text, self.at);
            self.at = at + 1;
            match self.text.get(at)? {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let kind = self.next()?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.unit()? {
                0xdc00..=0xdfff => None,
                0xd800..=0xdbff => {
                    let second = self.take(b'\\') && self.take(b'u');
                    (second && matches!(self.unit()?, 0xdc00..=0xdfff)).then_some(())
                }
                _ => Some(()),
            },
            _ => None,
        }
    }

    /// Reads the four digits of a UTF-16 unit.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..)?.first_chunk::<4>()?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        if depth == MAX_DEPTH {
            return None;
        }
        self.at += 1;
        self.space();
        if self.take(b']') {
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            self.space();
            if self.take(b']') {
                return Some(());
            }
            if !self.take(b',') {
                return None;
            }
            self.space();
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        if depth == MAX_DEPTH {
            return None;
        }
        self.at += 1;
        self.space();
        if self.take(b'}') {
            return Some(());
        }
        let outer = self.keys.len();
        loop {
            let start = self.at;
            let key = self.key(outer)?;
            self.keys.push(key);
            let key = start..self.at;
            self.space();
            if !self.take(b':') {
                return None;
            }
            self.space();
            let start = self.at;
            self.value(depth + 1)?;
            if depth == 0 {
                self.top.push(key, start..self.at);
            }
            self.space();
            if self.take(b'}') {
                self.keys.truncate(outer);
                return Some(());
            }
            if !self.take(b',') {
                return None;
            }
            self.space();
        }
    }

    /// Reads a key that differs from those of the same object, which come after `outer` others.
    fn key(&mut self, outer: usize) -> Option<&'t [u8]> {
        if !self.take(b'"') {
            return None;
        }
        let end = special(self.text, self.at);
        let key = self.text.get(self.at..end)?;
        self.at = end;
        let others = self.keys.get(outer..)?;
        let is_new = others.len() < MOST_MEMBERS && !others.contains(&key);
        (self.take(b'"') && is_new).then_some(key)
    }
}
