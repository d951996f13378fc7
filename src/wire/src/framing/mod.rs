//! How a stream is cut into events: server-sent events, JSON lines, AWS event-stream frames.
//!
//! All of them keep the bytes of each frame, and where the frames are cut never depends on how the bytes arrived. Lines of text are
//! given out so that every client finds the same ones.

pub mod event_stream;
pub mod json_lines;
mod lines;
pub mod sse;

use thiserror::Error;

/// How a dialect frames its streams.
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
    /// The bytes that may be forwarded: comments and the ending blank line included, removed lines excluded.
    pub raw: Vec<u8>,
    /// The event's type: the last `event` field, bytes that are not UTF-8 replaced. Of an AWS event stream's exceptions,
    /// [`EXCEPTION`](event_stream::EXCEPTION) and their type.
    pub event: Option<String>,
    /// What it carries: the `data` lines joined by LF; `None` where there was none, as in a comment.
    pub data: Option<Vec<u8>>,
    /// Lines that are neither a field of the standard nor a comment, each with a LF. They are not in `raw`.
    pub strays: Vec<u8>,
}

/// Why a stream could not be framed. A decoder stays in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A frame is longer than allowed.
    #[error("an event is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A frame with checksums or lengths has wrong ones, or headers that cannot be read.
    #[error("a frame of the event stream is corrupt: {because}")]
    Corrupt {
        /// What is wrong with it.
        because: &'static str,
    },
}

/// Cuts a byte stream into [`Frame`]s.
#[derive(Debug)]
pub enum Decoder {
    /// Server-sent events.
    Sse(sse::Decoder),
    /// One JSON value a line.
    JsonLines(json_lines::Decoder),
    /// AWS event-stream frames.
    EventStream(event_stream::Decoder),
}

// === impl Framing ===

impl Framing {
    /// The media type of such streams.
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
    /// A decoder that refuses frames of more than `max_frame_bytes` bytes.
    #[must_use]
    pub fn new(framing: Framing, max_frame_bytes: usize) -> Decoder {
        match framing {
            Framing::Sse => Decoder::Sse(sse::Decoder::new(max_frame_bytes)),
            Framing::JsonLines => Decoder::JsonLines(json_lines::Decoder::new(max_frame_bytes)),
            Framing::EventStream => Decoder::EventStream(event_stream::Decoder::new(max_frame_bytes)),
        }
    }

    /// Takes the next bytes and appends the frames that they complete.
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

    /// Ends the stream: the frame that had not ended, if there is one that a lenient client might read.
    ///
    /// Its raw bytes may lack the end, so nothing may be written after it without [`Decoder::terminator`].
    ///
    /// # Errors
    /// [`FrameError`] where the rest can be no frame at all.
    pub fn finish(&mut self) -> Result<Option<Frame>, FrameError> {
        match self {
            Decoder::Sse(decoder) => Ok(decoder.finish()),
            Decoder::JsonLines(decoder) => Ok(decoder.finish()),
            Decoder::EventStream(decoder) => decoder.finish().map(|()| None),
        }
    }

    /// The bytes of the frame that is not complete yet.
    #[must_use]
    pub fn held(&self) -> usize {
        match self {
            Decoder::Sse(decoder) => decoder.held(),
            Decoder::JsonLines(decoder) => decoder.held(),
            Decoder::EventStream(decoder) => decoder.held(),
        }
    }

    /// What must be written after an unfinished frame before another.
    #[must_use]
    pub fn terminator(&self) -> &'static [u8] {
        match self {
            Decoder::Sse(_) => b"\n\n",
            Decoder::JsonLines(_) => b"\n",
            Decoder::EventStream(_) => b"",
        }
    }
}
