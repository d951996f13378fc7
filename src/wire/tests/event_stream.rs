//! AWS event-stream frames, cut on bytes.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed helper is a failed test")]

use callgate_test_apis::event_stream as frames;

use callgate_wire::framing::event_stream::EventStreamDecoder;
use callgate_wire::framing::{self, Frame, FrameError, Framing};
use frames::{Header, crc32, event, exception, frame, summed, written};
use proptest::prelude::*;
use serde_json::json;

const LIMIT: usize = 1 << 16;

/// All frames of a stream, fed in these chunks; how it ends.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Frame>, Result<(), FrameError>) {
    let mut decoder = EventStreamDecoder::new(LIMIT);
    let mut frames = Vec::new();
    for chunk in chunks {
        if let Err(error) = decoder.push(chunk, &mut frames) {
            assert_eq!(decoder.push(b"", &mut frames), Err(error), "a decoder stays failed");
            assert_eq!(decoder.finish(), Err(error), "to its end");
            return (frames, Err(error));
        }
    }
    let end = decoder.finish();
    (frames, end)
}

fn refused(bytes: &[u8]) -> FrameError {
    let (frames, end) = decode([bytes]);
    assert_eq!(frames, [], "{bytes:?}");
    end.unwrap_err()
}

fn corrupt(because: &'static str) -> FrameError {
    FrameError::Corrupt { because }
}

const MESSAGE: Header<'_> = (":message-type", 7, b"event");
const EVENT: Header<'_> = (":event-type", 7, b"ping");

