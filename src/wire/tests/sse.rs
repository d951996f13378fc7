//! Server-sent events, cut on bytes.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed helper is a failed test")]

use callgate_wire::framing::sse::SseDecoder;
use callgate_wire::framing::{Frame, FrameError};
use proptest::prelude::*;

/// All frames of a stream, fed in these chunks.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let mut decoder = SseDecoder::new(1 << 20);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, &mut frames).unwrap();
    }
    frames.extend(decoder.finish());
    frames
}

fn frame(raw: &str, event: Option<&str>, data: Option<&str>) -> Frame {
    Frame { raw: raw.into(), event: event.map(str::to_owned), data: data.map(Into::into), strays: Vec::new() }
}

fn stray(raw: &str, data: Option<&str>, strays: &str) -> Frame {
    Frame { strays: strays.into(), ..frame(raw, None, data) }
}

#[test]
fn lines_fields_and_frames_are_told_apart() {
    // (stream, its frames)
    let table: Vec<(&str, Vec<Frame>)> = vec![
        ("", vec![]),
        ("data: a\n\n", vec![frame("data: a\n\n", None, Some("a"))]),
        ("data:a\r\n\r\n", vec![frame("data:a\r\n\r\n", None, Some("a"))]),
        ("data:  a\r\r", vec![frame("data:  a\r\r", None, Some(" a"))]),
        (
            "data: a\r\n\rdata: b\n\r\n",
            vec![frame("data: a\r\n\r", None, Some("a")), frame("data: b\n\r\n", None, Some("b"))],
        ),
        ("data: a\ndata\ndata: c\n\n", vec![frame("data: a  c\n\n", None, Some("a\n\nc"))]),
        (
            "data: a\r\nid: 1\r\ndata: b\rid: 2\r\n\r\n",
            vec![frame("id: 1\r\ndata: a b\rid: 2\r\n\r\n", None, Some("a\nb"))],
        ),
        ("data: a\ndata: b", vec![frame("data: a b", None, Some("a\nb"))]),
        (
            "event: x\nid: 7\nretry: 5\ndata: a:b\n\n",
            vec![frame("event: x\nid: 7\nretry: 5\ndata: a:b\n\n", Some("x"), Some("a:b"))],
        ),
        (": ping\n\n:\n\n", vec![frame(": ping\n\n", None, None), frame(":\n\n", None, None)]),
        ("Data: a\n data: b\n\n", vec![stray("\n", None, "Data: a\n data: b\n")]),
        ("data: a\n{\"b\":1}\r\n\r\n", vec![stray("data: a\n\r\n", Some("a"), "{\"b\":1}\n")]),
        ("data: a\rb\r\n\n", vec![stray("data: a\r\n\n", Some("a"), "b\n")]),
        ("{\r\rdata: a\r\r", vec![stray("\r", None, "{\n"), frame("data: a\r\r", None, Some("a"))]),
        (
            "\n\ndata: a\n\n\n",
            vec![
                frame("\n", None, None),
                frame("\n", None, None),
                frame("data: a\n\n", None, Some("a")),
                frame("\n", None, None),
            ],
        ),
        (
            "\u{feff}data: a\n\n\u{feff}data: b\n\n",
            vec![frame("data: a\n\n", None, Some("a")), stray("\n", None, "\u{feff}data: b\n")],
        ),
        (
            "data: \u{2028}é\u{85}\u{b}’\n\n",
            vec![frame("data: \\u2028é\\u0085 ’\n\n", None, Some("\\u2028é\\u0085 ’"))],
        ),
        ("data: a\n\ndata: cut", vec![frame("data: a\n\n", None, Some("a")), frame("data: cut", None, Some("cut"))]),
        ("data: a\n", vec![frame("data: a\n", None, Some("a"))]),
    ];
    for (stream, frames) in table {
        assert_eq!(decode([stream.as_bytes()]), frames, "{stream:?}");
    }
}

