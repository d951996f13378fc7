//! Replays recorded exchanges with real APIs: every call is found word for word and none invented, whole and in any chunks. The
//! recordings are not part of the project. The test looks for them in `CALLGATE_DATA`, else in `shared/data` beside the
//! workspace, and says so if they are missing.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed helper is a failed test")]

#[path = "openai_chat/common.rs"]
#[allow(dead_code, reason = "shared with the tests of the dialect")]
mod common;
#[path = "suite/mod.rs"]
mod suite;

use callgate_json::Value;
use callgate_wire::framing::Framing;
use callgate_wire::openai_chat::{ChatAnswer, ChatStream, OpenAiChat, Rewrite, error};
use callgate_wire::{Call, Dialect as _, Form, Target, Wants};
use common::{deltas, head, turn};
use suite::{ended, frames, recordings, text};

/// Bodies up to this size are also cut in two at every offset; larger ones only come byte by byte.
const SMALL: usize = 2500;

/// A call without the members of its API.
fn plain(call: Call) -> Call {
    Call { extra: callgate_json::Map::new(), ..call }
}

/// The calls a reader must find.
fn labelled(exchange: &Value) -> Vec<Call> {
    let calls = exchange["tool_calls"].as_array().unwrap();
    let read = |call: &Value| Call {
        id: text(call, "id").to_owned(),
        name: text(call, "name").to_owned(),
        arguments: text(call, "arguments").to_owned(),
        form: if call["kind"] == "legacy_function" { Form::Function } else { Form::Tool },
        ..Call::default()
    };
    calls.iter().map(read).collect()
}

#[test]
fn every_recorded_call_is_found_and_none_invented() {
    let Some(exchanges) = recordings("openai-chat") else { return };
    let (mut whole, mut streamed, mut errors, mut empty, mut found, mut cuts) = (0, 0, 0, 0, 0, 0);
    for exchange in &exchanges {
        let id = text(exchange, "id");
        let body = text(exchange, "response_body");
        if exchange["status"] != 200 {
            assert!(error::is_error_body(body.as_bytes()), "{id}");
            errors += 1;
        } else if body.is_empty() {
            assert!(ChatAnswer::read(b"").is_err() && labelled(exchange).is_empty(), "{id}");
            empty += 1;
        } else if exchange["streamed"] == true {
            cuts += check_stream(id, body.as_bytes(), &labelled(exchange));
            found += labelled(exchange).len();
            streamed += 1;
        } else {
            check_answer(id, body.as_bytes(), &labelled(exchange));
            found += labelled(exchange).len();
            whole += 1;
        }
    }
    println!(
        "{} exchanges: {whole} whole, {streamed} streamed (byte by byte, and {cuts} cuts in two), {errors} errors, {empty} without \
         a body; {found} calls found, none invented",
        exchanges.len()
    );
}

fn check_stream(id: &str, body: &[u8], labelled: &[Call]) -> usize {
    let deltas_of_whole = deltas(body).unwrap_or_else(|error| panic!("{id}: {error}"));
    let whole = turn(&deltas_of_whole);
    assert_eq!(whole.calls().into_iter().map(plain).collect::<Vec<_>>(), labelled, "{id}");
    if labelled.is_empty() {
        assert_eq!(String::from_utf8_lossy(&whole.passed), String::from_utf8_lossy(body), "{id}");
    }
    // The output while calls are held is a stream with the same text and finishes, and without calls.
    let mut passed = turn(&deltas(&whole.passed).unwrap());
    for (choice, said) in &whole.choices {
        let passed = passed.choices.entry(*choice).or_default();
        assert!(passed.calls.is_empty(), "{id}");
        assert_eq!((&passed.text, &passed.finish), (&said.text, &said.finish), "{id}");
    }
    assert_eq!((passed.usage, passed.done), (whole.usage, whole.done), "{id}");

    let bytes: Vec<&[u8]> = body.chunks(1).collect();
    let byte_by_byte = ended(Framing::Sse, &mut ChatStream::new(true, 128), &bytes).unwrap();
    assert_eq!(byte_by_byte, deltas_of_whole, "{id} byte by byte");
    if body.len() > SMALL {
        return 0;
    }
    // The reader sees frames only, so the same frames are the same deltas.
    let frames_of_whole = frames(Framing::Sse, &[body]);
    for cut in 1..body.len() {
        let (head, tail) = body.split_at(cut);
        assert!(frames(Framing::Sse, &[head, tail]) == frames_of_whole, "{id} cut at {cut}");
    }
    body.len() - 1
}

fn check_answer(id: &str, body: &[u8], labelled: &[Call]) {
    let answer = ChatAnswer::read(body).unwrap_or_else(|error| panic!("{id}: {error}"));
    let found: Vec<Call> = answer.choices().iter().flat_map(|choice| choice.calls.clone()).map(plain).collect();
    assert_eq!(found, labelled, "{id}");
    assert_eq!(answer.write(), body, "{id}");

    let mut same = answer.clone();
    let mut without = answer.clone();
    for (position, choice) in answer.choices().iter().enumerate() {
        same.rewrite(position, Rewrite { text: Some(choice.text.clone()), calls: choice.calls.clone() });
        without.rewrite(position, Rewrite::default());
    }
    assert_eq!(same.write(), body, "{id}: nothing was changed");
    let without = ChatAnswer::read(&without.write()).unwrap();
    for (choice, before) in without.choices().iter().zip(answer.choices()) {
        assert!(choice.calls.is_empty() && choice.finish != "tool_calls" && choice.text == before.text, "{id}");
    }

    let streamed = turn(&deltas(&answer.frames(&head(), true)).unwrap());
    assert_eq!(streamed.calls().into_iter().map(plain).collect::<Vec<_>>(), labelled, "{id}");
    assert_eq!(streamed.usage.as_ref(), answer.usage().as_ref(), "{id}");
    for choice in answer.choices() {
        let said = &streamed.choices[&choice.index.get()];
        assert_eq!((&said.text, &said.finish), (&choice.text, &choice.finish), "{id}");
    }
}

#[test]
fn every_recorded_request_is_read_with_its_declared_tools() {
    let Some(exchanges) = recordings("openai-chat") else { return };
    let (mut read, mut tools) = (0, 0);
    for exchange in &exchanges {
        let id = text(exchange, "id");
        let raw = text(exchange, "request_raw");
        if raw.is_empty() {
            continue;
        }
        let request = OpenAiChat
            .request(&Target::new("/v1/chat/completions"), raw.as_bytes())
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(request.write(), raw.as_bytes(), "{id}");
        assert_eq!(request.wants() == Wants::Stream, exchange["request"]["stream"] == true, "{id}");
        let labels = exchange["declared_tools"].as_array().unwrap();
        assert!(
            request.declared().iter().map(|tool| tool.name.as_str()).eq(labels.iter().filter_map(Value::as_str)),
            "{id}"
        );
        read += 1;
        tools += request.declared().len();
    }
    println!("{read} requests with {tools} declared tools read");
}
