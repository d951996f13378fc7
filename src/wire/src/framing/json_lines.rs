//! One JSON value a line, as Ollama streams (`application/x-ndjson`).
//!
//! Lines end in LF; a CR before it is white space of JSON. Blank lines are frames without data.
//!
//! Every client finds the same lines in a frame: characters taken for a line end by some clients are escaped ([`lines`]).

use std::mem;

use memchr::memchr;

use super::{Frame, FrameError, WholeFrame, lines};

/// Cuts a byte stream into lines. Their raw bytes are the stream, with escapes.
#[derive(Debug)]
pub struct JsonLinesDecoder {
    limit: usize,
    line: Vec<u8>,
    failed: bool,
}

// === impl JsonLinesDecoder ===

impl JsonLinesDecoder {
    /// Makes a decoder that refuses lines of more than `max_frame_bytes` bytes.
    #[must_use]
    pub fn new(max_frame_bytes: usize) -> JsonLinesDecoder {
        JsonLinesDecoder { limit: max_frame_bytes, line: Vec::new(), failed: false }
    }

    /// Returns the number of bytes of the unfinished frame.
    pub(super) fn held(&self) -> usize {
        self.line.capacity()
    }

    /// Takes the next bytes and appends the completed frames.
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

    /// As [`Decoder::whole`](super::Decoder::whole): a line that is neither blank nor ends in CR.
    pub(super) fn whole<'b>(&self, bytes: &'b [u8]) -> Option<WholeFrame<'b>> {
        let (line, _) = bytes.split_at_checked(memchr(b'\n', bytes)?)?;
        let raw = bytes.get(..=line.len()).filter(|raw| raw.len() <= self.limit)?;
        let data = line.trim_ascii();
        let is_whole = self.line.is_empty() && !self.failed && !data.is_empty() && !lines::is_cut(line);
        is_whole.then_some(WholeFrame { raw, event: None, data })
    }

    /// Ends the stream, and returns the unfinished line if there is one.
    pub fn finish(&mut self) -> Option<Frame> {
        (!self.line.is_empty()).then(|| self.complete())
    }

    fn complete(&mut self) -> Frame {
        let mut raw = mem::take(&mut self.line);
        let (body, ending) = split_ending(&raw);
        if lines::is_cut(body) {
            let mut escaped = Vec::with_capacity(raw.len() + 16);
            lines::escape(&mut escaped, body);
            escaped.extend_from_slice(ending);
            raw = escaped;
        }
        let data = raw.trim_ascii();
        let data = (!data.is_empty()).then(|| data.to_vec());
        Frame { raw, data, ..Frame::default() }
    }
}

/// Writes one line. `text` is JSON.
pub(crate) fn line(text: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(text.len() + 1);
    lines::escape(&mut frame, text);
    frame.push(b'\n');
    frame
}

fn split_ending(raw: &[u8]) -> (&[u8], &[u8]) {
    let ending = [&b"\r\n"[..], b"\n"].into_iter().find(|ending| raw.ends_with(ending)).unwrap_or_default();
    raw.split_at(raw.len() - ending.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts a text as Python's `str.splitlines` does.
    fn lines(text: &str) -> Vec<&str> {
        let ends = ['\n', '\x0b', '\x0c', '\r', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];
        let text = text.strip_suffix('\n').unwrap_or(text);
        text.strip_suffix('\r').unwrap_or(text).split(ends).collect()
    }

    fn frames(bytes: &[u8]) -> Vec<Frame> {
        let mut decoder = JsonLinesDecoder::new(1024);
        let mut frames = Vec::new();
        decoder.push(bytes, &mut frames).unwrap();
        frames.extend(decoder.finish());
        frames
    }

    #[test]
    fn a_line_that_no_reader_cuts_keeps_its_bytes() {
        for line in ["{\"a\":\"é€😀\"}\n", " {\"a\": 1}\r\n", "\n", "\r\n", "{}", "{\"a\":\"\\u2028\\r\"}\n"] {
            let frames = frames(line.as_bytes());
            assert_eq!(String::from_utf8(frames[0].raw.clone()).unwrap(), line);
        }
    }

    #[test]
    fn line_ends_inside_of_a_line_become_escapes_of_the_same_meaning() {
        let table = [
            ("{\"a\":\"x\u{2028}{}\u{2029}y\u{85}z\"}\n", "{\"a\":\"x\\u2028{}\\u2029y\\u0085z\"}\n"),
            ("{\"a\":\r{\"message\":{}}}\r\n", "{\"a\": {\"message\":{}}}\r\n"),
            ("\x0c{}\n", " {}\n"),
            ("\x0c\n", " \n"),
            ("\r{}", " {}"),
        ];
        for (line, expected) in table {
            let frames = frames(line.as_bytes());
            let written = String::from_utf8(frames[0].raw.clone()).unwrap();
            assert_eq!(written, expected);
            assert_eq!(lines(&written).len(), 1);
            if let Some(data) = &frames[0].data {
                let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
                assert_eq!(read(written.as_bytes()), read(data));
            }
        }
        let written = String::from_utf8(line("\"\u{85}\u{2028}\u{2029}\"".as_bytes())).unwrap();
        assert_eq!(written, "\"\\u0085\\u2028\\u2029\"\n");
    }
}
