//! Server-sent events on bytes (WHATWG HTML, section 9.2.6).
//!
//! Lines end in LF, CR or CRLF; a blank line ends a frame. A CR that is the last byte so far may be half of a CRLF, so a frame
//! that it ends waits for the next byte: where the frames are cut never depends on how the bytes arrived.
//!
//! Not covered: the reconnection fields `id` and `retry` are kept in the raw bytes but not read.

use std::mem;

use super::{Frame, FrameError};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Cuts a byte stream into [`Frame`]s. The frames' raw bytes, one after the other, are the stream.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// The frame that is being read; its raw bytes end with the line that is being read.
    frame: Frame,
    line_start: usize,
    state: State,
    at_start: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Line,
    /// A line ended in CR; a LF that follows belongs to it.
    LineCr,
    /// The blank line ended in CR; a LF that follows belongs to the frame.
    FrameCr,
    Failed,
}

// === impl Decoder ===

impl Decoder {
    /// A decoder that refuses frames of more than `max_frame_bytes` bytes.
    #[must_use]
    pub fn new(max_frame_bytes: usize) -> Decoder {
        Decoder { limit: max_frame_bytes, frame: Frame::default(), line_start: 0, state: State::Line, at_start: true }
    }

    /// Takes the next bytes and appends the frames that they complete.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], once the frames before the offending one have been appended, and on every later push.
    pub fn push(&mut self, mut bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), FrameError> {
        while !bytes.is_empty() {
            match self.state {
                State::Failed => return Err(self.too_long()),
                State::LineCr | State::FrameCr => {
                    if let Some(rest) = bytes.strip_prefix(b"\n") {
                        self.take(b"\n")?;
                        bytes = rest;
                    }
                    if self.state == State::FrameCr {
                        frames.push(self.complete());
                    }
                    self.line_start = self.frame.raw.len();
                    self.state = State::Line;
                }
                State::Line => bytes = self.line(bytes, frames)?,
            }
        }
        if self.state == State::Failed { Err(self.too_long()) } else { Ok(()) }
    }

    /// Ends the stream: the frame that had not ended, if there is one.
    ///
    /// A browser would drop it; some clients do not, so it is given out with what it says. Its raw bytes may lack the blank
    /// line, so nothing may be written after it without one.
    pub fn finish(&mut self) -> Option<Frame> {
        if self.state == State::Failed {
            return None;
        }
        if self.state == State::Line {
            self.end_line();
        }
        let frame = self.complete();
        self.state = State::Line;
        (!frame.raw.is_empty()).then_some(frame)
    }

    /// Takes bytes up to the end of the line, or all if it does not end in them; gives back the rest.
    fn line<'b>(&mut self, bytes: &'b [u8], frames: &mut Vec<Frame>) -> Result<&'b [u8], FrameError> {
        let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.take(bytes)?;
            return Ok(&[]);
        };
        let (line, rest) = bytes.split_at(end);
        self.take(line)?;
        let blank = self.end_line();
        let (ending, rest) = rest.split_at(1);
        self.take(ending)?;
        if ending == b"\r" {
            self.state = if blank { State::FrameCr } else { State::LineCr };
            return Ok(rest);
        }
        if blank {
            frames.push(self.complete());
        }
        self.line_start = self.frame.raw.len();
        Ok(rest)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        if self.frame.raw.len() + bytes.len() > self.limit {
            self.state = State::Failed;
            self.frame = Frame::default();
            return Err(self.too_long());
        }
        self.frame.raw.extend_from_slice(bytes);
        Ok(())
    }

    /// Reads the line that `raw` ends with; true if it is blank.
    fn end_line(&mut self) -> bool {
        let Frame { raw, event, data, strays } = &mut self.frame;
        let mut line = raw.get(self.line_start..).unwrap_or_default();
        if mem::take(&mut self.at_start) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        let mut halves = line.splitn(2, |&byte| byte == b':');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => match data {
                Some(lines) => {
                    lines.push(b'\n');
                    lines.extend_from_slice(value);
                }
                None => *data = Some(value.to_vec()),
            },
            b"event" => *event = Some(String::from_utf8_lossy(value).into_owned()),
            b"" | b"id" | b"retry" => {}
            _ => *strays = true,
        }
        line.is_empty()
    }

    fn complete(&mut self) -> Frame {
        self.line_start = 0;
        mem::take(&mut self.frame)
    }

    fn too_long(&self) -> FrameError {
        FrameError::TooLong { limit: self.limit }
    }
}

/// Writes one event with `data`, which must not hold a line end (JSON text that this crate writes never does).
pub(crate) fn event(name: Option<&str>, data: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(data.len() + 16);
    if let Some(name) = name {
        frame.extend_from_slice(b"event: ");
        frame.extend_from_slice(name.as_bytes());
        frame.push(b'\n');
    }
    frame.extend_from_slice(b"data: ");
    frame.extend_from_slice(data);
    frame.extend_from_slice(b"\n\n");
    frame
}
