//! Signatures and encrypted reasoning of APIs whose thoughts are no blocks: Gemini, Responses, Chat Completions, Ollama.

use std::rc::Rc;

use callgate_engine::{Effect, Exchange, Gate, Offer};
use callgate_test_apis::openai_responses::{accumulate, call, message, numbered, reasoning, response, stream_events};
use serde_json::{Value, json};

use crate::at_path::forwarded as sent;
use crate::common::{answered, begun, feed, finished, gate_over, model_answered, model_request, ran};

fn gate(mode: &str) -> Rc<Gate> {
    let sha256 = "0".repeat(64);
    let contract = format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["*"]
  onViolation: {mode}
  serverState: allowed
  roles: {{ clerk: {{ tools: ["order"] }}, server: {{ tools: ["*"] }} }}
  tools:
    - {{ name: order, effects: write, parameters: {{ type: object, required: [n], properties: {{ n: {{ type: number, maximum: 9 }} }} }}, run: {{ client: {{}} }} }}
    - {{ name: search, effects: read, parameters: {{ type: object }}, run: {{ wasm: {{ module: search.wasm, sha256: "{sha256}" }} }} }}
"#
    );
    gate_over(&contract, Offer::Declared)
}

fn asked(exchange: &mut Exchange, effect: Effect) -> Value {
    let effect = match effect {
        Effect::Run(batch) => ran(exchange, &batch, &vec![r#"{"found":1}"#; batch.calls.len()]),
        effect => effect,
    };
    serde_json::from_slice(&model_request(effect).body).unwrap()
}

const GEMINI: &str = "/v1beta/models/m:generateContent";
const GEMINI_STREAM: &str = "/v1beta/models/m:streamGenerateContent?alt=sse";

fn part(name: &str, n: u32, signature: &str) -> Value {
    // Keys in another order than the canonical one.
    let mut part = json!({ "functionCall": { "name": name, "args": { "z": "z", "n": n } } });
    if !signature.is_empty() {
        part["thoughtSignature"] = json!(signature);
    }
    part
}

fn candidate(parts: &[Value]) -> Value {
    json!({ "candidates": [{ "content": { "parts": parts, "role": "model" }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": { "promptTokenCount": 5, "totalTokenCount": 12 }, "modelVersion": "m", "responseId": "r1" })
}

/// Gemini wants a signature in the first call of each step of the turn.
fn parts_of(bytes: &[u8], stream: bool) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    let bodies: Vec<Value> = match stream {
        true => text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect(),
        false => vec![serde_json::from_str(text).unwrap()],
    };
    let parts = bodies
        .iter()
        .flat_map(|body| body["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default());
    parts.collect()
}

#[test]
fn gemini_gets_a_signature_with_the_first_call_of_each_step() {
    let thought = json!({ "text": "Hm.", "thought": true });
    let said = json!({ "text": "Hi", "thoughtSignature": "text-signature" });
    let table = [
        ("refuse", vec![thought.clone(), part("order", 1, "s1"), part("order", 2, "")], "s1"),
        // The next call takes over the signature of the refused one.
        ("refuse", vec![said.clone(), part("order", 10, "s1"), part("order", 2, "")], "s1"),
        ("refuse", vec![part("order", 1, "s1"), part("order", 10, "")], "s1"),
    ];
    for (mode, turn, signature) in table {
        for stream in [false, true] {
            let path = if stream { GEMINI_STREAM } else { GEMINI };
            let request = json!({ "contents": [{ "role": "user", "parts": [{ "text": "a" }] }] });
            let (mut exchange, _) = sent(&gate(mode), "clerk", path, &request);
            let out = if stream {
                begun(&mut exchange, "text/event-stream");
                feed(&mut exchange, format!("data: {}\r\n\r\n", candidate(&turn)).as_bytes(), &[usize::MAX]).0
            } else {
                finished(answered(&mut exchange, &candidate(&turn)))
            };
            let parts = parts_of(&out, stream);
            let calls: Vec<&Value> = parts.iter().filter(|part| part["functionCall"].is_object()).collect();
            assert_eq!(calls[0]["thoughtSignature"], signature, "{parts:?}");
            assert!(calls.iter().skip(1).all(|call| call["thoughtSignature"].is_null()), "{parts:?}");
            if turn[0] == said {
                assert_eq!(parts[0], said, "a signed text keeps its part");
            }
            // The client sends the turn back, and the gate forwards it as it is.
            let responses: Vec<Value> = calls
                .iter()
                .map(|call| json!({ "functionResponse": { "name": call["functionCall"]["name"], "response": {} } }))
                .collect();
            let mut next = request.clone();
            next["contents"]
                .as_array_mut()
                .unwrap()
                .extend([json!({ "role": "model", "parts": parts }), json!({ "role": "user", "parts": responses })]);
            assert_eq!(sent(&gate(mode), "clerk", path, &next).1["contents"], next["contents"]);
        }
    }
}

#[test]
fn a_further_round_of_gemini_has_each_signature_in_its_part() {
    let turn = [
        json!({ "text": "Hm.", "thought": true, "thoughtSignature": "s0" }),
        part("order", 10, "s1"),
        part("search", 1, ""),
        part("order", 1, ""),
    ];
    let (mut exchange, _) = sent(
        &gate("feedback"),
        "server",
        GEMINI,
        &json!({ "contents": [{ "role": "user", "parts": [{ "text": "a" }] }] }),
    );
    let effect = answered(&mut exchange, &candidate(&turn));
    let request = asked(&mut exchange, effect);
    let parts: Vec<Value> = turn.to_vec();
    assert_eq!(request["contents"][1]["parts"], json!(parts));
    assert_eq!(request["contents"][2]["parts"].as_array().unwrap().len(), 3);
    let parts = parts_of(&finished(model_answered(&mut exchange, &candidate(&[part("order", 2, "s2")]))), false);
    assert_eq!(parts.last().unwrap()["thoughtSignature"], "s2");
}

fn secret(id: &str) -> Value {
    let mut item = reasoning("Hm");
    item["id"] = json!(id);
    item["encrypted_content"] = json!(format!("gAAA-{id}"));
    item
}

fn order(id: &str, n: u32) -> Value {
    call(id, "order", &format!(r#"{{"n":{n}}}"#))
}

fn ask(store: bool, stream: bool) -> Value {
    json!({ "model": "m", "store": store, "stream": stream, "include": ["reasoning.encrypted_content"], "input": [{ "role": "user", "content": "hi" }] })
}

#[test]
fn encrypted_reasoning_reaches_the_client_and_a_further_round_unchanged_and_in_order() {
    let turn =
        [secret("rs_1"), order("c1", 10), secret("rs_2"), message("Hi"), call("c2", "search", "{}"), order("c3", 1)];
    for stream in [false, true] {
        let (mut exchange, forwarded) = sent(&gate("feedback"), "server", "/v1/responses", &ask(false, stream));
        assert_eq!(forwarded["include"], json!(["reasoning.encrypted_content"]));
        let effect = if stream {
            begun(&mut exchange, "text/event-stream");
            feed(&mut exchange, numbered(stream_events(&turn, 3)).as_bytes(), &[50]).1.unwrap()
        } else {
            answered(&mut exchange, &response(&turn))
        };
        let request = asked(&mut exchange, effect);
        let input = request["input"].as_array().unwrap();
        let ids: Vec<&str> =
            input[1..7].iter().map(|item| item.get("call_id").unwrap_or(&item["id"]).as_str().unwrap()).collect();
        assert_eq!((ids[0], ids[1], ids[2], ids[4], ids[5]), ("rs_1", "c1", "rs_2", "c2", "c3"), "{request}");
        for (at, id) in [(1, "rs_1"), (3, "rs_2")] {
            assert_eq!(input[at]["encrypted_content"], format!("gAAA-{id}"));
        }
        let last = finished(model_answered(&mut exchange, &response(&[secret("rs_3"), order("c4", 1)])));
        if !stream {
            // Reasoning whose call the client never sees is left out.
            let output = serde_json::from_slice::<Value>(&last).unwrap()["output"].clone();
            let kinds: Vec<&str> = output
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().or(item["call_id"].as_str()).unwrap())
                .collect();
            assert_eq!(kinds.iter().filter(|id| id.starts_with("rs_")).count(), 2, "{output}");
            assert!(!output.to_string().contains("gAAA-rs_1"), "{output}");
            assert!(output.to_string().contains("gAAA-rs_3"), "{output}");
        }
    }
}

#[test]
fn reasoning_that_the_provider_keeps_stands_before_the_item_that_followed_it() {
    for stream in [false, true] {
        for (turn, expected) in [
            (vec![secret("rs_1"), order("c1", 10)], vec!["sentence"]),
            (vec![secret("rs_1"), order("c1", 10), order("c2", 1)], vec!["rs_1", "c2", "sentence"]),
            (vec![secret("rs_1"), order("c2", 1), order("c1", 10)], vec!["rs_1", "c2", "sentence"]),
            (vec![secret("rs_1"), secret("rs_2"), order("c1", 10), order("c3", 11)], vec!["sentence", "sentence"]),
            (vec![secret("rs_1"), message("Hi")], vec!["rs_1", "message"]),
        ] {
            let first = ask(true, stream);
            let (mut exchange, _) = sent(&gate("refuse"), "clerk", "/v1/responses", &first);
            let output = if stream {
                begun(&mut exchange, "text/event-stream");
                let (out, _) = feed(&mut exchange, numbered(stream_events(&turn, 3)).as_bytes(), &[40]);
                accumulate(&out).response["output"].clone()
            } else {
                serde_json::from_slice::<Value>(&finished(answered(&mut exchange, &response(&turn)))).unwrap()["output"]
                    .clone()
            };
            for store in [true, false] {
                let mut next = ask(store, stream);
                let input = next["input"].as_array_mut().unwrap();
                input.extend(output.as_array().unwrap().iter().cloned());
                input.push(json!({ "role": "user", "content": "go on" }));
                let (_, forwarded) = sent(&gate("refuse"), "clerk", "/v1/responses", &next);
                let input = forwarded["input"].as_array().unwrap();
                let name = |item: &Value| {
                    let id = item["call_id"].as_str().or(item["id"].as_str()).unwrap_or_default();
                    if id.contains("_callgate_") {
                        "sentence"
                    } else if item["type"] == "message" {
                        "message"
                    } else {
                        id
                    }
                    .to_owned()
                };
                let names: Vec<String> = input[1..input.len() - 1].iter().map(name).collect();
                if store {
                    assert_eq!(names, expected, "{forwarded}");
                } else {
                    assert_eq!(forwarded["input"], next["input"], "a provider that keeps nothing checks no order");
                }
            }
        }
    }
}

#[test]
fn a_compatible_api_of_gemini_gets_a_signature_with_the_first_call_too() {
    let call = |id: &str, n: u32, signature: &str| {
        let mut call = crate::common::call(id, "order", &format!(r#"{{"n":{n}}}"#));
        if !signature.is_empty() {
            call["extra_content"] = json!({ "google": { "thought_signature": signature } });
        }
        call
    };
    let request =
        |stream: bool| json!({ "model": "m", "stream": stream, "messages": [{ "role": "user", "content": "hi" }] });
    for (turn, expected) in [
        (
            vec![call("c1", 10, "s1"), call("c2", 1, ""), call("c3", 2, "")],
            vec![call("c2", 1, "s1"), call("c3", 2, "")],
        ),
        (
            vec![call("c1", 1, "s1"), call("c2", 10, ""), call("c3", 2, "")],
            vec![call("c1", 1, "s1"), call("c3", 2, "")],
        ),
        (vec![call("c1", 1, "s1"), call("c2", 2, "")], vec![call("c1", 1, "s1"), call("c2", 2, "")]),
        (vec![call("c1", 10, ""), call("c2", 2, "s2")], vec![call("c2", 2, "s2")]),
    ] {
        let (mut exchange, _) = sent(&gate("refuse"), "clerk", "/v1/chat/completions", &request(false));
        let whole: Value =
            serde_json::from_slice(&finished(answered(&mut exchange, &crate::common::answer(json!("Hi"), &turn))))
                .unwrap();
        assert_eq!(whole["choices"][0]["message"]["tool_calls"], json!(expected));

        let (mut exchange, _) = sent(&gate("refuse"), "clerk", "/v1/chat/completions", &request(true));
        begun(&mut exchange, "text/event-stream");
        let (out, _) = feed(&mut exchange, &crate::common::stream(&["Hi"], &turn, 3), &[33]);
        let chunks = std::str::from_utf8(&out)
            .unwrap()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
        let calls: Vec<Value> = chunks
            .flat_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array().cloned().unwrap_or_default())
            .collect();
        let signatures: Vec<&Value> = calls.iter().map(|call| &call["extra_content"]).collect();
        let expected: Vec<&Value> = expected.iter().map(|call| &call["extra_content"]).collect();
        assert_eq!(signatures, expected, "{calls:?}");
    }
}

#[test]
fn signed_thoughts_of_further_rounds_stay_out_of_chat_completions() {
    let turn = |text: &str, signature: &str, calls: Value| {
        json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{ "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": text, "reasoning_content": "Plain.", "tool_calls": calls,
                "thinking_blocks": [{ "type": "thinking", "thinking": "Hm", "signature": signature }],
                "reasoning_details": [{ "type": "reasoning.text", "text": "Hm", "signature": signature }, { "type": "reasoning.summary", "summary": "Unsigned" }] } }] })
    };
    let calls = json!([crate::common::call("c1", "search", "{}")]);
    let (mut exchange, _) = sent(
        &gate("refuse"),
        "server",
        "/v1/chat/completions",
        &json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] }),
    );
    let effect = answered(&mut exchange, &turn("Look", "SIG1", calls));
    let request = asked(&mut exchange, effect);
    let sent_back = &request["messages"][1];
    assert_eq!(
        (&sent_back["thinking_blocks"][0]["signature"], &sent_back["reasoning_content"]),
        (&json!("SIG1"), &json!("Plain."))
    );
    let last: Value =
        serde_json::from_slice(&finished(model_answered(&mut exchange, &turn("Found", "SIG2", json!([]))))).unwrap();
    let message = &last["choices"][0]["message"];
    assert!(!message.to_string().contains("SIG2"), "{message}");
    assert_eq!(message["thinking_blocks"][0]["signature"], "SIG1");
    assert_eq!(message["reasoning_content"], "Plain.");
}
