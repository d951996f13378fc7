//! Bedrock Converse through the engine: the same verdicts, whole and streamed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use std::collections::HashMap;
use std::rc::Rc;

use crate::common::{NOW, batch, contract, feed, finished, gate_over, headers, model_answered, model_request, ran};
use callgate_engine::{CallFailed, Effect, Event, Exchange, Gate, Offer, Reply, lend};
use callgate_test_apis::event_stream::{self, event, events};
use proptest::prelude::*;
use serde_json::{Value, json};

const STREAM_TYPE: &str = "application/vnd.amazon.eventstream";
const MODEL: &str = "us.anthropic.claude-sonnet-4-20250514-v1%3A0";
const GOOD: &str = r#"{"city":"Oslo"}"#;

fn gate(on_violation: &str) -> Rc<Gate> {
    let text = contract(on_violation).replace("[\"gpt-*\"]", "[\"*claude*\"]\n  providerTools: [nova_grounding]");
    gate_over(&text, Offer::Declared)
}

fn path(model: &str, stream: bool) -> String {
    format!("/model/{model}/converse{}", if stream { "-stream" } else { "" })
}

fn send(exchange: &mut Exchange, path: &str, role: &str, body: &[u8]) -> Effect {
    let headers = headers(&[
        (":method", "POST"),
        (":path", path),
        (":authority", "bedrock-runtime.eu-north-1.amazonaws.com"),
        ("content-type", "application/json"),
        ("authorization", "Bearer bedrock-api-key"),
        ("x-tenant", "acme"),
        ("x-role", role),
    ]);
    match exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }) {
        Effect::Hold => exchange.on(Event::RequestData { chunk: body, end: true, now: NOW }),
        effect => effect,
    }
}

fn tool(name: &str) -> Value {
    json!({"toolSpec": {"name": name, "description": "poisoned", "inputSchema": {"json": {}}}})
}

fn request() -> Value {
    json!({
        "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        "toolConfig": {"tools": [tool("get_weather"), tool("order"), tool("lookup")]},
        "inferenceConfig": {"maxTokens": 9000},
    })
}

#[test]
fn a_count_of_tokens_has_the_rules_of_the_request_in_it() {
    let path = format!("/model/{MODEL}/count-tokens");
    let count = |request: Value| {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let body = json!({ "input": { "converse": request } });
        let effect = send(&mut exchange, &path, "clerk", body.to_string().as_bytes());
        (exchange, effect)
    };
    let mut good = request();
    good.as_object_mut().unwrap().remove("inferenceConfig");
    let (mut exchange, effect) = count(good.clone());
    let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
    let sent: Value = serde_json::from_slice(&forward.body).unwrap();
    assert_eq!(sent["input"]["converse"]["messages"], good["messages"]);
    assert!(
        !sent.to_string().contains("poisoned") && sent["input"]["converse"].get("inferenceConfig").is_none(),
        "{sent}"
    );
    exchange
        .on(Event::ResponseHead { headers: &[(":status", b"200"), ("content-type", b"application/json")], end: false });
    let effect = exchange.on(Event::ResponseData { chunk: br#"{"inputTokens":30}"#, end: true, now: NOW });
    assert!(matches!(&effect, Effect::Finish(body) if body == br#"{"inputTokens":30}"#), "{effect:?}");

    good["toolConfig"]["tools"] = json!([tool("rm_rf")]);
    assert_eq!(refused(count(good).1).2, "tool_not_in_contract");
    for body in [
        r#"{"input":{"invokeModel":{"body":"e30="}}}"#,
        r#"{"input":{"converse":{"messages":[]},"invokeModel":{"body":"e30="}}}"#,
        r#"{"input":{"converse":{"messages":[]}},"x":1}"#,
        r#"{"messages":[]}"#,
        "{}",
    ] {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        assert_eq!(refused(send(&mut exchange, &path, "clerk", body.as_bytes())).2, "request_invalid", "{body}");
    }
}

/// Sends a clerk's request; returns the exchange and the forwarded request.
fn sent(on_violation: &str, stream: bool) -> (Exchange, Value) {
    sent_by("clerk", &request(), on_violation, stream)
}

fn sent_by(role: &str, request: &Value, on_violation: &str, stream: bool) -> (Exchange, Value) {
    let mut exchange = Exchange::new(gate(on_violation), "exchange-1");
    match send(&mut exchange, &path(MODEL, stream), role, request.to_string().as_bytes()) {
        Effect::Forward(forward) => (exchange, serde_json::from_slice(&forward.body).unwrap()),
        effect => panic!("the request did not go on: {effect:?}"),
    }
}

fn refused(effect: Effect) -> (u16, String, String) {
    match effect {
        Effect::Reply(Reply { status, body, .. }) => {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let message = body["message"].as_str().unwrap();
            let code = message.split([':', ' ']).next().unwrap();
            (status, body["__type"].as_str().unwrap().to_owned(), code.to_owned())
        }
        effect => panic!("expected an answer of ours, got {effect:?}"),
    }
}

/// A call as a block. Arguments that are not JSON become a string, which no schema accepts.
fn used(id: &str, name: &str, arguments: &str) -> Value {
    let input = serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments));
    json!({"toolUse": {"toolUseId": id, "name": name, "input": input}})
}

fn answer(content: &[Value]) -> Value {
    let called = content.iter().any(|block| block.get("toolUse").is_some());
    json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": if called { "tool_use" } else { "end_turn" },
        "usage": {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}, "metrics": {"latencyMs": 3},
    })
}

