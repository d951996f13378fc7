//! The same of streamed answers.

use callgate_engine::{Effect, Event, Exchange};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::desk::{GOOD, answer, call, gate, kinds, request, sent, sent_by_viewer, text, thinking};
use crate::common::{
    NOW, answered, batch, begun, finished, model_answered, model_request, ran, refused, streamed, told,
};
use callgate_test_apis::anthropic_messages::{accumulate, stream};

fn run(on_violation: &str, bytes: &[u8], chunks: &[usize]) -> (Vec<u8>, Option<Effect>) {
    streamed(&mut sent(&gate(on_violation), &request(true)).0, bytes, chunks)
}

#[test]
fn a_stream_without_calls_keeps_every_byte() {
    let bytes = stream(&answer(&[thinking("Hm."), text("Hello \"you\"."), text("")]), &[], 3);
    for chunks in [&[1][..], &[7], &[4096]] {
        assert_eq!(run("refuse", &bytes, chunks), (bytes.clone(), None));
    }
}

#[test]
fn text_is_released_at_once_and_a_call_when_its_block_is_complete() {
    let content = [text("Look: "), call("c1", "get_weather", GOOD), text("Then")];
    let bytes = String::from_utf8(stream(&answer(&content), &[], 100)).unwrap();
    let at = |wanted: &str, nth: usize| bytes.match_indices(wanted).nth(nth).unwrap().0;
    let mut exchange = sent_by_viewer(&gate("refuse"), true);
    begun(&mut exchange, "text/event-stream");
    let mut tell = |from: usize, to: usize| match told(&mut exchange, &bytes.as_bytes()[from..to]) {
        Effect::Emit(more) => String::from_utf8(more).unwrap(),
        Effect::Hold => String::new(),
        effect => panic!("{effect:?}"),
    };
    let (call_start, call_stop) = (at("event: content_block_start", 1), at("event: content_block_stop", 1));
    let next = at("event: content_block_start", 2);
    assert_eq!(tell(0, call_start), bytes[..call_start], "live");
    assert_eq!(tell(call_start, call_stop), "", "held");
    assert_eq!(tell(call_stop, next), bytes[call_start..next], "released before the turn ends");
    assert_eq!(tell(next, bytes.len()), bytes[next..]);
}

