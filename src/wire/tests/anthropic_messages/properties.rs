//! The properties of every dialect's streams, and their consequences.

use callgate_wire::anthropic_messages::{MessagesAnswer, MessagesStream};
use callgate_wire::framing::Framing;
use callgate_wire::{Answer, ChoiceIndex, Delta, ReleasePolicy, Stream};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::client::{accumulate, stream};
use crate::common::{carried, deltas, frames};
use crate::sample::SAMPLE;
use crate::suite::{self, SECRET, Sample, Subject, Turn, calls, fate, passed, secrets};

pub(crate) const PROVIDED: [&str; 1] = ["web_search_20250305"];

fn block() -> impl Strategy<Value = Value> {
    let text = "[a-zé\\\\\"\n😀 ]{0,8}";
    prop_oneof![
        3 => text.prop_map(|text| json!({ "type": "text", "text": text })),
        1 => text.prop_map(|text| json!({ "type": "thinking", "thinking": text, "signature": "SIG" })),
        1 => Just(json!({ "type": "redacted_thinking", "data": "DATA" })),
        1 => Just(json!({ "type": "server_tool_use", "id": "s", "name": "web_search", "input": { "q": "x" } })),
        1 => Just(json!({ "type": "web_search_tool_result", "tool_use_id": "s", "content": [] })),
        4 => ("[a-z]{1,3}", secrets(), 0..1000_i64, any::<bool>()).prop_map(|(name, secret, x, by_code)| {
            let input = json!({ "x": x, "é": [null, "\n"], "y": secret });
            let (id, name) = (format!("id_{name}_{x}"), format!("{SECRET}{name}"));
            let mut call = json!({ "type": "tool_use", "id": id, "name": name, "input": input });
            if by_code {
                call["caller"] = json!({ "type": "direct" });
            }
            call
        }),
    ]
}

pub(crate) fn message() -> impl Strategy<Value = Value> {
    let reason = prop_oneof![Just("tool_use"), Just("end_turn"), Just("max_tokens")];
    (prop::collection::vec(block(), 0..7), reason).prop_map(|(content, reason)| {
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": reason, "stop_sequence": null, "usage": { "input_tokens": 3, "output_tokens": 9 },
        })
    })
}

pub(crate) struct Messages;

impl Subject for Messages {
    const FRAMING: Framing = Framing::Sse;
    const SAMPLE: Sample = SAMPLE;

    fn turns() -> BoxedStrategy<Turn> {
        let turn = |(message, cut): (Value, usize)| Turn {
            answer: message.to_string().into_bytes(),
            stream: stream(&message, &[], cut),
        };
        (message(), 1_usize..9).prop_map(turn).boxed()
    }

    fn answer(body: &[u8]) -> Box<dyn Answer> {
        Box::new(MessagesAnswer::read(&PROVIDED, body).unwrap())
    }

    fn stream() -> Box<dyn Stream> {
        Box::new(MessagesStream::new(&PROVIDED))
    }

    fn streamed(bytes: &[u8], _: ReleasePolicy) -> Value {
        let seen = accumulate(bytes);
        assert!(seen.done);
        seen.message
    }

    fn whole(body: &[u8], _: ReleasePolicy) -> Value {
        serde_json::from_slice(body).unwrap()
    }
}

suite::properties!(Messages);

proptest! {
    #[test]
    fn texts_of_ours_are_no_part_of_the_turn_so_far(turn in Messages::turns(), policy in suite::policies::<Messages>()) {
        let (_, stream) = carried(&PROVIDED, &turn.stream, policy, fate);
        prop_assert_eq!(stream.said(ChoiceIndex::FIRST), Messages::answer(&turn.answer).said(ChoiceIndex::FIRST));
    }

    #[test]
    fn a_stream_without_a_call_keeps_every_byte(message in message(), cut in 1_usize..9) {
        let mut message = message;
        message["content"].as_array_mut().unwrap().retain(|block| block["type"] != "tool_use");
        let bytes = stream(&message, &[], cut);
        let (out, _) = carried(&PROVIDED, &bytes, ReleasePolicy::Call, fate);
        prop_assert_eq!(out, bytes);
    }

    #[test]
    fn an_answer_told_as_events_is_that_answer(message in message()) {
        let answer = message.to_string();
        let mut stream = MessagesStream::new(&PROVIDED);
        let start = json!({ "type": "message_start", "message": { "content": [], "usage": {} } });
        let mut out = format!("event: message_start\ndata: {start}\n\n").into_bytes();
        for frame in frames(&out) {
            stream.read(frame).unwrap();
        }
        out.extend(stream.append(answer.as_bytes()));
        let seen = accumulate(&out).message;
        let mut message = message;
        // The client could not send a signed thought back: before it stand calls and results that the client never sees.
        let signed = |block: &Value| block["signature"].as_str().is_some_and(|text| !text.is_empty());
        message["content"].as_array_mut().unwrap().retain(|block| block["type"] != "redacted_thinking" && !signed(block));
        for key in ["content", "stop_reason", "usage"] {
            prop_assert_eq!(&seen[key], &message[key]);
        }
    }

    /// Whatever comes, nothing panics, and of calls come fragments only.
    #[test]
    fn any_bytes_are_read_or_refused(pieces in prop::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        if let Ok(deltas) = deltas(&PROVIDED, text.as_bytes()) {
            let found = calls(&deltas).len();
            let passed = String::from_utf8_lossy(&passed(&deltas)).into_owned();
            prop_assert!(!passed.contains(SECRET), "{}", passed);
            prop_assert_eq!(text.matches("\"tool_use\",").count(), found);
        }
    }
}

