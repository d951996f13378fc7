//! Errors of the upstream: its own status, headers and words, if these carry no call.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests of JSON shapes")]

use crate::common::*;
use callgate_engine::{CallBatch, Effect, Event, Exchange, ModelReply, Reply, lend};
use serde_json::{Value, json};

/// Sends an error with its headers; returns the effect of its end.
fn failed(pairs: &[(&str, &str)], text: &[u8]) -> (Exchange, Effect) {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    assert_eq!(exchange.on(Event::ResponseHead { headers: &lend(&headers(pairs)), end: false }), Effect::Hold);
    let effect = exchange.on(Event::ResponseData { chunk: text, end: true, now: NOW });
    assert_eq!(exchange.content_type(), Some("application/json"));
    assert_eq!(exchange.tally().verdict(), "error:upstream_error");
    (exchange, effect)
}

#[test]
fn json_errors_of_every_make_keep_their_bytes() {
    for text in [
        r#"{"detail": "Not Found"}"#,
        r#"{"object":"error","message":{"detail":[{"msg":"Extra inputs are not permitted"}]},"type":"invalid_request_error"}"#,
        r#"[{"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}]"#,
        r#"{"message":"no Route matched with those values"}"#,
        r#"{"error":"overloaded"}"#,
    ] {
        let (_, effect) = failed(&[(":status", "422"), ("content-type", "application/json")], text.as_bytes());
        assert_eq!(finished(effect), text.as_bytes(), "{text}");
    }
}

#[test]
fn text_and_html_become_an_error_object_that_quotes_their_beginning() {
    let text = format!("<html>slow down</html>{}", "x".repeat(9000));
    for content_type in ["text/html", "text/plain", "application/json", "text/html; charset=utf-7"] {
        let (_, effect) = failed(&[(":status", "429"), ("content-type", content_type)], text.as_bytes());
        let error: Value = serde_json::from_slice(&finished(effect)).unwrap();
        assert_eq!(error["error"]["code"], "upstream_error");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("status 429: <html>slow down</html>x"), "{message}");
        assert!(message.len() < 2200);
    }
}

#[test]
fn an_error_that_carries_a_call_or_cannot_be_read_is_not_quoted() {
    let call = r#"{"error":{"message":"m"},"tool_calls":[{"function":{"name":"rm_rf","arguments":"SECRET"}}]}"#;
    let plain = [(":status", "500"), ("content-type", "application/json")];
    let gzip = [(":status", "500"), ("content-type", "application/json"), ("content-encoding", "gzip")];
    let large = format!("SECRET{}", " ".repeat(66 * 1024));
    for (pairs, text) in [(&plain[..], call.as_bytes()), (&gzip[..], b"SECRET"), (&plain[..], large.as_bytes())] {
        let body = finished(failed(pairs, text).1);
        let error: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(error["error"]["code"], "upstream_error");
        assert!(!String::from_utf8(body).unwrap().contains("SECRET"));
    }
}

#[test]
fn an_error_without_a_body_keeps_its_headers() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let pairs = headers(&[(":status", "429"), ("retry-after", "30")]);
    assert_eq!(exchange.on(Event::ResponseHead { headers: &lend(&pairs), end: true }), Effect::Pass);
    assert_eq!(exchange.tally().verdict(), "error:upstream_error");
}

#[test]
fn an_error_object_with_status_200_is_forwarded_as_it_is() {
    let error =
        r#"{"error":{"message":"Provider returned error","code":429,"metadata":{"provider_name":"x"}},"user_id":"u"}"#;
    for stream in [false, true] {
        let (mut exchange, _) = sent(&gate("refuse"), &request(stream));
        assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
        let effect = exchange.on(Event::ResponseData { chunk: error.as_bytes(), end: true, now: NOW });
        assert_eq!(finished(effect), error.as_bytes());
        assert_eq!(exchange.tally().verdict(), "error:upstream_error");
    }
    let smuggled = r#"{"error":{"message":"m","x":{"tool_calls":[{"function":{"name":"rm_rf","arguments":"{}"}}]}}}"#;
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    begun(&mut exchange, "application/json");
    let effect = exchange.on(Event::ResponseData { chunk: smuggled.as_bytes(), end: true, now: NOW });
    assert_eq!(refused(effect), (502, "upstream_invalid".into()));
}

/// An exchange whose call has run and whose model is asked again.
fn again(stream_it: bool) -> (Exchange, Vec<u8>) {
    let (mut exchange, _) = sent(&gate("refuse"), &request(stream_it));
    let calls = [call("c1", "lookup", r#"{"key":"k"}"#)];
    let (out, batch): (Vec<u8>, CallBatch) = if stream_it {
        let (out, other) = streamed(&mut exchange, &stream(&["A"], &calls, 2), &[50]);
        (out, batch(other.unwrap()))
    } else {
        (Vec::new(), batch(answered(&mut exchange, &answer(Value::Null, &calls))))
    };
    model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#]));
    (exchange, out)
}

#[test]
fn an_error_in_a_further_round_reaches_the_client_with_its_status_and_message() {
    let head = headers(&[(":status", "429"), ("content-type", "text/plain"), ("retry-after", "30")]);
    let (mut exchange, _) = again(false);
    let effect = exchange.on(Event::ModelAnswered(Ok(ModelReply { headers: &lend(&head), body: b"slow down" })));
    let Effect::Reply(Reply { status: 429, body, retry_after, .. }) = effect else { panic!("{effect:?}") };
    assert_eq!(retry_after.unwrap().as_secs(), 30);
    let error: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(error["error"]["code"], "upstream_error");
    assert!(error["error"]["message"].as_str().unwrap().contains("429: slow down"), "{error}");

    let (mut exchange, _) = again(true);
    let effect = exchange.on(Event::ModelAnswered(Ok(ModelReply { headers: &lend(&head), body: b"slow down" })));
    let out = String::from_utf8(finished(effect)).unwrap();
    assert!(out.contains("upstream_error") && out.contains("429: slow down"), "{out}");
}

#[test]
fn the_message_of_a_json_error_in_a_further_round_reaches_the_client() {
    let head = headers(&[(":status", "400"), ("content-type", "application/json")]);
    let body =
        json!({ "error": { "message": "reasoning_content is missing", "type": "invalid_request_error" } }).to_string();
    let (mut exchange, _) = again(false);
    let reply = ModelReply { headers: &lend(&head), body: body.as_bytes() };
    let effect = exchange.on(Event::ModelAnswered(Ok(reply)));
    let Effect::Reply(Reply { status: 400, body, .. }) = effect else { panic!("{effect:?}") };
    assert!(String::from_utf8(body).unwrap().contains("reasoning_content is missing"));
}
