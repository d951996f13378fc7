//! Exchanges with Gemini: requests, whole answers, streams, further rounds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use std::rc::Rc;

use crate::common::{
    NOW, batch, begun, finished, gate_over, headers, model_answered, model_request, ran, streamed, told,
};
use callgate_engine::{CallFailed, Effect, Event, Exchange, Gate, Offer, Reply, lend};
use proptest::prelude::*;
use serde_json::{Value, json};

const WHOLE: &str = "/v1beta/models/gemini-2.5-flash:generateContent";
const STREAM: &str = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=k";

fn gate(on_violation: &str) -> Rc<Gate> {
    let contract = crate::common::contract(on_violation).replace("gpt-*", "gemini-*");
    gate_over(&contract, Offer::Declared)
}

/// Sends a clerk's whole request.
fn send(exchange: &mut Exchange, path: &str, body: &Value) -> Effect {
    send_by(exchange, "clerk", path, body)
}

fn send_by(exchange: &mut Exchange, role: &str, path: &str, body: &Value) -> Effect {
    let headers = headers(&[
        (":method", "POST"),
        (":path", path),
        ("content-type", "application/json"),
        ("x-goog-api-key", "key"),
        ("x-tenant", "acme"),
        ("x-role", role),
    ]);
    assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }), Effect::Hold);
    exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW })
}

fn request() -> Value {
    let tool = |name: &str| json!({ "name": name, "description": "poisoned", "parameters": { "type": "OBJECT" } });
    json!({
        "contents": [{ "role": "user", "parts": [{ "text": "hello" }] }],
        "tools": [{ "functionDeclarations": [tool("get_weather"), tool("order"), tool("lookup")] }],
    })
}

fn sent(on_violation: &str, path: &str) -> Exchange {
    sent_by("clerk", on_violation, path)
}

/// A viewer may use no server-run tool: each of its calls is decided by itself.
fn sent_by(role: &str, on_violation: &str, path: &str) -> Exchange {
    let mut exchange = Exchange::new(gate(on_violation), "exchange-1");
    let mut body = request();
    if role == "viewer" {
        body["tools"][0]["functionDeclarations"].as_array_mut().unwrap().truncate(1);
    }
    match send_by(&mut exchange, role, path, &body) {
        Effect::Forward(_) => exchange,
        effect => panic!("the request did not go on: {effect:?}"),
    }
}

fn refused(effect: Effect) -> (u16, String) {
    match effect {
        Effect::Reply(Reply { status, body, .. }) => (status, code(&serde_json::from_slice(&body).unwrap())),
        effect => panic!("expected an answer of ours, got {effect:?}"),
    }
}

fn code(error: &Value) -> String {
    error["error"]["details"][0]["metadata"]["code"].as_str().unwrap_or_default().to_owned()
}

fn call(name: &str, args: Value) -> Value {
    json!({ "functionCall": { "name": name, "args": args } })
}

fn answer(parts: &[Value]) -> Value {
    json!({
        "candidates": [{ "content": { "parts": parts, "role": "model" }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": { "promptTokenCount": 5, "totalTokenCount": 12 },
        "modelVersion": "gemini-2.5-flash", "responseId": "r1",
    })
}

/// The same turn streamed: a part an event, the end with the last or after it.
fn stream(parts: &[Value], beside: bool) -> Vec<u8> {
    let mut bytes = String::new();
    let pieces: Vec<&[Value]> = parts.chunks(1).chain((!beside || parts.is_empty()).then_some(&[][..])).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let mut event = answer(piece);
        if at + 1 < pieces.len() {
            event["candidates"][0].as_object_mut().unwrap().remove("finishReason");
        }
        bytes += &format!("data: {event}\r\n\r\n");
    }
    bytes.into_bytes()
}

/// A client's view of a turn: shown text, calls, the finish reason, the error.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    text: String,
    calls: Vec<Value>,
    finish: String,
    error: String,
    total: u64,
}

