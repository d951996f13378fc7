//! Cuts streams into events: server-sent events, JSON lines, AWS event-stream frames.
//!
//! All decoders keep the bytes of each frame, and any chunking of the bytes gives the same frames. Every client finds the same lines
//! in the text of a frame.

pub mod event_stream;
pub mod json_lines;
mod lines;
pub mod sse;

use thiserror::Error;

/// The framing of a dialect's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON value a line.
    JsonLines,
    /// AWS event-stream frames.
    EventStream,
}

/// One event (or comment, or run of blank lines), with its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The bytes to forward: with comments and the ending blank line, without removed lines.
    pub raw: Vec<u8>,
    /// The event's type: the last `event` field, with invalid UTF-8 replaced. An exception of an AWS event stream has
    /// [`EXCEPTION`](event_stream::EXCEPTION) and its type.
    pub event: Option<String>,
    /// Its payload: the `data` lines joined by LF. `None` if there were none, as in a comment.
    pub data: Option<Vec<u8>>,
    /// Lines besides comments and the standard's fields, each with a LF. They are not in `raw`.
    pub strays: Vec<u8>,
}

/// An event that stands in a chunk whole and alone, and keeps its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeFrame<'b> {
    /// As [`Frame::raw`].
    pub raw: &'b [u8],
    /// As [`Frame::event`].
    pub event: Option<&'b str>,
    /// As [`Frame::data`].
    pub data: &'b [u8],
}

/// The reason to stop framing. A decoder stays in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A frame is longer than allowed.
    #[error("an event is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A frame has wrong checksums or lengths, or unreadable headers.
    #[error("a frame of the event stream is corrupt: {because}")]
    Corrupt {
        /// The fault.
        because: &'static str,
    },
}

/// Cuts a byte stream into [`Frame`]s.
#[derive(Debug)]
pub enum Decoder {
    /// Server-sent events.
    Sse(sse::SseDecoder),
    /// One JSON value a line.
    JsonLines(json_lines::JsonLinesDecoder),
    /// AWS event-stream frames.
    EventStream(event_stream::EventStreamDecoder),
}

// === impl Framing ===

impl Framing {
    /// Returns the media type of such streams.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Framing::Sse => "text/event-stream",
            Framing::JsonLines => "application/x-ndjson",
            Framing::EventStream => "application/vnd.amazon.eventstream",
        }
    }
}

// === impl Decoder ===

impl Decoder {
    /// Makes a decoder that refuses frames of more than `max_frame_bytes` bytes.
    #[must_use]
    pub fn new(framing: Framing, max_frame_bytes: usize) -> Decoder {
        match framing {
            Framing::Sse => Decoder::Sse(sse::SseDecoder::new(max_frame_bytes)),
            Framing::JsonLines => Decoder::JsonLines(json_lines::JsonLinesDecoder::new(max_frame_bytes)),
            Framing::EventStream => Decoder::EventStream(event_stream::EventStreamDecoder::new(max_frame_bytes)),
        }
    }

    /// Takes the next bytes and appends the completed frames.
    ///
    /// # Errors
    /// [`FrameError`], once the frames before the offending one have been appended, and on every later push.
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), FrameError> {
        match self {
            Decoder::Sse(decoder) => decoder.push(bytes, frames),
            Decoder::JsonLines(decoder) => decoder.push(bytes, frames),
            Decoder::EventStream(decoder) => decoder.push(bytes, frames),
        }
    }

    /// Returns the event at the start of `bytes`, if it is written as most servers write it and no other bytes are held. The decoder takes
    /// its bytes by [`Decoder::skip`] or by [`Decoder::push`]; both give the same frames.
    #[must_use]
    pub fn whole<'b>(&self, bytes: &'b [u8]) -> Option<WholeFrame<'b>> {
        match self {
            Decoder::Sse(decoder) => decoder.whole(bytes),
            Decoder::JsonLines(decoder) => decoder.whole(bytes),
            // Its checksums are read by pushing it.
            Decoder::EventStream(_) => None,
        }
    }

    /// Takes a [whole](Decoder::whole) event that the caller has read itself.
    pub fn skip(&mut self) {
        match self {
            Decoder::Sse(decoder) => decoder.skip(),
            Decoder::JsonLines(_) | Decoder::EventStream(_) => {}
        }
    }

    /// Ends the stream, and returns the unfinished frame if a lenient client might read it.
    ///
    /// Its raw bytes may lack the end, so [`Decoder::terminator`] must precede the next frame.
    ///
    /// # Errors
    /// [`FrameError`] if the rest cannot be a frame at all.
    pub fn finish(&mut self) -> Result<Option<Frame>, FrameError> {
        match self {
            Decoder::Sse(decoder) => Ok(decoder.finish()),
            Decoder::JsonLines(decoder) => Ok(decoder.finish()),
            Decoder::EventStream(decoder) => decoder.finish().map(|()| None),
        }
    }

    /// Returns the number of bytes of the unfinished frame.
    #[must_use]
    pub fn held(&self) -> usize {
        match self {
            Decoder::Sse(decoder) => decoder.held(),
            Decoder::JsonLines(decoder) => decoder.held(),
            Decoder::EventStream(decoder) => decoder.held(),
        }
    }

    /// Returns the bytes to write between an unfinished frame and the next one.
    #[must_use]
    pub fn terminator(&self) -> &'static [u8] {
        match self {
            Decoder::Sse(_) => b"\n\n",
            Decoder::JsonLines(_) => b"\n",
            Decoder::EventStream(_) => b"",
        }
    }
}
