//! The tokens of a turn, read from whole answers and from streams of every dialect.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed helper is a failed test")]

#[path = "suite/mod.rs"]
mod suite;

use callgate_test_apis::turns::{self, data};
use callgate_wire::{DIALECTS, Delta, Dialect, ReportedUsage, Request, Stream, Target};
use proptest::prelude::*;
use serde_json::{Value, json};
use suite::{chunks, cuts, ended, passed, recordings, text};

fn dialect(api: &str) -> &'static dyn Dialect {
    DIALECTS.iter().find(|row| row.key == api).unwrap().dialect().unwrap()
}

fn request(api: &str, streams: bool) -> Box<dyn Request> {
    let (path, body) = turns::request(api, "m", streams);
    let target = Target::new(&path).with_model(Some("m"));
    dialect(api).request(&target, body.to_string().as_bytes()).unwrap_or_else(|error| panic!("{api}: {error}"))
}

fn whole(api: &str, usage: &Value) -> ReportedUsage {
    let answer = dialect(api).answer(&*request(api, false), &turns::answer(api, usage));
    answer.unwrap_or_else(|error| panic!("{api} {usage}: {error}")).reported_usage()
}

/// Reads the same stream whole, byte by byte and at these cuts.
fn streamed(api: &str, usage: &Value, cuts: &[prop::sample::Index]) -> ReportedUsage {
    let bytes = turns::stream(api, usage);
    let read = |chunks: &[&[u8]]| {
        let mut stream = dialect(api).stream(&*request(api, true));
        ended(dialect(api).framing(), &mut *stream, chunks).unwrap_or_else(|error| panic!("{api} {usage}: {error}"));
        assert_eq!(stream.said_bytes(), 5, "{api}");
        stream.reported_usage()
    };
    let all = read(&[&bytes]);
    assert_eq!(read(&bytes.chunks(1).collect::<Vec<_>>()), all, "{api} {usage}");
    assert_eq!(read(&chunks(&bytes, cuts)), all, "{api} {usage}");
    all
}

/// Input, read from a cache, written to one, written for an hour, output, reasoning.
type Counts = [Option<u64>; 6];

fn counts(usage: ReportedUsage) -> Counts {
    [
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.cache_write_1h_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    ]
}

#[track_caller]
fn assert_counts(api: &str, usage: &Value, expected: Counts) {
    assert_eq!(counts(whole(api, usage)), expected, "{api} {usage}");
    assert_eq!(counts(streamed(api, usage, &[])), expected, "{api} {usage}, streamed");
}

