//! The properties of every dialect's streams.

use callgate_wire::framing::Framing;
use callgate_wire::{Answer, Call, Delta, Fate, ReleasePolicy, Stream};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{answer, carried, deltas, passed, stream_of};
use crate::kit::{accumulate, call, message, numbered, reasoning, response, stream, stream_events};
use crate::sample::SAMPLE;
use crate::suite::{self, SECRET, Sample, Subject, Turn, secrets};

fn item() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => "[a-zé\"\\\\\u{2028}\n]{0,6}".prop_map(|text| message(&text)),
        1 => "[a-z]{0,4}".prop_map(|text| reasoning(&text)),
        3 => ("[a-z\"]{0,3}", secrets(), "[a-zé\"\\\\{}\n]{0,9}").prop_map(|(name, secret, text)| {
            let arguments = json!({ "a": format!("{secret}{text}"), "n": 1 }).to_string().replace(':', " : ");
            call(SECRET, &format!("{SECRET}{name}"), &arguments)
        }),
        2 => (secrets(), "[a-zé\"\\\\{}\n\u{2028}]{0,9}").prop_map(|(secret, text)| json!({
            "type": "custom_tool_call", "name": SECRET, "input": format!("{secret}{text}"), "status": "completed",
        })),
        1 => (secrets(), -3_i32..9).prop_map(|(secret, number)| json!({
            "type": "shell_call", "status": "completed",
            "action": { "commands": [secret, "ls"], "timeout_ms": number, "max_output_length": null },
        })),
        1 => secrets().prop_map(|secret| {
            let mut item = call(SECRET, SECRET, &json!({ "a": secret }).to_string());
            item["namespace"] = json!(format!("{SECRET}__a"));
            item
        }),
    ]
}

fn is_call(item: &Value) -> bool {
    item["type"].as_str().unwrap().ends_with("_call")
}

/// A turn; no two items share an id.
fn turns() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(item(), 0..7).prop_map(|mut items| {
        for (at, item) in items.iter_mut().enumerate() {
            let secret = if is_call(item) { SECRET } else { "" };
            item["id"] = json!(format!("item_{at}{secret}"));
            if is_call(item) {
                item["call_id"] = json!(format!("call_{at}{SECRET}"));
            }
        }
        items
    })
}

struct Responses;

impl Subject for Responses {
    const FRAMING: Framing = Framing::Sse;
    const SAMPLE: Sample = SAMPLE;

    fn turns() -> BoxedStrategy<Turn> {
        let turn = |(items, cut): (Vec<Value>, usize)| Turn {
            answer: response(&items).to_string().into_bytes(),
            stream: stream(&items, cut).into_bytes(),
        };
        (turns(), 1_usize..5).prop_map(turn).boxed()
    }

    fn answer(body: &[u8]) -> Box<dyn Answer> {
        answer(std::str::from_utf8(body).unwrap(), &[]).unwrap()
    }

    fn stream() -> Box<dyn Stream> {
        stream_of(&[])
    }

    fn passed(deltas: &[Delta]) -> Vec<u8> {
        passed(deltas)
    }

    fn streamed(bytes: &[u8], _: ReleasePolicy) -> Value {
        let seen = accumulate(bytes);
        assert!(seen.ended);
        seen.response
    }

    fn whole(body: &[u8], _: ReleasePolicy) -> Value {
        serde_json::from_slice(body).unwrap()
    }
}

suite::properties!(Responses);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Deltas are read by comparison with the one before; spelled otherwise each is parsed. Both say the same.
    #[test]
    fn a_delta_that_is_compared_says_what_one_that_is_parsed_says(items in turns(), cut in 1_usize..3) {
        let events = stream_events(&items, cut);
        let spelled = |event: &Value| format!("data: {}\n\n", event.to_string().replacen('{', "{ ", 1));
        let other: String = events.iter().enumerate().map(|(at, event)| {
            let mut event = event.clone();
            event["sequence_number"] = json!(at);
            if at % 2 == 0 { spelled(&event) } else { format!("data: {event}\n\n") }
        }).collect();
        let unnamed = |text: &str| text.lines().filter(|line| !line.starts_with("event: ")).fold(String::new(), |out, line| out + line + "\n");
        let keep = |_: usize, call: Call| Fate::Replace(format!("no {}", call.name));
        let compared = carried(&mut *stream_of(&[]), &unnamed(&numbered(events)), ReleasePolicy::Call, &keep);
        let parsed = carried(&mut *stream_of(&[]), &other, ReleasePolicy::Call, &keep);
        prop_assert_eq!(crate::kit::events(&compared), crate::kit::events(&parsed));
    }

    #[test]
    fn whatever_bytes_come_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
        let good = stream(&[message("Hi"), call("c1", "f", "{}")], 1).into_bytes();
        let mut bytes_within = good.clone();
        let at = at.index(good.len());
        bytes_within.splice(at..(at + bytes.len() / 8).min(good.len()), bytes.iter().copied());
        let _ = deltas(&mut *stream_of(&[]), &[&bytes_within]);
        let _ = answer(&String::from_utf8_lossy(&bytes), &[]);
    }
}
