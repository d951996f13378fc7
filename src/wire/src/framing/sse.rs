//! Server-sent events on bytes (WHATWG HTML, section 9.2.6).
//!
//! Lines end in LF, CR or CRLF; a blank line ends a frame. If the last byte so far is a CR, it may be half of a CRLF, so
//! its frame waits for the next byte: any chunking of the bytes gives the same frames.
//!
//! Every client finds the same lines in a frame's raw bytes ([`lines`]). Characters in data taken for a line end by some clients
//! are escaped. A line is removed unless it is data, or a field of the standard or a comment in plain ASCII. Nothing a client acts
//! on is lost, and a lenient client finds nothing more. The byte order mark at the start is removed too. Data of several lines
//! becomes one line, because some clients take each line for an event of its own.
//!
//! Not covered: the reconnection fields `id` and `retry` are kept in the raw bytes but not read.

use std::mem;

use memchr::{memchr, memchr2};

use super::{Frame, FrameError, WholeFrame, lines};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Cuts a byte stream into [`Frame`]s. The frames' raw bytes in sequence are the stream, without the removed bytes and with escapes.
#[derive(Debug)]
pub struct SseDecoder {
    limit: usize,
    /// The current frame; its raw bytes end with the current line.
    frame: Frame,
    line_start: usize,
    /// The lines of data in the frame.
    data_lines: usize,
    state: State,
    at_start: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Line,
    /// A line ended in CR; a following LF belongs to it.
    LineCr,
    /// A removed line ended in CR; a following LF is removed too.
    RemovedCr,
    /// The blank line ended in CR; a following LF belongs to the frame.
    FrameCr,
    Failed,
}

/// A line after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Blank,
    Kept,
    /// Taken out of the frame's raw bytes.
    Removed,
}

// === impl SseDecoder ===

impl SseDecoder {
    /// Makes a decoder that refuses frames of more than `max_frame_bytes` bytes.
    #[must_use]
    pub fn new(max_frame_bytes: usize) -> SseDecoder {
        SseDecoder {
            limit: max_frame_bytes,
            frame: Frame::default(),
            line_start: 0,
            data_lines: 0,
            state: State::Line,
            at_start: true,
        }
    }

    /// Returns the number of bytes of the unfinished frame.
    pub(super) fn held(&self) -> usize {
        self.frame.raw.capacity()
    }

