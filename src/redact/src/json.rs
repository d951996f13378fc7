//! Redacts inside of JSON: strings, names of members, numbers. All other bytes stay, and the text stays JSON.
//!
//! A number with a value to redact becomes a string. A name of a member with such a value becomes a mark as a whole, and further such names
//! of the object are numbered. A string that is a JSON array or object itself is redacted as JSON, three levels deep.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use callgate_json::{Span, Value};
use callgate_provenance::Place;
use memchr::{memchr, memchr2};

use crate::counts::RedactionCounter;
use crate::mark;
use crate::policy::Refused;
use crate::redactor::Redactor;

/// The levels of JSON in strings of JSON.
const LEVELS: usize = 3;
/// Strings of at least this length with characters of base64 alone are data, not text.
const DATA: usize = 512;

/// A redaction of one JSON text.
pub(crate) struct JsonRedaction<'r> {
    redactor: &'r Redactor,
    counter: &'r RedactionCounter,
    exempt: &'r [&'r Place],
    /// Members with words of the API, which are no text.
    skipped: &'r [&'r str],
    level: usize,
}

/// An open array or object.
enum Container {
    Array { index: usize },
    Object { key: Range<usize>, expects_key: bool, names: usize },
}

// === impl JsonRedaction ===

impl<'r> JsonRedaction<'r> {
    pub(crate) fn new(
        redactor: &'r Redactor,
        counter: &'r RedactionCounter,
        exempt: &'r [&'r Place],
        skipped: &'r [&'r str],
    ) -> JsonRedaction<'r> {
        JsonRedaction { redactor, counter, exempt, skipped, level: 0 }
    }

    /// Redacts a string's text: as JSON if it is an array or an object, and as text otherwise.
    pub(crate) fn string(&self, text: &str, label: &str) -> Result<Option<String>, Refused> {
        if is_data(text) {
            return Ok(None);
        }
        let is_json = self.level < LEVELS
            && text.trim_start().starts_with(['{', '['])
            && callgate_json::check(text.as_bytes()).is_ok();
        if is_json {
            return self.value(text);
        }
        if self.exempt.iter().any(|place| place.covers(&[])) {
            return Ok(None);
        }
        match self.redactor.denied(text) {
            Some(index) => Err(Refused::Denied { index }),
            None => Ok(self.redactor.text(text, label, self.counter)),
        }
    }

    /// Redacts a JSON text that was checked. Returns `None` if nothing changes.
    pub(crate) fn value(&self, text: &str) -> Result<Option<String>, Refused> {
        Walk { all: self, text, open: Vec::new(), out: String::new(), kept: 0, free: None, known: None }.run()
    }

    /// Redacts a string inside.
    fn inner(&self, text: &str, label: &str) -> Result<Option<String>, Refused> {
        let skipped = &[];
        JsonRedaction { exempt: &[], skipped, level: self.level + 1, ..*self }.string(text, label)
    }
}

/// One pass over a JSON text.
struct Walk<'w, 'r> {
    all: &'w JsonRedaction<'r>,
    text: &'w str,
    open: Vec<Container>,
    out: String,
    /// The end of the bytes that are in `out`.
    kept: usize,
    /// The depth at which an exempt value was opened.
    free: Option<usize>,
    /// The names in the text that begin like a mark, if a name was redacted.
    known: Option<HashSet<String>>,
}

// === impl Walk ===

