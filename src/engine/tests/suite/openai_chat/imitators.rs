//! Chat Completions from servers that imitate it: the same verdict and the same turn for the client, streamed or whole.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use std::rc::Rc;

use crate::common::*;
use callgate_engine::{Effect, Event, Gate, Offer};
use serde_json::{Value, json};

const GOOD: &str = r#"{"city":"Oslo"}"#;

/// A stream of chunks with these choices, and `[DONE]`.
fn chunks(choices: &[Value]) -> Vec<u8> {
    let chunk = |choice: &Value| {
        let choices = if choice.is_array() { choice.clone() } else { json!([choice]) };
        let chunk = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": choices });
        format!("data: {chunk}\n\n")
    };
    choices.iter().map(chunk).chain(["data: [DONE]\n\n".to_owned()]).collect::<String>().into_bytes()
}

fn calling(entry: Value, finish: Value) -> Value {
    json!({ "index": 0, "delta": { "tool_calls": [entry] }, "finish_reason": finish })
}

fn fragment(id: &str, name: &str, arguments: &str) -> Value {
    calling(json!({ "index": 0, "id": id, "function": { "name": name, "arguments": arguments } }), Value::Null)
}

fn end(reason: &str) -> Value {
    json!({ "index": 0, "delta": {}, "finish_reason": reason })
}

/// Plays a stream, cut in several ways; a client must see the same each time.
fn streamed_by(gate: &Rc<Gate>, bytes: &[u8]) -> Seen {
    let run = |chunks: &[usize]| {
        let (mut exchange, _) = sent(gate, &request(true));
        streamed(&mut exchange, bytes, chunks)
    };
    let (out, other) = run(&[bytes.len()]);
    assert_eq!(run(&[1]), (out.clone(), None));
    assert_eq!((run(&[7, 100]), other), ((out.clone(), None), None));
    accumulate(&out)
}

fn answered_by(gate: &Rc<Gate>, body: &Value) -> Seen {
    let (mut exchange, _) = sent(gate, &request(false));
    seen(&finished(answered(&mut exchange, body)))
}

/// A gate whose clerk may use `go` and `gogo`.
fn going() -> Rc<Gate> {
    let tool = |name: &str| {
        format!(
            "    - name: {name}\n      effects: read\n      parameters: {{ type: object }}\n      run: {{ client: {{}} }}\n"
        )
    };
    let contract =
        contract("refuse").replace("order, lookup]", "order, lookup, go, gogo]") + &tool("go") + &tool("gogo");
    gate_of(&contract, Offer::Declared, true)
}

/// MiniMax's last chunk has the whole turn as `message`.
#[test]
fn a_last_chunk_that_repeats_the_turn_repeats_no_call() {
    let arguments =
        |arguments: &str| json!({ "id": "a", "function": { "name": "get_weather", "arguments": arguments } });
    let repeat = |arguments_again: &str| {
        let message = json!({ "role": "assistant", "content": "", "tool_calls": [arguments(arguments_again)] });
        json!({ "index": 0, "message": message, "finish_reason": "tool_calls" })
    };
    for again in [GOOD, "{\"city\":1}"] {
        let bytes = chunks(&[fragment("a", "get_weather", GOOD), repeat(again)]);
        let seen = streamed_by(&gate("refuse"), &bytes);
        assert_eq!(seen.calls, [("a".into(), "get_weather".into(), GOOD.into())]);
        assert_eq!((seen.finish.as_str(), seen.done), ("tool_calls", true));
        let (mut exchange, _) = sent(&gate("refuse"), &request(true));
        let (out, _) = streamed(&mut exchange, &bytes, &[usize::MAX]);
        assert!(!String::from_utf8(out).unwrap().contains("message"));
    }
    let alone = streamed_by(&gate("refuse"), &chunks(&[repeat(GOOD)]));
    assert_eq!((alone.error.as_str(), alone.calls.len()), ("upstream_invalid", 0));
}

#[test]
fn comments_between_chunks_and_empty_errors_do_not_break_a_stream() {
    let mut bytes = b"event: ping\ndata: ping\n\ndata: OK\n\n".to_vec();
    for error in ["\"\"", "{}", "false", "null", "[]"] {
        let chunk =
            format!("data: {{\"error\":{error},\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"a\"}}}}]}}\n\n");
        bytes.extend(chunk.into_bytes());
    }
    bytes.extend(chunks(&[fragment("a", "get_weather", GOOD), end("tool_calls")]));
    let seen = streamed_by(&gate("refuse"), &bytes);
    assert_eq!((seen.content.as_str(), seen.calls.len(), seen.done), ("aaaaa", 1, true));
}

