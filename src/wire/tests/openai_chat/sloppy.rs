//! A stream has the calls of the whole answer, however an imitating server cuts and labels them.

use callgate_wire::Delta;
use callgate_wire::framing::Framing;
use callgate_wire::openai_chat::{ChatAnswer, ChatStream};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{deltas, turn};
use crate::suite::ended;

/// A server's labels of the fragments of its calls.
#[derive(Debug, Clone)]
struct Habits {
    index: Index,
    id: Id,
    name_always: bool,
    /// A finish with every call, and the last chunk's instead.
    finish: Option<&'static str>,
    whole_arguments: bool,
    stubs: bool,
    done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Index {
    Right,
    Zero,
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Id {
    Once,
    Always,
    Never,
}

fn habits() -> impl Strategy<Value = Habits> {
    let index = prop_oneof![Just(Index::Right), Just(Index::Zero), Just(Index::Missing)];
    let id = prop_oneof![Just(Id::Once), Just(Id::Always), Just(Id::Never)];
    let finish = prop_oneof![Just(None), Just(Some("tool_calls")), Just(Some("stop"))];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (index, id, finish, flags).prop_map(|(index, id, finish, (name_always, whole_arguments, stubs, done))| Habits {
        index,
        id,
        name_always,
        finish,
        whole_arguments,
        stubs,
        done,
    })
}

/// Calls: a name, a text in the arguments, and the cuts in them.
fn some_calls() -> impl Strategy<Value = Vec<(String, String, Vec<usize>)>> {
    prop::collection::vec(("[fg]", "[a-zé{}\"\\\\ ]{0,12}", prop::collection::vec(1..30_usize, 0..4)), 1..5)
}

/// An entry of `tool_calls` as the server writes it whole.
fn entry(habits: &Habits, at: usize, (name, text, _): &(String, String, Vec<usize>)) -> Value {
    let arguments = json!({ "at": at, "text": text });
    let arguments = if habits.whole_arguments { arguments } else { json!(arguments.to_string()) };
    let mut entry = json!({ "function": { "name": name, "arguments": arguments, "thought_signature": text } });
    match habits.index {
        Index::Right => entry["index"] = json!(at),
        Index::Zero => entry["index"] = json!(0),
        Index::Missing => {}
    }
    entry["id"] = json!(if habits.id == Id::Never { String::new() } else { format!("call_{at}") });
    entry["provider_specific_fields"] = json!({ "at": at });
    entry
}

/// The fragments of a call.
fn fragments(habits: &Habits, entry: &Value, cuts: &[usize]) -> Vec<Value> {
    let Some(arguments) = entry["function"]["arguments"].as_str() else { return vec![entry.clone()] };
    let mut rest = arguments;
    let mut pieces = Vec::new();
    for &cut in cuts {
        let cut = rest.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    let piece = |(nth, piece): (usize, &str)| {
        let mut fragment = entry.clone();
        fragment["function"]["arguments"] = json!(piece);
        if nth > 0 {
            for member in ["provider_specific_fields", "id"] {
                if member != "id" || habits.id != Id::Always {
                    fragment.as_object_mut().unwrap().remove(member);
                }
            }
            fragment["function"].as_object_mut().unwrap().remove("thought_signature");
            if !habits.name_always {
                fragment["function"].as_object_mut().unwrap().remove("name");
            }
        }
        fragment
    };
    pieces.into_iter().enumerate().map(piece).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_sloppy_stream_has_the_calls_of_the_whole_answer(habits in habits(), written in some_calls()) {
        let entries: Vec<Value> = written.iter().enumerate().map(|(at, call)| entry(&habits, at, call)).collect();
        let message = json!({ "role": "assistant", "content": null, "tool_calls": entries });
        let whole = json!({ "id": "c-1", "choices": [{ "index": 0, "message": message, "finish_reason": "tool_calls" }] });
        let answer = ChatAnswer::read(whole.to_string().as_bytes()).unwrap();

        let chunk = |delta: Value, finish: Option<&str>| {
            let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
            format!("data: {}\n\n", json!({ "id": "c-1", "choices": [choice] }))
        };
        let stub = json!({ "function_call": { "name": "", "arguments": "" }, "tool_calls": [{}] });
        let mut stream = String::new();
        for (entry, (_, _, cuts)) in entries.iter().zip(&written) {
            let fragments = fragments(&habits, entry, cuts);
            let last = fragments.len() - 1;
            for (nth, fragment) in fragments.into_iter().enumerate() {
                let finish = habits.finish.filter(|_| nth == last).map(|_| "tool_calls");
                stream += &chunk(json!({ "tool_calls": [fragment] }), finish);
                if habits.stubs {
                    stream += &chunk(stub.clone(), None);
                }
            }
        }
        stream += &chunk(json!({}), Some(habits.finish.unwrap_or("tool_calls")));
        if habits.done {
            stream += "data: [DONE]\n\n";
        }
        let told = deltas(stream.as_bytes()).unwrap();
        let turn = turn(&told);
        prop_assert_eq!(turn.calls(), answer.choices()[0].calls.clone(), "{}", stream);
        prop_assert_eq!(&turn.choices[&0].finish, "tool_calls");
        prop_assert_eq!(told.iter().filter(|delta| matches!(delta, Delta::Finish { .. })).count(), 1);
        prop_assert_eq!(ended(Framing::Sse, &mut ChatStream::new(true, 128), &stream.as_bytes().chunks(1).collect::<Vec<_>>()).unwrap(), told);
        prop_assert!(!String::from_utf8(turn.passed).unwrap().contains("\"function"));
    }
}