#[test]
fn events_and_exceptions_are_told_apart_and_keep_their_bytes() {
    let all = [
        event("contentBlockDelta", &json!({"delta": {"text": "é"}})),
        exception("throttlingException", &json!({"message": "slow down"})),
        written(":error-code", "InternalError", "error", b""),
    ];
    let (frames, end) = decode([all.concat().as_slice()]);
    assert_eq!(end, Ok(()));
    let told: Vec<_> = frames.iter().map(|frame| frame.event.as_deref().unwrap()).collect();
    assert_eq!(told, ["contentBlockDelta", "exception:throttlingException", "exception:InternalError"]);
    assert_eq!(frames.iter().map(|frame| frame.raw.clone()).collect::<Vec<_>>(), all);
    assert_eq!(frames[0].data.as_deref(), Some(r#"{"delta":{"text":"é"}}"#.as_bytes()));
    assert_eq!(frames[2].data, None);
}

#[test]
fn the_checksums_are_those_of_the_standard() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    // The smallest frame there is: its sums are right, but it says nothing.
    let empty = [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
    assert_eq!(refused(&empty), corrupt("its headers do not say what it is"));
    assert_eq!(summed(16, 0, b""), empty);
}

#[test]
fn headers_of_every_type_are_read_past() {
    let others: [Header<'_>; 10] = [
        ("true", 0, b""),
        ("false", 1, b""),
        ("byte", 2, b"1"),
        ("short", 3, b"12"),
        ("integer", 4, b"1234"),
        ("long", 5, b"12345678"),
        ("bytes", 6, b"\xff\x00"),
        ("string", 7, b""),
        ("timestamp", 8, b"12345678"),
        ("uuid", 9, b"1234567812345678"),
    ];
    let headers = [&[MESSAGE][..], &others, &[EVENT]].concat();
    let (frames, end) = decode([frame(&headers, b"{}").as_slice()]);
    assert_eq!((frames[0].event.as_deref(), frames[0].data.as_deref(), end), (Some("ping"), Some(&b"{}"[..]), Ok(())));
}

#[test]
fn headers_that_could_be_read_in_two_ways_are_corrupt() {
    let says_nothing = "its headers do not say what it is";
    let exception: Header<'_> = (":exception-type", 7, b"e");
    let table: Vec<(Vec<Header<'_>>, &str)> = vec![
        (vec![], says_nothing),
        (vec![EVENT], says_nothing),
        (vec![MESSAGE], says_nothing),
        (vec![MESSAGE, EVENT, exception], says_nothing),
        (vec![(":message-type", 7, b"exception"), exception, EVENT], says_nothing),
        (vec![(":message-type", 7, b"exception"), EVENT], says_nothing),
        (vec![(":message-type", 7, b"Event"), EVENT], says_nothing),
        (vec![MESSAGE, (":event-type", 7, b"")], says_nothing),
        (vec![MESSAGE, (":event-type", 7, b"exception:x")], says_nothing),
        (vec![MESSAGE, EVENT, EVENT], "a header is there twice"),
        (vec![MESSAGE, EVENT, ("x", 0, b""), ("x", 1, b"")], "a header is there twice"),
        (vec![MESSAGE, (":event-type", 6, b"ping")], "a header is not a text"),
        (vec![MESSAGE, (":event-type", 0, b"")], "a header is not a text"),
        (vec![MESSAGE, EVENT, (":content-type", 7, b"\xff")], "a header is not a text"),
        (vec![MESSAGE, EVENT, ("", 0, b"")], "a header cannot be read"),
        (vec![MESSAGE, EVENT, ("x", 10, b"")], "a header cannot be read"),
        (vec![MESSAGE, EVENT, ("x", 5, b"1234567")], "a header cannot be read"),
    ];
    for (headers, because) in table {
        assert_eq!(refused(&frame(&headers, b"{}")), corrupt(because), "{headers:?}");
    }
}

#[test]
fn lengths_are_found_plausible_before_what_they_announce_comes() {
    let too_long = FrameError::TooLong { limit: LIMIT };
    let wrong = corrupt("its lengths do not fit");
    let limit = u32::try_from(LIMIT).unwrap();
    for (total, headers, expected) in [
        (limit + 1, 0, too_long),
        (u32::MAX, 0, too_long),
        (u32::MAX, 131_072, too_long),
        (u32::MAX, 131_073, wrong),
        (u32::MAX, u32::MAX, wrong),
        (0, 0, wrong),
        (15, 0, wrong),
        (16, 1, wrong),
        (100, 85, wrong),
    ] {
        assert_eq!(refused(&summed(total, headers, b"")[..12]), expected, "{total} {headers}");
    }
    let least = frame(&[MESSAGE, EVENT], b"").len();
    let longest = frame(&[MESSAGE, EVENT], &vec![b' '; LIMIT - least]);
    assert_eq!((longest.len(), decode([longest.as_slice()]).1), (LIMIT, Ok(())));
}

#[test]
fn a_flipped_bit_is_refused_wherever_it_is() {
    let good = event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": "Hi"}, "p": "ab"}));
    for at in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[at / 8] ^= 1 << (at % 8);
        let error = refused(&bad);
        assert!(matches!(error, FrameError::Corrupt { .. }), "bit {at}: {error}");
    }
}

#[test]
fn a_stream_that_ends_within_a_frame_is_an_error_and_its_frames_before_that_are_not() {
    let good = event("messageStart", &json!({"role": "assistant"}));
    assert_eq!(decode([]), (vec![], Ok(())));
    for cut in 1..good.len() {
        let (frames, end) = decode([good.as_slice(), &good[..cut]]);
        assert_eq!((frames.len(), end), (1, Err(corrupt("it is not whole"))), "cut at {cut}");
    }
}

#[test]
fn the_framing_is_told_by_its_media_type() {
    assert_eq!(Framing::EventStream.media_type(), "application/vnd.amazon.eventstream");
    let mut decoder = framing::Decoder::new(Framing::EventStream, LIMIT);
    assert_eq!((decoder.finish(), decoder.terminator()), (Ok(None), &b""[..]));
    decoder.push(&[0], &mut Vec::new()).unwrap();
    assert!(decoder.finish().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_frames(
        payloads in prop::collection::vec(".{0,40}", 0..6),
        fault in prop::option::of((any::<prop::sample::Index>(), 1_u8..)),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut stream: Vec<u8> = payloads.iter().flat_map(|payload| event("x", &json!(payload))).collect();
        if let (Some((at, bits)), false) = (fault, stream.is_empty()) {
            let at = at.index(stream.len());
            stream[at] ^= bits;
        }
        let (whole, end) = decode([stream.as_slice()]);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        prop_assert_eq!(&decode(cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]])), &(whole.clone(), end));
        prop_assert_eq!(&decode(stream.chunks(1)), &(whole.clone(), end));
        if end.is_ok() {
            prop_assert_eq!(whole.iter().flat_map(|frame| frame.raw.clone()).collect::<Vec<_>>(), stream);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), total in any::<u32>(), headers in any::<u32>()) {
        let _ = decode([bytes.as_slice()]);
        let _ = decode([summed(total % 300, headers % 300, &bytes).as_slice()]);
    }
}
