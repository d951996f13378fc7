//! Streams of imitating servers: events in another order than the API's, or more or less often.

use callgate_wire::anthropic_messages::MessagesStream;
use callgate_wire::{Call, ChoiceIndex, Delta, Fate, ReleasePolicy, Stream as _};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::client::{accumulate, stream};
use crate::common::{CALL, END, OVER, START, STOP, TEXT, carried, deltas, event, events, frames};
use crate::properties::{Messages, PROVIDED, message};
use crate::suite::{self, REFUSED, calls, fate, tool_call};

fn at(index: u32, data: &str) -> String {
    data.replace("\"index\":0", &format!("\"index\":{index}"))
}

fn say(index: u32, text: &str) -> String {
    json!({ "type": "content_block_delta", "index": index, "delta": { "type": "text_delta", "text": text } })
        .to_string()
}

fn input(index: u32, piece: &str) -> String {
    let delta = json!({ "type": "input_json_delta", "partial_json": piece });
    json!({ "type": "content_block_delta", "index": index, "delta": delta }).to_string()
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn used(id: &str, name: &str, input: &Value) -> Value {
    json!({ "type": "tool_use", "id": id, "name": name, "input": input })
}

/// The client's content if every call is released, and the stream's own for further rounds.
fn content(datas: &[&str]) -> (Value, Value) {
    let bytes = events(datas);
    let (out, stream) = carried(&[], bytes.as_bytes(), ReleasePolicy::Call, Fate::Keep);
    let seen = accumulate(&out);
    assert!(seen.done, "{}", String::from_utf8_lossy(&out));
    (seen.message["content"].clone(), Value::from(stream.said(ChoiceIndex::FIRST)))
}

#[test]
fn overlapping_blocks_are_written_one_after_the_other() {
    let datas =
        [START, TEXT, &say(0, "Let me look."), &at(1, CALL), &input(1, "{\"x\":1}"), STOP, &at(1, STOP), END, OVER];
    let expected = json!([text("Let me look."), used("a", "f", &json!({ "x": 1 }))]);
    assert_eq!(content(&datas), (expected, json!([text("Let me look.")])));
}

#[test]
fn a_server_that_stops_every_block_at_the_end_streams_its_text() {
    let thinking = r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#;
    let thought = r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm."}}"#;
    let signature = r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":""}}"#;
    let said = say(1, "Hi");
    let datas =
        [START, thinking, thought, &at(1, TEXT), &said, &at(2, CALL), &input(2, "{}"), &at(3, CALL), &input(3, "{}")];
    let mut stream = MessagesStream::new(&[]);
    let mut forwarded = Vec::new();
    for frame in frames(events(&datas).as_bytes()) {
        forwarded.extend(stream.read(frame).unwrap());
    }
    assert!(forwarded.contains(&Delta::Forward { frame: event(&said).into_bytes() }), "before any block has stopped");

    let ends = [signature, STOP, &at(1, STOP), &at(2, STOP), &at(3, STOP), END, OVER];
    let (seen, said) = content(&[&datas[..], &ends].concat());
    let thought = json!({ "type": "thinking", "thinking": "Hm." });
    assert_eq!(seen, json!([thought, text("Hi"), used("a", "f", &json!({})), used("a", "f", &json!({}))]));
    assert_eq!(said, json!([{ "type": "thinking", "thinking": "Hm.", "signature": "" }, text("Hi")]));
}

#[test]
fn text_that_follows_a_released_call_in_its_block_gets_a_block_of_its_own() {
    let datas =
        [START, TEXT, &say(0, "One "), &at(1, CALL), &at(1, STOP), &say(0, "two"), &say(0, " three."), STOP, END, OVER];
    let (seen, said) = content(&datas);
    assert_eq!(seen, json!([text("One "), used("a", "f", &json!({})), text("two three.")]));
    assert_eq!(said, json!([text("One two three.")]), "the model gets it back as one block");
}

#[test]
fn calls_are_given_out_in_the_order_in_which_they_began() {
    let second = at(1, CALL).replace("\"a\"", "\"b\"").replace("\"f\"", "\"g\"");
    let datas = [START, CALL, &second, &input(1, "{}"), &at(1, STOP), &input(0, "{}"), STOP, END, OVER];
    let read = deltas(&[], events(&datas).as_bytes()).unwrap();
    let ends: Vec<&Delta> = read.iter().filter(|delta| matches!(delta, Delta::CallEnd { .. })).collect();
    assert_eq!(
        ends,
        [
            &Delta::CallEnd { choice: ChoiceIndex::FIRST, slot: 0 },
            &Delta::CallEnd { choice: ChoiceIndex::FIRST, slot: 1 }
        ]
    );
    assert_eq!(content(&datas).0, json!([used("a", "f", &json!({})), used("b", "g", &json!({}))]));
}

#[test]
fn indexes_may_jump_fall_and_be_used_again() {
    let datas = [
        START,
        &at(7, TEXT),
        &say(7, "a"),
        &at(7, STOP),
        &at(2, TEXT),
        &say(2, "b"),
        &at(2, STOP),
        &at(2, TEXT),
        &say(2, "c"),
        &at(2, CALL),
        &at(2, TEXT),
        &say(2, "x"),
        &at(2, STOP),
        &at(4_294_967_295, TEXT),
        &say(4_294_967_295, "d"),
        END,
        OVER,
    ];
    let (seen, said) = content(&datas);
    assert_eq!(seen, json!([text("a"), text("b"), text("c"), text("x"), used("a", "f", &json!({})), text("d")]));
    assert_eq!(said, json!([text("a"), text("b"), text("c"), text("x"), text("d")]));
}

#[test]
fn blocks_without_start_or_stop_are_completed() {
    let (seen, _) = content(&[START, &say(0, "Hi"), &at(1, CALL), END, OVER]);
    assert_eq!(seen, json!([text("Hi"), used("a", "f", &json!({}))]));
    let (seen, _) = content(&[START, STOP, &at(3, STOP), TEXT, &say(0, "Hi"), STOP, STOP, &at(1, STOP), END, OVER]);
    assert_eq!(seen, json!([text("Hi")]), "a stop too many is dropped");
}

#[test]
fn a_start_that_is_repeated_is_one_call() {
    let (seen, _) = content(&[START, CALL, CALL, &input(0, "{\"x\":"), &input(0, "1}"), STOP, END, OVER]);
    assert_eq!(seen, json!([used("a", "f", &json!({ "x": 1 }))]));
    let other = CALL.replace("\"a\"", "\"b\"");
    let (seen, _) = content(&[START, CALL, &other, STOP, END, OVER]);
    assert_eq!(seen, json!([used("a", "f", &json!({})), used("b", "f", &json!({}))]), "another id is another call");
}

#[test]
fn a_message_that_starts_or_ends_twice_does_so_once_for_the_client() {
    let early =
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4,"input_tokens":3}}"#;
    let late =
        r#"{"type":"message_delta","delta":{"stop_reason":null,"stop_sequence":null},"usage":{"output_tokens":12}}"#;
    let bytes = events(&[START, TEXT, START, &say(0, "Hi"), STOP, early, END, late, OVER]);
    let (out, _) = carried(&[], bytes.as_bytes(), ReleasePolicy::Call, Fate::Keep);
    let seen = accumulate(&out).message;
    assert_eq!((&seen["content"], &seen["stop_reason"]), (&json!([text("Hi")]), &json!("tool_use")), "the last reason");
    assert_eq!(seen["usage"], json!({ "input_tokens": 3, "cache_read_input_tokens": 1, "output_tokens": 12 }));
    assert_eq!(String::from_utf8_lossy(&out).matches("event: message_").count(), 3);
}

