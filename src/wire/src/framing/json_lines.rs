//! One JSON value a line, as Ollama streams (`application/x-ndjson`).
//!
//! Lines end in LF; a CR before it is white space of JSON. Blank lines are frames without data. Clients that split at other
//! line ends (Python's `str.splitlines` knows several) cut no valid JSON that this crate lets through: inside strings JSON
//! escapes control characters, and outside of them only CR is white space.

use std::mem;

use super::{Frame, FrameError};

/// Cuts a byte stream into lines.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    line: Vec<u8>,
    failed: bool,
}

// === impl Decoder ===

impl Decoder {
    /// A decoder that refuses lines of more than `max_frame_bytes` bytes.
    #[must_use]
    pub fn new(max_frame_bytes: usize) -> Decoder {
        Decoder { limit: max_frame_bytes, line: Vec::new(), failed: false }
    }

    /// Takes the next bytes and appends the frames that they complete.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], once the frames before the offending one have been appended, and on every later push.
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), FrameError> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.failed || self.line.len() + piece.len() > self.limit {
                self.failed = true;
                self.line = Vec::new();
                return Err(FrameError::TooLong { limit: self.limit });
            }
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                frames.push(self.complete());
            }
        }
        Ok(())
    }

    /// Ends the stream: the line that had not ended, if there is one.
    pub fn finish(&mut self) -> Option<Frame> {
        (!self.line.is_empty()).then(|| self.complete())
    }

    fn complete(&mut self) -> Frame {
        let raw = mem::take(&mut self.line);
        let data = raw.trim_ascii();
        let data = (!data.is_empty()).then(|| data.to_vec());
        Frame { raw, event: None, data, strays: false }
    }
}

/// Writes one line. `text` must not hold a line end (JSON text that this crate writes never does).
pub(crate) fn line(text: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(text.len() + 1);
    frame.extend_from_slice(text);
    frame.push(b'\n');
    frame
}
