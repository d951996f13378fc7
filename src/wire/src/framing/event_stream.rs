//! Frames of AWS event streams (`application/vnd.amazon.eventstream`).
//!
//! Source: *Event stream encoding* in AWS' developer guides. All numbers are big endian:
//!
//! | bytes | content |
//! |---|---|
//! | 4 | length of the whole frame |
//! | 4 | length of the headers |
//! | 4 | CRC-32 of the 8 bytes before |
//! | … | headers: length of the name (1), name, type (1), value |
//! | … | payload |
//! | 4 | CRC-32 of all bytes before |
//!
//! Both sums are checked, and lengths must be plausible before anything of this length is kept. The name in the headers becomes
//! [`Frame::event`]: the event's type, or [`EXCEPTION`] and the type of an exception. A type is letters, digits, `-`, `_` and `.`,
//! so the two cannot be mistaken for one another. Everything else (a header twice, a frame of both kinds or of neither) is corrupt:
//! readers differ over it.

use std::collections::HashSet;
use std::mem;

use super::{Frame, FrameError};

/// The prefix of the type of an exception, or of the code of an error without a type.
pub const EXCEPTION: &str = "exception:";

const PRELUDE: usize = 12;
const SUM: usize = 4;
/// The maximum bytes of headers, as in AWS' own readers.
const MOST_HEADERS: usize = 128 * 1024;

/// The type of a string in a header's value.
const STRING: u8 = 7;

/// Cuts a byte stream into frames.
#[derive(Debug)]
pub struct EventStreamDecoder {
    limit: usize,
    raw: Vec<u8>,
    /// Lengths of the current frame, once its prelude is complete.
    lengths: Option<Lengths>,
    failed: Option<FrameError>,
}

#[derive(Debug, Clone, Copy)]
struct Lengths {
    total: usize,
    headers: usize,
}

// === impl EventStreamDecoder ===

impl EventStreamDecoder {
    /// Makes a decoder that refuses frames of more than `max_frame_bytes` bytes.
    #[must_use]
    pub fn new(max_frame_bytes: usize) -> EventStreamDecoder {
        EventStreamDecoder { limit: max_frame_bytes, raw: Vec::new(), lengths: None, failed: None }
    }

    /// Returns the number of bytes of the unfinished frame.
    pub(super) fn held(&self) -> usize {
        self.raw.capacity()
    }

    /// Takes the next bytes and appends the completed frames.
    ///
    /// # Errors
    /// [`FrameError`], once the frames before the offending one have been appended, and on every later push.
    pub fn push(&mut self, mut bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), FrameError> {
        while self.failed.is_none() && !bytes.is_empty() {
            let wanted = self.lengths.map_or(PRELUDE, |lengths| lengths.total);
            let (taken, rest) = bytes.split_at(bytes.len().min(wanted.saturating_sub(self.raw.len())));
            self.raw.extend_from_slice(taken);
            bytes = rest;
            if self.raw.len() < wanted {
                break;
            }
            match self.lengths.take() {
                None => self.lengths = prelude(&self.raw, self.limit).map_err(|error| self.fail(error)).ok(),
                Some(lengths) => match read(&self.raw, lengths) {
                    Ok((event, data)) => {
                        let raw = mem::take(&mut self.raw);
                        frames.push(Frame { raw, event: Some(event), data, strays: Vec::new() });
                    }
                    Err(because) => self.fail(FrameError::Corrupt { because }),
                },
            }
        }
        self.failed.map_or(Ok(()), Err)
    }

    /// Ends the stream, which may not be in the middle of a frame.
    ///
    /// # Errors
    /// [`FrameError::Corrupt`] if it is, and any earlier error.
    pub fn finish(&mut self) -> Result<(), FrameError> {
        if self.failed.is_none() && !self.raw.is_empty() {
            self.fail(FrameError::Corrupt { because: "it is not whole" });
        }
        self.failed.map_or(Ok(()), Err)
    }

    fn fail(&mut self, error: FrameError) {
        self.raw = Vec::new();
        self.failed = Some(error);
    }
}

fn prelude(raw: &[u8], limit: usize) -> Result<Lengths, FrameError> {
    let corrupt = |because| FrameError::Corrupt { because };
    let mut rest = raw;
    let total = number(&mut rest).ok_or(corrupt("it has no lengths"))?;
    let headers = number(&mut rest).ok_or(corrupt("it has no lengths"))?;
    if !is_summed(raw) {
        return Err(corrupt("its lengths do not have their checksum"));
    }
    let (total, headers) = (usize::try_from(total).ok(), usize::try_from(headers).ok());
    let (Some(total), Some(headers)) = (total, headers) else { return Err(FrameError::TooLong { limit }) };
    if headers > MOST_HEADERS || total < PRELUDE + SUM || total - (PRELUDE + SUM) < headers {
        return Err(corrupt("its lengths do not fit"));
    }
    if total > limit {
        return Err(FrameError::TooLong { limit });
    }
    Ok(Lengths { total, headers })
}

