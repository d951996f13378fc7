//! Accepts plain JSON texts in one pass, without copies. [`check`](crate::check) reads every other text again, to refuse it with a
//! reason or to accept it after all.
//!
//! It accepts a subset of the texts that `check` accepts, and leaves rare forms to it: escapes in keys, and objects with many members.
//! It keeps places of the outermost members only, so a request takes little more memory than its text; an
//! [`Outline`](crate::Outline) has all places.

use crate::object::Members;
use crate::outline::{number, strings};
use crate::read::MAX_DEPTH;
use crate::scan::{skip, special};

/// The maximum number of members of an object. Each key is compared with all before it.
const MOST_MEMBERS: usize = 64;

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
            b'"' => strings::read(self.text, self.at + 1).map(|string| self.at = string.at),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'-' | b'0'..=b'9' => number(self.text, self.at).map(|end| self.at = end),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
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
