//! The properties that every dialect's streams have.

use callgate_wire::{Call, ChoiceIndex, Delta, Fate, ReleasePolicy, Stream};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{accumulate, answer, call, calls, deltas, done, last, passed, piece, stream, whole};

/// Appears in every text that belongs to a call, and nowhere else.
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

fn canonical(call: Call) -> Call {
    let arguments = callgate_json::canonical(&callgate_json::read(call.arguments.as_bytes()).unwrap());
    Call { arguments, ..call }
}

/// Carries deltas out as a gate does that lets each call go or tells of it, by `keep`.
fn carried(stream: &mut dyn Stream, lines: &str, keep: &[bool]) -> String {
    let mut out = Vec::new();
    let mut held: Vec<Call> = Vec::new();
    let mut keep = keep.iter().cycle();
    for delta in deltas(stream, &[lines.as_bytes()]).unwrap() {
        match delta {
            Delta::Fragment { call: Call { id, name, arguments, form, extra }, .. } => {
                held.push(Call { id, name, arguments, form, extra });
            }
            Delta::Finish { choice, end } => {
                for call in std::mem::take(&mut held) {
                    let kept = *keep.next().unwrap();
                    out.extend(if kept {
                        stream.call(ChoiceIndex::FIRST, &canonical(call))
                    } else {
                        stream.text(ChoiceIndex::FIRST, "not that one")
                    });
                }
                out.extend(stream.finish(choice, end));
            }
            other => out.extend(passed(&[other]).into_bytes()),
        }
    }
    String::from_utf8(out).unwrap()
}

proptest! {
    // A case that fails is printed; it belongs into a table, not into a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_of_a_stream_gives_the_same_deltas(
        (_, lines) in turns(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bytes = lines.as_bytes();
        let whole = deltas(&mut *stream(), &[bytes]).unwrap();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(&deltas(&mut *stream(), &chunks).unwrap(), &whole);
        prop_assert_eq!(&deltas(&mut *stream(), &bytes.chunks(1).collect::<Vec<_>>()).unwrap(), &whole);
    }

    #[test]
    fn a_stream_has_the_calls_that_the_answer_has((turn, lines) in turns()) {
        let whole = answer(&turn.to_string()).unwrap();
        let streamed = calls(&deltas(&mut *stream(), &[lines.as_bytes()]).unwrap());
        let all = |calls: &[Call]| -> Vec<Call> { calls.iter().cloned().map(canonical).collect() };
        prop_assert_eq!(all(&streamed), all(whole.calls()[0]));
    }

    #[test]
    fn nothing_of_a_call_and_no_line_end_but_the_last_is_in_what_goes_on((_, lines) in turns()) {
        let passed = passed(&deltas(&mut *stream(), &[lines.as_bytes()]).unwrap());
        prop_assert!(!passed.contains(SECRET));
        prop_assert!(!passed.contains(LINE_ENDS));
    }

    #[test]
    fn an_accumulated_stream_equals_the_answer_whatever_becomes_of_its_calls(
        (turn, lines) in turns(),
        keep in prop::collection::vec(any::<bool>(), 1..5),
    ) {
        let mut answer = answer(&turn.to_string()).unwrap();
        let mut keeps = keep.iter().cycle();
        let fates = answer.calls()[0].iter().map(|call| {
            if *keeps.next().unwrap() { Fate::Keep(canonical(call.clone())) } else { Fate::Replace("not that one".to_owned()) }
        });
        let fates = fates.collect();
        answer.settle(ChoiceIndex::FIRST, fates, ReleasePolicy::Turn);
        let streamed = carried(&mut *stream(), &lines, &keep);
        prop_assert!(!streamed.contains(LINE_ENDS));
        prop_assert_eq!(accumulate(&streamed), whole(&answer.write()));
    }
}
