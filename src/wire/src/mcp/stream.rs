//! A stream of a server's messages: server-sent events, each with one JSON-RPC message.
//!
//! The fields by which a client resumes a broken stream (`id`, `retry`) are removed: events of a resumed stream look like answers
//! to requests nobody here knows. Some characters end a line for some clients only (Python's `str.splitlines` knows several; JSON
//! leaves three of them bare in strings). They are written as escapes, so no client finds another event inside of one.

use super::McpAnswer;
use crate::framing::{Frame, sse};
use crate::{AnswerError, StreamError};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Next line, line separator and paragraph separator: in UTF-8, and as escapes of a JSON string.
const LINE_ENDS: [(&str, &str); 3] = [("\u{85}", "\\u0085"), ("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029")];

/// The content of an event.
#[derive(Debug, Clone)]
pub enum McpEvent {
    /// No message, such as a comment to keep the connection alive. May be empty.
    Aside {
        /// The event.
        frame: Vec<u8>,
    },
    /// A message.
    Said {
        /// The message.
        answer: Box<McpAnswer>,
        /// The event; its exact bytes if nothing had to be removed.
        frame: Vec<u8>,
    },
}

// === impl McpEvent ===

impl McpEvent {
    /// Reads one event. An event of another type than `message` carries no message to any client, so nothing of it is kept.
    ///
    /// # Errors
    /// [`StreamError`] for an event whose data is not one JSON-RPC message.
    pub fn read(frame: Frame) -> Result<McpEvent, StreamError> {
        let is_message = frame.event.as_deref().is_none_or(|event| event.is_empty() || event == "message");
        let data = frame.data.as_deref().unwrap_or_default();
        if !is_message || data.trim_ascii().is_empty() {
            // The first event of a resumable stream has an id and no data.
            let comment = is_message && frame.data.is_none() && !has_line_ends(&frame.raw);
            return Ok(McpEvent::Aside { frame: if comment { without_resumption(frame.raw) } else { Vec::new() } });
        }
        let answer = McpAnswer::read(data).map_err(|error| match error {
            AnswerError::NotJson(error) => StreamError::NotJson(error),
            AnswerError::Shape(error) => StreamError::Shape(error),
        })?;
        let frame = if has_line_ends(&frame.raw) { event(data) } else { without_resumption(frame.raw) };
        Ok(McpEvent::Said { answer: Box::new(answer), frame })
    }
}

/// Writes a message as an event.
#[must_use]
pub fn event(message: &[u8]) -> Vec<u8> {
    // JSON texts may have line ends between their tokens, which would end a line of the event.
    let mut line: Vec<u8> =
        message.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect();
    if has_line_ends(&line) {
        // Valid JSON has these characters inside strings only.
        let text = callgate_json::text(&line).into_owned();
        line = LINE_ENDS.iter().fold(text, |text, (bare, escaped)| text.replace(bare, escaped)).into_bytes();
    }
    sse::event(Some("message"), &line)
}

fn has_line_ends(text: &[u8]) -> bool {
    text.windows(3).any(|three| matches!(three, b"\xe2\x80\xa8" | b"\xe2\x80\xa9" | [0xc2, 0x85, _]))
}

/// An event without its `id` and `retry` lines; empty if nothing else is left.
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

/// Splits a text into lines with their ends: LF, CR or CRLF.
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
