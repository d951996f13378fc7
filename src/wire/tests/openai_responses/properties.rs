//! The properties of every dialect's streams.

use callgate_wire::framing::Framing;
use callgate_wire::{Call, ChoiceIndex, Fate, ReleasePolicy};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{answer, calls, carried, deltas, passed, stream_of};
use crate::kit::{accumulate, call, message, numbered, reasoning, response, said, stream, stream_events};
use crate::suite::{self, fate};

/// Appears in every text of a call, and nowhere else.
const SECRET: &str = "S3CRET";

fn item() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => "[a-zé\"\\\\\u{2028}\n]{0,6}".prop_map(|text| message(&text)),
        1 => "[a-z]{0,4}".prop_map(|text| reasoning(&text)),
        3 => ("[a-z\"]{0,3}", "[a-zé\"\\\\{}\n]{0,9}").prop_map(|(name, text)| {
            let arguments = json!({ "a": format!("{SECRET}{text}"), "n": 1 }).to_string().replace(':', " : ");
            call(SECRET, &format!("{SECRET}{name}"), &arguments)
        }),
    ]
}

/// A turn; no two items share an id.
fn turns() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(item(), 0..7).prop_map(|mut items| {
        for (at, item) in items.iter_mut().enumerate() {
            let secret = if item["type"] == "function_call" { SECRET } else { "" };
            item["id"] = json!(format!("item_{at}{secret}"));
            if item["type"] == "function_call" {
                item["call_id"] = json!(format!("call_{at}{SECRET}"));
            }
        }
        items
    })
}

proptest! {
    // A failed case is printed; it belongs into a table, not into a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_of_a_stream_gives_the_same_deltas(items in turns(), cut in 1_usize..5, cuts in suite::cuts()) {
        suite::any_chunking(Framing::Sse, || stream_of(&[]), stream(&items, cut).as_bytes(), &cuts)?;
    }

    #[test]
    fn a_stream_has_the_calls_that_the_answer_has_and_nothing_of_them_goes_on(items in turns(), cut in 1_usize..5) {
        let whole = answer(&response(&items).to_string(), &[]).unwrap();
        let streamed = deltas(&mut *stream_of(&[]), &[stream(&items, cut).as_bytes()]).unwrap();
        prop_assert_eq!(calls(&streamed), whole.calls()[0].to_vec());
        prop_assert!(!String::from_utf8(passed(&streamed)).unwrap().contains(SECRET));
    }

    #[test]
    fn an_accumulated_stream_equals_the_answer_whatever_becomes_of_its_calls(
        items in turns(),
        cut in 1_usize..5,
        keep in prop::collection::vec(any::<bool>(), 1..5),
        hold in suite::policies(),
    ) {
        let mut whole = answer(&response(&items).to_string(), &[]).unwrap();
        let fates = whole.calls()[0].iter().cloned().enumerate().map(|(at, call)| fate(&keep, at, call)).collect();
        whole.settle(ChoiceIndex::FIRST, fates, hold);
        let whole: Value = serde_json::from_slice(&whole.write()).unwrap();
        let out = carried(&mut *stream_of(&[]), &stream(&items, cut), hold, &move |at, call| fate(&keep, at, call));
        let seen = accumulate(&out);
        prop_assert!(seen.ended);
        prop_assert_eq!(&seen.response, &whole);
        let kept = said(&whole).1.len();
        prop_assert_eq!(String::from_utf8(out).unwrap().contains(SECRET), kept > 0);
    }

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
        let keep = |_: usize, call| Fate::Replace(format!("no {}", calls_name(&call)));
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

fn calls_name(call: &Call) -> &str {
    &call.name
}