#[test]
fn calls_that_follow_the_reason_to_end_are_calls_of_the_turn() {
    let datas =
        [START, CALL, &input(0, "{\"x\":"), END, &input(0, "1}"), STOP, &at(1, CALL), &at(1, STOP), &at(2, TEXT)];
    let (seen, _) = content(&[&datas[..], &[&say(2, "Hi"), OVER]].concat());
    assert_eq!(seen, json!([used("a", "f", &json!({ "x": 1 })), used("a", "f", &json!({})), text("Hi")]));
}

#[test]
fn a_turn_without_a_reason_ends_with_its_last_event() {
    let reasonless = r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":9}}"#;
    for end in [events(&[OVER]), events(&[reasonless, OVER]), "data: [DONE]\n\n".to_owned()] {
        let bytes = events(&[START, TEXT, &say(0, "Hi"), &at(1, CALL)]) + &end;
        let (out, stream) = carried(&[], bytes.as_bytes(), ReleasePolicy::Turn, Fate::Keep);
        assert_eq!(accumulate(&out).message["content"], json!([text("Hi"), used("a", "f", &json!({}))]), "{end}");
        assert!(stream.is_complete(), "{end}");
    }
}

#[test]
fn a_stream_that_breaks_off_before_its_reason_gives_out_no_end() {
    for datas in
        [&[START, CALL, STOP][..], &[START, TEXT], &[START, r#"{"type":"message_delta","delta":{},"usage":{}}"#]]
    {
        let mut stream = MessagesStream::new(&[]);
        for frame in frames(events(datas).as_bytes()) {
            stream.read(frame).unwrap();
        }
        assert_eq!((stream.end().unwrap(), stream.is_complete()), (Vec::new(), false), "{datas:?}");
    }
}

#[test]
fn events_and_blocks_of_unknown_kinds_are_dropped_and_leave_no_gap() {
    let usage = r#"{"type":"vertex_event","usage":{"input_tokens":9,"server_tool_use":{"web_search_requests":0}}}"#;
    let note = r#"{"type":"content_block_start","index":0,"content_block":{"type":"note","text":"x"}}"#;
    let odd = r#"{"type":"content_block_delta","index":1,"delta":{"type":"usage_delta","tokens":3}}"#;
    let bare = "event: heartbeat\ndata: ok\n\nevent: heartbeat\ndata: [1]\n\nevent: status\ndata: {\"queue\":1}\n\n";
    let bytes = events(&[usage, START, note, &say(0, "x"), STOP, &at(1, TEXT), odd, &say(1, "Hi")])
        + bare
        + &events(&[&at(1, STOP), &at(2, CALL), &at(2, STOP), usage, END, usage, OVER]);
    let (out, _) = carried(&[], bytes.as_bytes(), ReleasePolicy::Call, Fate::Keep);
    assert_eq!(accumulate(&out).message["content"], json!([text("Hi"), used("a", "f", &json!({}))]));
    for dropped in ["vertex_event", "note", "usage_delta", "heartbeat", "queue"] {
        assert!(!String::from_utf8_lossy(&out).contains(dropped), "{dropped}");
    }
}

#[test]
fn a_ping_is_known_by_its_name() {
    let ping = "event: ping\ndata: {\"time\": 1}\n\n";
    let read = deltas(&[], ping.as_bytes()).unwrap();
    assert_eq!(read, [Delta::Forward { frame: ping.into() }]);
}

#[test]
fn an_input_is_read_however_it_is_given() {
    let start = |input: &str| CALL.replace("\"input\":{}", input);
    let object =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":{"x":2.0}}}"#;
    for (datas, arguments) in [
        (vec![start(r#""input":"""#), input(0, "{\"x\":1}")], "{\"x\":1}"),
        (vec![start(r#""input":"{\"x\":1}""#)], "{\"x\":1}"),
        (vec![start(r#""input":{"x":1}"#), input(0, "")], "{\"x\":1}"),
        (vec![start(r#""input":{"x":1}"#), input(0, "{\"x\":"), input(0, "2}")], "{\"x\":2}"),
        (vec![start(r#""input":[1]"#)], "[1]"),
        (vec![start(r#""input":{}"#), object.to_owned()], "{\"x\":2.0}"),
        (vec![start(r#""input":{}"#), say(0, "x")], "{}"),
    ] {
        let all: Vec<&str> =
            [START].into_iter().chain(datas.iter().map(String::as_str)).chain([STOP, END, OVER]).collect();
        assert_eq!(
            calls(&deltas(&[], events(&all).as_bytes()).unwrap()),
            [tool_call("a", "f", arguments)],
            "{datas:?}"
        );
    }
}

#[test]
fn a_streamed_call_keeps_its_members_and_gets_an_id_if_it_has_none() {
    let start = CALL.replace("\"id\":\"a\"", r#""id":"","caller":{"type":"direct"},"signature":"SIG==""#);
    let (seen, _) = content(&[START, &start, STOP, END, OVER]);
    let mut expected = used("call_0", "f", &json!({}));
    expected["caller"] = json!({ "type": "direct" });
    expected["signature"] = json!("SIG==");
    assert_eq!(seen, json!([expected]));
}

#[test]
fn a_block_of_the_provider_is_not_torn_apart() {
    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#;
    let bytes = events(&[START, start, &input(0, "{\"q\":"), &at(1, TEXT), &input(0, "1}")]);
    assert!(deltas(&["web_search_20250305"], bytes.as_bytes()).is_err());
}

/// When the blocks of a message stop.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stopping {
    Each,
    Last,
    Never,
}

/// The events of a message with interleaved blocks: each of `picks` begins the next block or takes the next event of an open one.
fn interleaved(message: &Value, picks: &[usize], stopping: Stopping) -> Vec<u8> {
    let text = String::from_utf8(stream(message, &[], 3)).unwrap();
    let all: Vec<String> = text.split_inclusive("\n\n").map(str::to_owned).collect();
    let index = |event: &String| {
        let data: Value = serde_json::from_str(event.split_once("data: ").unwrap().1.trim()).unwrap();
        data["index"].as_u64()
    };
    let (blocks, frame): (Vec<String>, Vec<String>) = all.into_iter().partition(|event| index(event).is_some());
    let mut waiting: Vec<Vec<String>> = Vec::new();
    let mut stops = Vec::new();
    for event in blocks {
        let at = usize::try_from(index(&event).unwrap()).unwrap();
        waiting.resize(waiting.len().max(at + 1), Vec::new());
        if stopping != Stopping::Each && event.contains("content_block_stop") {
            stops.extend((stopping == Stopping::Last).then_some(event));
        } else {
            waiting[at].push(event);
        }
    }
    waiting.iter_mut().for_each(|block| block.reverse());
    let mut out = frame[..frame.len() - 2].concat();
    let (mut begun, mut picks) = (0, picks.iter().copied().cycle());
    while waiting.iter().any(|block| !block.is_empty()) {
        let mut open: Vec<usize> = (0..begun).filter(|&at| !waiting[at].is_empty()).collect();
        open.extend((begun < waiting.len()).then_some(begun));
        let at = open[picks.next().unwrap_or(0) % open.len()];
        begun = begun.max(at + 1);
        out += &waiting[at].pop().unwrap();
    }
    (out + &stops.concat() + &frame[frame.len() - 2..].concat()).into_bytes()
}

fn calls_of(content: &Value) -> Vec<Value> {
    content.as_array().unwrap().iter().filter(|block| block["type"] == "tool_use").cloned().collect()
}

proptest! {
    #[test]
    fn interleaved_blocks_give_the_calls_of_ordered_ones(
        message in message(),
        picks in prop::collection::vec(any::<usize>(), 1..40),
        stopping in prop_oneof![Just(Stopping::Each), Just(Stopping::Last), Just(Stopping::Never)],
        hold in suite::policies::<Messages>(),
    ) {
        let mut message = message;
        // Their deltas cannot be split over blocks.
        message["content"].as_array_mut().unwrap().retain(|block| block["type"] != "server_tool_use");
        let ordered = stream(&message, &[], 3);
        let mixed = interleaved(&message, &picks, stopping);
        let read = |bytes: &[u8]| calls(&deltas(&PROVIDED, bytes).unwrap());
        prop_assert_eq!(read(&mixed), read(&ordered));

        let (out, turn) = carried(&PROVIDED, &mixed, hold, fate);
        let (expected, ordered) = carried(&PROVIDED, &ordered, hold, fate);
        prop_assert!(!String::from_utf8_lossy(&out).contains(REFUSED));
        prop_assert_eq!(turn.said(ChoiceIndex::FIRST), ordered.said(ChoiceIndex::FIRST));
        let (seen, expected) = (accumulate(&out), accumulate(&expected));
        prop_assert!(seen.done);
        prop_assert_eq!(calls_of(&seen.message["content"]), calls_of(&expected.message["content"]));
        prop_assert_eq!(&seen.message["stop_reason"], &expected.message["stop_reason"]);
        let length = |message: &Value| -> usize {
            let blocks = message["content"].as_array().unwrap().iter();
            // A thought behind a call is left out, and the order differs here. The turns above have all thoughts.
            blocks.map(|block| block["text"].as_str().map_or(0, str::len)).sum()
        };
        prop_assert_eq!(length(&seen.message), length(&expected.message), "no text is lost or said twice");
    }
}

#[test]
fn a_call_that_is_replaced_amid_overlapping_blocks_leaves_nothing() {
    let datas = [
        START,
        TEXT,
        &say(0, "a"),
        &at(1, CALL),
        &input(1, "{\"x\":\"SECRET\"}"),
        &at(1, STOP),
        &say(0, "b"),
        END,
        OVER,
    ];
    let bytes = events(&datas);
    let refuse = |_: Call| Fate::Replace("No.".to_owned());
    let (out, _) = carried(&[], bytes.as_bytes(), ReleasePolicy::Call, refuse);
    let seen = accumulate(&out).message;
    assert_eq!(seen["content"], json!([text("a"), text("No."), text("b")]));
    assert_eq!(seen["stop_reason"], "end_turn");
    assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
}
