//! Unary JSON answers, under each `onViolation`, with and without further rounds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use crate::common::*;
use callgate_engine::{CallFailed, Effect, Event, lend};
use serde_json::{Value, json};

fn body(effect: Effect) -> Value {
    serde_json::from_slice(&finished(effect)).unwrap()
}

#[test]
fn an_answer_in_which_nothing_had_to_change_keeps_every_byte() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    begun(&mut exchange, "application/json; charset=utf-8");
    let bytes = format!("  {}\n", answer(json!("fine"), &[call("c1", "get_weather", r#"{"city":"Oslo"}"#)]));
    let (front, back) = bytes.as_bytes().split_at(40);
    assert_eq!(exchange.on(Event::ResponseData { chunk: front, end: false, now: NOW }), Effect::Hold);
    let effect = exchange.on(Event::ResponseData { chunk: back, end: true, now: NOW });
    assert_eq!(finished(effect), bytes.as_bytes());
    assert_eq!(exchange.tally().verdict(), "allow");
}

#[test]
fn an_allowed_call_is_released_in_canonical_form() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let effect = answered(
        &mut exchange,
        &answer(Value::Null, &[call("c1", "get_weather", "{ \"days\": 2.0, \"city\" : \"\\u004fslo\" }")]),
    );
    assert_eq!(
        body(effect)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"],
        r#"{"city":"Oslo","days":2}"#
    );
}

#[test]
fn refuse_replaces_the_call_with_the_reason() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let effect = answered(&mut exchange, &answer(json!("Sure."), &[call("c1", "rm_rf", "{}")]));
    let message = body(effect);
    let choice = &message["choices"][0];
    assert_eq!(choice["finish_reason"], "stop");
    assert!(choice["message"].get("tool_calls").is_none());
    let content = choice["message"]["content"].as_str().unwrap();
    assert!(content.starts_with("Sure.\n\nCallgate refused the call of `rm_rf` (tool_not_in_contract"), "{content}");
    assert_eq!(exchange.tally().verdict(), "refuse:tool_not_in_contract");
}

#[test]
fn refuse_releases_the_allowed_calls_of_the_same_turn() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let calls = [call("c1", "rm_rf", "{}"), call("c2", "get_weather", r#"{"city":"Oslo"}"#)];
    let seen = seen(&finished(answered(&mut exchange, &answer(Value::Null, &calls))));
    assert_eq!(seen.calls, [("c2".into(), "get_weather".into(), r#"{"city":"Oslo"}"#.into())]);
    assert_eq!(seen.finish, "tool_calls");
    assert!(seen.content.contains("`rm_rf`"));
}

#[test]
fn a_violation_names_the_place_and_never_the_value() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let effect = answered(
        &mut exchange,
        &answer(Value::Null, &[call("c1", "get_weather", r#"{"city":"Oslo","days":"SECRET"}"#)]),
    );
    let seen = seen(&finished(effect));
    assert!(seen.content.contains("(arguments_invalid at /days)"), "{}", seen.content);
    assert!(!seen.content.contains("SECRET"));
}

#[test]
fn error_answers_with_the_code_of_the_call() {
    let (mut exchange, _) = sent(&gate("error"), &request(false));
    let calls = [call("c1", "get_weather", r#"{"city":"Oslo"}"#), call("c2", "rm_rf", "{}")];
    assert_eq!(refused(answered(&mut exchange, &answer(Value::Null, &calls))), (400, "tool_not_in_contract".into()));
}

#[test]
fn malformed_calls_are_refused() {
    for (calls, code) in [
        (vec![call("c1", "", "{}")], "call_malformed"),
        (vec![call("c1", "order", r#"{"sku":"a"}"#), call("c1", "order", r#"{"sku":"b"}"#)], "call_malformed"),
        (vec![call("c1", "order", "")], "arguments_not_json"),
        (vec![call("c1", "order", "null")], "arguments_invalid"),
        (vec![call("c1", "order", r#"{"sku":"a","sku":"b"}"#)], "arguments_not_json"),
        (vec![call("c1", "order", r#"{"sku":"a"} "#.repeat(2).as_str())], "arguments_not_json"),
    ] {
        let (mut exchange, _) = sent(&gate("error"), &request(false));
        let effect = answered(&mut exchange, &answer(Value::Null, &calls));
        assert_eq!(refused(effect), (400, code.to_owned()), "{calls:?}");
    }
}

#[test]
fn more_choices_than_requested_are_refused() {
    let mut several = answer(json!("A"), &[call("c1", "get_weather", r#"{"town":"Oslo"}"#)]);
    let choice = several["choices"][0].clone();
    several["choices"].as_array_mut().unwrap().push(choice);
    for on_violation in ["refuse", "feedback"] {
        let (mut exchange, _) = sent(&gate(on_violation), &request(false));
        assert_eq!(refused(answered(&mut exchange, &several)), (502, "upstream_invalid".into()));
    }
}

#[test]
fn more_calls_than_the_contract_allows_are_refused() {
    let (mut exchange, _) = sent(&gate("error"), &request(false));
    let calls: Vec<Value> = (0..5).map(|n| call(&format!("c{n}"), "order", r#"{"sku":"a"}"#)).collect();
    assert_eq!(refused(answered(&mut exchange, &answer(Value::Null, &calls))), (400, "limit_exceeded".into()));
}

#[test]
fn feedback_tells_the_model_and_the_client_sees_only_the_repaired_call() {
    let (mut exchange, _) = sent(&gate("feedback"), &request(false));
    let ask = model_request(answered(
        &mut exchange,
        &answer(Value::Null, &[call("c1", "get_weather", r#"{"town":"Oslo"}"#)]),
    ));
    let again: Value = serde_json::from_slice(&ask.body).unwrap();
    assert_eq!(again["messages"][1]["tool_calls"][0]["id"], "c1");
    assert_eq!(again["messages"][2]["role"], "tool");
    assert!(again["messages"][2]["content"].as_str().unwrap().contains("arguments_invalid"));
    assert_eq!(ask.path, "/v1/chat/completions");
    assert!(ask.headers.contains(&("authorization".into(), "Bearer key".into())));
    assert!(!ask.headers.iter().any(|(name, _)| name == "x-role" || name.starts_with(':')));
    let repaired = answer(Value::Null, &[call("c2", "get_weather", r#"{"city":"Oslo"}"#)]);
    let seen = seen(&finished(model_answered(&mut exchange, &repaired)));
    assert_eq!(seen.calls, [("c2".into(), "get_weather".into(), r#"{"city":"Oslo"}"#.into())]);
    assert_eq!(seen.content, "");
}

#[test]
fn feedback_ends_after_the_contracts_rounds() {
    let (mut exchange, _) = sent(&gate("feedback"), &request(false));
    let bad = answer(Value::Null, &[call("c1", "rm_rf", "{}")]);
    model_request(answered(&mut exchange, &bad));
    model_request(model_answered(&mut exchange, &bad));
    let seen = seen(&finished(model_answered(&mut exchange, &bad)));
    assert_eq!(seen.calls, []);
    assert!(seen.content.contains("tool_not_in_contract"));
}

#[test]
fn the_model_gets_the_list_of_its_tools_and_people_do_not() {
    let bad = answer(Value::Null, &[call("c1", "rm_rf", "{}")]);
    let (mut exchange, _) = sent(&gate("feedback"), &request(false));
    let again: Value = serde_json::from_slice(&model_request(answered(&mut exchange, &bad)).body).unwrap();
    let told = again["messages"][2]["content"].as_str().unwrap();
    assert!(told.contains("expected a tool that role `clerk` may use: `get_weather`, `order`, `lookup`"), "{told}");
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let shown = body(answered(&mut exchange, &bad)).to_string();
    assert!(shown.contains("expected a tool that role `clerk` may use") && !shown.contains("lookup"), "{shown}");
}

#[test]
fn a_server_run_call_is_run_and_the_model_answers_with_its_result() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let turn = answer(json!("Let me look."), &[call("c1", "lookup", r#"{ "key": "k" }"#)]);
    let batch = batch(answered(&mut exchange, &turn));
    assert_eq!((batch.tenant.as_str(), batch.role.as_str(), batch.round), ("acme", "clerk", 1));
    assert_eq!((batch.exchange_id.as_str(), batch.calls.len()), ("exchange-1", 1));
    assert_eq!(batch.calls[0].arguments, r#"{"key":"k"}"#);
    let again: Value =
        serde_json::from_slice(&model_request(ran(&mut exchange, &batch, &[r#"{ "found": true }"#])).body).unwrap();
    assert_eq!(again["messages"][1]["content"], "Let me look.");
    assert_eq!(again["messages"][2], json!({ "role": "tool", "tool_call_id": "c1", "content": r#"{"found":true}"# }));
    let last = body(model_answered(&mut exchange, &answer(json!("Found."), &[])));
    assert_eq!(last["choices"][0]["message"]["content"], "Let me look.\n\nFound.");
    assert_eq!(last["usage"]["total_tokens"], 24, "a client pays for both rounds");
}

#[test]
fn a_result_that_breaks_its_schema_reaches_the_model_as_an_error() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let batch = batch(answered(&mut exchange, &answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)])));
    let again = model_request(ran(&mut exchange, &batch, &[r#"{"lost":"SECRET"}"#]));
    let again = String::from_utf8(again.body).unwrap();
    assert!(again.contains("output_invalid") && !again.contains("SECRET"));
}

#[test]
fn a_mixed_turn_runs_the_servers_calls_and_tells_the_model_that_the_clients_did_not_run() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let calls = [call("c1", "order", r#"{"sku":"a"}"#), call("c2", "lookup", r#"{"key":"k"}"#)];
    let batch = batch(answered(&mut exchange, &answer(Value::Null, &calls)));
    assert_eq!(batch.calls.len(), 1);
    let again = String::from_utf8(model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#])).body).unwrap();
    assert!(again.contains("\"c1\"") && again.contains("call_not_run"), "{again}");
    let seen =
        seen(&finished(model_answered(&mut exchange, &answer(Value::Null, &[call("c3", "order", r#"{"sku":"a"}"#)]))));
    assert_eq!(seen.calls.len(), 1);
}

#[test]
fn nothing_runs_in_a_turn_of_which_a_call_was_refused() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let calls = [call("c1", "rm_rf", "{}"), call("c2", "lookup", r#"{"key":"k"}"#)];
    let seen = seen(&finished(answered(&mut exchange, &answer(Value::Null, &calls))));
    assert!(seen.content.contains("did not run `lookup`"), "{}", seen.content);
    assert_eq!(exchange.tally().run, 0);
}

#[test]
fn a_loop_ends_when_the_rounds_are_used_up() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let turn = answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)]);
    let mut effect = answered(&mut exchange, &turn);
    for _ in 0..2 {
        let batch = batch(effect);
        model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#]));
        effect = model_answered(&mut exchange, &turn);
    }
    let seen = seen(&finished(effect));
    assert!(seen.content.contains("limit_exceeded") && seen.calls.is_empty(), "{seen:?}");
}

#[test]
fn an_executor_that_fails_gives_the_client_an_error_and_the_model_nothing() {
    for (why, expected) in [
        (CallFailed::Unreachable, (503, "executor_unavailable")),
        (CallFailed::Rejected, (502, "executor_rejected")),
        (CallFailed::Unreadable, (502, "executor_rejected")),
        (CallFailed::Overloaded, (503, "executor_overloaded")),
    ] {
        let (mut exchange, _) = sent(&gate("refuse"), &request(false));
        batch(answered(&mut exchange, &answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)])));
        let (status, code) = refused(exchange.on(Event::CallsRun(Err(why))));
        assert_eq!((status, code.as_str()), expected);
    }
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    batch(answered(&mut exchange, &answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)])));
    assert_eq!(
        refused(exchange.on(Event::CallsRun(Ok(vec![])))),
        (502, "executor_rejected".into()),
        "an outcome is missing"
    );
}

#[test]
fn an_upstream_that_misbehaves_is_an_error_of_ours() {
    let ok = r#"{"choices":[]}"#;
    let table = [
        (
            "gzip",
            vec![(":status", "200"), ("content-type", "application/json"), ("content-encoding", "gzip")],
            ok,
            502,
            "upstream_encoded",
        ),
        ("HTML", vec![(":status", "200"), ("content-type", "text/html")], "<html>", 502, "upstream_invalid"),
        (
            "truncated JSON",
            vec![(":status", "200"), ("content-type", "application/json")],
            "{\"id\":",
            502,
            "upstream_invalid",
        ),
        ("no JSON at all", vec![(":status", "200"), ("content-type", "application/json")], "", 502, "upstream_invalid"),
        ("a redirect", vec![(":status", "302"), ("content-type", "application/json")], ok, 502, "upstream_invalid"),
        (
            "a stream nobody asked for",
            vec![(":status", "200"), ("content-type", "text/event-stream")],
            "data: {}\n\n",
            502,
            "upstream_invalid",
        ),
    ];
    for (name, pairs, text, status, code) in table {
        let (mut exchange, _) = sent(&gate("refuse"), &request(false));
        let mut effect = exchange.on(Event::ResponseHead { headers: &lend(&headers(&pairs)), end: false });
        if effect == Effect::Hold {
            effect = exchange.on(Event::ResponseData { chunk: text.as_bytes(), end: true, now: NOW });
        }
        assert_eq!(refused(effect), (status, code.to_owned()), "{name}");
    }
}

#[test]
fn an_error_object_of_the_upstream_is_forwarded_unchanged() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let pairs = headers(&[(":status", "429"), ("content-type", "application/json")]);
    assert_eq!(exchange.on(Event::ResponseHead { headers: &lend(&pairs), end: false }), Effect::Hold);
    let error = r#"{"error": {"message":"slow down","type":"rate_limit","code":null,"param":null}}"#;
    let effect = exchange.on(Event::ResponseData { chunk: error.as_bytes(), end: true, now: NOW });
    assert_eq!(finished(effect), error.as_bytes());
}

#[test]
fn an_answer_over_the_limit_or_the_time_is_refused() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    begun(&mut exchange, "application/json");
    let effect = exchange.on(Event::ResponseData { chunk: &vec![b' '; 65 * 1024], end: false, now: NOW });
    assert_eq!(refused(effect), (502, "response_too_large".into()));
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    begun(&mut exchange, "application/json");
    let effect =
        exchange.on(Event::ResponseData { chunk: b"{", end: false, now: NOW + std::time::Duration::from_secs(31) });
    assert_eq!(refused(effect), (504, "limit_exceeded".into()));
}

#[test]
fn an_answer_that_ends_with_trailers_is_decided_all_the_same() {
    let (mut exchange, _) = sent(&gate("error"), &request(false));
    begun(&mut exchange, "application/json");
    let bytes = answer(Value::Null, &[call("c1", "rm_rf", "{}")]).to_string();
    exchange.on(Event::ResponseData { chunk: bytes.as_bytes(), end: false, now: NOW });
    let effect = exchange.on(Event::ResponseTrailers { writable: true, now: NOW });
    assert_eq!(refused(effect), (400, "tool_not_in_contract".into()));
}

#[test]
fn nothing_of_a_replaced_answer_is_forwarded() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    begun(&mut exchange, "application/json");
    let effect = exchange.on(Event::ResponseData { chunk: &vec![b' '; 65 * 1024], end: false, now: NOW });
    assert_eq!(refused(effect), (502, "response_too_large".into()));
    let more = answer(Value::Null, &[call("c1", "rm_rf", "{}")]).to_string();
    let effect = exchange.on(Event::ResponseData { chunk: more.as_bytes(), end: true, now: NOW });
    assert_eq!(effect, Effect::Hold);
}

#[test]
fn a_call_that_the_request_forced_is_not_forced_again_in_the_next_round() {
    let allowed = |mode: &str| json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": [{ "type": "function", "function": { "name": "lookup" } }] } });
    let named = json!({ "type": "function", "function": { "name": "lookup" } });
    for (choice, then) in [
        (json!("required"), json!("auto")),
        (json!("any"), json!("auto")),
        (json!("auto"), json!("auto")),
        (json!("none"), json!("none")),
        (Value::Null, Value::Null),
        (named, json!("auto")),
        (allowed("required"), allowed("auto")),
    ] {
        let mut body = request(false);
        body["tool_choice"] = choice.clone();
        let (mut exchange, forwarded) = sent(&gate("refuse"), &body);
        assert_eq!(forwarded["tool_choice"], choice, "the first round is as the caller wants it");
        let call = call("c1", "lookup", r#"{"key":"a"}"#);
        let batch = batch(answered(&mut exchange, &answer(Value::Null, &[call])));
        let asked = model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#]));
        let round: Value = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!(round["tool_choice"], then);
    }
}
