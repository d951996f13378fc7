//! The properties of every dialect's streams.

use callgate_wire::framing::Framing;
use callgate_wire::{Answer, Call, ReleasePolicy, Stream};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{accumulate, answer, call, deltas, done, last, passed, piece, stream, whole};
use crate::sample::SAMPLE;
use crate::suite::{self, SECRET, Sample, Subject, Turn, canonical, secrets};

/// Line ends to Python's `str.splitlines`, and not to JSON lines.
const LINE_ENDS: [char; 9] = ['\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];

fn message() -> impl Strategy<Value = Value> {
    let text = "[a-zé\"\\\\\u{2028}\u{85}]{0,6}";
    let entry = ("[a-z\"]{0,3}", secrets(), "[a-zé\"\\\\{}\n\u{2029}]{0,9}", any::<bool>());
    let entry = entry.prop_map(|(name, secret, text, id)| {
        let mut entry = call(&format!("{SECRET}{name}"), json!({ "a": format!("{secret}{text}"), "n": 1.5 }));
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

struct Ollama;

impl Subject for Ollama {
    const FRAMING: Framing = Framing::JsonLines;
    const POLICIES: &'static [ReleasePolicy] = &[ReleasePolicy::Turn];
    const SAMPLE: Sample = SAMPLE;

    fn turns() -> BoxedStrategy<Turn> {
        let turn = |(answer, lines): (Value, String)| Turn {
            answer: answer.to_string().into_bytes(),
            stream: lines.into_bytes(),
        };
        turns().prop_map(turn).boxed()
    }

    fn answer(body: &[u8]) -> Box<dyn Answer> {
        answer(std::str::from_utf8(body).unwrap()).unwrap()
    }

    fn stream() -> Box<dyn Stream> {
        stream()
    }

    /// A stream escapes line ends.
    fn call(call: Call) -> Call {
        canonical(call)
    }

    fn streamed(bytes: &[u8], _: ReleasePolicy) -> Value {
        let lines = std::str::from_utf8(bytes).unwrap();
        assert!(!lines.contains(LINE_ENDS));
        accumulate(lines)
    }

    fn whole(body: &[u8], _: ReleasePolicy) -> Value {
        whole(body)
    }
}

suite::properties!(Ollama);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_end_but_the_last_is_in_the_output((_, lines) in turns()) {
        let passed = passed(&deltas(&mut *stream(), &[lines.as_bytes()]).unwrap());
        prop_assert!(!passed.contains(LINE_ENDS));
    }
}
