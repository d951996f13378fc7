//! Answers of a hostile upstream with a high cost: in time, or in kept and written bytes.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed helper is a failed test")]

use std::time::{Duration, Instant};

use callgate_wire::framing::Decoder;
use callgate_wire::{Call, DIALECTS, Delta, Request, Stream, Target};
use serde_json::{Value, json};

const APIS: [(&str, &str, &str); 5] = [
    ("chatCompletions", "/v1/chat/completions", r#"{"model":"m","messages":[],"stream":true}"#),
    ("responses", "/v1/responses", r#"{"model":"m","input":"hi","stream":true}"#),
    ("messages", "/v1/messages", r#"{"model":"m","messages":[],"stream":true,"max_tokens":5}"#),
    ("gemini", "/v1beta/models/m:streamGenerateContent?alt=sse", r#"{"contents":[]}"#),
    ("ollama", "/api/chat", r#"{"model":"m","messages":[]}"#),
];

fn sse(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn request(api: &str) -> Box<dyn Request> {
    let (key, path, body) = APIS.into_iter().find(|(key, ..)| *key == api).unwrap();
    let dialect = DIALECTS.iter().find(|row| row.key == key).unwrap().dialect().unwrap();
    let read = dialect.request(&Target::new(path).with_model(Some("m")), body.as_bytes());
    read.unwrap_or_else(|error| panic!("{error}"))
}

/// Reads a stream with a text in place of each call. Returns the number of written bytes, and the members of calls.
fn read(api: &str, text: &str) -> (usize, usize) {
    let dialect = DIALECTS.iter().find(|row| row.key == api).unwrap().dialect().unwrap();
    let mut stream = dialect.stream(&*request(api));
    let mut decoder = Decoder::new(dialect.framing(), 1 << 26);
    let mut frames = Vec::new();
    decoder.push(text.as_bytes(), &mut frames).unwrap();
    let (mut written, mut kept) = (0, 0);
    let mut tell = |stream: &mut dyn Stream, deltas: Vec<Delta>| {
        for delta in deltas {
            match delta {
                Delta::Forward { frame } | Delta::Usage { frame } => written += frame.len(),
                Delta::Fragment { call: Call { extra, .. }, .. } => kept += Value::Object(extra).to_string().len(),
                Delta::CallEnd { choice, .. } => written += stream.text(choice, "refused").len(),
                Delta::Finish { choice, end } => written += stream.finish(choice, end).len(),
                Delta::Error { .. } | Delta::Done { .. } => {}
            }
        }
    };
    for frame in frames {
        let deltas = stream.read(frame).unwrap_or_else(|error| panic!("{error}"));
        tell(&mut *stream, deltas);
    }
    let deltas = stream.end().unwrap_or_else(|error| panic!("{error}"));
    tell(&mut *stream, deltas);
    (written, kept)
}

/// An event, then so many others.
fn many(first: &str, count: usize, event: impl Fn(usize) -> Value) -> String {
    std::iter::once(first.to_owned()).chain((0..count).map(|number| sse(&event(number)))).collect()
}

#[test]
fn many_small_events_cost_no_more_than_their_own_size() {
    let start = sse(&json!({ "type": "message_start", "message": { "content": [] } }));
    let created = sse(&json!({ "type": "response.created", "response": { "id": "r", "output": [] } }));
    let item = json!({ "type": "function_call", "id": "f", "call_id": "c", "name": "n", "arguments": "" });
    let added = sse(&json!({ "type": "response.output_item.added", "output_index": 0, "item": item }));
    let padded = format!("{{}}{}", " ".repeat(1 << 17));
    let delta = json!({ "type": "response.function_call_arguments.delta", "output_index": 0, "delta": padded });
    let streams = [
        ("messages", many(&start, 6000, |number| json!({ "type": "message_delta", format!("k{number}"): 1 }))),
        (
            "messages",
            many(&start, 6000, |number| json!({ "type": "message_delta", "usage": { format!("k{number}"): 1 } })),
        ),
        (
            "responses",
            many(
                &format!("{created}{added}{}", sse(&delta)),
                6000,
                |_| json!({ "type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}" }),
            ),
        ),
        (
            "chatCompletions",
            many("", 6000, |number| json!({ "choices": [{ "delta": { "reasoning_details": [{ "id": number }] } }] })),
        ),
    ];
    for (api, stream) in streams {
        let began = Instant::now();
        read(api, &stream);
        assert!(began.elapsed() < Duration::from_secs(2), "{api}: {:?} for {} bytes", began.elapsed(), stream.len());
    }
}

#[test]
fn a_long_member_is_not_written_again_with_every_call() {
    let long = "x".repeat(100_000);
    let call = |name: &str| json!({ "functionCall": { "name": name, "args": {} } });
    let part = |part: Value| json!({ "candidates": [{ "content": { "parts": [part] } }] });
    let mut named = part(call("f"));
    named["responseId"] = json!(long);
    let mut line = json!({ "message": { "tool_calls": [{ "function": { "name": "f" } }] }, "done": false });
    line["created_at"] = json!(long);
    let candidate = json!({ "content": { "parts": [{ "x": 1 }, { "text": "a" }] }, "finishReason": "STOP" });
    let mut blocked = json!({ "candidates": vec![candidate; 100] });
    blocked["promptFeedback"] = json!({ "x": long });
    let streams = [
        ("gemini", many(&sse(&named), 500, |_| part(call("f")))),
        ("gemini", sse(&blocked)),
        (
            "ollama",
            format!("{line}\n{}", "{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]}}\n".repeat(500)),
        ),
    ];
    for (api, stream) in streams {
        let (written, _) = read(api, &stream);
        assert!(written < 4 * stream.len(), "{api}: {written} of {}", stream.len());
    }
}

#[test]
fn a_long_signature_is_not_kept_with_every_call_after_it() {
    let signed = json!({ "functionCall": { "name": "f" }, "thoughtSignature": "x".repeat(300_000) });
    let part = |part: Value| json!({ "candidates": [{ "content": { "parts": [part] } }] });
    let stream = many(&sse(&part(signed)), 1000, |_| part(json!({ "functionCall": { "name": "f" } })));
    let (_, kept) = read("gemini", &stream);
    assert!(kept < 2 << 20, "{kept} of {}", stream.len());
}

#[test]
fn choices_are_not_joined_into_more_calls_than_a_turn_has() {
    let call = |number: usize| json!({ "id": number.to_string(), "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let calls: Vec<Value> = (0..1000).map(call).collect();
    let choice = json!({ "message": { "tool_calls": calls }, "finish_reason": "tool_calls" });
    let body = json!({ "id": "-".repeat(100_000), "choices": vec![choice; 20] }).to_string();
    let dialect = DIALECTS.iter().find(|row| row.key == "chatCompletions").unwrap().dialect().unwrap();
    let answer =
        dialect.answer(&*request("chatCompletions"), body.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let calls: Vec<&[Call]> = answer.calls();
    assert_eq!(calls.len(), 20);
}

#[test]
fn words_between_events_are_dropped_in_every_api_of_server_sent_events() {
    for (api, path, body) in APIS.into_iter().filter(|(api, ..)| *api != "ollama") {
        let dialect = DIALECTS.iter().find(|row| row.key == api).unwrap().dialect().unwrap();
        let asked = dialect.request(&Target::new(path).with_model(Some("m")), body.as_bytes());
        let mut stream = dialect.stream(&*asked.unwrap_or_else(|error| panic!("{error}")));
        for words in ["event: ping\ndata: ping\n\n", "data: OK\n\n", "event: x\ndata: a { b\n\n"] {
            let mut decoder = Decoder::new(dialect.framing(), 1 << 16);
            let mut frames = Vec::new();
            decoder.push(words.as_bytes(), &mut frames).unwrap();
            assert_eq!(
                frames.into_iter().map(|frame| stream.read(frame)).collect::<Vec<_>>(),
                [Ok(Vec::new())],
                "{api}"
            );
        }
    }
}
