//! A streamed turn: text live, calls held until they are decided, the same bytes for any chunking.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use crate::common::*;
use callgate_engine::{Effect, Event, lend};
use proptest::prelude::*;
use serde_json::{Value, json};

const GOOD: &str = r#"{"city":"Oslo"}"#;

fn run(on_violation: &str, bytes: &[u8], chunks: &[usize]) -> (Vec<u8>, Option<Effect>) {
    let (mut exchange, _) = sent(&gate(on_violation), &request(true));
    streamed(&mut exchange, bytes, chunks)
}

#[test]
fn a_stream_without_calls_keeps_every_byte_and_arrives_event_by_event() {
    let bytes = [b": ping\r\n\r\n".as_slice(), &stream(&["Hel", "lo"], &[], 1)].concat();
    for size in [1, 7, 100, 10_000] {
        assert_eq!(run("refuse", &bytes, &[size]), (bytes.clone(), None));
    }
    let (mut exchange, _) = sent(&gate("refuse"), &request(true));
    begun(&mut exchange, "text/event-stream");
    for event in bytes.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>().chunks(2) {
        let event = event.concat();
        let effect = exchange.on(Event::ResponseData { chunk: &event, end: false, now: NOW });
        assert_eq!(effect, Effect::Pass, "each event is forwarded as soon as it is whole, without a copy");
    }
}