#[test]
fn a_repeated_name_is_never_the_name_of_another_tool() {
    let stream = |names: &[&str]| {
        let mut choices: Vec<Value> = names.iter().map(|name| fragment("a", name, "")).collect();
        choices.push(fragment("a", "", "{}"));
        choices.push(end("tool_calls"));
        streamed_by(&going(), &chunks(&choices))
    };
    assert_eq!(stream(&["go", "go"]).calls, [("a".into(), "go".into(), "{}".into())]);
    let refused = stream(&["go", "gogo"]);
    assert!(refused.calls.is_empty() && refused.content.contains("call_malformed"), "{refused:?}");
    assert_eq!(refused.finish, "stop");
}

#[test]
fn a_finish_before_the_last_call_keeps_the_other_calls() {
    let call = |index: u32, id: &str| {
        let entry = json!({ "index": index, "id": id, "function": { "name": "get_weather", "arguments": GOOD } });
        calling(entry, json!("tool_calls"))
    };
    let seen = streamed_by(&gate("refuse"), &chunks(&[call(0, "a"), call(1, "b"), end("stop")]));
    assert_eq!(seen.calls.iter().map(|call| call.0.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((seen.finish.as_str(), seen.done, seen.error.as_str()), ("tool_calls", true, ""));
}

#[test]
fn a_call_after_the_finish_that_the_client_got_is_an_error() {
    let usage = "data: {\"choices\":[],\"usage\":{\"total_tokens\":1}}\n\n";
    let late = fragment("b", "get_weather", GOOD);
    for before in [vec![end("stop")], vec![fragment("a", "get_weather", GOOD), end("tool_calls")]] {
        let first = String::from_utf8(chunks(&before)).unwrap().replace("data: [DONE]\n\n", usage);
        let bytes = [first.into_bytes(), chunks(std::slice::from_ref(&late))].concat();
        let seen = streamed_by(&gate("refuse"), &bytes);
        assert_eq!((seen.error.as_str(), seen.done), ("upstream_invalid", false), "{before:?}");
        assert!(seen.calls.iter().all(|call| call.0 == "a"));
    }
}

#[test]
fn a_stream_without_done_still_has_its_calls() {
    let bytes = chunks(&[fragment("a", "get_weather", GOOD), end("tool_calls")]);
    let bytes = String::from_utf8(bytes).unwrap().replace("data: [DONE]\n\n", "");
    let seen = streamed_by(&gate("refuse"), bytes.as_bytes());
    assert_eq!((seen.calls.len(), seen.finish.as_str(), seen.error.as_str()), (1, "tool_calls", ""));
}

#[test]
fn a_call_without_an_id_is_decided_and_gets_one_streamed_as_whole() {
    let expected = [("call_callgate_0_chatcmpl1".to_owned(), "get_weather".to_owned(), GOOD.to_owned())];
    let seen = streamed_by(&gate("refuse"), &chunks(&[fragment("", "get_weather", GOOD), end("tool_calls")]));
    assert_eq!(seen.calls, expected);
    assert_eq!(answered_by(&gate("refuse"), &answer(Value::Null, &[call("", "get_weather", GOOD)])).calls, expected);
}

#[test]
fn arguments_as_an_object_are_decided_strictly() {
    let whole = |arguments: Value| {
        let entry = json!({ "id": "a", "function": { "name": "get_weather", "arguments": arguments } });
        answered_by(&gate("refuse"), &answer(Value::Null, &[entry]))
    };
    assert_eq!(whole(json!({ "city": "Oslo" })).calls, [("a".into(), "get_weather".into(), GOOD.into())]);
    for bad in [json!({ "town": "Oslo" }), json!([]), json!(1), json!({ "city": "Oslo", "days": 8 })] {
        let seen = whole(bad.clone());
        assert!(seen.calls.is_empty() && seen.content.contains("arguments_"), "{bad}: {seen:?}");
    }
    let entry =
        json!({ "index": 0, "id": "a", "function": { "name": "get_weather", "arguments": { "city": "Oslo" } } });
    let seen = streamed_by(&gate("refuse"), &chunks(&[calling(entry, json!("tool_calls"))]));
    assert_eq!(seen.calls, [("a".into(), "get_weather".into(), GOOD.into())]);
}

#[test]
fn one_turn_in_two_choices_reaches_the_client_as_one() {
    let mut body = answer(json!("Let me look."), &[]);
    body["choices"][0]["finish_reason"] = json!("tool_calls");
    let message = json!({ "role": "assistant", "tool_calls": [call("a", "get_weather", GOOD)] });
    body["choices"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "index": 1, "finish_reason": "tool_calls", "message": message }));
    let whole = answered_by(&gate("refuse"), &body);
    assert_eq!((whole.content.as_str(), whole.calls.len(), whole.finish.as_str()), ("Let me look.", 1, "tool_calls"));

    let mut split = fragment("a", "get_weather", GOOD);
    split["index"] = json!(1);
    let text =
        json!({ "index": 0, "delta": { "role": "assistant", "content": "Let me look." }, "finish_reason": null });
    let ends = json!([end("tool_calls"), { "index": 1, "delta": {}, "finish_reason": "tool_calls" }]);
    assert_eq!(streamed_by(&gate("refuse"), &chunks(&[text.clone(), split, ends])), whole);

    let other = json!({ "index": 1, "delta": { "content": "Or not." }, "finish_reason": null });
    assert_eq!(streamed_by(&gate("refuse"), &chunks(&[text, other])).error, "upstream_invalid");
}