fn piece() -> impl Strategy<Value = String> {
    let data = prop_oneof![
        Just(r#"{"type":"message_start","message":{"content":[]}}"#.to_owned()),
        (0..3_u8).prop_map(|at| format!(
            r#"{{"type":"content_block_start","index":{at},"content_block":{{"type":"text","text":""}}}}"#
        )),
        (0..3_u8).prop_map(|at| format!(
            r#"{{"type":"content_block_start","index":{at},"content_block":{{"type":"tool_use","id":"","name":"S3CRET","input":{{}}}}}}"#
        )),
        (0..3_u8).prop_map(|at| format!(
            r#"{{"type":"content_block_delta","index":{at},"delta":{{"type":"input_json_delta","partial_json":"S3CRET"}}}}"#
        )),
        (0..3_u8).prop_map(|at| format!(
            r#"{{"type":"content_block_delta","index":{at},"delta":{{"type":"text_delta","text":"x"}}}}"#
        )),
        (0..3_u8).prop_map(|at| format!(r#"{{"type":"content_block_stop","index":{at}}}"#)),
        Just(r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{}}"#.to_owned()),
        Just(r#"{"type":"message_stop"}"#.to_owned()),
        Just(r#"{"type":"ping"}"#.to_owned()),
    ];
    data.prop_map(|data| format!("data: {data}\n\n"))
}

/// A text delta in one of many spellings, some for the fast path and some not.
fn spelled() -> impl Strategy<Value = (String, Option<String>)> {
    let text = prop_oneof![
        4 => "[a-zé \\\\\"\n/]{0,6}",
        1 => Just("A😀".to_owned()),
    ];
    let style = 0..7_u8;
    (text, style, 0..4_usize).prop_map(|(text, style, spaces)| {
        let written = Value::from(text.as_str()).to_string();
        let pad = " ".repeat(spaces);
        let delta = |more: &str| {
            format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{written}{more}}}{pad}}}"#)
        };
        match style {
            0..=2 => (delta(""), Some(text)),
            3 => (delta(r#","x":1"#), Some(text)),
            4 => (delta("").replace("\"text\":", "\"te\\u0078t\":"), Some(text)),
            5 => (delta(r#","more":{"type":"tool_use"}"#), None),
            _ => (delta("").replace("\"text_delta\"", "\"input_json_delta\""), None),
        }
    })
}

proptest! {
    #[test]
    fn a_delta_read_by_comparison_says_what_it_says_when_parsed(deltas in prop::collection::vec(spelled(), 1..40)) {
        let mut stream = MessagesStream::new(&[]);
        let mut read = |data: &str| {
            let bytes = format!("event: {}\ndata: {data}\n\n", serde_json::from_str::<Value>(data).unwrap()["type"].as_str().unwrap());
            let frame = frames(bytes.as_bytes()).remove(0);
            (stream.read(frame), bytes)
        };
        read(r#"{"type":"message_start","message":{"content":[]}}"#).0.unwrap();
        read(r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#).0.unwrap();
        let mut whole = String::new();
        for (data, text) in deltas {
            let (told, bytes) = read(&data);
            match text {
                Some(text) => {
                    prop_assert_eq!(told.unwrap(), vec![Delta::Forward { frame: bytes.into_bytes() }]);
                    whole += &text;
                }
                None => prop_assert!(told.is_err()),
            }
        }
        read(r#"{"type":"content_block_stop","index":0}"#).0.unwrap();
        let said = stream.said(ChoiceIndex::FIRST);
        prop_assert_eq!(said.first().map_or("", |block| block["text"].as_str().unwrap()), whole);
    }
}