#[test]
fn nothing_of_a_refused_call_reaches_the_client_and_the_rest_does() {
    let content = [
        text("Before."),
        call("c1", "get_weather", r#"{"city":"Oslo","SECRETKEY":"SECRETVALUE"}"#),
        call("c2", "get_weather", GOOD),
        text("After."),
    ];
    let mut exchange = sent_by_viewer(&gate("refuse"), true);
    let (out, other) = streamed(&mut exchange, &stream(&answer(&content), &[], 2), &[5]);
    assert_eq!(other, None);
    assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
    let seen = accumulate(&out);
    assert_eq!(kinds(&seen.message), ["text", "text", "tool_use", "text"]);
    assert!(seen.message["content"][1]["text"].as_str().unwrap().contains("(arguments_invalid"));
    assert_eq!((&seen.message["stop_reason"], seen.done), (&json!("tool_use"), true));
    let (out, _) = run("refuse", &stream(&answer(&[call("c1", "rm_rf", "{}")]), &[], 1), &[9]);
    assert_eq!(accumulate(&out).message["stop_reason"], "end_turn");
}

#[test]
fn a_call_whose_name_may_not_be_used_is_given_up_at_its_start() {
    let secret = format!(r#"{{"x":"{}"}}"#, "SECRET".repeat(4000));
    let bytes = stream(&answer(&[call("c1", "rm_rf", &secret)]), &[], 100);
    let (out, _) = run("refuse", &bytes, &[]);
    assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
    let told = accumulate(&out).message["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(told.contains("`rm_rf` (tool_not_in_contract)"), "{told}");
}

#[test]
fn error_ends_the_stream_with_an_error_event() {
    let (out, other) = run("error", &stream(&answer(&[text("Hi"), call("c1", "rm_rf", "{}")]), &[], 1), &[64]);
    assert_eq!(other, None);
    let seen = accumulate(&out);
    assert_eq!(
        (&seen.error["code"], &seen.error["type"]),
        (&json!("tool_not_in_contract"), &json!("invalid_request_error"))
    );
    assert_eq!((&seen.message["content"], seen.done), (&json!([text("Hi")]), false));
}

#[test]
fn a_server_run_call_continues_in_the_same_stream_with_the_models_next_answer() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(true));
    let content = [thinking("Hm."), text("Let me look."), call("c1", "lookup", r#"{"key":"k"}"#)];
    let (mut out, other) = streamed(&mut exchange, &stream(&answer(&content), &[], 2), &[50]);
    assert_eq!(accumulate(&out).message["content"], json!(content[..2]), "what was said is live");
    let batch = batch(other.unwrap());
    let held = exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW });
    assert_eq!(held, Effect::Hold, "the end is held back");
    let again: Value =
        serde_json::from_slice(&model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#])).body).unwrap();
    assert_eq!((&again["stream"], &again["messages"][1]["content"]), (&json!(false), &json!(content)));
    let last = [text("Found."), call("c2", "order", r#"{"sku":"a"}"#)];
    out.extend(finished(model_answered(&mut exchange, &answer(&last))));
    let seen = accumulate(&out);
    assert_eq!(seen.message["content"], json!([content[0], content[1], last[0], last[1]]));
    assert_eq!((&seen.message["stop_reason"], seen.done), (&json!("tool_use"), true));
    assert_eq!(seen.message["usage"], json!({ "input_tokens": 10, "output_tokens": 14 }));
}

#[test]
fn feedback_repairs_a_call_within_the_stream() {
    let (mut exchange, _) = sent(&gate("feedback"), &request(true));
    let bytes = stream(&answer(&[text("Hm. "), call("c1", "get_weather", "{}")]), &[], 1);
    let (mut out, other) = streamed(&mut exchange, &bytes, &[11]);
    model_request(other.unwrap());
    out.extend(finished(model_answered(&mut exchange, &answer(&[call("c2", "get_weather", GOOD)]))));
    assert_eq!(kinds(&accumulate(&out).message), ["text", "tool_use"]);
}

#[test]
fn a_stream_that_ends_early_releases_no_incomplete_call_and_ends_in_an_error() {
    let bytes = stream(&answer(&[text("Hi"), call("c1", "get_weather", GOOD)]), &[], 2);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let stop = text.rfind("event: content_block_stop").unwrap();
    let end = text.rfind("event: message_delta").unwrap();
    for (cut, calls) in [(stop / 2, 0), (stop, 0), (end, 0), (end + 60, 0)] {
        let (out, _) = run("refuse", &bytes[..cut], &[31]);
        let seen = accumulate(&out);
        assert_eq!((&seen.error["code"], seen.done), (&json!("upstream_truncated"), false), "cut at {cut}");
        let found = kinds(&seen.message).iter().filter(|kind| **kind == "tool_use").count();
        assert_eq!(found, calls, "cut at {cut}");
    }
}

#[test]
fn an_unreadable_event_ends_the_stream_with_an_error_event() {
    for (event, code) in [
        // A line without a field is removed.
        ("{\"type\":\"ping\"}\n\n".to_owned(), "upstream_truncated"),
        ("data: {not json\n\n".to_owned(), "upstream_invalid"),
        ("event: a\ndata: {\"type\":\"a\",\"b\":[{\"type\":\"tool_use\"}]}\n\n".to_owned(), "upstream_invalid"),
        (format!("data: {}", "x".repeat(70_000)), "response_too_large"),
    ] {
        let bytes = String::from_utf8(stream(&answer(&[text("Hi")]), &[], 2)).unwrap();
        let (before, _) = bytes.split_once("event: message_delta").unwrap();
        let (out, _) = run("refuse", format!("{before}{event}").as_bytes(), &[1000]);
        let seen = accumulate(&out);
        assert_eq!((&seen.message["content"], &seen.error["code"]), (&json!([text("Hi")]), &json!(code)));
    }
}

fn any_block() -> impl Strategy<Value = (Value, String)> {
    let names = prop_oneof![Just("get_weather"), Just("order"), Just("rm_rf"), Just(""), Just("get_weath")];
    let arguments = prop_oneof![
        3 => Just(GOOD.to_owned()),
        1 => Just(r#"{ "city": "Ål\u00e5 😀" }"#.to_owned()),
        1 => Just(r#"{"city":"Oslo","SECRET":"SECRET"}"#.to_owned()),
        1 => Just(r#"{"sku":"a"}"#.to_owned()),
        1 => Just(r#"{"city":"Oslo","days":1.00000000000000000001}"#.to_owned()),
        1 => Just("{}".to_owned()),
    ];
    prop_oneof![
        2 => "[a-zåäö😀 ]{0,8}".prop_map(|said| (text(&said), String::new())),
        1 => "[a-z]{0,4}".prop_map(|thought| (thinking(&thought), String::new())),
        4 => (names, arguments).prop_map(|(name, arguments)| (call("c", name, "{}"), arguments)),
    ]
}

/// A message as its text, in which each call has its arguments as they are spelled.
fn spelled(content: &[Value], texts: &[&str]) -> String {
    let mut texts = texts.iter();
    let blocks: Vec<String> = content
        .iter()
        .map(|block| match block["type"].as_str() {
            Some("tool_use") => block.to_string().replace("{}", texts.next().unwrap()),
            _ => block.to_string(),
        })
        .collect();
    let mut message = answer(&[]);
    message["stop_reason"] = answer(content)["stop_reason"].clone();
    message.to_string().replace("\"content\":[]", &format!("\"content\":[{}]", blocks.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_bytes_and_equals_the_whole_answer(
        blocks in proptest::collection::vec(any_block(), 0..6),
        cut in 1_usize..6,
        chunks in proptest::collection::vec(1_usize..80, 1..8),
        on_violation in prop_oneof![Just("refuse"), Just("error")],
        viewer in any::<bool>(),
    ) {
        let mut content: Vec<Value> = blocks.iter().map(|(block, _)| block.clone()).collect();
        for (position, block) in content.iter_mut().enumerate().filter(|(_, block)| block["type"] == "tool_use") {
            block["id"] = json!(format!("c{}", position.min(4)));
        }
        let texts: Vec<&str> = blocks.iter().filter(|(_, text)| !text.is_empty()).map(|(_, text)| text.as_str()).collect();
        let bytes = stream(&answer(&content), &texts, cut);
        let gate = gate(on_violation);
        let begin = |stream: bool| -> Exchange {
            if viewer { sent_by_viewer(&gate, stream) } else { sent(&gate, &request(stream)).0 }
        };
        let (chunked, other) = streamed(&mut begin(true), &bytes, &chunks);
        prop_assert_eq!(other, None);
        let (whole, _) = streamed(&mut begin(true), &bytes, &[]);
        prop_assert_eq!(String::from_utf8_lossy(&chunked), String::from_utf8_lossy(&whole));
        prop_assert!(!String::from_utf8_lossy(&chunked).contains("SECRET"));

        let mut exchange = begin(false);
        begun(&mut exchange, "application/json");
        let text = spelled(&content, &texts);
        let seen = accumulate(&chunked);
        match exchange.on(Event::ResponseData { chunk: text.as_bytes(), end: true, now: NOW }) {
            Effect::Finish(unary) => {
                prop_assert_eq!(seen.message, serde_json::from_slice::<Value>(&unary).unwrap());
                prop_assert!(seen.done);
            }
            effect => prop_assert_eq!(&seen.error["code"], &json!(refused(effect).1)),
        }
    }

    /// Whatever order events come in, the exchange does not panic, and an emission is never empty.
    #[test]
    fn any_order_of_events_fails_closed(events in proptest::collection::vec(0_u8..7, 0..20), streams in any::<bool>()) {
        let (mut exchange, _) = sent(&gate("feedback"), &request(streams));
        let turn = answer(&[text("Hi"), call("c1", "lookup", r#"{"key":"k"}"#)]);
        let bytes = stream(&turn, &[], 2);
        for event in events {
            let effect = match event {
                0 => begun(&mut exchange, "application/json"),
                1 => begun(&mut exchange, "text/event-stream"),
                2 => exchange.on(Event::ResponseData { chunk: &bytes, end: false, now: NOW }),
                3 => exchange.on(Event::ResponseData { chunk: turn.to_string().as_bytes(), end: true, now: NOW }),
                4 => exchange.on(Event::CallsRun(Ok(vec![]))),
                5 => model_answered(&mut exchange, &turn),
                _ => exchange.on(Event::ResponseTrailers { writable: true, now: NOW }),
            };
            prop_assert_ne!(effect, Effect::Emit(Vec::new()));
        }
    }
}

#[test]
fn one_turn_ends_the_same_streamed_and_whole_if_calls_are_held_to_its_end() {
    let content = [call("c1", "rm_rf", "{}"), text("Between."), call("c2", "get_weather", GOOD)];
    let whole = finished(answered(&mut sent(&gate("refuse"), &request(false)).0, &answer(&content)));
    let (out, _) = run("refuse", &stream(&answer(&content), &[], 4), &[13]);
    let message = accumulate(&out).message;
    assert_eq!(message, serde_json::from_slice::<Value>(&whole).unwrap());
    assert_eq!(kinds(&message), ["text", "text", "tool_use"]);
}