fn answered(exchange: &mut Exchange, body: &[u8]) -> Effect {
    assert_eq!(crate::common::begun(exchange, "application/json"), Effect::Hold);
    exchange.on(Event::ResponseData { chunk: body, end: true, now: NOW })
}

fn delta(index: usize, delta: &Value) -> Vec<u8> {
    event("contentBlockDelta", &json!({"contentBlockIndex": index, "delta": delta, "p": "abc"}))
}

/// The turn of an answer as a stream, texts and inputs in pieces of `cut` characters.
fn stream_of(answer: &Value, cut: usize) -> Vec<u8> {
    let mut bytes = event("messageStart", &json!({"role": "assistant", "p": "abcd"}));
    let pieces = |text: &str| -> Vec<String> {
        let characters: Vec<char> = text.chars().collect();
        characters.chunks(cut.max(1)).map(|piece| piece.iter().collect()).collect()
    };
    for (index, block) in answer["output"]["message"]["content"].as_array().unwrap().iter().enumerate() {
        if let Some(text) = block["text"].as_str() {
            pieces(text).iter().for_each(|piece| bytes.extend(delta(index, &json!({"text": piece}))));
        } else {
            let used = &block["toolUse"];
            let start = json!({"toolUse": {"toolUseId": used["toolUseId"], "name": used["name"]}});
            bytes.extend(event("contentBlockStart", &json!({"contentBlockIndex": index, "start": start})));
            let input = used["input"].to_string();
            pieces(&input).iter().for_each(|piece| bytes.extend(delta(index, &json!({"toolUse": {"input": piece}}))));
        }
        bytes.extend(event("contentBlockStop", &json!({"contentBlockIndex": index})));
    }
    bytes.extend(event("messageStop", &json!({"stopReason": answer["stopReason"], "p": "a"})));
    bytes.extend(event("metadata", &json!({"usage": answer["usage"], "metrics": {"latencyMs": 3}})));
    bytes
}

/// Feeds a stream in chunks. Returns every forwarded byte, and the effect that was not an emission, if any.
fn streamed(exchange: &mut Exchange, bytes: &[u8], chunks: &[usize]) -> (Vec<u8>, Option<Effect>) {
    assert_eq!(crate::common::begun(exchange, STREAM_TYPE), Effect::BeginStream);
    feed(exchange, bytes, chunks)
}

/// A client's view of an answer or a stream: its blocks, its reason, its usage, the code of its error.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    content: Vec<Value>,
    reason: String,
    usage: Value,
    error: String,
}