#[test]
fn a_frame_that_a_carriage_return_ends_waits_for_its_line_feed() {
    let mut decoder = SseDecoder::new(100);
    let mut frames = Vec::new();
    decoder.push(b"data: a\r\n\r", &mut frames).unwrap();
    assert!(frames.is_empty());
    decoder.push(b"\n", &mut frames).unwrap();
    assert_eq!(frames, [frame("data: a\r\n\r\n", None, Some("a"))]);
}

#[test]
fn a_frame_that_is_too_long_ends_the_stream_wherever_it_is_cut() {
    let stream = b"data: 1\n\ndata: 345\n\ndata: 1\n\n";
    for cut in 0..stream.len() {
        let (head, tail) = stream.split_at(cut);
        let mut decoder = SseDecoder::new(10);
        let mut frames = Vec::new();
        let outcome = decoder.push(head, &mut frames).and_then(|()| decoder.push(tail, &mut frames));
        assert_eq!(outcome, Err(FrameError::TooLong { limit: 10 }), "cut at {cut}");
        assert_eq!(frames, [frame("data: 1\n\n", None, Some("1"))], "cut at {cut}");
        assert_eq!(decoder.push(b"data: 1\n\n", &mut frames), Err(FrameError::TooLong { limit: 10 }));
        assert_eq!(decoder.finish(), None);
    }
}

#[test]
fn a_line_without_end_is_refused_before_it_is_held() {
    let mut decoder = SseDecoder::new(1 << 16);
    let mut frames = Vec::new();
    let chunk = vec![b'a'; 10_000];
    let refused = (0..1000).position(|_| decoder.push(&chunk, &mut frames).is_err());
    assert_eq!(refused, Some(6));
}

#[test]
fn removed_lines_are_bounded_too() {
    let mut decoder = SseDecoder::new(1000);
    let mut frames = Vec::new();
    let refused = (0..1000).position(|_| decoder.push(b"a line that is no field\n", &mut frames).is_err());
    assert_eq!(refused, Some(41));
    let mut decoder = SseDecoder::new(1000);
    let comment = ": é\n".as_bytes();
    assert!((0..1000).all(|_| decoder.push(comment, &mut frames).is_ok()), "a comment that is removed is not kept");
}

/// The standard's own algorithm, on the whole text.
fn reference(stream: &[u8]) -> Vec<(Option<String>, Option<Vec<u8>>)> {
    let mut text = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut events = vec![(None, None)];
    while !text.is_empty() {
        let end = text.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(text.len());
        let (line, rest) = text.split_at(end);
        let ended = !rest.is_empty();
        text = rest.strip_prefix(b"\r\n").unwrap_or(rest.get(1..).unwrap_or_default());
        let (event, data) = events.last_mut().unwrap();
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = colon.map_or((line, &b""[..]), |at| (&line[..at], &line[at + 1..]));
        let value = value.strip_prefix(b" ").unwrap_or(value);
        if line.is_empty() && ended {
            events.push((None, None));
        } else if name == b"data" {
            *data = Some(data.take().map_or(value.to_vec(), |before: Vec<u8>| [&before, &b"\n"[..], value].concat()));
        } else if name == b"event" && value.is_ascii() {
            *event = Some(String::from_utf8_lossy(value).into_owned());
        }
    }
    events
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        3 => Just(&b"\n"[..]), 3 => Just(&b"\r"[..]), 3 => Just(&b"\r\n"[..]),
        4 => Just(&b"data: "[..]), 1 => Just(&b"data"[..]), 2 => Just(&b"event:"[..]), 1 => Just(&b":"[..]), 1 => Just(&b" "[..]),
        2 => Just(&b"\xc3\xa9"[..]), 1 => Just(&b"\xff"[..]), 1 => Just(&b"\xef\xbb\xbf"[..]), 2 => Just(&b"{}"[..]),
    ];
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

/// Lines as Python's `str.splitlines` finds them, in bytes a client takes for UTF-8 or for Latin-1.
fn lenient_lines(bytes: &[u8]) -> Vec<Vec<String>> {
    let ends = ['\n', '\x0b', '\x0c', '\r', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];
    let utf8 = String::from_utf8_lossy(bytes).into_owned();
    let latin1: String = bytes.iter().copied().map(char::from).collect();
    [utf8, latin1].iter().map(|text| text.split(ends).map(str::to_owned).collect()).collect()
}