impl Seen {
    fn add(&mut self, body: &Value) {
        self.error.push_str(&code(body));
        let candidate = &body["candidates"][0];
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            if part["thought"] != true {
                self.text.push_str(part["text"].as_str().unwrap_or_default());
            }
            if part.get("functionCall").is_some() {
                self.calls.push(part.clone());
            }
        }
        candidate["finishReason"].as_str().unwrap_or_default().clone_into(&mut self.finish);
        self.total = body["usageMetadata"]["totalTokenCount"].as_u64().unwrap_or(self.total);
    }
}

fn accumulate(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    for line in std::str::from_utf8(bytes).unwrap().lines().filter(|line| !line.is_empty()) {
        let event: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap_or(line)).unwrap();
        assert_eq!(line.starts_with("data: "), event["error"].is_null(), "only an error is bare: {line}");
        seen.add(&event);
    }
    seen
}

fn seen(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    seen.add(&serde_json::from_slice(bytes).unwrap());
    seen
}

fn answered(exchange: &mut Exchange, parts: &[Value]) -> Effect {
    assert_eq!(begun(exchange, "application/json; charset=UTF-8"), Effect::Hold);
    let chunk = format!("{:#}\n", answer(parts)).into_bytes();
    exchange.on(Event::ResponseData { chunk: &chunk, end: true, now: NOW })
}

fn oslo() -> Value {
    call("get_weather", json!({ "city": "Oslo" }))
}

#[test]
fn an_allowed_request_is_forwarded_with_the_contracts_declarations_and_limits() {
    let Effect::Forward(forward) = send(&mut Exchange::new(gate("refuse"), "exchange-1"), WHOLE, &request()) else {
        panic!("refused")
    };
    let body: Value = serde_json::from_slice(&forward.body).unwrap();
    let declared = &body["tools"][0]["functionDeclarations"];
    assert_eq!(declared[0]["description"], "The weather of a city.");
    assert_eq!(declared[0]["parametersJsonSchema"]["required"], json!(["city"]));
    assert!(declared[0].get("parameters").is_none());
    assert_eq!(declared.as_array().unwrap().len(), 3);
    assert_eq!(body["generationConfig"], json!({ "maxOutputTokens": 500 }));
    assert_eq!(body["contents"], request()["contents"]);
}

#[test]
fn a_forbidden_request_is_refused_in_googles_format() {
    let with = |member: &str, value: Value| {
        let mut body = request();
        body[member] = value;
        body
    };
    let declared = |name: &str| json!([{ "function_declarations": [{ "name": name }] }]);
    let chosen = |name: &str| json!({ "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": [name] } });
    let other = "/v1beta/models/other:generateContent";
    let array = "/v1beta/models/gemini-pro:streamGenerateContent";
    let table = [
        (other, request(), 400, "model_not_allowed"),
        (WHOLE, with("model", json!("models/other")), 400, "model_not_allowed"),
        (WHOLE, with("tools", declared("rm_rf")), 400, "tool_not_in_contract"),
        (WHOLE, with("tools", json!([{ "googleSearch": {} }])), 400, "provider_tool_forbidden"),
        (WHOLE, with("tools", json!([{ "code_execution": {} }])), 400, "provider_tool_forbidden"),
        (WHOLE, with("cached_content", json!("cachedContents/1")), 400, "server_state_forbidden"),
        (WHOLE, with("toolConfig", chosen("rm_rf")), 400, "tool_not_in_contract"),
        (WHOLE, with("generationConfig", json!({ "candidateCount": 2 })), 400, "request_invalid"),
        (WHOLE, json!({}), 400, "request_invalid"),
        (array, request(), 400, "request_invalid"),
    ];
    for (path, body, status, code) in table {
        let effect = send(&mut Exchange::new(gate("refuse"), "exchange-1"), path, &body);
        assert_eq!(refused(effect), (status, code.to_owned()), "{path} {body}");
    }
}

