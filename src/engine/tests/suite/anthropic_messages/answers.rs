//! Unary JSON answers, under each `onViolation`, with and without further rounds.

use callgate_engine::{Effect, Event};
use serde_json::{Value, json};

use super::desk::{GOOD, answer, call, gate, kinds, request, sent, sent_by_viewer, text, thinking};
use crate::common::{NOW, answered, batch, begun, finished, model_answered, model_request, ran, refused};

fn body(effect: Effect) -> Value {
    serde_json::from_slice(&finished(effect)).unwrap()
}

#[test]
fn an_answer_in_which_nothing_had_to_change_keeps_every_byte() {
    let called = vec![thinking("Hm."), text("fine"), call("c1", "get_weather", GOOD)];
    for (content, verdict) in [(vec![text("fine")], "pass"), (called, "allow")] {
        let (mut exchange, _) = sent(&gate("refuse"), &request(false));
        begun(&mut exchange, "application/json; charset=utf-8");
        let bytes = format!("  {}\n", answer(&content));
        let effect = exchange.on(Event::ResponseData { chunk: bytes.as_bytes(), end: true, now: NOW });
        assert_eq!(finished(effect), bytes.as_bytes());
        assert_eq!(exchange.tally().verdict(), verdict);
    }
}

#[test]
fn an_allowed_call_is_released_in_canonical_form() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let whole = answer(&[call("c1", "get_weather", GOOD)]).to_string();
    let odd = whole.replace(GOOD, r#"{ "days": 2.0, "city" : "\u004fslo" }"#);
    begun(&mut exchange, "application/json");
    let bytes = finished(exchange.on(Event::ResponseData { chunk: odd.as_bytes(), end: true, now: NOW }));
    assert_eq!(String::from_utf8(bytes).unwrap(), whole.replace(GOOD, r#"{"city":"Oslo","days":2}"#));
}

#[test]
fn a_refused_call_is_replaced_in_its_place_and_the_others_are_released() {
    let content = [text("Sure."), call("c1", "rm_rf", r#"{"SECRET":1}"#), call("c2", "get_weather", GOOD)];
    let message = body(answered(&mut sent_by_viewer(&gate("refuse"), false), &answer(&content)));
    assert_eq!(kinds(&message), ["text", "text", "tool_use"]);
    let told = message["content"][1]["text"].as_str().unwrap();
    assert!(told.starts_with("Callgate refused the call of `rm_rf` (tool_not_in_contract)"), "{told}");
    assert_eq!((&message["content"][2], &message["stop_reason"]), (&content[2], &json!("tool_use")));
    assert!(!message.to_string().contains("SECRET"));
}

#[test]
fn a_turn_with_no_call_left_ends_as_one_without() {
    for content in [vec![call("c1", "rm_rf", "{}")], vec![call("c1", "", GOOD)]] {
        let (mut exchange, _) = sent(&gate("refuse"), &request(false));
        let message = body(answered(&mut exchange, &answer(&content)));
        assert_eq!((kinds(&message), &message["stop_reason"]), (vec!["text"], &json!("end_turn")));
    }
}

#[test]
fn error_answers_with_the_apis_error_object() {
    let (mut exchange, _) = sent(&gate("error"), &request(false));
    let effect = answered(&mut exchange, &answer(&[call("c1", "get_weather", "{}")]));
    assert_eq!(refused(effect), (400, "arguments_invalid".to_owned()));
}

#[test]
fn a_call_of_a_tool_that_no_declaration_has_is_decided_as_any_other() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let message = body(answered(&mut exchange, &answer(&[call("c1", "bash", r#"{"command":"ls"}"#)])));
    assert_eq!(kinds(&message), ["text"]);
    assert_eq!(exchange.tally().verdict(), "refuse:tool_not_in_contract");
}

#[test]
fn a_server_run_call_is_run_and_the_model_asked_again_with_its_thought() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let content = [thinking("Hm."), text("Let me look."), call("c1", "lookup", r#"{ "key" : "k" }"#)];
    let batch = batch(answered(&mut exchange, &answer(&content)));
    assert_eq!(batch.calls[0].arguments, r#"{"key":"k"}"#);
    let again = model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#]));
    assert_eq!(again.path, "/v1/messages");
    let again: Value = serde_json::from_slice(&again.body).unwrap();
    assert_eq!(again["messages"][1], json!({ "role": "assistant", "content": content }));
    let result = json!({ "type": "tool_result", "tool_use_id": "c1", "content": "{\"found\":1}" });
    assert_eq!(again["messages"][2], json!({ "role": "user", "content": [result] }));
    let last = body(model_answered(&mut exchange, &answer(&[text("Found."), call("c2", "order", r#"{"sku":"a"}"#)])));
    assert_eq!(kinds(&last), ["thinking", "text", "text", "tool_use"]);
    assert_eq!(last["content"][0], content[0], "untouched, with its signature");
    assert_eq!(last["usage"], json!({ "input_tokens": 10, "output_tokens": 14 }));
    assert_eq!(last["stop_reason"], "tool_use");
}

#[test]
fn of_a_mixed_turn_the_server_run_calls_run_and_the_clients_own_are_told_not_to_have_run() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let content = [call("c1", "get_weather", GOOD), call("c2", "lookup", r#"{"key":"k"}"#)];
    let batch = batch(answered(&mut exchange, &answer(&content)));
    assert_eq!(batch.calls.len(), 1);
    let again: Value = serde_json::from_slice(&model_request(ran(&mut exchange, &batch, &["{}"])).body).unwrap();
    assert_eq!(again["messages"][1]["content"], json!(content));
    let results = &again["messages"][2]["content"];
    assert!(results[0]["content"].as_str().unwrap().contains("call_not_run"), "{results}");
    assert_eq!(results[1]["is_error"], true, "a result that the contract does not take");
}

#[test]
fn feedback_gives_the_model_the_violation() {
    let (mut exchange, _) = sent(&gate("feedback"), &request(false));
    let effect = answered(&mut exchange, &answer(&[text("Hm."), call("c1", "get_weather", "{}")]));
    let again: Value = serde_json::from_slice(&model_request(effect).body).unwrap();
    let result = &again["messages"][2]["content"][0];
    assert_eq!((&result["tool_use_id"], &result["is_error"]), (&json!("c1"), &json!(true)));
    assert!(result["content"].as_str().unwrap().contains("arguments_invalid"));
    let last = body(model_answered(&mut exchange, &answer(&[call("c2", "get_weather", GOOD)])));
    assert_eq!(kinds(&last), ["text", "tool_use"]);
}

#[test]
fn an_unrequested_provider_run_tool_fails_closed() {
    for block in [
        json!({ "type": "server_tool_use", "id": "s", "name": "web_search", "input": {} }),
        json!({ "type": "mcp_tool_use", "id": "s", "name": "x", "server_name": "a", "input": {} }),
        json!({ "type": "tool_call", "id": "s" }),
    ] {
        let (mut exchange, _) = sent(&gate("refuse"), &request(false));
        assert_eq!(refused(answered(&mut exchange, &answer(&[block]))), (502, "upstream_invalid".to_owned()));
    }
}
