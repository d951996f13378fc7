//! Checks a text while it arrives.
//!
//! The pieces may be cut anywhere. Each byte is read once, and at the end nothing is left to read. A fault is found as soon as its bytes
//! are there. It is then described from the bytes so far, by the reader that describes the faults of whole texts. So the pieces never change
//! a verdict, and neither do bytes that come after a fault.

use std::fmt;

use crate::ReadError;
use crate::accept::Reader;
use crate::check::explain;
use crate::places::{Places, Reach};
use crate::read::{MAX_VALUES, explain_tree};

/// A text that is cut short, or the first fault in it.
pub(crate) enum Unread {
    /// The text may still become JSON. The error is that of its end.
    Short(ReadError),
    Faulty(ReadError),
}

/// The check of a text that arrives in pieces.
///
/// ```
/// use callgate_json::{ReadError, TextScan};
///
/// let mut scan = TextScan::new(5, "messages");
/// assert_eq!(scan.feed(br#"{"a": [1, "#), Ok(()));
/// assert!(matches!(scan.feed(br#"{"a": [1, }"#), Err(ReadError::Syntax { column: 11, .. })));
/// ```
pub struct TextScan {
    /// `None` after a fault that was not found again.
    reader: Option<Reader<'static>>,
    /// The number of bytes that are known to be UTF-8.
    utf8: usize,
    explain: fn(&str) -> Result<(), Unread>,
}

// === impl TextScan ===

impl TextScan {
    /// Begins a check as by [`check_places`](crate::check_places).
    #[must_use]
    pub fn new(depth: usize, except: &'static str) -> TextScan {
        let reach = Reach { depth, except: except.as_bytes() };
        TextScan { reader: Some(Reader::new(reach, usize::MAX)), utf8: 0, explain }
    }

    /// Begins a check for everything that [`read`](crate::read) refuses, but numbers that are not held exactly.
    #[must_use]
    pub fn for_tree() -> TextScan {
        let reach = Reach { depth: 1, except: b"" };
        TextScan { reader: Some(Reader::new(reach, MAX_VALUES)), utf8: 0, explain: explain_tree }
    }

    /// Checks the text so far: all bytes of the last call, and more.
    ///
    /// # Errors
    /// As the whole check of any text that begins so.
    pub fn feed(&mut self, text: &[u8]) -> Result<(), ReadError> {
        let Some(reader) = self.reader.take() else { return Ok(()) };
        let (length, is_cut) = utf8(text, self.utf8);
        self.utf8 = length;
        let valid = text.get(..length).unwrap_or_default();
        self.reader = reader.read(valid, false).ok();
        if self.reader.is_some() && is_cut {
            return Ok(());
        }
        self.reader = None;
        match (self.explain)(std::str::from_utf8(valid).unwrap_or_default()) {
            Err(Unread::Faulty(error)) => Err(error),
            _ if !is_cut => Err(ReadError::NotUtf8 { offset: length }),
            // Unreachable, but for two keys with one hash. The check at the end decides.
            _ => Ok(()),
        }
    }

    /// Checks the whole text. The result has the places that [`check_places`](crate::check_places) describes.
    ///
    /// # Errors
    /// As [`check`](crate::check).
    pub fn finish(mut self, text: &[u8]) -> Result<Places, ReadError> {
        let (length, _) = utf8(text, self.utf8);
        let valid = text.get(..length).unwrap_or_default();
        let reader = self.reader.take().filter(|_| length == text.len());
        if let Some(accepted) = reader.and_then(|reader| reader.read(valid, true).ok()).and_then(Reader::accepted) {
            return Ok(Places::new(accepted));
        }
        match (self.explain)(std::str::from_utf8(valid).unwrap_or_default()) {
            Err(Unread::Faulty(error)) => Err(error),
            _ if length < text.len() => Err(ReadError::NotUtf8 { offset: length }),
            Err(Unread::Short(error)) => Err(error),
            // Places do not reach a text of 4 GiB.
            Ok(()) => Ok(Places::default()),
        }
    }

    /// Returns the bytes held, beside the text.
    #[must_use]
    pub fn held(&self) -> usize {
        self.reader.as_ref().map_or(0, Reader::held)
    }
}

impl fmt::Debug for TextScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextScan").field("utf8", &self.utf8).finish_non_exhaustive()
    }
}

/// Returns the length of the part of a text that is UTF-8, of which `known` bytes are known, and true if more bytes may continue it.
fn utf8(text: &[u8], known: usize) -> (usize, bool) {
    let rest = text.get(known..).unwrap_or_default();
    // Long texts in ASCII alone are common, and the faster test.
    if rest.is_ascii() {
        return (text.len(), true);
    }
    match std::str::from_utf8(rest) {
        Ok(_) => (text.len(), true),
        Err(error) => (known + error.valid_up_to(), error.error_len().is_none()),
    }
}