    /// Takes the next bytes and appends the completed frames.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], once the frames before the offending one have been appended, and on every later push.
    pub fn push(&mut self, mut bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), FrameError> {
        while !bytes.is_empty() {
            match self.state {
                State::Failed => return Err(self.too_long()),
                State::RemovedCr => {
                    bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
                    self.line_start = self.frame.raw.len();
                    self.state = State::Line;
                }
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

    /// As [`Decoder::whole`](super::Decoder::whole): a line of data, perhaps with the event's name before it, and a blank line.
    pub(super) fn whole<'b>(&self, bytes: &'b [u8]) -> Option<WholeFrame<'b>> {
        let at_rest = self.state == State::Line && self.frame == Frame::default();
        let (event, rest) = match bytes.strip_prefix(b"event: ").filter(|_| at_rest) {
            Some(rest) => {
                let (name, rest) = rest.split_at_checked(memchr(b'\n', rest)?)?;
                let name = std::str::from_utf8(name).ok().filter(|name| lines::is_plain(name.as_bytes()))?;
                (Some(name), rest.get(1..)?)
            }
            None => (None, bytes),
        };
        let data = rest.strip_prefix(b"data: ").filter(|_| at_rest)?;
        let end = memchr(b'\n', data)?;
        let after = data.get(end + 1..)?.strip_prefix(b"\n")?;
        let data = data.get(..end).filter(|data| !lines::is_cut(data))?;
        let raw = bytes.get(..bytes.len() - after.len()).filter(|raw| raw.len() <= self.limit)?;
        Some(WholeFrame { raw, event, data })
    }

    /// As [`Decoder::skip`](super::Decoder::skip).
    pub(super) fn skip(&mut self) {
        self.at_start = false;
    }

    /// Ends the stream, and returns the unfinished frame if there is one.
    ///
    /// A browser would drop it; some clients do not, so it is returned as read. Its raw bytes may lack the blank line, so one must
    /// precede the next frame.
    pub fn finish(&mut self) -> Option<Frame> {
        if self.state == State::Failed {
            return None;
        }
        if self.state == State::Line {
            self.end_line();
        }
        let frame = self.complete();
        self.state = State::Line;
        (!frame.raw.is_empty() || !frame.strays.is_empty()).then_some(frame)
    }

    /// Takes bytes up to the end of the line, or all of them, and returns the rest.
    fn line<'b>(&mut self, bytes: &'b [u8], frames: &mut Vec<Frame>) -> Result<&'b [u8], FrameError> {
        let Some(end) = memchr2(b'\n', b'\r', bytes) else {
            self.take(bytes)?;
            return Ok(&[]);
        };
        let (line, rest) = bytes.split_at(end);
        self.take(line)?;
        let ended = self.end_line();
        let (ending, rest) = rest.split_at(1);
        if ended != Line::Removed {
            self.take(ending)?;
        }
        if ending == b"\r" {
            self.state = match ended {
                Line::Blank => State::FrameCr,
                Line::Kept => State::LineCr,
                Line::Removed => State::RemovedCr,
            };
            return Ok(rest);
        }
        if ended == Line::Blank {
            frames.push(self.complete());
        }
        self.line_start = self.frame.raw.len();
        Ok(rest)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        if self.frame.raw.len() + self.frame.strays.len() + bytes.len() > self.limit {
            self.state = State::Failed;
            self.frame = Frame::default();
            return Err(self.too_long());
        }
        self.frame.raw.extend_from_slice(bytes);
        Ok(())
    }

    /// Reads the line at the end of `raw`.
    fn end_line(&mut self) -> Line {
        let Frame { raw, event, data, strays } = &mut self.frame;
        if mem::take(&mut self.at_start) && raw.starts_with(BYTE_ORDER_MARK) {
            raw.drain(..BYTE_ORDER_MARK.len());
        }
        let line = raw.get(self.line_start..).unwrap_or_default();
        if line.is_empty() {
            return Line::Blank;
        }
        let is_data = matches!(line, b"data" | [b'd', b'a', b't', b'a', b':', ..]);
        if is_data && lines::is_cut(line) {
            let line = line.to_vec();
            raw.truncate(self.line_start);
            lines::escape(raw, &line);
        }
        let line = raw.get(self.line_start..).unwrap_or_default();
        let mut halves = line.splitn(2, |&byte| byte == b':');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let is_plain = !is_data && lines::is_plain(line);
        self.data_lines += usize::from(name == b"data");
        match name {
            b"data" => match data {
                Some(lines) => {
                    lines.push(b'\n');
                    lines.extend_from_slice(value);
                }
                None => *data = Some(value.to_vec()),
            },
            b"event" if is_plain => *event = String::from_utf8(value.to_vec()).ok(),
            b"" | b"id" | b"retry" if is_plain => {}
            _ => {
                if !matches!(name, b"" | b"event" | b"id" | b"retry") {
                    strays.extend_from_slice(line);
                    strays.push(b'\n');
                }
                raw.truncate(self.line_start);
                // A LF that now follows would become half of the line end before.
                if raw.ends_with(b"\r") {
                    raw.push(b'\n');
                }
                return Line::Removed;
            }
        }
        Line::Kept
    }

    fn complete(&mut self) -> Frame {
        self.line_start = 0;
        let mut frame = mem::take(&mut self.frame);
        if mem::take(&mut self.data_lines) > 1 {
            frame.raw = in_one_line(&frame.raw, frame.data.as_deref().unwrap_or_default());
        }
        frame
    }

    fn too_long(&self) -> FrameError {
        FrameError::TooLong { limit: self.limit }
    }
}

/// Puts all data of a frame into the last of its data lines. `data` is JSON, so its line ends become spaces.
fn in_one_line(mut raw: &[u8], data: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(raw.len() + 8);
    let mut after = &b""[..];
    let mut before = 0;
    while !raw.is_empty() {
        let end = raw.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(raw.len());
        let (line, rest) = raw.split_at(end);
        let ending = if rest.starts_with(b"\r\n") { 2 } else { rest.len().min(1) };
        if matches!(line, b"data" | [b'd', b'a', b't', b'a', b':', ..]) {
            (before, after) = (written.len(), rest.get(..ending).unwrap_or_default());
        } else {
            written.extend_from_slice(raw.get(..end + ending).unwrap_or_default());
        }
        raw = rest.get(ending..).unwrap_or_default();
    }
    let rest = written.split_off(before);
    written.extend_from_slice(b"data: ");
    lines::escape(&mut written, data);
    [written.as_slice(), after, &rest].concat()
}

/// Writes one event with `data`, a JSON text. Line ends in it are escaped, or spaces if they stand between its values.
pub(crate) fn event(name: Option<&str>, data: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(data.len() + 16);
    if let Some(name) = name {
        frame.extend_from_slice(b"event: ");
        frame.extend_from_slice(name.as_bytes());
        frame.push(b'\n');
    }
    frame.extend_from_slice(b"data: ");
    if lines::is_cut(data) {
        lines::escape(&mut frame, data);
    } else {
        frame.extend_from_slice(data);
    }
    frame.extend_from_slice(b"\n\n");
    frame
}
