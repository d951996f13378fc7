//! Properties of every framing.

use callgate_wire::framing::{Decoder, Frame, FrameError, Framing};

const LIMIT: usize = 4096;

/// Cuts `bytes` into frames, fed in chunks of these sizes.
pub fn cut(framing: Framing, bytes: &[u8], sizes: &[u8]) -> (Vec<Frame>, Result<Option<Frame>, FrameError>) {
    let mut decoder = Decoder::new(framing, LIMIT);
    let mut frames = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().map(|size| usize::from(*size)).filter(|size| *size > 0).cycle();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
        rest = after;
        if let Err(error) = decoder.push(chunk, &mut frames) {
            assert_eq!(decoder.push(b"", &mut frames), Err(error), "a decoder stays failed");
            return (frames, Err(error));
        }
    }
    (frames, decoder.finish())
}

/// Checks three properties of frames: chunking does not change them, none is longer than allowed, and together they are the
/// stream.
pub fn check(framing: Framing, bytes: &[u8], sizes: &[u8]) -> Vec<Frame> {
    let (frames, end) = cut(framing, bytes, &[]);
    assert_eq!(cut(framing, bytes, sizes), (frames.clone(), end.clone()), "chunks change nothing");
    assert_eq!(cut(framing, bytes, &[1]), (frames.clone(), end.clone()), "single bytes change nothing");
    let last = end.as_ref().ok().cloned().flatten();
    let all: Vec<u8> = frames.iter().chain(&last).flat_map(|frame| frame.raw.clone()).collect();
    assert!(bytes.starts_with(&all), "frames are the bytes that came");
    assert!(end.is_err() || all.len() == bytes.len(), "all of them");
    assert!(frames.iter().chain(&last).all(|frame| frame.raw.len() <= LIMIT && !frame.raw.is_empty()));
    frames
}