fn seen(body: &[u8]) -> Seen {
    let body: Value = serde_json::from_slice(body).unwrap();
    Seen {
        content: body["output"]["message"]["content"].as_array().unwrap().clone(),
        reason: body["stopReason"].as_str().unwrap().to_owned(),
        usage: body["usage"].clone(),
        error: String::new(),
    }
}

/// As AWS' SDKs and agents add up events: by index, a block when it stops.
fn accumulate(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let mut blocks: HashMap<u64, Value> = HashMap::new();
    let add = |to: &mut Value, piece: &Value| {
        *to = json!(format!("{}{}", to.as_str().unwrap_or_default(), piece.as_str().unwrap()));
    };
    for (kind, value) in events(bytes) {
        let at = value["contentBlockIndex"].as_u64().unwrap_or_default();
        let delta = &value["delta"];
        match kind.as_str() {
            "contentBlockStart" => assert_eq!(blocks.insert(at, value["start"].clone()), None),
            "contentBlockDelta" if delta["text"].is_string() => {
                add(&mut blocks.entry(at).or_insert(json!({}))["text"], &delta["text"]);
            }
            "contentBlockDelta" => {
                add(&mut blocks.get_mut(&at).unwrap()["toolUse"]["input"], &delta["toolUse"]["input"]);
            }
            "contentBlockStop" => {
                assert_eq!(at, u64::try_from(seen.content.len()).unwrap(), "no gaps");
                let mut block = blocks.remove(&at).unwrap();
                if let Some(input) = block.get_mut("toolUse").map(|used| &mut used["input"]) {
                    *input = serde_json::from_str(input.as_str().unwrap()).unwrap();
                }
                seen.content.push(block);
            }
            "messageStop" => value["stopReason"].as_str().unwrap().clone_into(&mut seen.reason),
            "metadata" => seen.usage = value["usage"].clone(),
            "messageStart" => {}
            _ => value["message"].as_str().unwrap().split([':', ' ']).next().unwrap().clone_into(&mut seen.error),
        }
    }
    assert!(blocks.is_empty(), "every block stops");
    seen
}

#[test]
fn a_request_is_checked_against_contract_and_role_and_rewritten() {
    let (_, body) = sent("refuse", true);
    assert_eq!(body["inferenceConfig"]["maxTokens"], 500);
    let spec = &body["toolConfig"]["tools"][0]["toolSpec"];
    assert_eq!((&spec["name"], &spec["description"]), (&json!("get_weather"), &json!("The weather of a city.")));
    assert_eq!(spec["inputSchema"]["json"]["required"], json!(["city"]));

    let prompt = "arn%3Aaws%3Abedrock%3Aeu-north-1%3A123456789012%3Aprompt%2Fclaudeprom";
    let with = |name: &str, value: Value| {
        let mut body = request();
        body[name] = value;
        body
    };
    let tools = |tools: Value| with("toolConfig", json!({"tools": tools}));
    for (model, role, body, expected) in [
        ("amazon.nova-pro-v1%3A0", "clerk", request(), (400, "ValidationException", "model_not_allowed")),
        (MODEL, "clerk", with("modelId", json!("nova")), (400, "ValidationException", "model_not_allowed")),
        (MODEL, "nobody", request(), (400, "ValidationException", "role_forbidden")),
        (MODEL, "viewer", request(), (400, "ValidationException", "role_forbidden")),
        (MODEL, "clerk", tools(json!([tool("rm_rf")])), (400, "ValidationException", "tool_not_in_contract")),
        (
            MODEL,
            "clerk",
            tools(json!([{"systemTool": {"name": "nova_code_interpreter"}}])),
            (400, "ValidationException", "provider_tool_forbidden"),
        ),
        (
            MODEL,
            "clerk",
            with("toolConfig", json!({ "tools": [], "future": {} })),
            (400, "ValidationException", "provider_tool_forbidden"),
        ),
        (prompt, "clerk", request(), (400, "ValidationException", "server_state_forbidden")),
        (
            MODEL,
            "clerk",
            with("additionalModelRequestFields", json!({"tools": [{"type": "bash_20250124", "name": "bash"}]})),
            (400, "ValidationException", "request_invalid"),
        ),
        (MODEL, "clerk", json!([]), (400, "ValidationException", "request_invalid")),
        ("a%252Fclaude", "clerk", request(), (400, "ValidationException", "request_invalid")),
    ] {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let effect = send(&mut exchange, &path(model, false), role, body.to_string().as_bytes());
        let (status, kind, code) = refused(effect);
        assert_eq!((status, kind.as_str(), code.as_str()), expected, "{body}");
    }
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let body = tools(json!([{"systemTool": {"name": "nova_grounding"}}])).to_string();
    assert!(matches!(send(&mut exchange, &path(MODEL, false), "clerk", body.as_bytes()), Effect::Forward(_)));
}

