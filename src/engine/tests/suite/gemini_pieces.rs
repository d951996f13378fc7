//! Exchanges with Gemini whose calls arrive in pieces.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use std::rc::Rc;

use callgate_engine::{Effect, Event, Exchange, Offer, lend};
use serde_json::{Value, json};

use crate::common::{NOW, gate_over, headers, streamed};

const STREAM: &str = "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse";

fn sent() -> Exchange {
    let contract = crate::common::contract("refuse").replace("gpt-*", "gemini-*");
    let mut exchange = Exchange::new(Rc::clone(&gate_over(&contract, Offer::Declared)), "exchange-1");
    let headers = headers(&[
        (":method", "POST"),
        (":path", STREAM),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "viewer"),
    ]);
    exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
    let body = json!({
        "contents": [{ "role": "user", "parts": [{ "text": "hello" }] }],
        "tools": [{ "functionDeclarations": [{ "name": "get_weather" }] }],
        "toolConfig": { "functionCallingConfig": { "streamFunctionCallArguments": true } },
    });
    match exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW }) {
        Effect::Forward(forward) => {
            let forwarded: Value = serde_json::from_slice(&forward.body).unwrap();
            assert_eq!(forwarded["toolConfig"], body["toolConfig"]);
        }
        effect => panic!("the request did not go on: {effect:?}"),
    }
    exchange
}

fn stream(calls: &[Value]) -> String {
    let event = |parts: Value, finish: Option<&str>| {
        let mut candidate = json!({ "content": { "parts": parts, "role": "model" } });
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        format!("data: {}\r\n\r\n", json!({ "candidates": [candidate] }))
    };
    let pieces: String = calls.iter().map(|call| event(json!([{ "functionCall": call }]), None)).collect();
    pieces + &event(json!([{ "text": "" }]), Some("STOP"))
}

/// The calls that the client gets, and the verdict. They are the same however the bytes arrive.
fn outcome(calls: &[Value]) -> (Vec<Value>, String) {
    let text = stream(calls);
    let mut outcomes = Vec::new();
    for size in [1, 11, 100_000] {
        let mut exchange = sent();
        let (out, other) = streamed(&mut exchange, text.as_bytes(), &[size]);
        assert_eq!(other, None, "{text}");
        let out = String::from_utf8(out).unwrap();
        let events = out.lines().filter_map(|line| line.strip_prefix("data: "));
        let events: Vec<Value> = events.map(|data| serde_json::from_str(data).unwrap()).collect();
        let parts =
            events.iter().flat_map(|event| event["candidates"][0]["content"]["parts"].as_array().cloned().unwrap());
        let calls: Vec<Value> = parts.filter_map(|part| part.get("functionCall").cloned()).collect();
        assert!(!out.contains("partialArgs") && !out.contains("willContinue"), "{out}");
        outcomes.push((calls, exchange.tally().verdict().into_owned()));
    }
    assert!(outcomes.iter().all(|other| *other == outcomes[0]), "{outcomes:?}");
    outcomes.remove(0)
}

fn begun() -> Value {
    json!({ "name": "get_weather", "willContinue": true })
}

fn city(text: &str, more: bool) -> Value {
    let piece = json!({ "jsonPath": "$.city", "stringValue": text, "willContinue": more });
    json!({ "partialArgs": [piece], "willContinue": true })
}

#[test]
fn a_call_in_pieces_is_decided_whole_and_released_whole() {
    let days = json!({ "partialArgs": [{ "jsonPath": "$.days", "numberValue": 2.0 }], "willContinue": true });
    let (calls, verdict) = outcome(&[begun(), city("Os", true), city("lo", false), days, json!({})]);
    assert_eq!(verdict, "allow");
    assert_eq!(calls, [json!({ "name": "get_weather", "args": { "city": "Oslo", "days": 2 } })]);
}

#[test]
fn pieces_do_not_get_around_a_schema() {
    let long = [begun(), city("Oslo, and then some", true), city(" more than twenty", false), json!({})];
    let twice = [begun(), city("Oslo", false), city("Rome", false), json!({})];
    let other = [json!({ "name": "rm_rf", "willContinue": true }), json!({})];
    let open = [begun(), city("Oslo", true)];
    let cut = [begun(), city("Oslo", true), json!({})];
    let extra = [begun(), city("Oslo", false), json!({ "partialArgs": [{ "jsonPath": "$['x']", "boolValue": true }] })];
    for (pieces, expected) in [
        (&long[..], "refuse:arguments_invalid"),
        (&twice, "refuse:call_malformed"),
        (&other, "refuse:tool_not_in_contract"),
        (&open, "refuse:arguments_not_json"),
        (&cut, "refuse:arguments_not_json"),
        (&extra, "refuse:arguments_invalid"),
    ] {
        let (calls, verdict) = outcome(pieces);
        assert_eq!((calls.len(), verdict.as_str()), (0, expected), "{pieces:?}");
    }
}
