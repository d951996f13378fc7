//! A stream of a server's messages: server-sent events, each with one JSON-RPC message.
//!
//! The lines which make a client resume a broken stream (`id`, `retry`) are removed: messages of a resumed stream look like answers
//! to requests unknown here. Some clients end a line at further characters (Python's `str.splitlines` knows several; JSON leaves
//! three of them bare in strings). They are written as escapes, so no client finds another event inside of one.

use super::Answer;
use crate::framing::{Frame, sse};
use crate::{AnswerError, StreamError};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Next line, line separator, paragraph separator: in UTF-8, and as a JSON string may have them.
const LINE_ENDS: [(&str, &str); 3] = [("\u{85}", "\\u0085"), ("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029")];

/// The content of an event.
#[derive(Debug, Clone)]
pub enum Event {
    /// No message, such as a comment that keeps the connection alive. May be empty.
    Aside {
        /// The event.
        frame: Vec<u8>,
    },
    /// A message.
    Said {
        /// The message.
        answer: Box<Answer>,
        /// The event; its exact bytes unless something was removed.
        frame: Vec<u8>,
    },
}

// === impl Event ===

impl Event {
    /// Reads one event. An event of another type than `message` carries no message to any client, so nothing of it is kept.
    ///
    /// # Errors
    /// [`StreamError`] for an event whose data is not one JSON-RPC message.
    pub fn read(frame: Frame) -> Result<Event, StreamError> {
        let is_message = frame.event.as_deref().is_none_or(|event| event.is_empty() || event == "message");
        let data = frame.data.as_deref().unwrap_or_default();
        if !is_message || data.trim_ascii().is_empty() {
            // A resumable stream begins with an event of an id only.
            let comment = is_message && frame.data.is_none() && !has_line_ends(&frame.raw);
            return Ok(Event::Aside { frame: if comment { without_resumption(frame.raw) } else { Vec::new() } });
        }
        let answer = Answer::read(data).map_err(|error| match error {
            AnswerError::NotJson(error) => StreamError::NotJson(error),
            AnswerError::Shape(error) => StreamError::Shape(error),
        })?;
        let frame = if has_line_ends(&frame.raw) { event(data) } else { without_resumption(frame.raw) };
        Ok(Event::Said { answer: Box::new(answer), frame })
    }
}

/// Writes a message as an event.
#[must_use]
pub fn event(message: &[u8]) -> Vec<u8> {
    // Line ends between the tokens of a JSON text would end a line of the event too.
    let mut line: Vec<u8> =
        message.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect();
    if has_line_ends(&line) {
        // Valid JSON has them inside of strings only.
        let text = String::from_utf8_lossy(&line).into_owned();
        line = LINE_ENDS.iter().fold(text, |text, (bare, escaped)| text.replace(bare, escaped)).into_bytes();
    }
    sse::event(Some("message"), &line)
}

fn has_line_ends(text: &[u8]) -> bool {
    text.windows(3).any(|three| matches!(three, b"\xe2\x80\xa8" | b"\xe2\x80\xa9" | [0xc2, 0x85, _]))
}

/// Returns an event without its `id` and `retry` lines, or nothing if nothing else is left.
fn without_resumption(raw: Vec<u8>) -> Vec<u8> {
    let resumes = |line: &&[u8]| {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        let name = line.split(|byte| matches!(byte, b':' | b'\n' | b'\r')).next().unwrap_or_default();
        matches!(name, b"id" | b"retry")
    };
    let lines = lines(&raw);
    if !lines.iter().any(resumes) {
        return raw;
    }
    let kept = lines.into_iter().filter(|line| !resumes(line)).collect::<Vec<_>>().concat();
    if kept.trim_ascii().is_empty() { Vec::new() } else { kept }
}

/// Returns lines with their ends: LF, CR or CRLF.
fn lines(mut text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while !text.is_empty() {
        let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(text.len());
        let ending = if text.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n")) { 2 } else { 1 };
        let (line, rest) = text.split_at((end + ending).min(text.len()));
        lines.push(line);
        text = rest;
    }
    lines
}
