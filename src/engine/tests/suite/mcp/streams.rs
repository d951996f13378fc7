//! Answers of a server, streamed; and its own stream.

use callgate_engine::{Effect, Event};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::*;

fn text(text: &str) -> Value {
    json!([{ "type": "text", "text": text }])
}

fn get_time() -> Value {
    call("get_time", json!({ "zone": "Oslo" }))
}

#[test]
fn notifications_are_forwarded_live_and_the_answer_ends_the_stream() {
    let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
    assert_eq!(begun(&mut exchange, "200", "text/event-stream", false), Effect::BeginStream);
    let progress = notification("notifications/progress");
    let first = format!("data: {progress}\n\n");
    let effect = exchange.on(Event::ResponseData { chunk: first.as_bytes(), end: false, now: NOW });
    assert_eq!(effect, Effect::Pass);
    let answer = response(json!({ "content": text("ok") }));
    let last = format!("data: {answer}\n\n");
    let effect = exchange.on(Event::ResponseData { chunk: last.as_bytes(), end: false, now: NOW });
    assert_eq!(effect, Effect::Pass);
    let effect = exchange.on(Event::ResponseData { chunk: last.as_bytes(), end: false, now: NOW * 100 });
    assert_eq!(effect, Effect::Hold, "what follows the answer goes nowhere");
    assert_eq!(exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW }), Effect::Finish(Vec::new()));
    assert_eq!(exchange.tally().verdict(), "allow");
}

#[test]
fn a_streamed_answer_is_decided_as_a_whole_one_is() {
    let results = [
        json!({ "content": text("{\"time\":\"12:00\"}") }),
        json!({ "content": text("SECRET") }),
        json!({ "content": text("x"), "structuredContent": { "time": "12:00" } }),
        json!({ "content": [{ "type": "tool_use" }] }),
    ];
    for on_violation in ["refuse", "error"] {
        for result in &results {
            let (mut exchange, _) = sent(&gate(on_violation), &get_time());
            let whole = body(answered(&mut exchange, &response(result.clone())));
            let (mut other, _) = sent(&gate(on_violation), &get_time());
            let out = streamed(&mut other, &events(&[response(result.clone())]), &[]);
            assert_eq!(messages(&out), [whole], "{result}");
            assert_eq!(other.tally(), exchange.tally());
            assert!(!String::from_utf8(out).unwrap().contains("SECRET"));
        }
    }
    let (mut exchange, _) = sent(&gate("refuse"), &request("tools/list", json!({})));
    let list = json!({ "tools": [{ "name": "rm_rf" }, { "name": "set_alarm", "description": "POISON" }] });
    let out = messages(&streamed(&mut exchange, &events(&[response(list)]), &[]));
    let tools = out[0]["result"]["tools"].as_array().unwrap();
    // The last one is the executor's.
    assert_eq!((tools.len(), &tools[0]["name"], &tools[1]["name"]), (2, &json!("set_alarm"), &json!("lookup")));
    assert!(!out[0].to_string().contains("POISON"));
}