#[test]
fn an_allowed_unary_answer_keeps_every_byte() {
    let (mut exchange, _) = sent("refuse", false);
    let body = format!(" {:#}\n", answer(&[json!({"text": "Look:"}), used("t1", "get_weather", GOOD)]));
    assert_eq!(String::from_utf8(finished(answered(&mut exchange, body.as_bytes()))).unwrap(), body);
    assert_eq!(exchange.tally().verdict(), "allow");
}

#[test]
fn a_refused_call_becomes_a_text_and_the_turn_ends() {
    let turn = answer(&[json!({"text": "Sure."}), used("t1", "rm_rf", r#"{"SECRET":1}"#)]);
    let (mut exchange, _) = sent("refuse", false);
    let whole = finished(answered(&mut exchange, turn.to_string().as_bytes()));
    assert!(!String::from_utf8_lossy(&whole).contains("SECRET"));
    let whole = seen(&whole);
    assert_eq!((whole.reason.as_str(), whole.content.len()), ("end_turn", 2));
    assert!(whole.content[1]["text"].as_str().unwrap().starts_with("Callgate refused the call of `rm_rf`"));

    let (mut exchange, _) = sent("refuse", true);
    let (out, other) = streamed(&mut exchange, &stream_of(&turn, 2), &[11]);
    assert_eq!(other, None);
    assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
    assert_eq!(accumulate(&out), whole);
}

#[test]
fn on_error_a_call_ends_the_exchange_in_an_exception() {
    let turn = answer(&[json!({"text": "A"}), used("t1", "get_weather", GOOD), used("t2", "order", r#"{"sku":7}"#)]);
    let (mut exchange, _) = sent("error", false);
    let (status, kind, code) = refused(answered(&mut exchange, turn.to_string().as_bytes()));
    assert_eq!((status, kind.as_str(), code.as_str()), (400, "ValidationException", "arguments_invalid"));

    let (mut exchange, _) = sent("error", true);
    let (out, _) = streamed(&mut exchange, &stream_of(&turn, 3), &[64]);
    let (kind, value) = events(&out).pop().unwrap();
    assert_eq!(kind, "!validationException");
    assert!(value["message"].as_str().unwrap().starts_with("arguments_invalid at /sku: "), "{value}");
    assert_eq!(
        events(&out).iter().filter(|(kind, _)| kind == "contentBlockStart").count(),
        0,
        "held to the turn's end"
    );
}

fn not_run() -> Value {
    let message =
        "This call did not run, because of another call of the same turn. Ask for it again if it is still needed.";
    json!({ "error": { "code": "call_not_run", "message": message } })
}

#[test]
fn a_server_run_call_runs_and_the_client_sees_one_turn() {
    let turn = answer(&[
        json!({"text": "Let me look."}),
        used("t1", "lookup", r#"{ "key": "k" }"#),
        used("t2", "get_weather", GOOD),
    ]);
    let last = answer(&[json!({"text": "Found."}), used("t3", "get_weather", GOOD)]);
    let check = |exchange: &mut Exchange, effect: Effect| {
        let batch = batch(effect);
        assert_eq!((batch.calls.len(), batch.calls[0].arguments.as_str()), (1, r#"{"key":"k"}"#));
        let ask = model_request(ran(exchange, &batch, &[r#"{"found":true}"#]));
        assert_eq!(ask.path, path(MODEL, false), "a further round is not streamed");
        assert!(ask.headers.contains(&("authorization".into(), "Bearer bedrock-api-key".into())));
        let body: Value = serde_json::from_slice(&ask.body).unwrap();
        assert_eq!(
            body["messages"].as_array().unwrap()[1..],
            [
                json!({"role": "assistant", "content": [
                    {"text": "Let me look."}, used("t1", "lookup", r#"{"key":"k"}"#), used("t2", "get_weather", GOOD),
                ]}),
                json!({"role": "user", "content": [
                    {"toolResult": {"toolUseId": "t1", "content": [{"json": {"found": true}}]}},
                    {"toolResult": {"toolUseId": "t2", "content": [{"json": not_run()}], "status": "error"}},
                ]}),
            ]
        );
        finished(model_answered(exchange, &last))
    };
    let (mut exchange, _) = sent("refuse", false);
    let effect = answered(&mut exchange, turn.to_string().as_bytes());
    let whole = seen(&check(&mut exchange, effect));
    assert_eq!(
        whole.content,
        [json!({"text": "Let me look."}), json!({"text": "Found."}), used("t3", "get_weather", GOOD)]
    );
    assert_eq!((whole.usage["totalTokens"].as_u64(), whole.reason.as_str()), (Some(24), "tool_use"));

    let (mut exchange, _) = sent("refuse", true);
    let (mut out, other) = streamed(&mut exchange, &stream_of(&turn, 2), &[13]);
    out.extend(check(&mut exchange, other.unwrap()));
    assert_eq!(accumulate(&out), whole);
}

#[test]
fn feedback_repairs_a_call_within_the_stream() {
    let (mut exchange, _) = sent("feedback", true);
    let turn = answer(&[json!({"text": "Hm."}), used("t1", "get_weather", r#"{"town":"Oslo"}"#)]);
    let (mut out, other) = streamed(&mut exchange, &stream_of(&turn, 1), &[7]);
    let ask = model_request(other.unwrap());
    let body: Value = serde_json::from_slice(&ask.body).unwrap();
    let result = &body["messages"][2]["content"][0]["toolResult"];
    assert_eq!(
        (&result["status"], &result["content"][0]["json"]["error"]["code"]),
        (&json!("error"), &json!("arguments_invalid"))
    );
    out.extend(finished(model_answered(&mut exchange, &answer(&[used("t2", "get_weather", GOOD)]))));
    assert_eq!(accumulate(&out).content, [json!({"text": "Hm."}), used("t2", "get_weather", GOOD)]);
}

#[test]
fn streams_that_cannot_be_read_end_in_an_exception() {
    let turn = stream_of(&answer(&[json!({"text": "Hi"}), used("t1", "get_weather", GOOD)]), 2);
    let begin = turn.len() / 3;
    let mut flipped = turn.clone();
    flipped[begin] ^= 1;
    let mut huge = turn[..].to_vec();
    huge.splice(..0, event_stream::summed(1 << 30, 0, b"")[..12].to_vec());
    for (bytes, code) in [
        (turn[..turn.len() - 300].to_vec(), "upstream_truncated"),
        (turn[..begin].to_vec(), "upstream_truncated"),
        (flipped, "upstream_invalid"),
        ([turn.clone(), event("future", &json!({"toolUse": {"name": "f"}}))].concat(), "upstream_invalid"),
        (huge, "response_too_large"),
    ] {
        for size in [1, 50, 100_000] {
            let (mut exchange, _) = sent("refuse", true);
            let (out, other) = streamed(&mut exchange, &bytes, &[size]);
            assert_eq!((accumulate(&out).error.as_str(), other), (code, None));
        }
    }
    let (mut exchange, _) = sent("refuse", true);
    let throttled = event_stream::exception("throttlingException", &json!({"message": "slow: down"}));
    let bytes =
        [&turn[..event_stream::event("messageStart", &json!({"role": "assistant", "p": "abcd"})).len()], &throttled]
            .concat();
    assert_eq!(streamed(&mut exchange, &bytes, &[9]), (bytes.clone(), None));
}

#[test]
fn a_loop_that_fails_ends_the_stream_in_an_exception() {
    let (mut exchange, _) = sent("refuse", true);
    let turn = answer(&[used("t1", "lookup", r#"{"key":"k"}"#)]);
    let (mut out, other) = streamed(&mut exchange, &stream_of(&turn, 9), &[]);
    batch(other.unwrap());
    out.extend(finished(exchange.on(Event::CallsRun(Err(CallFailed::Unreachable)))));
    assert_eq!(accumulate(&out).error, "executor_unavailable");
}

#[test]
fn an_error_of_the_api_goes_through_with_its_status() {
    let (mut exchange, _) = sent("refuse", true);
    let headers = headers(&[
        (":status", "429"),
        ("content-type", "application/json"),
        ("x-amzn-errortype", "ThrottlingException"),
    ]);
    exchange.on(Event::ResponseHead { headers: &lend(&headers), end: false });
    let body = br#"{"message":"Too many requests"}"#;
    assert_eq!(exchange.on(Event::ResponseData { chunk: body, end: true, now: NOW }), Effect::Finish(body.to_vec()));
}

fn any_block() -> impl Strategy<Value = Value> {
    let names = prop_oneof![Just("get_weather"), Just("order"), Just("rm_rf"), Just("get_weath")];
    let arguments = prop_oneof![
        Just(GOOD.to_owned()),
        Just(r#"{"city":"Ål\u00e5 😀","days":2.0}"#.to_owned()),
        Just(r#"{"city":"Oslo","SECRET":"SECRET"}"#.to_owned()),
        Just(r#"{"sku":"a"}"#.to_owned()),
        Just("{}".to_owned()),
        "[ -~]{0,12}".prop_map(|text| format!("SECRET{text}")),
    ];
    prop_oneof![
        "[a-zåäö😀 \"]{1,8}".prop_map(|text| json!({"text": text})),
        (names, arguments, 0..6_u8).prop_map(|(name, arguments, id)| used(&format!("t{id}"), name, &arguments)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_bytes_and_equals_the_whole_answer(
        content in proptest::collection::vec(any_block(), 0..7),
        cut in 1_usize..6,
        chunks in proptest::collection::vec(1_usize..200, 1..8),
        on_violation in prop_oneof![Just("refuse"), Just("error")],
        // A viewer has no server-run tool, so each call is forwarded when it is complete, not when the turn is.
        role in prop_oneof![Just("clerk"), Just("viewer")],
    ) {
        let answer = answer(&content);
        let bytes = stream_of(&answer, cut);
        let mut request = request();
        if role == "viewer" {
            request["toolConfig"]["tools"] = json!([tool("get_weather")]);
        }
        let run = |chunks: &[usize]| {
            let (mut exchange, _) = sent_by(role, &request, on_violation, true);
            streamed(&mut exchange, &bytes, chunks)
        };
        let (chunked, other) = run(&chunks);
        prop_assert_eq!(other, None);
        prop_assert_eq!(&run(&[]).0, &chunked);
        prop_assert!(!String::from_utf8_lossy(&chunked).contains("SECRET"));

        let (mut exchange, _) = sent_by(role, &request, on_violation, false);
        match answered(&mut exchange, answer.to_string().as_bytes()) {
            Effect::Finish(whole) => {
                prop_assert!(!String::from_utf8_lossy(&whole).contains("SECRET"));
                prop_assert_eq!(accumulate(&chunked), seen(&whole));
            }
            effect => prop_assert_eq!(accumulate(&chunked).error, refused(effect).2),
        }
    }
}