#[test]
fn chat_completions_are_read_in_every_spelling() {
    const N: Option<u64> = None;
    let api = "chatCompletions";
    let full = json!({
        "prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29,
        "prompt_tokens_details": { "cached_tokens": 12, "cache_write_tokens": 4 },
        "completion_tokens_details": { "reasoning_tokens": 6 },
    });
    assert_counts(api, &full, [Some(20), Some(12), Some(4), N, Some(9), Some(6)]);
    let deepseek = json!({ "prompt_tokens": 20, "completion_tokens": 9, "prompt_cache_hit_tokens": 12 });
    assert_counts(api, &deepseek, [Some(20), Some(12), N, N, Some(9), N]);
    let imitator = json!({ "input_tokens": 20, "output_tokens": 9, "cached_tokens": 3 });
    assert_counts(api, &imitator, [Some(20), Some(3), N, N, Some(9), N]);
    // Reasoning is in the total alone.
    let xai = json!({ "prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 429, "completion_tokens_details": { "reasoning_tokens": 400 } });
    assert_counts(api, &xai, [Some(20), N, N, N, Some(409), Some(400)]);
}

#[test]
fn responses_are_read() {
    let usage = json!({
        "input_tokens": 20, "input_tokens_details": { "cached_tokens": 12 },
        "output_tokens": 9, "output_tokens_details": { "reasoning_tokens": 6 }, "total_tokens": 29,
    });
    assert_counts("responses", &usage, [Some(20), Some(12), None, None, Some(9), Some(6)]);
}

#[test]
fn a_failed_response_has_its_usage() {
    let mut stream = dialect("responses").stream(&*request("responses", true));
    let failed = json!({ "type": "response.failed", "response": { "id": "r", "status": "failed", "output": [], "error": { "code": "x", "message": "y" }, "usage": { "input_tokens": 7 } } });
    ended(dialect("responses").framing(), &mut *stream, &[&data(&[failed])]).unwrap();
    assert_eq!(stream.reported_usage().input_tokens, Some(7));
}

#[test]
fn the_input_of_messages_has_the_cached_tokens_in_it() {
    let usage = json!({
        "input_tokens": 20, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30,
        "cache_creation": { "ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10 },
        "output_tokens": 9,
    });
    assert_counts("messages", &usage, [Some(150), Some(100), Some(30), Some(10), Some(9), None]);
    let plain = json!({ "input_tokens": 20, "cache_read_input_tokens": null, "output_tokens": 9 });
    assert_counts("messages", &plain, [Some(20), None, None, None, Some(9), None]);
}

#[test]
fn every_sampling_of_messages_counts() {
    let usage = json!({
        "input_tokens": 23, "output_tokens": 10,
        "iterations": [
            { "type": "compaction", "input_tokens": 180, "output_tokens": 35 },
            { "type": "message", "input_tokens": 23, "output_tokens": 10, "cache_read_input_tokens": 2 },
        ],
    });
    assert_eq!(counts(whole("messages", &usage)), [Some(205), Some(2), None, None, Some(45), None]);
    let alone = json!({ "input_tokens": 23, "output_tokens": 10, "iterations": [] });
    assert_eq!(counts(whole("messages", &alone)), [Some(23), None, None, None, Some(10), None]);
}

#[test]
fn gemini_counts_tools_as_input_and_thoughts_as_output() {
    let usage = json!({
        "promptTokenCount": 20, "cachedContentTokenCount": 12, "toolUsePromptTokenCount": 5,
        "candidatesTokenCount": 9, "thoughtsTokenCount": 6, "totalTokenCount": 40,
    });
    assert_counts("gemini", &usage, [Some(25), Some(12), None, None, Some(15), Some(6)]);
}

#[test]
fn ollama_counts_evaluated_tokens() {
    assert_counts(
        "ollama",
        &json!({ "prompt_eval_count": 20, "eval_count": 9 }),
        [Some(20), None, None, None, Some(9), None],
    );
    assert_counts("ollama", &json!({ "eval_count": 9 }), [None, None, None, None, Some(9), None]);
}

#[test]
fn the_input_of_converse_has_the_cached_tokens_in_it() {
    let usage = json!({
        "inputTokens": 20, "outputTokens": 9, "totalTokens": 159, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 30,
        "cacheDetails": [{ "ttl": "1h", "inputTokens": 10 }, { "ttl": "5m", "inputTokens": 20 }],
    });
    assert_counts("converse", &usage, [Some(150), Some(100), Some(30), Some(10), Some(9), None]);
}

const APIS: [(&str, &str, &str); 6] = [
    ("chatCompletions", "prompt_tokens", "completion_tokens"),
    ("responses", "input_tokens", "output_tokens"),
    ("messages", "input_tokens", "output_tokens"),
    ("gemini", "promptTokenCount", "candidatesTokenCount"),
    ("ollama", "prompt_eval_count", "eval_count"),
    ("converse", "inputTokens", "outputTokens"),
];

/// A usage with numbers that no provider should send.
#[test]
fn no_number_fails_a_turn() {
    for (api, input, output) in APIS {
        for number in ["-1", "1.5", "1e300", "18446744073709551616", "null", "\"9\"", "[9]", "{}", "true"] {
            let usage =
                serde_json::from_str(&format!(r#"{{ "{input}": {number}, "{output}": 18446744073709551615 }}"#));
            let usage: Value = usage.unwrap();
            assert_counts(api, &usage, [None, None, None, None, Some(u64::MAX), None]);
        }
        let most = json!({ input: u64::MAX, output: u64::MAX, "cache_read_input_tokens": u64::MAX, "thoughtsTokenCount": u64::MAX });
        assert_eq!(whole(api, &most).output_tokens, Some(u64::MAX), "{api}");
    }
}

#[test]
fn a_turn_without_a_usage_has_no_counts() {
    for (api, ..) in APIS {
        for nothing in [json!({}), Value::Null].iter().filter(|usage| api != "ollama" || usage.is_object()) {
            assert_eq!(whole(api, nothing), ReportedUsage::default(), "{api}");
            if nothing.is_object() {
                assert_eq!(streamed(api, nothing, &[]), ReportedUsage::default(), "{api}");
            }
        }
    }
}

fn asked(body: &str) -> (Box<dyn Request>, Value) {
    let mut request =
        dialect("chatCompletions").request(&Target::new("/v1/chat/completions"), body.as_bytes()).unwrap();
    request.ask_for_usage();
    let written = serde_json::from_slice(&request.write()).unwrap();
    (request, written)
}

#[test]
fn a_stream_is_asked_for_its_usage_and_a_whole_answer_is_not() {
    for options in ["", r#","stream_options":null"#, r#","stream_options":{"include_usage":false}"#] {
        let (request, written) = asked(&format!(r#"{{"model":"m","messages":[],"stream":true{options}}}"#));
        assert_eq!(written["stream_options"], json!({ "include_usage": true }), "{options}");
        assert!(request.hides_usage() && !request.include_usage(), "{options}");
    }
    let other = r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_obfuscation":false}}"#;
    let (request, written) = asked(other);
    assert_eq!(written["stream_options"], json!({ "include_obfuscation": false, "include_usage": true }));
    assert!(request.hides_usage());
    let own = r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#;
    let (request, _) = asked(own);
    assert_eq!((request.write().as_slice(), request.hides_usage()), (own.as_bytes(), false));
    let whole = r#"{"model":"m","messages":[]}"#;
    let (request, _) = asked(whole);
    assert_eq!((request.write().as_slice(), request.hides_usage()), (whole.as_bytes(), false));
    for (api, ..) in APIS.iter().skip(1) {
        let mut request = self::request(api, true);
        let before = request.write();
        request.ask_for_usage();
        assert_eq!((request.write(), request.hides_usage()), (before, false), "{api}");
    }
}

#[test]
fn a_further_round_asks_for_no_stream_and_no_usage() {
    let (mut request, _) = asked(r#"{"model":"m","messages":[],"stream":true}"#);
    request.answer_whole();
    let written: Value = serde_json::from_slice(&request.write()).unwrap();
    assert_eq!(written, json!({ "model": "m", "messages": [], "stream": false }));
}

/// A stream as a server writes it, with the usage and without, in its own spelling of JSON.
fn both(texts: &[String], spaced: bool, usage_first: bool) -> [Vec<u8>; 2] {
    let json = |value: &Value| match spaced {
        true => value.to_string().replace("\":", "\": ").replace(",\"", ", \""),
        false => value.to_string(),
    };
    [true, false].map(|asks| {
        let event = |choices: Value, usage: Value| {
            let mut chunk = serde_json::Map::new();
            if asks && usage_first {
                chunk.insert("usage".to_owned(), usage.clone());
            }
            chunk.insert("id".to_owned(), json!("c"));
            chunk.insert("choices".to_owned(), choices);
            if asks {
                chunk.insert("usage".to_owned(), usage);
            }
            format!("data: {}\n\n", json(&Value::Object(chunk)))
        };
        let mut out: String = event(json!([]), Value::Null);
        out.push_str(": a comment\n\n");
        for text in texts {
            out.push_str(&event(
                json!([{ "index": 0, "delta": { "content": text }, "finish_reason": null }]),
                Value::Null,
            ));
        }
        out.push_str(&event(json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }]), Value::Null));
        if asks {
            out.push_str(&event(json!([]), json!({ "prompt_tokens": 7, "completion_tokens": 3 })));
        }
        out.push_str("data: [DONE]\n\n");
        out.into_bytes()
    })
}

/// The bytes for the client, if the gate asked for the usage.
fn hidden(bytes: &[&[u8]]) -> (Vec<u8>, ReportedUsage) {
    let (request, _) = asked(r#"{"model":"m","messages":[],"stream":true}"#);
    let dialect = dialect("chatCompletions");
    let mut stream: Box<dyn Stream> = dialect.stream(&*request);
    let deltas = ended(dialect.framing(), &mut *stream, bytes).unwrap();
    let out = deltas.into_iter().map(|delta| match delta {
        Delta::Finish { choice, end } => stream.finish(choice, end),
        other => passed(&[other]),
    });
    (out.collect::<Vec<_>>().concat(), stream.reported_usage())
}

#[test]
fn a_split_event_keeps_its_other_bytes_without_the_usage() {
    let lines = b"data: {\"id\":\"c\",\ndata: \"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\ndata: \"usage\":null}\n\n";
    let (out, _) = hidden(&[lines]);
    let out = String::from_utf8(out).unwrap();
    assert!(!out.contains("usage") && out.starts_with("data: {"), "{out}");
}

#[test]
fn a_usage_beside_choices_stays() {
    let chunk = data(&[
        json!({ "id": "c", "choices": [{ "index": 0, "delta": { "content": "a" }, "finish_reason": "stop" }], "usage": { "prompt_tokens": 2 } }),
    ]);
    let (out, usage) = hidden(&[&chunk]);
    assert_eq!((out, usage.input_tokens), (chunk, Some(2)));
}

#[test]
fn a_call_is_released_the_same_way_if_the_usage_is_hidden() {
    let call =
        json!([{ "index": 0, "id": "call_1", "type": "function", "function": { "name": "f", "arguments": "{}" } }]);
    let chunk = |delta: Value, finish: Value| json!({ "id": "c", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }], "usage": null });
    let mut bytes = data(&[
        chunk(json!({ "role": "assistant", "tool_calls": call }), Value::Null),
        chunk(json!({}), json!("tool_calls")),
        json!({ "id": "c", "choices": [], "usage": { "prompt_tokens": 7 } }),
    ]);
    bytes.extend_from_slice(b"data: [DONE]\n\n");
    let (request, _) = asked(r#"{"model":"m","messages":[],"stream":true}"#);
    let mut stream = dialect("chatCompletions").stream(&*request);
    let out = suite::carried(
        dialect("chatCompletions").framing(),
        &mut *stream,
        &bytes,
        callgate_wire::ReleasePolicy::Turn,
        &|_, call| callgate_wire::Fate::Keep(call),
    );
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("call_1") && out.contains("[DONE]") && !out.contains("usage"), "{out}");
    assert_eq!(stream.reported_usage().input_tokens, Some(7));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_has_the_tokens_of_the_whole_answer(
        api in prop::sample::select(&APIS[..]),
        input in any::<u64>(),
        output in any::<u64>(),
        cuts in cuts(),
    ) {
        let (api, input_member, output_member) = api;
        let usage = json!({ input_member: input, output_member: output });
        prop_assert_eq!(streamed(api, &usage, &cuts), whole(api, &usage));
    }

    #[test]
    fn a_client_that_did_not_ask_gets_the_bytes_it_would_have_got(
        texts in prop::collection::vec("[a-z\"\\\\,: {}é\n]{0,6}|, \"usage\": null", 0..6),
        spaced in any::<bool>(),
        usage_first in any::<bool>(),
        cuts in cuts(),
    ) {
        let [asked, unasked] = both(&texts, spaced, usage_first);
        let (out, usage) = hidden(&chunks(&asked, &cuts));
        prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&unasked));
        prop_assert_eq!((usage.input_tokens, usage.output_tokens), (Some(7), Some(3)));
    }
}

/// The last usage in a recorded body, and the first one of a stream of Messages under it.
fn recorded(exchange: &Value) -> Option<Value> {
    let body = text(exchange, "response_body");
    if exchange["streamed"] != true {
        let body: Value = serde_json::from_str(body).ok()?;
        return body.get("usage").filter(|usage| usage.is_object()).cloned();
    }
    let mut found: Option<Value> = None;
    for line in body.lines().filter_map(|line| line.strip_prefix("data:")) {
        let Ok(event) = serde_json::from_str::<Value>(line.trim()) else { continue };
        let usage = [event.get("usage"), event.pointer("/message/usage"), event.pointer("/response/usage")];
        for usage in usage.into_iter().flatten().filter_map(Value::as_object) {
            let known = found.get_or_insert_with(|| json!({})).as_object_mut().unwrap();
            known.extend(usage.clone().into_iter().filter(|(_, value)| !value.is_null()));
        }
    }
    found
}

#[test]
fn recorded_figures_are_read() {
    let (mut read, mut without) = (0, 0);
    for (name, api) in
        [("openai-chat", "chatCompletions"), ("openai-responses", "responses"), ("anthropic-messages", "messages")]
    {
        let Some(exchanges) = recordings(name) else { return };
        for exchange in exchanges.iter().filter(|exchange| exchange["status"] == 200) {
            let (id, body) = (text(exchange, "id"), text(exchange, "response_body"));
            // The provider's own tools of the request decide what may be in the answer.
            let target = Target::new("/v1");
            let Ok(request) = dialect(api).request(&target, exchange["request"].to_string().as_bytes()) else {
                continue;
            };
            let found = if exchange["streamed"] == true {
                let mut stream = dialect(api).stream(&*request);
                match ended(dialect(api).framing(), &mut *stream, &[body.as_bytes()]) {
                    Ok(_) => stream.reported_usage(),
                    Err(_) => continue,
                }
            } else {
                match dialect(api).answer(&*request, body.as_bytes()) {
                    Ok(answer) => answer.reported_usage(),
                    Err(_) => continue,
                }
            };
            let Some(usage) = recorded(exchange) else {
                assert_eq!(found, ReportedUsage::default(), "{id}");
                without += 1;
                continue;
            };
            let count = |members: &[&str]| members.iter().filter_map(|member| usage[*member].as_u64()).sum::<u64>();
            let (input, output) = match api {
                "chatCompletions" => (count(&["prompt_tokens"]), count(&["completion_tokens"])),
                "responses" => (count(&["input_tokens"]), count(&["output_tokens"])),
                _ => {
                    let cached = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
                    (count(&cached), count(&["output_tokens"]))
                }
            };
            let output = output.max(usage["total_tokens"].as_u64().unwrap_or_default().saturating_sub(input));
            let several = usage["iterations"].as_array().is_some_and(|iterations| iterations.len() > 1);
            if !several {
                assert_eq!((found.input_tokens, found.output_tokens), (Some(input), Some(output)), "{id} {usage}");
            }
            read += 1;
        }
    }
    println!("{read} usages read, {without} exchanges without one");
    assert!(read > 1300, "{read}");
}
