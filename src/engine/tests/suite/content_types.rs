//! Content types of answers: missing or wrong ones, read only if they are unambiguous.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use crate::common::*;
use callgate_engine::{Effect, Event, Exchange, lend};
use serde_json::{Value, json};

fn undeclared(stream: bool, content_type: Option<&str>) -> Exchange {
    let (mut exchange, _) = sent(&gate("refuse"), &request(stream));
    let mut pairs = vec![(":status", "200")];
    pairs.extend(content_type.map(|value| ("content-type", value)));
    assert_eq!(exchange.on(Event::ResponseHead { headers: &lend(&headers(&pairs)), end: false }), Effect::Hold);
    exchange
}

#[test]
fn a_stream_without_a_content_type_is_recognized_by_its_first_bytes_in_any_chunking() {
    let calls = [call("c1", "get_weather", r#"{"town":"SECRET"}"#), call("c2", "order", r#"{"sku":"a"}"#)];
    let whole = stream(&["Hi"], &calls, 3);
    for (before, content_type) in [("", None), ("\u{feff}", Some("text/plain")), (": ping\n\n", None), ("\n\n", None)] {
        let bytes = [before.as_bytes(), &whole].concat();
        for size in [1, 2, 7, 10_000] {
            let mut exchange = undeclared(true, content_type);
            let mut out = Vec::new();
            for chunk in bytes.chunks(size) {
                match told(&mut exchange, chunk) {
                    Effect::Hold => {}
                    Effect::Emit(more) => out.extend(more),
                    effect => panic!("{effect:?}"),
                }
            }
            out.extend(finished(exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW })));
            assert_eq!(exchange.content_type(), Some("text/event-stream"));
            let seen = accumulate(&out);
            assert_eq!((seen.calls.len(), seen.finish.as_str(), seen.done), (1, "tool_calls", true), "{before:?}");
            assert!(!String::from_utf8(out).unwrap().contains("SECRET"));
        }
    }
}

#[test]
fn a_server_that_knows_no_streams_answers_whole_and_is_decided() {
    let calls = [call("c1", "get_weather", r#"{"town":"SECRET"}"#)];
    let body = answer(json!("Hi"), &calls).to_string();
    for declared in [true, false] {
        let mut exchange = if declared {
            let (mut exchange, _) = sent(&gate("refuse"), &request(true));
            assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
            exchange
        } else {
            undeclared(true, None)
        };
        let out = finished(exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now: NOW }));
        assert_eq!(exchange.content_type(), Some("application/json"));
        assert_eq!(seen(&out).calls.len(), 0);
        assert!(seen(&out).content.contains("arguments_invalid"));
    }
}

#[test]
fn a_body_of_another_type_than_json_or_a_stream_is_refused() {
    for (stream, text) in [(true, "<html>"), (true, "hello"), (true, ""), (false, "data: {}\n\n"), (false, "dat")] {
        let mut exchange = undeclared(stream, None);
        let effect = exchange.on(Event::ResponseData { chunk: text.as_bytes(), end: true, now: NOW });
        assert_eq!(refused(effect), (502, "upstream_invalid".into()), "{text}");
    }
}

#[test]
fn lines_declared_as_json_are_a_stream_of_ollama() {
    let contract = contract("refuse").replace("gpt-*", "*");
    let gate = gate_of(&contract, callgate_engine::Offer::Declared, true);
    let mut exchange = Exchange::new(gate, "exchange-1");
    let mut head = request_headers("clerk");
    head.retain(|(name, _)| name != ":path");
    head.push((":path".to_owned(), b"/api/chat".to_vec()));
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }], "stream": true });
    assert!(matches!(send_with(&mut exchange, &head, body.to_string().as_bytes()), Effect::Forward(_)));
    assert_eq!(begun(&mut exchange, "application/json"), Effect::BeginStream);
    assert_eq!(exchange.content_type(), Some("application/json"));
    let line = |text: &str, done: bool| {
        format!(
            "{}\n",
            json!({ "model": "m", "created_at": "t", "message": { "role": "assistant", "content": text }, "done": done })
        )
    };
    let bytes = line("hi", false) + &line("", true);
    let out = finished(exchange.on(Event::ResponseData { chunk: bytes.as_bytes(), end: true, now: NOW }));
    let first: Value = serde_json::from_str(std::str::from_utf8(&out).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!(first["message"]["content"], "hi");
}

#[test]
fn blanks_before_an_answer_without_a_type_are_bounded() {
    for stream in [true, false] {
        let (mut exchange, _) = sent(&gate("refuse"), &request(stream));
        assert_eq!(begun(&mut exchange, "text/plain"), Effect::Hold);
        let blanks = |length: usize| vec![b' '; length];
        let mut on = |chunk: &[u8]| exchange.on(Event::ResponseData { chunk, end: false, now: NOW });
        assert_eq!(on(&blanks(1024)), Effect::Hold);
        let Effect::Reply(reply) = on(&blanks(1)) else { panic!("blanks are held without a bound") };
        assert_eq!(reply.status, 502);
    }
}