#[test]
fn an_allowed_call_is_held_until_complete_and_released_in_canonical_form() {
    let bytes = stream(&["Look: "], &[call("c1", "get_weather", r#"{ "city" : "Oslo" }"#)], 3);
    let (out, other) = run("refuse", &bytes, &[13]);
    assert_eq!(other, None);
    let seen = accumulate(&out);
    assert_eq!(seen.calls, [("c1".into(), "get_weather".into(), GOOD.into())]);
    assert_eq!((seen.content.as_str(), seen.finish.as_str(), seen.done), ("Look: ", "tool_calls", true));
}

#[test]
fn nothing_of_a_refused_call_reaches_the_client_and_the_text_around_it_does() {
    let calls =
        [call("c1", "get_weather", r#"{"city":"Oslo","SECRETKEY":"SECRETVALUE"}"#), call("c2", "get_weather", GOOD)];
    let bytes = stream(&["Before. "], &calls, 2);
    let (out, _) = run("refuse", &bytes, &[5]);
    assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
    let seen = accumulate(&out);
    assert_eq!(seen.calls, [("c2".into(), "get_weather".into(), GOOD.into())], "indexes stay gap-free");
    assert!(
        seen.content.starts_with("Before. \n\nCallgate refused the call of `get_weather` (arguments_invalid"),
        "{}",
        seen.content
    );
    let (out, _) = run("refuse", &stream(&[], &[call("c1", "rm_rf", "{}")], 1), &[9]);
    assert_eq!(accumulate(&out).finish, "stop");
}

#[test]
fn error_ends_the_stream_with_an_error_event() {
    let (out, other) = run("error", &stream(&["Hi"], &[call("c1", "rm_rf", "{}")], 1), &[64]);
    assert_eq!(other, None);
    let seen = accumulate(&out);
    assert_eq!((seen.content.as_str(), seen.error.as_str(), seen.done), ("Hi", "tool_not_in_contract", false));
}

#[test]
fn a_server_run_call_continues_in_the_same_stream_with_the_models_next_answer() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(true));
    let bytes = stream(&["Let me look."], &[call("c1", "lookup", r#"{"key":"k"}"#)], 2);
    let (mut out, other) = streamed(&mut exchange, &bytes, &[50]);
    assert_eq!(accumulate(&out).content, "Let me look.", "what was said is live");
    let batch = batch(other.unwrap());
    assert_eq!(
        exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW }),
        Effect::Hold,
        "the end is held back"
    );
    let again: Value =
        serde_json::from_slice(&model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#])).body).unwrap();
    assert_eq!(again["stream"], false);
    assert_eq!(again["messages"][1]["content"], "Let me look.");
    let last = answer(json!("Found."), &[call("c2", "order", r#"{"sku":"a"}"#)]);
    out.extend(finished(model_answered(&mut exchange, &last)));
    let seen = accumulate(&out);
    assert_eq!(seen.content, "Let me look.\n\nFound.");
    assert_eq!(seen.calls.len(), 1);
    assert_eq!((seen.finish.as_str(), seen.done), ("tool_calls", true));
}

#[test]
fn feedback_repairs_a_call_within_the_stream() {
    let (mut exchange, _) = sent(&gate("feedback"), &request(true));
    let (mut out, other) = streamed(&mut exchange, &stream(&["Hm. "], &[call("c1", "get_weather", "{}")], 1), &[11]);
    model_request(other.unwrap());
    out.extend(finished(model_answered(&mut exchange, &answer(Value::Null, &[call("c2", "get_weather", GOOD)]))));
    let seen = accumulate(&out);
    assert_eq!((seen.content.as_str(), seen.calls.len()), ("Hm. ", 1));
}

#[test]
fn a_loop_that_fails_ends_the_stream_with_an_error_event() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(true));
    let (mut out, other) =
        streamed(&mut exchange, &stream(&["A"], &[call("c1", "lookup", r#"{"key":"k"}"#)], 2), &[50]);
    batch(other.unwrap());
    out.extend(finished(exchange.on(Event::CallsRun(Err(callgate_engine::CallFailed::Unreachable)))));
    assert_eq!(accumulate(&out).error, "executor_unavailable");
}

#[test]
fn a_stream_that_ends_early_releases_no_call_and_ends_in_an_error() {
    let bytes = stream(&["Hi"], &[call("c1", "get_weather", GOOD)], 2);
    for cut in [bytes.len() / 3, bytes.len() / 2, bytes.len() - 150] {
        let (out, _) = run("refuse", &bytes[..cut], &[31]);
        let seen = accumulate(&out);
        assert_eq!(
            (seen.calls.len(), seen.error.as_str(), seen.done),
            (0, "upstream_truncated", false),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_stream_that_ends_with_trailers_is_decided_all_the_same() {
    let whole = stream(&["Hi"], &[call("c1", "lookup", r#"{"key":"k"}"#)], 2);
    let bytes = whole.strip_suffix(b"data: [DONE]\n\n".as_slice()).unwrap();
    for (writable, runs) in [(true, true), (false, false)] {
        let (mut exchange, _) = sent(&gate("refuse"), &request(true));
        begun(&mut exchange, "text/event-stream");
        exchange.on(Event::ResponseData { chunk: bytes, end: false, now: NOW });
        let effect = exchange.on(Event::ResponseTrailers { writable, now: NOW });
        assert_eq!(matches!(effect, Effect::Run(_)), runs, "{effect:?}");
        assert_eq!(effect == Effect::Reset, !runs, "{effect:?}");
    }
}

#[test]
fn a_stream_that_trailers_cut_before_its_end_is_reset_and_never_ended() {
    let bytes = stream(&["Hi"], &[call("c1", "get_weather", GOOD)], 2);
    for cut in [bytes.len() / 3, bytes.len() / 2, bytes.len() - 150] {
        for writable in [true, false] {
            let (mut exchange, _) = sent(&gate("refuse"), &request(true));
            begun(&mut exchange, "text/event-stream");
            exchange.on(Event::ResponseData { chunk: &bytes[..cut], end: false, now: NOW });
            match exchange.on(Event::ResponseTrailers { writable, now: NOW }) {
                Effect::Finish(out) if writable => assert_eq!(accumulate(&out).error, "upstream_truncated"),
                effect => assert_eq!((effect, writable), (Effect::Reset, false), "cut at {cut}"),
            }
            assert_eq!(exchange.tally().verdict(), "error:upstream_truncated");
        }
    }
    let (mut exchange, _) = sent(&gate("refuse"), &request(true));
    begun(&mut exchange, "text/event-stream");
    exchange.on(Event::ResponseData { chunk: &bytes, end: false, now: NOW });
    let effect = exchange.on(Event::ResponseTrailers { writable: false, now: NOW });
    assert_eq!(effect, Effect::Finish(Vec::new()), "a complete stream may end with trailers");
}

#[test]
fn more_choices_than_were_asked_for_end_the_stream_with_an_error_event() {
    let first = stream(&["A"], &[call("c1", "get_weather", r#"{"town":"Oslo"}"#)], 4);
    let first = first.strip_suffix(b"data: [DONE]\n\n").unwrap();
    let another = String::from_utf8(stream(&["B"], &[], 1)).unwrap().replace("\"index\":0", "\"index\":1");
    // Had the first choice led to another round, the second would never have had an end.
    let (out, other) = run("feedback", &[first, another.as_bytes()].concat(), &[33]);
    assert_eq!((accumulate(&out).error.as_str(), other), ("upstream_invalid", None));
}

#[test]
fn an_unreadable_event_ends_the_stream_with_an_error_event() {
    for (event, code) in [
        // A line without a field is removed.
        ("{\"choices\":[{\"message\":{}}]}\n\n".to_owned(), "upstream_truncated"),
        ("data: {not json\n\n".to_owned(), "upstream_invalid"),
        ("data: {\"choices\":[],\"choices\":[]}\n\n".to_owned(), "upstream_invalid"),
        (format!("data: {}", "x".repeat(70_000)), "response_too_large"),
    ] {
        let bytes = [b"data: {\"id\":\"a\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n", event.as_bytes()].concat();
        let (out, _) = run("refuse", &bytes, &[1000]);
        let seen = accumulate(&out);
        assert_eq!((seen.content.as_str(), seen.error.as_str()), ("Hi", code));
    }
}

fn any_call() -> impl Strategy<Value = (String, String)> {
    let names = prop_oneof![Just("get_weather"), Just("order"), Just("rm_rf"), Just(""), Just("get_weath")];
    let arguments = prop_oneof![
        Just(GOOD.to_owned()),
        Just(r#"{ "city": "Ål\u00e5 😀" }"#.to_owned()),
        Just(r#"{"city":"Oslo","SECRET":"SECRET"}"#.to_owned()),
        Just(r#"{"sku":"a"}"#.to_owned()),
        Just("{\"city\":".to_owned()),
        Just(String::new()),
        "[ -~]{0,12}".prop_map(|text| format!("SECRET{text}")),
    ];
    (names.prop_map(str::to_owned), arguments)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_bytes_and_equals_the_whole_answer(
        text in proptest::collection::vec("[a-zåäö😀 ]{1,6}", 0..4),
        calls in proptest::collection::vec(any_call(), 0..5),
        cut in 1_usize..6,
        chunks in proptest::collection::vec(1_usize..80, 1..8),
        on_violation in prop_oneof![Just("refuse"), Just("error")],
    ) {
        let calls: Vec<Value> =
            calls.iter().enumerate().map(|(n, (name, arguments))| call(&format!("c{n}"), name, arguments)).collect();
        let text: Vec<&str> = text.iter().map(String::as_str).collect();
        let bytes = stream(&text, &calls, cut);
        let (chunked, other) = run(on_violation, &bytes, &chunks);
        prop_assert_eq!(other, None);
        let (whole, _) = run(on_violation, &bytes, &[]);
        prop_assert_eq!(String::from_utf8_lossy(&chunked), String::from_utf8_lossy(&whole));
        prop_assert!(!String::from_utf8_lossy(&chunked).contains("SECRET"));

        let (mut exchange, _) = sent(&gate(on_violation), &request(false));
        let content = text.concat();
        let content = if content.is_empty() { Value::Null } else { json!(content) };
        match answered(&mut exchange, &answer(content, &calls)) {
            Effect::Finish(unary) => prop_assert_eq!(accumulate(&chunked), seen(&unary)),
            effect => prop_assert_eq!(accumulate(&chunked).error, refused(effect).1),
        }
    }

    /// Whatever order events come in, the exchange does not panic, and an emission is never empty.
    #[test]
    fn any_order_of_events_fails_closed(events in proptest::collection::vec(0_u8..14, 0..20), streams in any::<bool>()) {
        let (mut exchange, _) = sent(&gate("feedback"), &request(streams));
        let bytes = stream(&["Hi"], &[call("c1", "lookup", r#"{"key":"k"}"#)], 2);
        for event in events {
            let json = headers(&[(":status", "200"), ("content-type", "application/json")]);
            let sse = headers(&[(":status", "200"), ("content-type", "text/event-stream")]);
            let whole = answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)]).to_string();
            let effect = match event {
                0 => exchange.on(Event::RequestHead { headers: &lend(&request_headers("clerk")), verified: None, end: false }),
                1 => exchange.on(Event::RequestData { chunk: b"{}", end: true, now: NOW }),
                2 => exchange.on(Event::RequestTrailers { now: NOW }),
                3 => exchange.on(Event::ResponseHead { headers: &lend(&json), end: false }),
                4 => exchange.on(Event::ResponseHead { headers: &lend(&sse), end: false }),
                5 => exchange.on(Event::ResponseData { chunk: &bytes, end: false, now: NOW }),
                6 => exchange.on(Event::ResponseData { chunk: whole.as_bytes(), end: true, now: NOW }),
                7 => exchange.on(Event::ResponseTrailers { writable: true, now: NOW }),
                8 => exchange.on(Event::CallsRun(Ok(vec![]))),
                9 => model_answered(&mut exchange, &answer(json!("x"), &[])),
                10 => exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW }),
                11 => exchange.on(Event::Tick { writable: true, now: NOW * 20 }),
                12 => exchange.on(Event::Tick { writable: false, now: NOW * 100 }),
                _ => exchange.on(Event::Cancelled),
            };
            prop_assert_ne!(effect, Effect::Emit(Vec::new()));
        }
    }
}

/// A call whose fragments are given one by one.
fn fragments(pieces: &[(Option<&str>, &str, &str)]) -> Vec<u8> {
    let mut bytes = stream(&["Before."], &[], 1);
    let end = bytes.windows(12).position(|window| window == b"\"delta\":{},\"").unwrap();
    let end = bytes[..end].windows(6).rposition(|window| window == b"data: ").unwrap();
    let finish = String::from_utf8(bytes.split_off(end)).unwrap().replace("\"stop\"", "\"tool_calls\"");
    for (id, name, arguments) in pieces {
        let mut call = json!({ "index": 0, "function": { "name": name, "arguments": arguments } });
        if let Some(id) = id {
            call["id"] = json!(id);
        }
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
            "choices": [{ "index": 0, "delta": { "tool_calls": [call] }, "finish_reason": null }],
        });
        bytes.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
    }
    bytes.extend_from_slice(finish.as_bytes());
    bytes
}

#[test]
fn a_name_may_come_in_pieces_while_it_can_become_an_allowed_one() {
    let bytes = fragments(&[
        (Some("c1"), "get_", ""),
        (None, "wea", ""),
        (None, "ther", "{\"city\":"),
        (None, "", "\"Oslo\"}"),
    ]);
    let (out, _) = run("refuse", &bytes, &[11]);
    assert_eq!(accumulate(&out).calls, [("c1".into(), "get_weather".into(), GOOD.into())]);
}

#[test]
fn a_call_with_no_possible_name_is_doomed_and_its_arguments_are_dropped() {
    let mut pieces = vec![(Some("c1"), "get_x", "{\"SECRET\":\"")];
    let piece = "SECRET".repeat(20);
    pieces.extend(std::iter::repeat_n((None, "", piece.as_str()), 50));
    let (mut exchange, _) = sent(&gate("refuse"), &request(true));
    let (out, other) = streamed(&mut exchange, &fragments(&pieces), &[64]);
    assert_eq!(other, None);
    let seen = accumulate(&out);
    assert!(
        seen.content.starts_with("Before.\n\nCallgate refused the call of `get_x` (tool_not_in_contract)"),
        "{seen:?}"
    );
    assert_eq!((seen.finish.as_str(), seen.calls.len()), ("stop", 0));
    assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
}

#[test]
fn a_tool_of_another_role_is_given_up_early_with_the_verdict_it_would_have_had() {
    let bytes = fragments(&[(Some("c1"), "or", ""), (None, "der", r#"{"sku":"#), (None, "", r#""SECRET"}"#)]);
    let mut exchange = callgate_engine::Exchange::new(gate("refuse"), "exchange-1");
    let body = json!({ "model": "gpt-4o", "stream": true, "messages": [], "tools": [tool("get_weather")] });
    let effect = send(&mut exchange, "viewer", body.to_string().as_bytes());
    assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");
    let (out, _) = streamed(&mut exchange, &bytes, &[9]);
    assert!(accumulate(&out).content.contains("`order` (role_forbidden)"), "{:?}", accumulate(&out));
}
