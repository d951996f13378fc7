//! Streams of servers that imitate the API, and of unknown parts of the API.

use callgate_wire::{Call, ChoiceIndex, Delta, Fate, Form, ReleasePolicy};
use serde_json::{Value, json};

use crate::common::{answer, calls, carried, deltas, stream_of, told};
use crate::kit::{accumulate, call, events, message, numbered, response, stream_events};
use crate::suite::{keep, replaced};

/// Carries events out with each call released, and puts them together.
fn seen(events: Vec<Value>) -> (String, Vec<(String, String, String)>) {
    let out = carried(&mut *stream_of(&[]), &numbered(events), ReleasePolicy::Call, &keep);
    accumulate(&out).said()
}

fn turn() -> Vec<Value> {
    stream_events(&[message("Hi"), call("c1", "f", r#"{"a":1}"#), call("c2", "g", "{}")], 3)
}

fn expected() -> (String, Vec<(String, String, String)>) {
    let call = |id: &str, name: &str, arguments: &str| (id.to_owned(), name.to_owned(), arguments.to_owned());
    ("Hi".to_owned(), vec![call("c1", "f", r#"{"a":1}"#), call("c2", "g", "{}")])
}

fn without(kinds: &[&str]) -> Vec<Value> {
    let of_call = |event: &Value| event["item"]["type"] != "message";
    turn().into_iter().filter(|event| !(of_call(event) && kinds.iter().any(|kind| event["type"] == *kind))).collect()
}

fn each(change: impl Fn(&mut Value)) -> Vec<Value> {
    let mut events = turn();
    events.iter_mut().for_each(change);
    events
}

fn remove(event: &mut Value, key: &str) {
    event.as_object_mut().unwrap().shift_remove(key);
}

#[test]
fn items_are_known_without_a_place() {
    assert_eq!(seen(each(|event| remove(event, "output_index"))), expected());
}

#[test]
fn items_that_share_a_place_are_known_by_their_ids() {
    let collide = |event: &mut Value| {
        if event["output_index"].is_u64() {
            event["output_index"] = json!(0);
        }
    };
    assert_eq!(seen(each(collide)), expected());
}

#[test]
fn parallel_calls_that_share_a_place_are_not_mixed() {
    let mut events = turn();
    let is_done = |event: &Value| event["type"] == "response.output_item.done" && event["item"]["call_id"] == "c1";
    let done = events.remove(events.iter().position(is_done).unwrap());
    events.insert(events.len() - 1, done);
    for event in &mut events {
        if event["output_index"].is_u64() {
            event["output_index"] = json!(0);
        }
    }
    let (text, mut calls) = seen(events);
    calls.sort();
    assert_eq!((text, calls), expected());
}

#[test]
fn items_are_known_by_their_order_without_place_and_id() {
    let bare = |event: &mut Value| {
        remove(event, "output_index");
        remove(event, "item_id");
        if event["item"].is_object() {
            remove(&mut event["item"], "id");
        }
    };
    let found = told(&numbered(each(bare))).unwrap();
    let found: Vec<_> = calls(&found).into_iter().map(|call| (call.id, call.name, call.arguments)).collect();
    assert_eq!(found, expected().1);
}

#[test]
fn the_end_completes_calls_whose_items_never_came_whole() {
    let done = "response.output_item.done";
    let whole = "response.function_call_arguments.done";
    for kinds in [&[done][..], &[done, whole], &[done, "response.function_call_arguments.delta"]] {
        assert_eq!(seen(without(kinds)), expected(), "{kinds:?}");
    }
    // The end repeats nothing.
    for kinds in [&[done][..], &[done, whole]] {
        let mut events = without(kinds);
        events.last_mut().unwrap()["response"]["output"] = json!([]);
        let found: Vec<_> = calls(&told(&numbered(events)).unwrap()).into_iter().map(|call| call.name).collect();
        assert_eq!(found, ["f", "g"]);
    }
}

#[test]
fn a_call_that_was_cut_off_is_an_error() {
    for cut in ["", "{\"a\""] {
        let mut events = stream_events(&[call("c1", "f", cut)], 3);
        events.retain(|event| !event["type"].as_str().unwrap().ends_with(".done"));
        events.last_mut().unwrap()["response"]["output"] = json!([]);
        assert!(told(&numbered(events)).is_err(), "{cut:?}");
    }
}

#[test]
fn an_end_that_says_otherwise_of_calls_is_made_to_agree() {
    let (c1, c2) = (call("c1", "f", r#"{"a":1}"#), call("c2", "g", "{}"));
    let mut other_id = c1.clone();
    (other_id["id"], other_id["call_id"]) = (json!("fc_other"), json!("other"));
    let table = [
        json!([message("Hi"), other_id, c2]),
        json!([c2, message("Hi"), c1]),
        json!([message("Hi"), call("c1", "f", "{}"), call("c2", "evil", "{}")]),
        json!([message("Hi")]),
        json!([message("Hi"), c1, c1, c2, c2]),
    ];
    for output in table {
        let mut events = turn();
        events.last_mut().unwrap()["response"]["output"] = output.clone();
        assert_eq!(seen(events), expected(), "{output}");
    }
}

#[test]
fn calls_that_the_end_alone_has_are_read_from_it() {
    let mut events = turn();
    events.retain(|event| event["output_index"].is_null());
    assert_eq!(seen(events), expected());
}

#[test]
fn the_id_that_was_said_first_stands() {
    let mut events = turn();
    for event in events.iter_mut().filter(|event| event["type"] == "response.output_item.done") {
        if event["item"]["call_id"] == "c1" {
            event["item"]["call_id"] = json!("drawn_anew");
        }
    }
    assert_eq!(seen(events), expected());
}

#[test]
fn a_call_without_an_id_gets_one_of_ours_streamed_as_whole() {
    let mut output = vec![message("Hi"), call("c1", "f", "{}"), call("", "g", "{}")];
    remove(&mut output[1], "call_id");
    let whole = answer(&response(&output).to_string(), &[]).unwrap();
    let ids = |calls: &[Call]| -> Vec<String> { calls.iter().map(|call| call.id.clone()).collect() };
    assert_eq!(ids(whole.calls()[0]), ["call_0", "call_1"]);
    let written: Value = serde_json::from_slice(&whole.write()).unwrap();
    assert_eq!(
        (&written["output"][1]["call_id"], &written["output"][2]["call_id"]),
        (&json!("call_0"), &json!("call_1"))
    );
    assert_eq!(ids(&calls(&told(&numbered(stream_events(&output, 1))).unwrap())), ["call_0", "call_1"]);
}

#[test]
fn arguments_that_differ_in_white_space_agree() {
    let mut events = turn();
    for event in events.iter_mut().filter(|event| event["type"] == "response.function_call_arguments.done") {
        event["arguments"] = json!(event["arguments"].as_str().unwrap().replace(':', " : "));
    }
    assert_eq!(seen(events), expected());
}

#[test]
fn unknown_events_without_a_call_are_dropped_and_leave_no_gap() {
    let asides = [
        json!({ "type": "codex.rate_limits", "plan_type": "plus", "rate_limits": { "allowed": true, "primary": { "used_percent": 7 } } }),
        json!({ "type": "codex.response.metadata", "headers": {} }),
        json!({ "type": "responsesapi.websocket_timing", "ms": 3 }),
        json!({ "type": "response.invented.delta", "output_index": 0, "delta": "x" }),
        json!({ "type": "ping", "body": ["a"] }),
        json!({ "type": "keepalive.invented" }),
        json!({ "output_index": 0 }),
    ];
    let end = turn().len();
    for aside in asides {
        for (at, is_numbered) in
            [(0, true), (1, false), (2, true), (7, false), (end - 1, true), (end, true), (end, false)]
        {
            let mut events = turn();
            events.insert(at, aside.clone());
            let mut text = numbered(events);
            if !is_numbered {
                // Events of another part of the server in between have no numbers.
                let mut events = turn();
                let mut number = 0..;
                events.iter_mut().for_each(|event| event["sequence_number"] = json!(number.next()));
                events.insert(at, aside.clone());
                text = events.iter().map(|event| format!("data: {event}\n\n")).collect();
            }
            let out = carried(&mut *stream_of(&[]), &text, ReleasePolicy::Call, &keep);
            assert_eq!(accumulate(&out).said(), expected(), "{aside} at {at}");
            assert!(!String::from_utf8(out).unwrap().contains("invented"));
        }
    }
    for aside in ["event: ping\ndata: {\"type\":\"keep\"}\n\n", "data: ping\n\n", "data: []\n\n"] {
        let text = aside.to_owned() + &numbered(turn());
        let out = carried(&mut *stream_of(&[]), &text, ReleasePolicy::Call, &keep);
        assert_eq!(accumulate(&out).said(), expected(), "{aside}");
    }
}

#[test]
fn items_of_unknown_kinds_without_a_call_are_dropped_streamed_as_whole() {
    let output = [message("Hi"), json!({ "id": "x", "type": "invented", "text": "?" }), call("c1", "f", "{}")];
    let whole = answer(&response(&output).to_string(), &[]).unwrap();
    let written: Value = serde_json::from_slice(&whole.write()).unwrap();
    assert_eq!(written["output"], json!([output[0], output[2]]));
    let mut events = stream_events(&output, 1);
    events.insert(12, json!({ "type": "response.invented.delta", "output_index": 1, "item_id": "x", "delta": "?" }));
    let out = carried(&mut *stream_of(&[]), &numbered(events), ReleasePolicy::Call, &keep);
    assert_eq!(accumulate(&out).response["output"], written["output"]);
    assert!(!String::from_utf8(out).unwrap().contains("invented"));
}

/// Calls that can only be refused, and their names.
fn undecidable() -> Vec<(Value, &'static str)> {
    let mut invented = call("c1", "spawn_agent", "{}");
    invented["caller"] = json!({ "type": "stranger" });
    vec![
        (json!({ "id": "cc_1", "type": "computer_call", "call_id": "c1", "action": { "type": "eval" } }), "computer"),
        (invented, "spawn_agent"),
        (
            json!({ "id": "ls_1", "type": "local_shell_call", "call_id": "c1", "action": { "type": "eval", "code": "x" } }),
            "local_shell",
        ),
    ]
}

#[test]
fn a_call_that_no_contract_decides_on_is_refused_as_a_call_streamed_as_whole() {
    for (item, name) in undecidable() {
        let output = [message("Hi"), item.clone()];
        let mut whole = answer(&response(&output).to_string(), &[]).unwrap();
        let [found] = whole.calls()[0].to_vec().try_into().unwrap();
        assert_eq!((found.name.as_str(), found.form), (name, Form::Unknown), "{item}");
        whole.settle(ChoiceIndex::FIRST, vec![Fate::Replace("No.".into())], ReleasePolicy::Call);
        let written: Value = serde_json::from_slice(&whole.write()).unwrap();

        let text = numbered(stream_events(&output, 1));
        let streamed = deltas(&mut *stream_of(&[]), &[text.as_bytes()]).unwrap();
        let forms = streamed.iter().filter_map(|delta| match delta {
            Delta::Fragment { call: Call { form, .. }, .. } => Some(*form),
            _ => None,
        });
        assert!(forms.into_iter().any(|form| form == Form::Unknown), "{item}");
        let tell = |_: usize, _: Call| replaced("No.");
        let out = carried(&mut *stream_of(&[]), &text, ReleasePolicy::Call, &tell);
        assert_eq!(accumulate(&out).response["output"], written["output"], "{item}");
        assert!(!String::from_utf8(out).unwrap().contains("_call\""), "{item}");
    }
}

#[test]
fn a_function_that_a_search_for_tools_found_is_called_by_its_own_name() {
    let mut item = call("c1", "f", "{}");
    item["namespace"] = json!("f");
    let text = response(std::slice::from_ref(&item)).to_string();
    let whole = answer(&text, &["tool_search"]).unwrap();
    assert_eq!((whole.calls()[0][0].name.as_str(), whole.calls()[0][0].form), ("f", Form::Tool));
    assert_eq!(whole.write(), text.as_bytes());
    let out =
        carried(&mut *stream_of(&["tool_search"]), &numbered(stream_events(&[item], 1)), ReleasePolicy::Call, &keep);
    assert_eq!(accumulate(&out).response["output"][0]["namespace"], "f");
}

#[test]
fn failures_that_carry_no_call_are_passed_as_errors() {
    for kind in ["response.failed", "response.cancelled"] {
        let failed = json!({ "type": kind, "response": { "id": "resp_1", "output": [], "error": { "code": "x", "message": "y" } } });
        let found = told(&numbered(vec![failed])).unwrap();
        assert!(matches!(found.as_slice(), [Delta::Error { .. }]), "{kind}");
        assert_eq!(events(&crate::common::passed(&found)).len(), 1);
    }
}