/// Returns the name of the frame, and its payload.
fn read(raw: &[u8], lengths: Lengths) -> Result<(String, Option<Vec<u8>>), &'static str> {
    if !is_summed(raw) {
        return Err("it does not have its checksum");
    }
    let inside = raw.get(PRELUDE..lengths.total.saturating_sub(SUM)).unwrap_or_default();
    let (headers, payload) = inside.split_at_checked(lengths.headers).ok_or("its lengths do not fit")?;
    let event = Names::read(headers)?.event()?;
    Ok((event, Some(payload).filter(|payload| !payload.is_empty()).map(<[u8]>::to_vec)))
}

/// Returns true if the last bytes are the sum of those before.
fn is_summed(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<SUM>().is_some_and(|(summed, sum)| crc32fast::hash(summed) == u32::from_be_bytes(*sum))
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_be_bytes(*number))
}

/// The headers which name the kind of a frame.
#[derive(Debug, Default)]
struct Names<'f> {
    message_type: Option<&'f str>,
    event_type: Option<&'f str>,
    exception_type: Option<&'f str>,
    error_code: Option<&'f str>,
    content_type: Option<&'f str>,
}

// === impl Names ===

impl<'f> Names<'f> {
    fn read(mut headers: &'f [u8]) -> Result<Names<'f>, &'static str> {
        let mut names = Names::default();
        let mut seen = HashSet::new();
        while !headers.is_empty() {
            let (name, kind, value) = header(&mut headers).ok_or("a header cannot be read")?;
            if !seen.insert(name) {
                return Err("a header is there twice");
            }
            let place = match name {
                ":message-type" => &mut names.message_type,
                ":event-type" => &mut names.event_type,
                ":exception-type" => &mut names.exception_type,
                ":error-code" => &mut names.error_code,
                ":content-type" => &mut names.content_type,
                _ => continue,
            };
            let text = std::str::from_utf8(value).ok().filter(|_| kind == STRING);
            *place = Some(text.ok_or("a header is not a text")?);
        }
        Ok(names)
    }

    fn event(self) -> Result<String, &'static str> {
        let is_name = |name: &&str| {
            let may = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            !name.is_empty() && name.bytes().all(may)
        };
        let (prefix, name) = match (self.message_type, self.event_type, self.exception_type, self.error_code) {
            (Some("event"), name, None, None) => ("", name),
            (Some("exception"), None, name, None) | (Some("error"), None, None, name) => (EXCEPTION, name),
            _ => return Err("its headers do not say what it is"),
        };
        let name = name.filter(is_name).ok_or("its headers do not say what it is")?;
        Ok(format!("{prefix}{name}"))
    }
}

/// Takes the first header: its name, the type of its value, and the value's bytes.
fn header<'f>(rest: &mut &'f [u8]) -> Option<(&'f str, u8, &'f [u8])> {
    let length = usize::from(take(rest, 1)?.first().copied()?);
    let name = std::str::from_utf8(take(rest, length)?).ok().filter(|name| !name.is_empty())?;
    let kind = take(rest, 1)?.first().copied()?;
    let length = match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        6 | STRING => usize::from(u16::from_be_bytes(*take(rest, 2)?.first_chunk()?)),
        9 => 16,
        _ => return None,
    };
    Some((name, kind, take(rest, length)?))
}

fn take<'f>(rest: &mut &'f [u8], length: usize) -> Option<&'f [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

/// Writes an event with a JSON payload.
pub(crate) fn event(kind: &str, payload: &[u8]) -> Vec<u8> {
    frame(&[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")], payload)
}

/// Writes an exception with a JSON payload.
pub(crate) fn exception(kind: &str, payload: &[u8]) -> Vec<u8> {
    frame(&[(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")], payload)
}

/// Writes a frame. Names are shorter than 256 bytes, values than 65,536, payloads than 4 GiB.
fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let lengths = headers.iter().map(|(name, value)| 1 + name.len() + 1 + 2 + value.len());
    let in_headers: usize = lengths.sum();
    let total = PRELUDE + in_headers + payload.len() + SUM;
    let mut out = Vec::with_capacity(total);
    for length in [total, in_headers] {
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    for (name, value) in headers {
        out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(name.as_bytes());
        out.push(STRING);
        out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}
