//! Exchanges with Ollama: requests, whole answers, streams of lines, further rounds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use std::rc::Rc;

use crate::common::{NOW, batch, begun, feed, finished, gate_over, headers, model_answered, model_request, ran};
use callgate_engine::{CallFailed, Effect, Event, Exchange, Gate, Offer, Reply, lend};
use proptest::prelude::*;
use serde_json::{Value, json};

fn gate(on_violation: &str) -> Rc<Gate> {
    let contract = crate::common::contract(on_violation).replace("gpt-*", "llama*");
    gate_over(&contract, Offer::Declared)
}

/// Sends a whole request.
fn send(exchange: &mut Exchange, role: &str, body: &Value) -> Effect {
    let headers = headers(&[
        (":method", "POST"),
        (":path", "/api/chat"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", role),
    ]);
    assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }), Effect::Hold);
    exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW })
}

/// No `stream`: the API streams then.
fn request(members: Value) -> Value {
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name, "description": "poisoned" } });
    let mut body = json!({
        "model": "llama3.2",
        "messages": [{ "role": "user", "content": "hello" }],
        "tools": [tool("get_weather"), tool("order"), tool("lookup")],
    });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

fn sent_by(role: &str, on_violation: &str, streams: bool) -> Exchange {
    let mut exchange = Exchange::new(gate(on_violation), "exchange-1");
    let mut body = request(if streams { json!({}) } else { json!({ "stream": false }) });
    if role == "viewer" {
        body["tools"].as_array_mut().unwrap().truncate(1);
    }
    match send(&mut exchange, role, &body) {
        Effect::Forward(_) => exchange,
        effect => panic!("the request did not go on: {effect:?}"),
    }
}

fn sent(on_violation: &str, streams: bool) -> Exchange {
    sent_by("clerk", on_violation, streams)
}

fn code(error: &Value) -> String {
    error["error"].as_str().unwrap_or_default().split(':').next().unwrap().to_owned()
}

fn refused(effect: Effect) -> (u16, String) {
    match effect {
        Effect::Reply(Reply { status, body, .. }) => (status, code(&serde_json::from_slice(&body).unwrap())),
        effect => panic!("expected an answer of ours, got {effect:?}"),
    }
}

fn call(name: &str, arguments: Value) -> Value {
    json!({ "function": { "name": name, "arguments": arguments } })
}

fn oslo() -> Value {
    call("get_weather", json!({ "city": "Oslo" }))
}

fn message(content: &str, calls: &[Value]) -> Value {
    let mut message = json!({ "role": "assistant", "content": content });
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    message
}

