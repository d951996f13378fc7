//! The members of events that only a client that asks for the usage gets.
//!
//! If the gate asks and the client did not, the client gets the bytes that it would have got: the event with the usage alone is left
//! out by the reader, and `"usage": null` of every other event here. A usage beside choices stays: some servers always send it so.

use callgate_json::splice;

use crate::framing::{Frame, sse};

/// Leaves `"usage": null` out of an event.
pub(super) fn without_null_usage(frame: Frame) -> Frame {
    let Some(data) = &frame.data else { return frame };
    let Some(without) = splice::without(data, "usage", |value| value == b"null") else { return frame };
    let place = memchr::memmem::find(&frame.raw, data);
    let raw = match place.and_then(|start| Some((frame.raw.get(..start)?, frame.raw.get(start + data.len()..)?))) {
        Some((before, after)) => [before, &without, after].concat(),
        // The data are on several lines.
        None => sse::event(frame.event.as_deref(), &without),
    };
    Frame { raw, data: Some(without), ..frame }
}
