//! The properties of every dialect's streams.

use callgate_wire::framing::Framing;
use callgate_wire::{ChoiceIndex, ReleasePolicy};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{accumulate, answer, call, deltas, done, last, passed, piece, stream, whole};
use crate::suite::{self, carried, fate};

/// Appears in every text of a call, and nowhere else.
const SECRET: &str = "S3CRET";

/// Line ends to Python's `str.splitlines`, and not to JSON lines.
const LINE_ENDS: [char; 9] = ['\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];

fn message() -> impl Strategy<Value = Value> {
    let text = "[a-zé\"\\\\\u{2028}\u{85}]{0,6}";
    let entry = ("[a-z\"]{0,3}", "[a-zé\"\\\\{}\n\u{2029}]{0,9}", any::<bool>()).prop_map(|(name, text, id)| {
        let mut entry = call(&format!("{SECRET}{name}"), json!({ "a": format!("{SECRET}{text}"), "n": 1.5 }));
        if id {
            entry["id"] = json!(format!("{SECRET}{text}"));
        }
        entry
    });
    (text, "[a-z]{0,3}", prop::collection::vec(entry, 0..3)).prop_map(|(content, thinking, calls)| {
        let mut message = json!({ "content": content });
        if !thinking.is_empty() {
            message["thinking"] = json!(thinking);
        }
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        message
    })
}

/// A turn whole, and streamed.
fn turns() -> impl Strategy<Value = (Value, String)> {
    (prop::collection::vec(message(), 1..6), any::<bool>()).prop_map(|(pieces, beside)| {
        let mut lines = String::new();
        let (mut content, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
        for (at, message) in pieces.iter().enumerate() {
            content += message["content"].as_str().unwrap();
            thinking += message["thinking"].as_str().unwrap_or_default();
            calls.extend(message["tool_calls"].as_array().cloned().unwrap_or_default());
            let ends = beside && at + 1 == pieces.len();
            lines += &if ends { last(message.clone()) } else { piece(message.clone()) };
        }
        if !beside {
            lines += &last(json!({}));
        }
        (done(json!({ "content": content, "thinking": thinking, "tool_calls": calls })), lines)
    })
}

proptest! {
    // A failed case is printed; it belongs into a table, not into a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_of_a_stream_gives_the_same_deltas((_, lines) in turns(), cuts in suite::cuts()) {
        suite::any_chunking(Framing::JsonLines, stream, lines.as_bytes(), &cuts)?;
    }

    #[test]
    fn a_stream_has_the_calls_that_the_answer_has((turn, lines) in turns()) {
        let whole = answer(&turn.to_string()).unwrap();
        suite::calls_of_the_answer(Framing::JsonLines, stream(), lines.as_bytes(), whole.calls()[0])?;
    }

    #[test]
    fn nothing_of_a_held_call_and_no_line_end_but_the_last_is_in_the_output((_, lines) in turns()) {
        suite::no_part_of_a_call(Framing::JsonLines, stream(), lines.as_bytes(), SECRET)?;
        let passed = passed(&deltas(&mut *stream(), &[lines.as_bytes()]).unwrap());
        prop_assert!(!passed.contains(LINE_ENDS));
    }

    #[test]
    fn an_accumulated_stream_equals_the_answer_whatever_the_fates_of_its_calls(
        (turn, lines) in turns(),
        keep in prop::collection::vec(any::<bool>(), 1..5),
    ) {
        let mut answer = answer(&turn.to_string()).unwrap();
        let fates = answer.calls()[0].iter().cloned().enumerate().map(|(at, call)| fate(&keep, at, call)).collect();
        answer.settle(ChoiceIndex::FIRST, fates, ReleasePolicy::Turn);
        let decide = move |at, call| fate(&keep, at, call);
        let streamed = carried(Framing::JsonLines, &mut *stream(), lines.as_bytes(), ReleasePolicy::Turn, &decide);
        let streamed = String::from_utf8(streamed).unwrap();
        prop_assert!(!streamed.contains(LINE_ENDS));
        prop_assert_eq!(accumulate(&streamed), whole(&answer.write()));
    }
}