#[test]
fn a_count_passes_with_the_same_checks() {
    let path = "/v1beta/models/gemini-2.5-flash:countTokens";
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let Effect::Forward(forward) = send(&mut exchange, path, &request()) else { panic!("refused") };
    assert!(!String::from_utf8(forward.body).unwrap().contains("maxOutputTokens"));
    assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
    let count = b"{\"totalTokens\": 31}";
    let effect = exchange.on(Event::ResponseData { chunk: count, end: true, now: NOW });
    assert_eq!(effect, Effect::Finish(count.to_vec()));
    let mut body = request();
    body["tools"] = json!([{ "googleSearch": {} }]);
    let effect =
        send(&mut Exchange::new(gate("refuse"), "exchange-1"), path, &json!({ "generateContentRequest": body }));
    assert_eq!(refused(effect), (400, "provider_tool_forbidden".into()));
}

#[test]
fn an_answer_in_which_nothing_had_to_change_keeps_every_byte() {
    let mut exchange = sent("refuse", WHOLE);
    let parts = [json!({ "text": "fine" }), oslo()];
    assert_eq!(finished(answered(&mut exchange, &parts)), format!("{:#}\n", answer(&parts)).into_bytes());
    assert_eq!(exchange.tally().verdict(), "allow");
}

#[test]
fn a_rounded_number_is_not_a_valid_argument() {
    let mut exchange = sent("error", WHOLE);
    begun(&mut exchange, "application/json");
    let text = answer(&[call("get_weather", json!({ "city": "Oslo", "days": 7 }))]).to_string();
    let text = text.replace(":7}", ":7.00000000000000000001}");
    let effect = exchange.on(Event::ResponseData { chunk: text.as_bytes(), end: true, now: NOW });
    assert_eq!(refused(effect), (400, "arguments_not_json".into()));
}

#[test]
fn refuse_puts_the_reason_in_the_calls_place_and_releases_the_others() {
    let mut exchange = sent("refuse", WHOLE);
    let turn = [json!({ "text": "Sure." }), call("rm_rf", json!({ "a": "SECRET" })), oslo()];
    // Server-run tools hold the whole turn, so the text in place of a call comes last.
    let bytes = finished(answered(&mut exchange, &turn));
    assert!(!String::from_utf8(bytes.clone()).unwrap().contains("SECRET"));
    let seen = seen(&bytes);
    assert!(seen.text.starts_with("Sure.\n\nCallgate refused the call of `rm_rf` (tool_not_in_contract"), "{seen:?}");
    assert_eq!((seen.calls, seen.finish.as_str()), (vec![oslo()], "STOP"));
}

#[test]
fn a_call_no_later_one_can_take_back_is_released_in_its_own_place() {
    let turn =
        [json!({ "text": "A" }), call("rm_rf", json!({})), json!({ "text": "B" }), oslo(), json!({ "text": "C" })];
    let bytes = stream(&turn, true);
    let mut exchange = sent_by("viewer", "refuse", STREAM);
    begun(&mut exchange, "text/event-stream");
    let mut pieces = Vec::new();
    for event in bytes.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>().chunks(2) {
        match told(&mut exchange, &event.concat()) {
            Effect::Emit(out) => pieces.push(accumulate(&out)),
            effect => panic!("nothing went on: {effect:?}"),
        }
    }
    let texts: Vec<&str> = pieces.iter().map(|seen| seen.text.get(..12).unwrap_or(&seen.text)).collect();
    assert_eq!(texts, ["A", "\n\nCallgate r", "\n\nB", "", "C"]);
    assert_eq!(pieces[3].calls, [oslo()]);
    let whole = seen(&finished(answered(&mut sent_by("viewer", "refuse", WHOLE), &turn)));
    assert_eq!(accumulate(&streamed(&mut sent_by("viewer", "refuse", STREAM), &bytes, &[]).0), whole);
}

#[test]
fn error_answers_with_the_code_of_the_call() {
    let mut exchange = sent("error", WHOLE);
    assert_eq!(
        refused(answered(&mut exchange, &[oslo(), call("rm_rf", json!({}))])),
        (400, "tool_not_in_contract".into())
    );
}