#[test]
fn a_message_that_may_not_be_forwarded_is_dropped_and_the_answer_still_arrives() {
    let sampling = |params: Value| request("sampling/createMessage", params);
    let table = [
        ("another answer", json!({ "jsonrpc": "2.0", "id": 8, "result": { "content": [] } })),
        ("an error without id", json!({ "jsonrpc": "2.0", "error": { "code": 1, "message": "" } })),
        ("a request for a call", sampling(json!({ "messages": [], "tools": [{ "name": "x" }] }))),
        ("a call in what was said", sampling(json!({ "messages": [{ "content": { "type": "tool_use" } }] }))),
        ("a task", request("tasks/get", json!({}))),
        ("a call", call("get_time", json!({}))),
        ("a notification of a task", notification("notifications/tasks/status")),
        ("an unknown notification", notification("notifications/claude/channel")),
        ("a batch", json!([notification("notifications/message")])),
        ("no message", json!({ "ok": true })),
    ];
    for (name, message) in table {
        let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
        let (before, answer) = (notification("notifications/message"), response(json!({ "content": text("set") })));
        let stream = events(&[before.clone(), message, answer.clone()]);
        let out = messages(&streamed(&mut exchange, &stream, &[]));
        assert_eq!(out, [before, answer], "{name}");
        assert_eq!(exchange.tally().verdict(), "allow");
    }
    for odd in ["event: heartbeat\ndata: {}\n\n", "data: [DONE]\n\n", "stray\n\n", "data: {\"a\":1,\"a\":2}\n\n"] {
        let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
        let answer = response(json!({ "content": text("set") }));
        let stream = [odd.as_bytes(), &events(std::slice::from_ref(&answer))].concat();
        assert_eq!(messages(&streamed(&mut exchange, &stream, &[])), [answer], "{odd:?}");
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_an_error() {
    let table = [
        ("data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{},\"result\":{}}\n\n".to_owned(), "upstream_invalid"),
        (format!("data: {}\n\n", response(json!({ "content": [{ "type": "tool_use" }] }))), "upstream_invalid"),
        (format!("data: {}\n\n", notification("notifications/x")), "upstream_truncated"),
    ];
    for (stream, code) in table {
        let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
        let out = messages(&streamed(&mut exchange, stream.as_bytes(), &[]));
        assert_eq!(out.len(), 1);
        assert_eq!((&out[0]["id"], &out[0]["error"]["data"]["code"]), (&json!(7), &json!(code)), "{stream}");
    }
}

#[test]
fn allowed_requests_of_a_server_are_forwarded() {
    let asks = [
        request("ping", json!({})),
        request("roots/list", json!({})),
        request("elicitation/create", json!({ "message": "Which?", "requestedSchema": { "type": "object" } })),
        request(
            "sampling/createMessage",
            json!({ "messages": [{ "role": "user", "content": { "type": "text" } }], "maxTokens": 9 }),
        ),
    ];
    for ask in asks {
        let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
        let answer = response(json!({ "content": [] }));
        let out = messages(&streamed(&mut exchange, &events(&[ask.clone(), answer.clone()]), &[]));
        assert_eq!(out, [ask, answer]);
    }
}

#[test]
fn a_stream_that_ends_without_its_answer_ends_with_an_error() {
    let whole = events(&[notification("notifications/message"), response(json!({ "content": [] }))]);
    for cut in [0, 5, 60, whole.len() - 20] {
        let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
        let out = messages(&streamed(&mut exchange, &whole[..cut], &[]));
        let last = out.last().unwrap();
        assert_eq!((&last["id"], &last["error"]["data"]["code"]), (&json!(7), &json!("upstream_truncated")), "{cut}");
    }
    let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
    let out = streamed(&mut exchange, &whole[..whole.len() - 2], &[]);
    assert_eq!(messages(&out).len(), 2, "some clients read an event without its end");
    assert!(out.ends_with(b"\n\n"));
}

#[test]
fn the_servers_own_stream_lives_on_and_carries_no_answers() {
    let mut exchange = listening(&gate("refuse"));
    assert_eq!(begun(&mut exchange, "200", "text/event-stream", false), Effect::BeginStream);
    let changed = format!("data: {}\n\n", notification("notifications/tools/list_changed"));
    for hours in 1..200 {
        let now = NOW * 3600 * hours;
        let effect = exchange.on(Event::ResponseData { chunk: changed.as_bytes(), end: false, now });
        assert_eq!(effect, Effect::Pass, "neither time nor size ends it");
    }
    let ping = b": ping\r\n\r\n";
    let effect = exchange.on(Event::ResponseData { chunk: ping, end: false, now: NOW });
    assert_eq!(effect, Effect::Pass);
    let answer = events(&[response(json!({ "content": text("SECRET") }))]);
    let Effect::Emit(out) = exchange.on(Event::ResponseData { chunk: &answer, end: false, now: NOW }) else { panic!() };
    let out = messages(&out);
    assert_eq!((&out[0]["id"], &out[0]["error"]["data"]["code"]), (&json!(null), &json!("upstream_invalid")));
    let effect = exchange.on(Event::ResponseData { chunk: ping, end: false, now: NOW });
    assert_eq!(effect, Effect::Reset, "it is cut, so that the client comes again");
}

#[test]
fn the_servers_own_stream_may_end_or_not_be_offered() {
    let mut exchange = listening(&gate("refuse"));
    begun(&mut exchange, "200", "text/event-stream", false);
    assert_eq!(exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW }), Effect::Finish(Vec::new()));
    assert_eq!(exchange.tally().verdict(), "pass");
    assert_eq!(begun(&mut listening(&gate("refuse")), "405", "", true), Effect::Pass);
    let effect = begun(&mut listening(&gate("refuse")), "200", "application/json", false);
    assert_eq!(refused(effect), (502, "upstream_invalid".to_owned()));
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(notification("notifications/progress")),
        Just(notification("notifications/other")),
        Just(request("ping", json!({}))),
        Just(request("sampling/createMessage", json!({ "messages": [], "tools": [] }))),
        Just(response(json!({ "content": text("SECRET") }))),
        Just(response(json!({ "content": text("{\"time\":\"12:00\"}") }))),
        Just(json!({ "jsonrpc": "2.0", "id": 7, "error": { "code": 1, "message": "no" } })),
        Just(json!({ "jsonrpc": "2.0", "id": 9, "result": { "content": text("SECRET") } })),
    ]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_bytes_and_nothing_undecided_is_in_them(
        said in prop::collection::vec(message(), 0..5),
        sizes in prop::collection::vec(1_usize..90, 1..8),
        on_violation in prop_oneof!["refuse", "error"],
        own in any::<bool>(),
        lines in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
    ) {
        let stream = String::from_utf8(events(&said)).unwrap().replace('\n', lines).into_bytes();
        let play = |chunks: &[usize]| {
            let gate = gate(&on_violation);
            let mut exchange = if own { listening(&gate) } else { sent(&gate, &get_time()).0 };
            let out = streamed(&mut exchange, &stream, chunks);
            (out, exchange.tally().verdict())
        };
        let whole = play(&[]);
        prop_assert_eq!(play(&sizes), whole.clone());
        let text = String::from_utf8(whole.0).unwrap();
        prop_assert!(!text.contains("SECRET") && !text.contains("\"tools\""));
        let answers = text.split(['\n', '\r']).filter(|line| line.contains("\"id\":7") && !line.contains("\"method\"")).count();
        prop_assert_eq!(answers, usize::from(!own), "one answer, and only where one was asked for");
    }
}