#[test]
fn no_comment_id_retry_or_event_name_smuggles_a_line() {
    let ends = ["\u{b}", "\u{c}", "\u{1c}", "\u{1d}", "\u{1e}", "\u{85}", "\u{2028}", "\u{2029}", "\0", "\u{feff}"];
    for end in ends {
        for field in [":", ": ping", "id: 1", "retry: 5", "event: x", "x", ""] {
            let stream = format!("{field}{end}data: {{\"smuggled\":1}}\ndata: {{}}\n\n");
            let frames = decode([stream.as_bytes()]);
            let raw: Vec<u8> = frames.iter().flat_map(|frame| frame.raw.clone()).collect();
            let lines = lenient_lines(&raw);
            let smuggled = lines.iter().flatten().any(|line| line.contains("smuggled"));
            // A byte order mark at the very start is not part of the first line.
            let is_first = end == "\u{feff}" && field.is_empty();
            assert_eq!(smuggled, is_first, "{stream:?}");
            assert!(frames.iter().all(|frame| frame.event.is_none()), "{stream:?}");
        }
        // Latin-1 has a line end in the second byte of other letters too.
        assert_eq!(decode([": Å\n\n".as_bytes()]), [frame("\n", None, None)]);
    }
}

#[test]
fn data_keeps_its_meaning_and_its_line() {
    for end in ["\u{85}", "\u{2028}", "\u{2029}"] {
        let data = format!("{{\"text\":\"a{end}data: [DONE]{end}\"}}");
        let [frame] = decode([format!("data: {data}\n\n").as_bytes()]).try_into().unwrap();
        let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        assert_eq!(read(frame.data.as_deref().unwrap()), read(data.as_bytes()));
        assert_eq!(lenient_lines(&frame.raw)[0].len(), 3, "{end:?}");
    }
}

#[test]
fn no_line_of_data_is_an_event_of_its_own_to_a_client_that_reads_line_by_line() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = format!("data: {{\"a\":{end}data: {{\"smuggled\":1}}{end}event: x{end}data: }}{end}{end}");
        let [frame] = decode([stream.as_bytes()]).try_into().unwrap();
        assert_eq!(frame.data.as_deref(), Some(&b"{\"a\":\n{\"smuggled\":1}\n}"[..]));
        assert_eq!(
            String::from_utf8(frame.raw).unwrap(),
            format!("event: x{end}data: {{\"a\": {{\"smuggled\":1}} }}{end}{end}")
        );
    }
}

proptest! {
    // A failed case is printed; it belongs into a table, not into a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_frames_and_what_is_given_out_stays_as_it_is(
        stream in streams(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = decode([&stream[..]]);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        prop_assert_eq!(&decode(cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]])), &whole);
        prop_assert_eq!(&decode(stream.chunks(1)), &whole);
        let raw = whole.iter().flat_map(|frame| frame.raw.clone()).collect::<Vec<u8>>();
        let again = decode([&raw[..]]);
        prop_assert_eq!(again.iter().flat_map(|frame| frame.raw.clone()).collect::<Vec<u8>>(), &raw[..]);
        prop_assert!(again.iter().all(|frame| frame.strays.is_empty()));
        let said = |frames: &[Frame]| -> Vec<(Option<String>, Option<Vec<u8>>)> {
            // Data of several lines is given out in one.
            let one_line = |data: &[u8]| data.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect();
            let said = frames.iter().map(|frame| (frame.event.clone(), frame.data.as_deref().map(one_line)));
            said.filter(|said| *said != (None, None)).collect()
        };
        prop_assert_eq!(said(&again), said(&whole));
    }

    #[test]
    fn frames_say_what_the_standard_says(stream in streams()) {
        let mut frames: Vec<_> = decode([&stream[..]]).into_iter().map(|frame| (frame.event, frame.data)).collect();
        let mut expected = reference(&stream);
        // A last event without a blank line is there or not, with nothing in it.
        for list in [&mut frames, &mut expected] {
            while list.last() == Some(&(None, None)) {
                list.pop();
            }
        }
        prop_assert_eq!(frames, expected);
    }
}
