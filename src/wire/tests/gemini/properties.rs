//! The properties of every dialect's streams.

use callgate_wire::framing::Framing;
use callgate_wire::{Answer, ReleasePolicy, Stream};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{accumulate, answer, event, events, joined, of_parts, stream};
use crate::sample::SAMPLE;
use crate::suite::{self, SECRET, Sample, Subject, Turn, secrets};

fn part() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => "[a-zé\"\\\\\u{2028}]{0,6}".prop_map(|text| json!({ "text": text })),
        1 => "[a-z]{1,4}".prop_map(|text| json!({ "text": text, "thought": true })),
        1 => "[a-z]{1,4}".prop_map(|text| json!({ "text": text, "thoughtSignature": "c2ln" })),
        1 => Just(json!({ "inlineData": { "mimeType": "image/png", "data": "AA==" } })),
        4 => ("[a-z\"]{0,3}", (secrets(), "[a-zé\"\\\\{}\n]{0,9}"), any::<bool>(), any::<bool>()).prop_map(|(name, (secret, text), id, signed)| {
            let args = json!({ "a": format!("{secret}{text}"), "n": 1.5 });
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
    (
        prop::collection::vec(part(), 1..8),
        prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        any::<bool>(),
        0..3usize,
    )
        .prop_map(move |(parts, cuts, beside, pieces)| {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(parts.len())).collect();
            cuts.extend((1..parts.len()).filter(|at| is_call(&parts[at - 1]) && !is_call(&parts[*at])));
            cuts.extend((1..parts.len()).filter(|at| !shows(&parts[at - 1]) && shows(&parts[*at])));
            cuts.extend([0, parts.len()]);
            cuts.sort_unstable();
            cuts.dedup();
            let mut stream = String::new();
            for cut in cuts.windows(2) {
                let last = beside && cut[1] == parts.len();
                let groups = in_pieces(&parts[cut[0]..cut[1]], pieces);
                for (at, group) in groups.iter().enumerate() {
                    let mut body = of_parts(json!(group));
                    if !last || at + 1 < groups.len() {
                        body["candidates"][0]["finishReason"] = Value::Null;
                        body.as_object_mut().unwrap().shift_remove("usageMetadata");
                    }
                    stream += &event(&body);
                }
            }
            if !beside {
                stream += &event(&of_parts(json!([{ "text": "" }])));
            }
            (parts, stream)
        })
}

/// The parts of an event with its calls in pieces: not at all, within the event, or each piece in an event of its own.
fn in_pieces(parts: &[Value], how: usize) -> Vec<Vec<Value>> {
    let mut groups: Vec<Vec<Value>> = vec![Vec::new()];
    for part in parts {
        let whole = if how == 0 { Value::Null } else { part["functionCall"].clone() };
        if whole.is_null() {
            groups.last_mut().unwrap().push(part.clone());
            continue;
        }
        let mut first = part.clone();
        first["functionCall"].as_object_mut().unwrap().shift_remove("args");
        first["functionCall"]["willContinue"] = json!(true);
        let text = whole["args"]["a"].as_str().unwrap();
        let cut = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        let argument = |value: Value| json!({ "functionCall": { "partialArgs": [value], "willContinue": true } });
        let rest = [
            argument(json!({ "jsonPath": "$.a", "stringValue": text[..cut], "willContinue": true })),
            argument(json!({ "jsonPath": "$.n", "numberValue": whole["args"]["n"] })),
            argument(json!({ "jsonPath": "$['a']", "stringValue": text[cut..] })),
            json!({ "functionCall": {} }),
        ];
        groups.last_mut().unwrap().push(first);
        for piece in rest {
            if how == 2 {
                groups.push(Vec::new());
            }
            groups.last_mut().unwrap().push(piece);
        }
    }
    groups
}

/// The texts of a turn's parts, and its calls.
fn seen(parts: &[Value]) -> (String, Vec<Value>) {
    let text = parts.iter().filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str());
    (text.collect(), parts.iter().filter(|part| part.get("functionCall").is_some()).cloned().collect())
}

struct Gemini;

impl Subject for Gemini {
    const FRAMING: Framing = Framing::Sse;
    const SAMPLE: Sample = SAMPLE;

    fn turns() -> BoxedStrategy<Turn> {
        let turn = |(parts, text): (Vec<Value>, String)| Turn {
            answer: of_parts(json!(parts)).to_string().into_bytes(),
            stream: text.into_bytes(),
        };
        turns().prop_map(turn).boxed()
    }

    fn answer(body: &[u8]) -> Box<dyn Answer> {
        answer(std::str::from_utf8(body).unwrap()).unwrap()
    }

    fn stream() -> Box<dyn Stream> {
        stream()
    }

    /// A stream joins the texts of its events.
    fn said(said: Vec<Value>) -> Vec<Value> {
        joined(&said)
    }

    fn streamed(bytes: &[u8], policy: ReleasePolicy) -> Value {
        let turn = accumulate(&events(bytes));
        view(turn["parts"].as_array().unwrap(), policy, &turn["finish"], &turn["usage"])
    }

    fn whole(body: &[u8], policy: ReleasePolicy) -> Value {
        let body: Value = serde_json::from_slice(body).unwrap();
        let candidate = &body["candidates"][0];
        let parts = joined(candidate["content"]["parts"].as_array().unwrap());
        view(&parts, policy, &candidate["finishReason"], &body["usageMetadata"])
    }
}

/// The order of calls and texts is the answer's if each call is released at once.
fn view(parts: &[Value], policy: ReleasePolicy, finish: &Value, usage: &Value) -> Value {
    let parts_in_order = (policy == ReleasePolicy::Call).then_some(parts);
    json!({ "seen": seen(parts), "parts": parts_in_order, "finish": finish, "usage": usage })
}

suite::properties!(Gemini);