impl<'w> Walk<'w, '_> {
    fn run(mut self) -> Result<Option<String>, Refused> {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at = match byte {
                b'"' => {
                    let end = string_end(self.text, at);
                    self.string(at..end)?;
                    end
                }
                b'-' | b'0'..=b'9' => {
                    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                    let end = at + bytes.get(at..).unwrap_or_default().iter().take_while(is_part).count();
                    self.number(at..end)?;
                    end
                }
                _ => {
                    self.structure(*byte);
                    at + 1
                }
            };
        }
        if self.kept == 0 {
            return Ok(None);
        }
        self.out.push_str(self.text.get(self.kept..).unwrap_or_default());
        Ok(Some(self.out))
    }

    fn structure(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                if self.free.is_none() && self.is_exempt() {
                    self.free = Some(self.open.len());
                }
                self.open.push(match byte {
                    b'{' => Container::Object { key: 0..0, expects_key: true, names: 0 },
                    _ => Container::Array { index: 0 },
                });
            }
            b'}' | b']' => {
                self.open.pop();
                if self.free == Some(self.open.len()) {
                    self.free = None;
                }
            }
            b',' => match self.open.last_mut() {
                Some(Container::Array { index }) => *index += 1,
                Some(Container::Object { expects_key, .. }) => *expects_key = true,
                None => {}
            },
            _ => {}
        }
    }

    /// Reads a name of a member, or a string.
    fn string(&mut self, range: Range<usize>) -> Result<(), Refused> {
        if let Some(Container::Object { key, expects_key: expects_key @ true, .. }) = self.open.last_mut() {
            *key = range.clone();
            *expects_key = false;
            return if self.free.is_some() { Ok(()) } else { self.name(range) };
        }
        let label = self.label();
        if self.all.skipped.contains(&label.as_ref()) || self.is_free() {
            return Ok(());
        }
        let text = self.decoded(range.clone());
        if let Some(new) = self.all.inner(&text, &label)? {
            self.replace(range, &new);
        }
        Ok(())
    }

    fn name(&mut self, range: Range<usize>) -> Result<(), Refused> {
        let name = self.decoded(range.clone());
        if let Some(index) = self.all.redactor.denied(&name) {
            return Err(Refused::Denied { index });
        }
        let JsonRedaction { redactor, counter, .. } = *self.all;
        let Some(rule) = redactor.first(&name, counter) else { return Ok(()) };
        let known = self.known.get_or_insert_with(|| names_with_marks(self.text));
        let mut count = match self.open.last() {
            Some(Container::Object { names, .. }) => *names,
            _ => 0,
        };
        // Another member may have this name already.
        let unique = loop {
            count += 1;
            let numbered = mark::numbered(rule, count);
            if !known.contains(&numbered) {
                break numbered;
            }
        };
        if let Some(Container::Object { names, .. }) = self.open.last_mut() {
            *names = count;
        }
        self.replace(range, &unique);
        Ok(())
    }

    fn number(&mut self, range: Range<usize>) -> Result<(), Refused> {
        // Shorter ones are no value of any kind; patterns may still match them.
        if self.is_free() {
            return Ok(());
        }
        let label = self.label();
        let Some(text) = self.text.get(range.clone()) else { return Ok(()) };
        if let Some(index) = self.all.redactor.denied(text) {
            return Err(Refused::Denied { index });
        }
        if let Some(new) = self.all.redactor.text(text, &label, self.all.counter) {
            self.replace(range, &new);
        }
        Ok(())
    }

    fn replace(&mut self, range: Range<usize>, new: &str) {
        self.out.push_str(self.text.get(self.kept..range.start).unwrap_or_default());
        self.out.push_str(&Value::from(new).to_string());
        self.kept = range.end;
    }

    /// Returns the name of the nearest member around the value.
    fn label(&self) -> Cow<'w, str> {
        let key = self.open.iter().rev().find_map(|open| match open {
            Container::Object { key, .. } => Some(key.clone()),
            Container::Array { .. } => None,
        });
        // A mark says nothing of the value behind it.
        key.map(|key| self.decoded(key)).filter(|key| !mark::may_be_in(key)).unwrap_or_default()
    }

    /// Returns the string at this range, unescaped.
    fn decoded(&self, string: Range<usize>) -> Cow<'w, str> {
        let inside = self.text.get(string.start + 1..string.end.saturating_sub(1)).unwrap_or_default();
        if memchr(b'\\', inside.as_bytes()).is_none() {
            return Cow::Borrowed(inside);
        }
        let raw = self.text.get(string).unwrap_or_default();
        Span::whole(raw.as_bytes()).string().map_or(Cow::Borrowed(inside), |text| Cow::Owned(text.into_owned()))
    }

    fn is_free(&self) -> bool {
        self.free.is_some() || self.is_exempt()
    }

    /// Returns true if the value at this place is exempt.
    fn is_exempt(&self) -> bool {
        if self.all.exempt.is_empty() {
            return false;
        }
        let step = |open: &Container| match open {
            Container::Array { index } => Cow::Owned(index.to_string()),
            Container::Object { key, .. } => self.decoded(key.clone()),
        };
        let steps: Vec<Cow<'_, str>> = self.open.iter().map(step).collect();
        let steps: Vec<&str> = steps.iter().map(Cow::as_ref).collect();
        self.all.exempt.iter().any(|place| place.covers(&steps))
    }
}

/// Returns the end of the string at `at`, after its closing quote.
fn string_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = at + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        match bytes.get(at + found) {
            Some(b'"') => return at + found + 1,
            _ => at += found + 2,
        }
    }
    bytes.len()
}

/// Returns the strings of a JSON text that begin like a mark.
fn names_with_marks(text: &str) -> HashSet<String> {
    let bytes = text.as_bytes();
    let (mut at, mut names) = (0, HashSet::new());
    while let Some(start) = bytes.get(at..).and_then(|rest| memchr(b'"', rest)).map(|found| at + found) {
        let end = string_end(text, start);
        let raw = text.get(start..end).unwrap_or_default();
        if let Some(name) = Span::whole(raw.as_bytes()).string().filter(|name| name.contains("[redacted ")) {
            names.insert(name.into_owned());
        }
        at = end;
    }
    names
}

/// Returns true for data in base64, which nobody reads as text, and for data in a URL.
fn is_data(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let body = match text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((kind, body)) if kind.len() < 100 => body,
        _ => text,
    };
    body.len() >= DATA && body.bytes().all(is_base64) && body.bytes().any(|byte| byte.is_ascii_alphabetic())
}