#[test]
fn a_custom_call_of_a_declared_function_is_refused_streamed_as_whole() {
    let entry = |index: u32| json!({ "index": index, "id": "a", "type": "custom", "custom": { "name": "get_weather", "input": GOOD } });
    let whole = answered_by(&gate("refuse"), &answer(json!("Hm."), &[entry(0)]));
    assert!(whole.content.contains("(call_malformed): The request declares the tool"), "{whole:?}");
    assert_eq!((whole.calls.len(), whole.finish.as_str()), (0, "stop"));
    let text = json!({ "index": 0, "delta": { "content": "Hm." }, "finish_reason": null });
    assert_eq!(streamed_by(&gate("refuse"), &chunks(&[text, calling(entry(0), json!("tool_calls"))])), whole);
}

#[test]
fn a_custom_call_goes_back_to_the_model_in_kind() {
    let (mut exchange, _) = sent(&gate("feedback"), &request(false));
    let custom = json!({ "id": "a", "type": "custom", "custom": { "name": "math", "input": "4+4" } });
    let body = model_request(answered(&mut exchange, &answer(Value::Null, std::slice::from_ref(&custom)))).body;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["messages"][1]["tool_calls"], json!([custom]));
    assert_eq!((&body["messages"][2]["role"], &body["messages"][2]["tool_call_id"]), (&json!("tool"), &json!("a")));
}

#[test]
fn reasoning_goes_into_further_rounds_streamed_as_whole() {
    let reasoning = json!({
        "reasoning_content": "I need it.", "reasoning": "I need it.",
        "reasoning_details": [{ "type": "reasoning.text", "index": 0, "text": "I need it.", "signature": "s" }],
    });
    let checked = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        for (member, value) in reasoning.as_object().unwrap() {
            assert_eq!(&body["messages"][1][member], value, "{body}");
        }
        assert_eq!(body["messages"][1]["tool_calls"][0]["extra_content"], json!({ "s": 1 }));
    };
    let mut lookup = call("a", "lookup", r#"{"key":"k"}"#);
    lookup["extra_content"] = json!({ "s": 1 });
    let mut body = answer(json!("Hm."), &[lookup.clone()]);
    body["choices"][0]["message"].as_object_mut().unwrap().extend(reasoning.as_object().unwrap().clone());
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let run = batch(answered(&mut exchange, &body));
    checked(&model_request(ran(&mut exchange, &run, &[r#"{"found":true}"#])).body);

    let piece = |text: &str, signature: Value| {
        let details = json!([{ "type": "reasoning.text", "index": 0, "text": text, "signature": signature }]);
        let delta = json!({ "reasoning_content": text, "reasoning": text, "reasoning_details": details });
        json!({ "index": 0, "delta": delta, "finish_reason": null })
    };
    let text = json!({ "index": 0, "delta": { "content": "Hm." }, "finish_reason": null });
    lookup["index"] = json!(0);
    let bytes = chunks(&[
        piece("I need ", Value::Null),
        piece("it.", json!("s")),
        text,
        calling(lookup, Value::Null),
        end("tool_calls"),
    ]);
    let (mut exchange, _) = sent(&gate("refuse"), &request(true));
    assert_eq!(begun(&mut exchange, "text/event-stream"), Effect::BeginStream);
    let run = match exchange.on(Event::ResponseData { chunk: &bytes, end: true, now: NOW }) {
        Effect::Run(run) => run,
        Effect::Emit(_) => batch(exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW })),
        effect => batch(effect),
    };
    checked(&model_request(ran(&mut exchange, &run, &[r#"{"found":true}"#])).body);
}
