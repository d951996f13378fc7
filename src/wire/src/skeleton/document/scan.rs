//! The check of a request's text while it arrives.

use std::fmt;

use callgate_json::{Places, TextScan};

use crate::RequestError;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The check of a request's text while it arrives. A fault is found as soon as its bytes are there, and the end leaves nothing to check.
pub struct RequestScan {
    scan: TextScan,
    /// A byte order mark before the text is skipped.
    skips_mark: bool,
}

/// Removes a byte order mark, which is not forwarded.
pub(super) fn without_mark(mut text: Vec<u8>) -> Vec<u8> {
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len());
    }
    text
}

// === impl RequestScan ===

impl RequestScan {
    /// Begins the check of a request whose conversation is in the member `turns`. The values in it get no places: a long conversation would need
    /// many.
    pub(crate) fn of_object(turns: &'static str) -> RequestScan {
        /// The depth of the name of a function in a list of lists of functions.
        const DEPTH: usize = 5;
        RequestScan { scan: TextScan::new(DEPTH, turns), skips_mark: true }
    }

    /// Begins the check of a message that is read into a tree.
    pub(crate) fn of_tree() -> RequestScan {
        RequestScan { scan: TextScan::for_tree(), skips_mark: false }
    }

    /// Checks the body so far: all bytes of the last call, and more.
    ///
    /// # Errors
    /// [`RequestError::NotJson`], as for each body that begins so.
    pub fn feed(&mut self, body: &[u8]) -> Result<(), RequestError> {
        let text = match body.strip_prefix(BYTE_ORDER_MARK) {
            Some(text) if self.skips_mark => text,
            // A part of the mark.
            _ if self.skips_mark && BYTE_ORDER_MARK.starts_with(body) => return Ok(()),
            _ => body,
        };
        Ok(self.scan.feed(text)?)
    }

    /// Checks the rest of the text, which has no byte order mark.
    pub(super) fn finish(self, text: &[u8]) -> Result<Places, RequestError> {
        Ok(self.scan.finish(text)?)
    }

    /// Returns the bytes held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.scan.held()
    }
}

impl fmt::Debug for RequestScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scan.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_not_forwarded() {
        let twice = without_mark("\u{feff}\u{feff}{}".into());
        assert_eq!(twice, "\u{feff}{}".as_bytes());
        assert_eq!(without_mark(twice), b"{}");
        assert!(RequestScan::of_object("messages").finish("\u{feff}{}".as_bytes()).is_err());
    }

    #[test]
    fn a_byte_order_mark_in_pieces_is_skipped_once() {
        let fed = |text: &str| {
            let mut scan = RequestScan::of_object("messages");
            (1..=text.len()).find(|length| scan.feed(&text.as_bytes()[..*length]).is_err())
        };
        assert_eq!((fed("\u{feff}{\"a\":1}"), fed("{}")), (None, None));
        assert_eq!(fed("\u{feff}\u{feff}{}"), Some(6));
        let mut message = RequestScan::of_tree();
        assert!(message.feed("\u{feff}".as_bytes()).is_err());
    }
}
