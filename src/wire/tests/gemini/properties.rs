//! The properties that every dialect's streams have.

use callgate_wire::{Call, ChoiceIndex, Delta, Fate, ReleasePolicy, Stream};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{accumulate, answer, calls, deltas, ended, event, events, joined, of_parts, passed, stream};

/// Appears in every text that belongs to a call, and nowhere else.
const SECRET: &str = "S3CRET";

fn part() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => "[a-zé\"\\\\\u{2028}]{0,6}".prop_map(|text| json!({ "text": text })),
        1 => "[a-z]{1,4}".prop_map(|text| json!({ "text": text, "thought": true })),
        1 => "[a-z]{1,4}".prop_map(|text| json!({ "text": text, "thoughtSignature": "c2ln" })),
        1 => Just(json!({ "inlineData": { "mimeType": "image/png", "data": "AA==" } })),
        4 => ("[a-z\"]{0,3}", "[a-zé\"\\\\{}\n]{0,9}", any::<bool>(), any::<bool>()).prop_map(|(name, text, id, signed)| {
            let args = json!({ "a": format!("{SECRET}{text}"), "n": 1.5 });
            let mut part = json!({ "functionCall": { "name": format!("{SECRET}{name}"), "args": args } });
            if id {
                part["functionCall"]["id"] = json!(format!("{SECRET}{text}"));
            }
            if signed {
                part["thoughtSignature"] = json!(SECRET);
            }
            part
        }),
    ]
}

/// The parts of a turn, and how many of them each event has. In an event, calls come last: in what order an event with calls
/// and texts is told depends on what is held. What shows no text ends its event: a break goes
/// before an event, not into it.
fn turns() -> impl Strategy<Value = (Vec<Value>, String)> {
    let is_call = |part: &Value| part.get("functionCall").is_some();
    let shows = |part: &Value| part["thought"] != true && part.get("text").is_some();
    (prop::collection::vec(part(), 1..8), prop::collection::vec(any::<prop::sample::Index>(), 0..8), any::<bool>())
        .prop_map(move |(parts, cuts, beside)| {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(parts.len())).collect();
            cuts.extend((1..parts.len()).filter(|at| is_call(&parts[at - 1]) && !is_call(&parts[*at])));
            cuts.extend((1..parts.len()).filter(|at| !shows(&parts[at - 1]) && shows(&parts[*at])));
            cuts.extend([0, parts.len()]);
            cuts.sort_unstable();
            cuts.dedup();
            let mut stream = String::new();
            for cut in cuts.windows(2) {
                let last = beside && cut[1] == parts.len();
                let mut body = of_parts(json!(parts[cut[0]..cut[1]]));
                if !last {
                    body["candidates"][0]["finishReason"] = Value::Null;
                    body.as_object_mut().unwrap().shift_remove("usageMetadata");
                }
                stream += &event(&body);
            }
            if !beside {
                stream += &event(&of_parts(json!([{ "text": "" }])));
            }
            (parts, stream)
        })
}

/// Carries deltas out as a gate does that lets each call go or tells of it, by `keep`.
fn carried(stream: &mut dyn Stream, text: &str, keep: &[bool], hold: ReleasePolicy) -> Vec<u8> {
    let mut out = Vec::new();
    let mut held: Vec<Call> = Vec::new();
    let mut keep = keep.iter().cycle();
    let mut release = |stream: &mut dyn Stream, call: Call| {
        if *keep.next().unwrap() {
            stream.call(ChoiceIndex::FIRST, &canonical(call))
        } else {
            stream.text(ChoiceIndex::FIRST, "not that one")
        }
    };
    // One event at a time, as a gate reads them.
    let events: Vec<&str> = text.split_inclusive("\r\n\r\n").collect();
    for (at, event) in events.iter().enumerate() {
        let read = if at + 1 == events.len() { ended } else { deltas };
        for delta in read(stream, &[event.as_bytes()]).unwrap() {
            match delta {
                Delta::Fragment { call: Call { id, name, arguments, form, extra }, .. } => {
                    held.push(Call { id, name, arguments, form, extra });
                }
                Delta::CallEnd { .. } if hold == ReleasePolicy::Call => {
                    let call = held.remove(0);
                    out.extend(release(stream, call));
                }
                Delta::CallEnd { .. } => {}
                Delta::Finish { choice, end } => {
                    for call in std::mem::take(&mut held) {
                        out.extend(release(stream, call));
                    }
                    out.extend(stream.finish(choice, end));
                }
                other => out.extend(passed(&[other])),
            }
        }
    }
    out
}

fn canonical(call: Call) -> Call {
    let arguments = callgate_json::canonical(&callgate_json::read(call.arguments.as_bytes()).unwrap());
    Call { arguments, ..call }
}

/// The texts of a turn's parts, and its calls.
fn seen(parts: &[Value]) -> (String, Vec<Value>) {
    let text = parts.iter().filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str());
    (text.collect(), parts.iter().filter(|part| part.get("functionCall").is_some()).cloned().collect())
}

proptest! {
    // A case that fails is printed; it belongs into a table, not into a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_of_a_stream_gives_the_same_deltas(
        (_, text) in turns(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bytes = text.as_bytes();
        let whole = deltas(&mut *stream(), &[bytes]).unwrap();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(&deltas(&mut *stream(), &chunks).unwrap(), &whole);
        prop_assert_eq!(&deltas(&mut *stream(), &bytes.chunks(1).collect::<Vec<_>>()).unwrap(), &whole);
    }

    #[test]
    fn a_stream_has_the_calls_that_the_answer_has((parts, text) in turns()) {
        let whole = answer(&of_parts(json!(parts)).to_string()).unwrap();
        prop_assert_eq!(calls(&deltas(&mut *stream(), &[text.as_bytes()]).unwrap()), whole.calls()[0].to_vec());
    }

    #[test]
    fn nothing_of_a_call_is_in_what_goes_on((_, text) in turns()) {
        let passed = passed(&deltas(&mut *stream(), &[text.as_bytes()]).unwrap());
        prop_assert!(!String::from_utf8(passed).unwrap().contains(SECRET));
    }

    #[test]
    fn an_accumulated_stream_equals_the_answer_whatever_becomes_of_its_calls(
        (parts, text) in turns(),
        keep in prop::collection::vec(any::<bool>(), 1..5),
        hold in prop_oneof![Just(ReleasePolicy::Call), Just(ReleasePolicy::Turn)],
    ) {
        let mut whole = answer(&of_parts(json!(parts)).to_string()).unwrap();
        let mut keeps = keep.iter().cycle();
        let fates = whole.calls()[0].to_vec().into_iter().map(|call| {
            if *keeps.next().unwrap() { Fate::Keep(canonical(call)) } else { Fate::Replace("not that one".to_owned()) }
        });
        let fates = fates.collect();
        whole.settle(ChoiceIndex::FIRST, fates, hold);
        let whole: Value = serde_json::from_slice(&whole.write()).unwrap();
        let streamed = accumulate(&events(&carried(&mut *stream(), &text, &keep, hold)));
        let (streamed_parts, whole_parts) =
            (streamed["parts"].as_array().unwrap(), whole["candidates"][0]["content"]["parts"].as_array().unwrap());
        prop_assert_eq!(seen(streamed_parts), seen(whole_parts));
        if hold == ReleasePolicy::Call {
            prop_assert_eq!(streamed_parts, &joined(whole_parts));
        }
        prop_assert_eq!(&streamed["finish"], &whole["candidates"][0]["finishReason"]);
        prop_assert_eq!(&streamed["usage"], &whole["usageMetadata"]);
    }
}