fn answer(message: Value) -> Value {
    json!({ "model": "llama3.2", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": true,
        "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 7 })
}

/// A turn as lines: pieces of text, each call, the end.
fn lines(text: &[&str], calls: &[Value]) -> Vec<u8> {
    let line = |message: Value| json!({ "model": "llama3.2", "message": message, "done": false });
    let text = text.iter().map(|piece| line(message(piece, &[])));
    let calls = calls.iter().map(|call| line(message("", std::slice::from_ref(call))));
    text.chain(calls).chain([answer(message("", &[]))]).flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

/// Feeds a stream in chunks. Returns every forwarded byte, and the effect that was not an emission, if any.
fn streamed(exchange: &mut Exchange, bytes: &[u8], chunks: &[usize]) -> (Vec<u8>, Option<Effect>) {
    assert_eq!(begun(exchange, "application/x-ndjson"), Effect::BeginStream);
    feed(exchange, bytes, chunks)
}

/// A client's view of a turn.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    content: String,
    calls: Vec<Value>,
    done: bool,
    used: u64,
    error: String,
}

/// Reads the lines of a stream, or the one line of a whole answer.
fn seen(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    for line in std::str::from_utf8(bytes).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        seen.error.push_str(&code(&line));
        seen.content.push_str(line["message"]["content"].as_str().unwrap_or_default());
        seen.calls.extend(line["message"]["tool_calls"].as_array().cloned().unwrap_or_default());
        seen.done |= line["done"] == true;
        seen.used += line["eval_count"].as_u64().unwrap_or_default();
    }
    seen
}

fn answered(exchange: &mut Exchange, message: Value) -> Effect {
    crate::common::answered(exchange, &answer(message))
}

#[test]
fn an_allowed_request_is_forwarded_with_the_contracts_declarations_and_limits() {
    let body = request(json!({ "options": { "num_predict": -1, "seed": 1 } }));
    let Effect::Forward(forward) = send(&mut Exchange::new(gate("refuse"), "exchange-1"), "clerk", &body) else {
        panic!("refused")
    };
    let body: Value = serde_json::from_slice(&forward.body).unwrap();
    assert_eq!(body["tools"][0]["function"]["description"], "The weather of a city.");
    assert_eq!(body["tools"][0]["function"]["parameters"]["required"], json!(["city"]));
    assert_eq!(body["options"], json!({ "num_predict": 500, "seed": 1 }));
    assert!(body.get("stream").is_none());
}

#[test]
fn a_forbidden_request_is_refused_in_ollamas_format() {
    let tools = |kind: &str, name: &str| json!([{ "type": kind, "function": { "name": name } }]);
    let table = [
        (json!({ "model": "other" }), 400, "model_not_allowed"),
        (json!({ "tools": tools("function", "rm_rf") }), 400, "tool_not_in_contract"),
        (json!({ "tools": tools("web_search", "w") }), 400, "provider_tool_forbidden"),
        (json!({ "Tools": tools("function", "rm_rf") }), 400, "request_invalid"),
        (json!({ "messages": "hi" }), 400, "request_invalid"),
    ];
    for (members, status, code) in table {
        let effect = send(&mut Exchange::new(gate("refuse"), "exchange-1"), "clerk", &request(members.clone()));
        assert_eq!(refused(effect), (status, code.to_owned()), "{members}");
    }
}

#[test]
fn a_stream_has_to_be_lines() {
    for declared in ["application/x-ndjson", "application/json"] {
        assert_eq!(begun(&mut sent("refuse", true), declared), Effect::BeginStream, "Ollama's cloud says JSON");
    }
    assert_eq!(refused(begun(&mut sent("refuse", true), "text/event-stream")), (502, "upstream_invalid".into()));
    let mut exchange = sent("refuse", false);
    assert_eq!(refused(begun(&mut exchange, "application/x-ndjson")), (502, "upstream_invalid".into()));
}

#[test]
fn an_unchanged_answer_keeps_every_byte() {
    let mut exchange = sent("refuse", false);
    begun(&mut exchange, "application/json; charset=utf-8");
    let bytes = format!(" {:#}\n", answer(message("fine", &[oslo()])));
    let effect = exchange.on(Event::ResponseData { chunk: bytes.as_bytes(), end: true, now: NOW });
    assert_eq!(String::from_utf8(finished(effect)).unwrap(), bytes);
    let bytes = lines(&["Hel", "lo"], &[]);
    assert_eq!(streamed(&mut sent("refuse", true), &bytes, &[7]), (bytes, None));
}

#[test]
fn refuse_gives_the_reason_after_the_text_and_releases_the_others() {
    let calls = [call("rm_rf", json!({ "a": "SECRET" })), oslo()];
    let whole = finished(answered(&mut sent("refuse", false), message("Sure.", &calls)));
    let (stream, other) = streamed(&mut sent("refuse", true), &lines(&["Su", "re."], &calls), &[11]);
    assert_eq!(other, None);
    for bytes in [whole, stream] {
        assert!(!String::from_utf8_lossy(&bytes).contains("SECRET"));
        let seen = seen(&bytes);
        assert!(
            seen.content.starts_with("Sure.\n\nCallgate refused the call of `rm_rf` (tool_not_in_contract"),
            "{seen:?}"
        );
        assert_eq!((seen.calls, seen.done), (vec![oslo()], true));
    }
}

#[test]
fn error_answers_with_the_code_of_the_call() {
    let calls = [oslo(), call("rm_rf", json!({}))];
    let effect = answered(&mut sent("error", false), message("", &calls));
    assert_eq!(refused(effect), (400, "tool_not_in_contract".into()));
    let (out, _) = streamed(&mut sent("error", true), &lines(&["Hi"], &calls), &[64]);
    let seen = seen(&out);
    assert_eq!((seen.content.as_str(), seen.error.as_str(), seen.done), ("Hi", "tool_not_in_contract", false));
    assert!(seen.calls.is_empty());
}

#[test]
fn feedback_tells_the_model_and_the_client_sees_only_the_repaired_call() {
    let mut exchange = sent("feedback", true);
    let bad =
        json!({ "id": "call_x", "function": { "index": 0, "name": "get_weather", "arguments": { "town": "Oslo" } } });
    let (mut out, other) = streamed(&mut exchange, &lines(&["Hm."], std::slice::from_ref(&bad)), &[11]);
    let again: Value = serde_json::from_slice(&model_request(other.unwrap()).body).unwrap();
    assert_eq!(again["stream"], false);
    assert_eq!(again["messages"][1], message("Hm.", &[bad]));
    assert_eq!(
        (&again["messages"][2]["tool_name"], &again["messages"][2]["tool_call_id"]),
        (&json!("get_weather"), &json!("call_x"))
    );
    assert!(again["messages"][2]["content"].as_str().unwrap().contains("arguments_invalid"));
    out.extend(finished(model_answered(&mut exchange, &answer(message("", &[oslo()])))));
    let seen = seen(&out);
    assert_eq!((seen.content.as_str(), seen.calls, seen.done, seen.used), ("Hm.", vec![oslo()], true, 14));
}

#[test]
fn a_server_run_call_is_run_and_the_model_answers_with_its_result() {
    let lookup = call("lookup", json!({ "key": "k" }));
    for streams in [false, true] {
        let mut exchange = sent("refuse", streams);
        let (mut out, effect) = if streams {
            let (out, other) = streamed(&mut exchange, &lines(&["Let me look."], std::slice::from_ref(&lookup)), &[50]);
            (out, other.unwrap())
        } else {
            (Vec::new(), answered(&mut exchange, message("Let me look.", std::slice::from_ref(&lookup))))
        };
        let batch = batch(effect);
        assert_eq!((batch.calls[0].id.as_str(), batch.calls[0].arguments.as_str()), ("call_0", r#"{"key":"k"}"#));
        let again: Value =
            serde_json::from_slice(&model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#])).body).unwrap();
        assert_eq!(
            again["messages"][1],
            message("Let me look.", std::slice::from_ref(&lookup)),
            "no id that it did not have"
        );
        assert_eq!(again["messages"][2], json!({ "role": "tool", "tool_name": "lookup", "content": r#"{"found":1}"# }));
        out.extend(finished(model_answered(&mut exchange, &answer(message("Found.", &[oslo()])))));
        let seen = seen(&out);
        assert_eq!((seen.content.as_str(), seen.calls, seen.used), ("Let me look.\n\nFound.", vec![oslo()], 14));
    }
}

#[test]
fn a_mixed_turn_tells_the_model_that_the_clients_calls_did_not_run() {
    let mut exchange = sent("refuse", false);
    let calls = [call("order", json!({ "sku": "a" })), call("lookup", json!({ "key": "k" }))];
    let batch = batch(answered(&mut exchange, message("", &calls)));
    let again: Value =
        serde_json::from_slice(&model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#])).body).unwrap();
    assert_eq!(again["messages"][1]["tool_calls"], json!(calls));
    assert!(again["messages"][2]["content"].as_str().unwrap().contains("call_not_run"), "{again}");
    assert_eq!(again["messages"][3]["content"], r#"{"found":1}"#);
}

#[test]
fn a_stream_that_fails_ends_in_an_error_line_and_releases_no_call() {
    let bytes = lines(&["Hi"], &[oslo()]);
    let (out, _) = streamed(&mut sent("refuse", true), &bytes[..bytes.len() - 30], &[31]);
    let early = seen(&out);
    assert_eq!((early.content.as_str(), early.calls.len(), early.error.as_str()), ("Hi", 0, "upstream_truncated"));

    let mut exchange = sent("refuse", true);
    let (mut out, other) = streamed(&mut exchange, &lines(&["A"], &[call("lookup", json!({ "key": "k" }))]), &[50]);
    batch(other.unwrap());
    out.extend(finished(exchange.on(Event::CallsRun(Err(CallFailed::Unreachable)))));
    assert_eq!(seen(&out).error, "executor_unavailable");

    for line in [
        "{\"message\":{\"Tool_calls\":[{\"function\":{\"name\":\"SECRET\"}}]}}\n",
        "data: SECRET\n",
        "{\"status\":\"pulling\",\"call\":{\"arguments\":\"SECRET\"}}\n",
    ] {
        let first = lines(&["Hi"], &[]);
        let bytes = [first.split_inclusive(|byte| *byte == b'\n').next().unwrap(), line.as_bytes()].concat();
        let (out, _) = streamed(&mut sent("refuse", true), &bytes, &[1000]);
        assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
        assert_eq!((seen(&out).content.as_str(), seen(&out).error.as_str()), ("Hi", "upstream_invalid"));
    }
}

/// A line end to some readers, and not to JSON lines.
const LINE_SEPARATOR: char = '\u{2028}';

fn any_call() -> impl Strategy<Value = Value> {
    let arguments = prop_oneof![
        Just(json!({ "city": "Oslo" })),
        Just(json!({ "days": 2, "city": "Ål😀" })),
        Just(json!({ "city": "Oslo", "SECRET": "SECRET" })),
        Just(json!({ "sku": "a\u{2028}" })),
        Just(json!({})),
    ];
    let names = prop_oneof![Just("get_weather"), Just("order"), Just("rm_rf"), Just(""), Just("get_weath")];
    (names, arguments, any::<bool>()).prop_map(|(name, arguments, id)| {
        let mut entry = call(name, arguments);
        if id {
            entry["id"] = json!("same");
        }
        entry
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_bytes_and_equals_the_whole_answer(
        text in proptest::collection::vec("[a-zåäö😀\u{2028} ]{1,6}", 0..4),
        calls in proptest::collection::vec(any_call(), 0..6),
        chunks in proptest::collection::vec(1_usize..80, 1..8),
        on_violation in prop_oneof![Just("refuse"), Just("error")],
        role in prop_oneof![Just("clerk"), Just("viewer")],
    ) {
        let text: Vec<&str> = text.iter().map(String::as_str).collect();
        let bytes = lines(&text, &calls);
        let (chunked, other) = streamed(&mut sent_by(role, on_violation, true), &bytes, &chunks);
        prop_assert_eq!(other, None);
        let (whole, _) = streamed(&mut sent_by(role, on_violation, true), &bytes, &[bytes.len()]);
        prop_assert_eq!(String::from_utf8_lossy(&chunked), String::from_utf8_lossy(&whole));
        prop_assert!(!String::from_utf8_lossy(&chunked).contains("SECRET"));
        prop_assert!(!String::from_utf8_lossy(&chunked).contains(LINE_SEPARATOR));

        match answered(&mut sent_by(role, on_violation, false), message(&text.concat(), &calls)) {
            Effect::Finish(unary) => prop_assert_eq!(seen(&chunked), seen(&unary)),
            effect => prop_assert_eq!(seen(&chunked).error, refused(effect).1),
        }
    }
}
