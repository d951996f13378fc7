//! The properties of every dialect's streams.

use callgate_wire::framing::Framing;
use callgate_wire::{ChoiceIndex, ReleasePolicy};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{accumulate, answer, calls, deltas, event, events, joined, of_parts, stream};
use crate::suite::{self, carried, fate};

/// Appears in every text of a call, and nowhere else.
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

/// The parts of a turn, and the number of them in each event. In an event, calls come last, because the order of calls and texts
/// depends on the policy. A part without text ends its event, because a break stands before an event and not in it.
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

/// The texts of a turn's parts, and its calls.
fn seen(parts: &[Value]) -> (String, Vec<Value>) {
    let text = parts.iter().filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str());
    (text.collect(), parts.iter().filter(|part| part.get("functionCall").is_some()).cloned().collect())
}

proptest! {
    // A failed case is printed; it belongs into a table, not into a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_of_a_stream_gives_the_same_deltas((_, text) in turns(), cuts in suite::cuts()) {
        suite::any_chunking(Framing::Sse, stream, text.as_bytes(), &cuts)?;
    }

    #[test]
    fn a_stream_has_the_calls_that_the_answer_has((parts, text) in turns()) {
        let whole = answer(&of_parts(json!(parts)).to_string()).unwrap();
        prop_assert_eq!(calls(&deltas(&mut *stream(), &[text.as_bytes()]).unwrap()), whole.calls()[0].to_vec());
    }

    #[test]
    fn nothing_of_a_held_call_is_in_the_output((_, text) in turns()) {
        suite::no_part_of_a_call(Framing::Sse, stream(), text.as_bytes(), SECRET)?;
    }

    #[test]
    fn an_accumulated_stream_equals_the_answer_whatever_the_fates_of_its_calls(
        (parts, text) in turns(),
        keep in prop::collection::vec(any::<bool>(), 1..5),
        hold in suite::policies(),
    ) {
        let mut whole = answer(&of_parts(json!(parts)).to_string()).unwrap();
        let fates = whole.calls()[0].iter().cloned().enumerate().map(|(at, call)| fate(&keep, at, call)).collect();
        whole.settle(ChoiceIndex::FIRST, fates, hold);
        let whole: Value = serde_json::from_slice(&whole.write()).unwrap();
        let streamed = {
            let decide = |at, call| fate(&keep, at, call);
            accumulate(&events(&carried(Framing::Sse, &mut *stream(), text.as_bytes(), hold, &decide)))
        };
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