#[test]
fn feedback_tells_the_model_and_the_client_sees_only_the_repaired_call() {
    let mut exchange = sent("feedback", WHOLE);
    let signed = json!({ "functionCall": { "id": "x", "name": "get_weather", "args": { "town": "Oslo" } }, "thoughtSignature": "s" });
    let thought = json!({ "text": "Hm", "thought": true });
    let ask = model_request(answered(&mut exchange, &[thought.clone(), signed.clone()]));
    assert_eq!(ask.path, WHOLE);
    let again: Value = serde_json::from_slice(&ask.body).unwrap();
    assert_eq!(again["contents"][1], json!({ "role": "model", "parts": [thought, signed] }));
    let response = &again["contents"][2]["parts"][0]["functionResponse"];
    assert_eq!((&response["id"], &response["name"]), (&json!("x"), &json!("get_weather")));
    assert_eq!(response["response"]["error"]["code"], "arguments_invalid");
    let seen = seen(&finished(model_answered(&mut exchange, &answer(&[oslo()]))));
    assert_eq!((seen.calls, seen.text.as_str(), seen.total), (vec![oslo()], "", 24));
}

#[test]
fn a_server_run_call_is_run_and_the_model_answers_with_its_result() {
    let mut exchange = sent("refuse", WHOLE);
    let turn = [json!({ "text": "Let me look." }), call("lookup", json!({ "key": "k" }))];
    let batch = batch(answered(&mut exchange, &turn));
    assert_eq!((batch.calls[0].id.as_str(), batch.calls[0].arguments.as_str()), ("call_0", r#"{"key":"k"}"#));
    let ask = model_request(ran(&mut exchange, &batch, &[r#"{ "found": true }"#]));
    let again: Value = serde_json::from_slice(&ask.body).unwrap();
    assert_eq!(again["contents"][1], json!({ "role": "model", "parts": turn }), "no id that the call did not have");
    assert_eq!(
        again["contents"][2]["parts"],
        json!([{ "functionResponse": { "name": "lookup", "response": { "found": true } } }])
    );
    let seen = seen(&finished(model_answered(&mut exchange, &answer(&[json!({ "text": "Found." })]))));
    assert_eq!((seen.text.as_str(), seen.total), ("Let me look.\n\nFound.", 24));
}

#[test]
fn a_mixed_turn_goes_back_as_it_came_with_its_signature_in_the_same_part() {
    let mut exchange = sent("refuse", WHOLE);
    let mut order = call("order", json!({ "sku": "a" }));
    order["thoughtSignature"] = json!("s");
    let turn = [order, call("lookup", json!({ "key": "k" }))];
    let batch = batch(answered(&mut exchange, &turn));
    let ask = model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#]));
    let again: Value = serde_json::from_slice(&ask.body).unwrap();
    assert_eq!(again["contents"][1]["parts"], json!(turn));
    let results = &again["contents"][2]["parts"];
    assert_eq!(results[0]["functionResponse"]["response"]["error"]["code"], "call_not_run");
    assert_eq!(results[1]["functionResponse"]["response"], json!({ "found": 1 }));
}

#[test]
fn a_server_run_call_continues_in_the_same_stream_with_the_models_next_answer() {
    let mut exchange = sent("refuse", STREAM);
    let turn = [json!({ "text": "Let me look." }), call("lookup", json!({ "key": "k" }))];
    let (mut out, other) = streamed(&mut exchange, &stream(&turn, true), &[50]);
    assert_eq!(accumulate(&out).text, "Let me look.", "what was said is live");
    let batch = batch(other.unwrap());
    let ask = model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#]));
    assert_eq!(ask.path, "/v1beta/models/gemini-2.5-flash:generateContent?key=k");
    let again: Value = serde_json::from_slice(&ask.body).unwrap();
    assert_eq!(again["contents"][1]["parts"], json!(turn));
    out.extend(finished(model_answered(&mut exchange, &answer(&[json!({ "text": "Found." }), oslo()]))));
    let seen = accumulate(&out);
    assert_eq!((seen.text.as_str(), seen.finish.as_str(), seen.total), ("Let me look.\n\nFound.", "STOP", 24));
    assert_eq!(seen.calls, [oslo()]);
}

#[test]
fn a_loop_that_fails_and_a_stream_that_ends_early_end_in_an_error_event() {
    let mut exchange = sent("refuse", STREAM);
    let turn = [json!({ "text": "A" }), call("lookup", json!({ "key": "k" }))];
    let (mut out, other) = streamed(&mut exchange, &stream(&turn, true), &[50]);
    batch(other.unwrap());
    out.extend(finished(exchange.on(Event::CallsRun(Err(CallFailed::Unreachable)))));
    assert_eq!(accumulate(&out).error, "executor_unavailable");

    let bytes = stream(&[json!({ "text": "A" }), oslo()], false);
    let cut = bytes.len() - 200;
    let (out, _) = streamed(&mut sent("refuse", STREAM), &bytes[..cut], &[31]);
    let seen = accumulate(&out);
    assert_eq!((seen.text.as_str(), seen.calls.len(), seen.error.as_str()), ("A", 0, "upstream_truncated"));
}

#[test]
fn an_unreadable_event_ends_the_stream_with_an_error_event() {
    let first = stream(&[json!({ "text": "Hi" }), json!({ "text": "" })], false);
    let first = first.split_inclusive(|byte| *byte == b'\n').take(2).collect::<Vec<_>>().concat();
    for (event, code) in [
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"function_call\":{\"name\":\"SECRET\"}}]}}]}\n\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"SECRET\",\"partialArgs\":\"SECRET\"}}]}}]}\n\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"executableCode\":{\"code\":\"SECRET\"}}]}}]}\n\n",
    ]
    .map(|event| (event, "upstream_invalid"))
    .into_iter()
    // A line without a field is removed.
    .chain([("[{\"candidates\":\"SECRET\"}]\n\n", "upstream_truncated")])
    {
        let bytes = [&first, event.as_bytes()].concat();
        let (out, _) = streamed(&mut sent("refuse", STREAM), &bytes, &[1000]);
        assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
        let seen = accumulate(&out);
        assert_eq!((seen.text.as_str(), seen.error.as_str()), ("Hi", code));
    }
}

fn any_part() -> impl Strategy<Value = Value> {
    let args = prop_oneof![
        Just(json!({ "city": "Oslo" })),
        Just(json!({ "days": 2, "city": "Ål😀" })),
        Just(json!({ "city": "Oslo", "SECRET": "SECRET" })),
        Just(json!({ "sku": "a" })),
        Just(json!({})),
    ];
    let names = prop_oneof![Just("get_weather"), Just("order"), Just("rm_SECRET"), Just(""), Just("get_weath")];
    prop_oneof![
        2 => "[a-zåäö😀 ]{0,6}".prop_map(|text| json!({ "text": text })),
        1 => "[a-z]{1,6}".prop_map(|text| json!({ "text": text, "thought": true })),
        3 => (names, args, any::<bool>()).prop_map(|(name, args, id)| {
            let mut part = call(name, args);
            if id {
                part["functionCall"]["id"] = json!("same");
            }
            part
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_bytes_and_equals_the_whole_answer(
        parts in proptest::collection::vec(any_part(), 0..7),
        beside in any::<bool>(),
        chunks in proptest::collection::vec(1_usize..80, 1..8),
        on_violation in prop_oneof![Just("refuse"), Just("error")],
        role in prop_oneof![Just("clerk"), Just("viewer")],
    ) {
        let sent = |path| sent_by(role, on_violation, path);
        let bytes = stream(&parts, beside);
        let (chunked, other) = streamed(&mut sent(STREAM), &bytes, &chunks);
        let is_cut = !accumulate(&chunked).error.is_empty();
        prop_assert!(other.is_none() || is_cut && other == Some(Effect::Reset), "{:?}", other);
        let (whole, _) = streamed(&mut sent(STREAM), &bytes, &[]);
        prop_assert_eq!(String::from_utf8_lossy(&chunked), String::from_utf8_lossy(&whole));
        prop_assert!(!String::from_utf8_lossy(&chunked).contains("SECRET\":"));

        match answered(&mut sent(WHOLE), &parts) {
            Effect::Finish(unary) => prop_assert_eq!(accumulate(&chunked), seen(&unary)),
            effect => prop_assert_eq!(accumulate(&chunked).error, refused(effect).1),
        }
    }
}
