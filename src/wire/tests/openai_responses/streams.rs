//! Streamed answers: the deltas of each event, and the output.

use callgate_wire::{ChoiceIndex, Delta, Fate, ReleasePolicy};
use serde_json::{Value, json};

use crate::common::{calls, carried, deltas, passed, shown, stream_of, told};
use crate::kit::{accumulate, call, events, message, numbered, reasoning, response, said, stream, stream_events};
use crate::suite::{keep, replaced};

fn tell(_: usize, _: callgate_wire::Call) -> Fate {
    replaced("No.")
}

/// A small response, for short snapshots.
fn small(events: Vec<Value>) -> String {
    let shrink = |mut event: Value| {
        if event["response"].is_object() {
            event["response"] = json!({ "id": "resp_1", "output": event["response"]["output"] });
        }
        event
    };
    numbered(events.into_iter().map(shrink).collect())
}

#[test]
fn an_ordinary_stream_with_text_and_a_call() {
    let text = small(stream_events(&[message("Hi"), call("c1", "f", r#"{"a":1}"#)], 4));
    insta::assert_snapshot!(shown(&told(&text).unwrap()));
}

#[test]
fn a_call_and_a_text_of_ours_are_told_with_all_their_events() {
    let text = small(stream_events(&[call("c1", "f", r#"{"a":1}"#), call("c2", "g", "{}")], 2));
    let fate = |at: usize, call| if at == 0 { keep(at, call) } else { tell(at, call) };
    let out = carried(&mut *stream_of(&[]), &text, ReleasePolicy::Call, &fate);
    accumulate(&out);
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn a_stream_without_calls_keeps_its_bytes() {
    let talk = [reasoning("Hm, é\n"), message("Hi \"you\"\\")];
    let mut odd = stream_events(&talk, 1);
    odd.insert(4, json!({ "type": "keepalive" }));
    let unnumbered: String = odd.iter().map(|event| format!("data: {event}\r\n\r\n")).collect();
    let table = [
        stream(&talk, 1),
        stream(&talk, 3),
        stream(&talk, 100).replace('\n', "\r\n"),
        stream(&talk, 1).replace("\"sequence_number\":", "\"sequence_number\": 1"),
        format!(": ping\n\n{}", stream(&talk, 2)),
        unnumbered + "data: [DONE]\n\n",
        numbered(odd),
        stream(&talk, 2).replace("response.completed", "response.incomplete"),
        // A server whose last event repeats nothing.
        stream(&talk, 2).replace(&json!(talk).to_string(), "[]"),
        // A server with new ids in every event.
        stream(&talk, 2).replacen("msg_", "msg_other_", 2).replacen("rs_", "rs_other_", 2),
    ];
    for text in table {
        let out = carried(&mut *stream_of(&[]), &text, ReleasePolicy::Call, &keep);
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}

#[test]
fn a_failed_response_ends_the_stream_and_has_no_call_that_was_held() {
    let mut failed = stream_events(&[message("Hi"), call("c1", "SECRET", "{}")], 2);
    let last = failed.last_mut().unwrap();
    last["type"] = json!("response.failed");
    last["response"]["status"] = json!("failed");
    last["response"]["error"] = json!({ "code": "server_error", "message": "x" });
    let deltas = told(&numbered(failed)).unwrap();
    assert!(matches!(deltas.last(), Some(Delta::Error { .. })));
    let passed = passed(&deltas);
    assert!(!String::from_utf8_lossy(&passed).contains("SECRET"));
    assert_eq!(events(&passed).last().unwrap()["response"]["output"], json!([message("Hi")]));
}

#[test]
fn errors_of_the_server_go_on_as_they_are() {
    for data in [
        r#"{"type":"error","code":"server_error","message":"x","param":null,"sequence_number":0}"#,
        r#"{"type":"error","error":{"type":"server_error","message":"x"}}"#,
        r#"{"error":{"message":"x"}}"#,
    ] {
        for text in [format!("event: error\ndata: {data}\n\n"), format!("data: {data}\n\n")] {
            assert_eq!(told(&text).unwrap(), [Delta::Error { frame: text.into_bytes() }]);
        }
    }
}

#[test]
fn the_last_event_agrees_with_what_was_released() {
    let output = [message("A"), call("c1", "f", "{}"), message("BB"), call("c2", "g", "{}")];
    let fate = |at: usize, call| if at == 0 { tell(at, call) } else { keep(at, call) };
    for (hold, order) in [
        (ReleasePolicy::Call, ["message", "message", "message", "function_call"]),
        (ReleasePolicy::Turn, ["message", "message", "message", "function_call"]),
    ] {
        let out = carried(&mut *stream_of(&[]), &stream(&output, 1), hold, &fate);
        let seen = accumulate(&out);
        let kinds: Vec<&str> =
            seen.response["output"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, order);
        let text = if hold == ReleasePolicy::Call { "ANo.BB" } else { "ABBNo." };
        assert_eq!(seen.said(), (text.into(), vec![("c2".into(), "g".into(), "{}".into())]));
        assert!(!String::from_utf8(out).unwrap().contains("\"c1\""));
    }
}

#[test]
fn what_the_end_says_of_items_goes_on_and_an_end_that_repeats_nothing_still_does_not() {
    // xAI's last event has other ciphertexts of the same reasoning.
    let output = [reasoning("Hm"), call("c1", "f", "{}")];
    let mut events = stream_events(&output, 1);
    let last = events.last_mut().unwrap();
    last["response"]["output"][0]["encrypted_content"] = json!("b3RoZXI=");
    let out = carried(&mut *stream_of(&[]), &numbered(events.clone()), ReleasePolicy::Call, &tell);
    let end = crate::kit::events(&out).pop().unwrap();
    assert_eq!(end["response"]["output"][0]["encrypted_content"], "b3RoZXI=");
    assert_eq!(end["response"]["output"][1]["content"][0]["text"], "No.");

    events.last_mut().unwrap()["response"]["output_text"] = json!("");
    let out = carried(&mut *stream_of(&[]), &numbered(events.clone()), ReleasePolicy::Call, &tell);
    assert_eq!(crate::kit::events(&out).pop().unwrap()["response"]["output_text"], "No.");

    events.last_mut().unwrap()["response"]["output"] = json!([]);
    let out = carried(&mut *stream_of(&[]), &numbered(events), ReleasePolicy::Call, &tell);
    assert_eq!(crate::kit::events(&out).pop().unwrap()["response"]["output"], json!([]));
}

#[test]
fn arguments_may_come_in_pieces_or_whole_at_any_event() {
    let item = |arguments: &str| call("c1", "f", arguments);
    let added =
        |arguments: &str| json!({ "type": "response.output_item.added", "output_index": 0, "item": item(arguments) });
    let done = json!({ "type": "response.output_item.done", "output_index": 0, "item": item("{}") });
    let delta = |delta: &str| json!({ "type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "x", "delta": delta });
    let whole =
        json!({ "type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}", "name": "f" });
    let table = [
        vec![added(""), delta("{"), delta("}"), whole.clone(), done.clone()],
        vec![added(""), delta("{"), delta("}"), done.clone()],
        vec![added(""), whole.clone(), done.clone()],
        vec![added(""), done.clone()],
        vec![added("{}"), done.clone()],
        vec![added("{}"), whole, done.clone()],
        vec![done],
    ];
    for events in table {
        let found = told(&numbered(events.clone())).unwrap();
        assert_eq!(found.last(), Some(&Delta::CallEnd { choice: ChoiceIndex::FIRST, slot: 0 }));
        let [call] = calls(&found).try_into().unwrap();
        assert_eq!((call.id.as_str(), call.name.as_str(), call.arguments.as_str()), ("c1", "f", "{}"), "{events:?}");
        assert_eq!(passed(&found), b"");
    }
}

#[test]
fn events_that_could_hide_a_call_are_refused() {
    let base = || stream_events(&[message("Hi"), call("c1", "f", r#"{"a":1}"#)], 3);
    let at = |events: &[Value], kind: &str| events.iter().rposition(|event| event["type"] == kind).unwrap();
    let changed = |kind: &str, path: &str, value: Value| {
        let mut events = base();
        let position = at(&events, kind);
        *events[position].pointer_mut(path).unwrap() = value;
        numbered(events)
    };
    let before_end = |event: Value| {
        let mut events = base();
        events.insert(events.len() - 1, event);
        numbered(events)
    };
    let early = |event: Value| {
        let mut events = base();
        let position = at(&events, "response.function_call_arguments.done");
        events.insert(position, event);
        numbered(events)
    };
    let (added, done) = ("response.output_item.added", "response.output_item.done");
    let end = "response.completed";
    let table = [
        // Two events that disagree on a call.
        changed(done, "/item/arguments", json!("{}")),
        changed(done, "/item/arguments", json!("")),
        changed(done, "/item/name", json!("g")),
        changed(done, "/item/name", json!("")),
        changed(done, "/item/type", json!("message")),
        changed(added, "/item/arguments", json!("{}")),
        changed("response.function_call_arguments.done", "/arguments", json!("{}")),
        changed("response.function_call_arguments.done", "/arguments", json!("")),
        changed(end, "/response/output", json!({})),
        // Calls in wrong places.
        changed("response.created", "/response/output", json!([call("c0", "g", "{}")])),
        changed("response.in_progress", "/response/output", json!([message("Hi")])),
        before_end(json!({ "type": "response.function_call_arguments.delta", "output_index": 1, "delta": "x" })),
        before_end(json!({ "type": "response.function_call_arguments.delta", "output_index": 7, "delta": "x" })),
        before_end(json!({ "type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}" })),
        before_end(json!({ "type": added, "output_index": 1, "item": call("c1", "f", "") })),
        before_end(json!({ "type": done, "output_index": 1, "item": call("c1", "f", r#"{"a":1}"#) })),
        before_end(json!({ "type": done, "output_index": 0, "item": message("Hi") })),
        before_end(json!({ "type": done, "output_index": 2 })),
        before_end(json!({ "type": added, "item": call("c2", "f", "") })),
        before_end(json!({ "type": added, "output_index": 2, "item": call("c2", "f", "") })),
        before_end(json!({ "type": "keepalive", "item": call("c2", "f", "{}") })),
        before_end(json!({ "type": "response.completed", "response": response(&[]), "Response": {} })),
        early(json!({ "type": "response.function_call_arguments.delta", "output_index": 1, "delta": 1 })),
        // Unknown kinds that could carry a call, or kinds the request did not ask for.
        before_end(json!({ "type": "response.invented", "output_index": 0, "arguments": "{}" })),
        before_end(json!({ "type": "invented", "call": { "call_id": "c2", "name": "f" } })),
        before_end(json!({ "type": "invented", "item": { "type": "browser_call" } })),
        before_end(json!({ "type": added, "output_index": 2, "item": { "type": "browser_call", "name": "f" } })),
        before_end(
            json!({ "type": added, "output_index": 2, "item": { "type": "invented", "action": { "type": "open" } } }),
        ),
        before_end(
            json!({ "type": added, "output_index": 2, "item": { "type": "mcp_approval_request", "name": "f" } }),
        ),
        "data: [{\"type\":\"function_call\"}]\n\n".to_owned(),
        before_end(json!({ "type": added, "output_index": 2, "item": { "type": "web_search_call" } })),
        changed("response.content_part.added", "/part/type", json!("tool_use")),
        // Events out of their order or place.
        before_end(json!({ "type": "response.output_text.delta", "output_index": 0, "delta": "late" })),
        early(json!({ "type": "response.output_text.delta", "output_index": 1, "delta": "x" })),
        stream(&[], 1) + "data: {\"type\":\"response.output_text.delta\",\"output_index\":0}\n\n",
        "data: [DONE]\n\n".to_owned(),
        // Texts with two readings.
        stream(&[], 1).replacen("event: response.created", "event: response.in_progress", 1),
        stream(&[], 1).replacen("\"type\":", "\"type\":\"error\",\"type\":", 1),
        stream(&[], 1).replacen("\"type\":", "\"Type\":1,\"type\":", 1),
        stream(&[], 1).replacen("\"sequence_number\":0", "\"sequence_number\":\"one\"", 1),
        stream(&[], 1).replacen("\"sequence_number\":0", "\"sequence_number\":-1", 1),
        "data: {not json\n\n".to_owned(),
    ];
    for text in table {
        assert!(told(&text).is_err(), "{text}");
    }
    let many: Vec<Value> = (0..1025).map(|n| call(&n.to_string(), "f", "")).collect();
    assert!(told(&stream(&many, 1)).is_err());
}

#[test]
fn events_of_tools_that_were_asked_for_go_on_and_others_do_not() {
    let search =
        json!({ "id": "ws_1", "type": "web_search_call", "status": "completed", "action": { "type": "search" } });
    let list = json!({ "id": "l", "type": "mcp_list_tools", "tools": [{ "name": "f", "input_schema": { "tool_calls": {} } }] });
    let mut events = stream_events(&[search, list, message("Hi")], 1);
    let about = |kind: &str, index: u32| json!({ "type": kind, "output_index": index, "item_id": "x" });
    events.insert(3, about("response.web_search_call.searching", 0));
    events.insert(6, about("response.mcp_list_tools.completed", 1));
    let text = numbered(events.clone());
    let mut asked = stream_of(&["web_search_preview", "mcp"]);
    assert_eq!(String::from_utf8(carried(&mut *asked, &text, ReleasePolicy::Call, &keep)).unwrap(), text);
    assert!(deltas(&mut *stream_of(&["web_search"]), &[text.as_bytes()]).is_err(), "the list was not asked for");
    events[3] = about("response.mcp_call.completed", 0);
    let out = carried(&mut *stream_of(&["web_search", "mcp"]), &numbered(events), ReleasePolicy::Call, &keep);
    assert!(!String::from_utf8(out).unwrap().contains("mcp_call"), "an event of no item is dropped");
}

#[test]
fn an_item_that_is_announced_without_itself_says_nothing() {
    let mut events = stream_events(&[message("Hi")], 1);
    events.insert(2, json!({ "type": "response.output_item.added", "output_index": 4, "item": null }));
    let out = carried(&mut *stream_of(&[]), &numbered(events), ReleasePolicy::Call, &keep);
    assert_eq!(accumulate(&out).said().0, "Hi", "and leaves no gap");
}

#[test]
fn an_event_that_carries_nothing_does_not_go_on_but_a_comment_does() {
    for text in ["event: response.completed\n\n", "data:\n\n", "event: x\ndata: \n\n"] {
        assert_eq!(told(text).unwrap(), []);
    }
    assert_eq!(passed(&told(": ping\n\n\n").unwrap()), b": ping\n\n\n");
}

#[test]
fn a_stream_that_is_followed_by_another_answer_ends_with_both() {
    let mut reader = stream_of(&[]);
    let text = stream(&[reasoning("Hm"), message("Look."), call("c1", "lookup", "{}")], 2);
    let mut out = passed(&deltas(&mut *reader, &[text.as_bytes()]).unwrap());
    assert_eq!(reader.said(ChoiceIndex::FIRST), [reasoning("Hm"), message("Look.")]);
    let mut last = response(&[reasoning("So."), message("Found."), call("c2", "order", r#"{"sku":"a"}"#)]);
    last["id"] = json!("resp_2");
    last["status"] = json!("incomplete");
    last["incomplete_details"] = json!({ "reason": "max_output_tokens" });
    out.extend(reader.append(last.to_string().as_bytes()));
    let seen = accumulate(&out);
    assert!(seen.ended && !String::from_utf8_lossy(&out).contains("lookup"));
    assert_eq!(seen.said(), ("Look.Found.".into(), said(&last).1));
    assert_eq!((&seen.response["id"], &seen.response["status"]), (&json!("resp_1"), &json!("incomplete")));
    assert_eq!(seen.response["usage"]["total_tokens"], 24);
    assert_eq!(events(&out).last().unwrap()["type"], "response.incomplete");
    assert_eq!(seen.response["output"][2], reasoning("So."));
}

#[test]
fn items_of_two_turns_with_one_id_are_told_apart() {
    let mut reader = stream_of(&[]);
    let mut out =
        passed(&deltas(&mut *reader, &[stream(&[message("Ab"), call("c1", "f", "{}")], 2).as_bytes()]).unwrap());
    out.extend(reader.append(response(&[message("Cd")]).to_string().as_bytes()));
    let output = accumulate(&out).response["output"].clone();
    assert_eq!((&output[0]["id"], &output[1]["id"]), (&json!("msg_2"), &json!("msg_2_callgate_1")));
}

#[test]
fn an_answer_that_is_told_as_events_says_everything_that_it_has() {
    let item = json!({
        "id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "phase": "final_answer",
        "content": [
            { "type": "output_text", "text": "a", "annotations": [{ "type": "url_citation", "url": "u" }], "logprobs": [] },
            { "type": "refusal", "refusal": "no" },
        ],
    });
    let open = json!({ "id": "rs", "type": "reasoning", "summary": [], "content": [{ "type": "reasoning_text", "text": "t" }] });
    let mut reader = stream_of(&["web_search"]);
    deltas(&mut *reader, &[stream(&[], 1).as_bytes()]).unwrap();
    let made = json!({ "id": "ws", "type": "web_search_call", "status": "completed" });
    let out = reader.append(response(&[open, item, made]).to_string().as_bytes());
    let kinds: Vec<String> = events(&out)
        .iter()
        .map(|event| event["type"].as_str().unwrap().trim_start_matches("response.").to_owned())
        .collect();
    insta::assert_snapshot!(kinds.join("\n"));
    assert_eq!(
        carried(&mut *stream_of(&["web_search"]), std::str::from_utf8(&out).unwrap(), ReleasePolicy::Call, &keep),
        out
    );
}

#[test]
fn a_stream_is_complete_when_its_response_ended() {
    let text = stream(&[message("Hi")], 1);
    let cut = text.find("event: response.completed").unwrap();
    let mut reader = stream_of(&[]);
    assert_eq!(reader.choices(), 0);
    deltas(&mut *reader, &[&text.as_bytes()[..cut]]).unwrap();
    assert_eq!((reader.choices(), reader.is_complete()), (1, false));
    deltas(&mut *reader, &[&text.as_bytes()[cut..]]).unwrap();
    assert!(reader.is_complete());
}
