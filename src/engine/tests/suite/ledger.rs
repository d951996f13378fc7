//! The decisions of an exchange for the audit log, and the data sent to the executor with the calls.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

use std::rc::Rc;
use std::time::Duration;

use crate::common::{
    answer, answered, batch, call, contract, gate, gate_of, model_answered, model_request, ran, request,
    request_headers, send_with, sent, streamed,
};
use callgate_contract::Code;
use callgate_engine::{CallFailed, Decision, Effect, Event, Exchange, Offer, Outcome, Reply, Ruling, ToolFailure};
use serde_json::json;
use sha2::{Digest, Sha256};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The decisions of an exchange since the last look.
fn decisions(exchange: &mut Exchange) -> Vec<Decision> {
    exchange.take_decisions().map(|decisions| decisions.list).unwrap_or_default()
}

fn digest(canonical: &str) -> Option<[u8; 32]> {
    Some(Sha256::digest(canonical).into())
}

/// Round, place, id, tool, whether it is allowed.
fn brief(decisions: &[Decision]) -> Vec<(u32, u32, &str, &str, bool)> {
    decisions
        .iter()
        .map(|d| (d.round, d.position, d.call_id.as_str(), d.tool.as_str(), d.ruling == Ruling::Allow))
        .collect()
}

#[test]
fn every_call_of_a_turn_is_written_down_with_its_verdict() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    assert!(exchange.take_decisions().is_none(), "nothing is decided yet");
    let calls = [
        call("a", "get_weather", r#"{ "city":"Oslo" }"#),
        call("b", "get_weather", r#"{"city":7}"#),
        call("c", "drop_table", "{}"),
        call("d", "order", "{not json"),
    ];
    answered(&mut exchange, &answer(json!(null), &calls));
    let decisions = exchange.take_decisions().unwrap();
    assert_eq!(decisions.caller.tenant, "acme");
    assert_eq!(decisions.caller.role, "clerk");
    assert_eq!(
        (decisions.correlation.exchange_id.as_str(), decisions.correlation.request_id.as_str()),
        ("exchange-1", "exchange-1")
    );
    assert!(decisions.contract_digest.starts_with("sha256:"));
    let list = decisions.list;
    assert_eq!(
        brief(&list),
        [
            (1, 0, "a", "get_weather", true),
            (1, 1, "b", "get_weather", false),
            (1, 2, "c", "drop_table", false),
            (1, 3, "d", "order", false)
        ]
    );
    assert_eq!(list[0].arguments_digest, digest(r#"{"city":"Oslo"}"#), "of the canonical form");
    assert_eq!(list[1].ruling, Ruling::Deny { code: Code::ArgumentsInvalid, pointer: "/city".into() });
    assert_eq!(list[1].arguments_digest, digest(r#"{"city":7}"#));
    assert_eq!(list[2].ruling, Ruling::Deny { code: Code::ToolNotInContract, pointer: String::new() });
    assert_eq!((list[3].arguments_digest, &list[3].arguments), (None, &None), "no JSON has no digest");
    assert!(list.iter().all(|decision| decision.arguments.is_none()), "arguments only where the contract says so");
    assert!(exchange.take_decisions().is_none(), "each is told once");
}

#[test]
fn positions_continue_through_the_rounds_of_an_exchange() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let lookup = |id: &str| call(id, "lookup", r#"{"key":"k"}"#);
    let calls = batch(answered(&mut exchange, &answer(json!(null), &[lookup("a"), lookup("b")])));
    assert_eq!(brief(&decisions(&mut exchange)), [(1, 0, "a", "lookup", true), (1, 1, "b", "lookup", true)]);
    let positions: Vec<_> = calls.calls.iter().map(|call| call.position).collect();
    assert_eq!(positions, [Some(0), Some(1)], "the executor records each call under the place of its decision");
    model_request(ran(&mut exchange, &calls, &[r#"{"found":1}"#, r#"{"found":2}"#]));
    model_answered(&mut exchange, &answer(json!(null), &[call("c", "get_weather", r#"{"city":"Oslo"}"#)]));
    assert_eq!(brief(&decisions(&mut exchange)), [(2, 2, "c", "get_weather", true)]);
}

#[test]
fn a_stream_is_written_down_as_it_is_decided() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(true));
    let calls = [call("a", "get_weather", r#"{"city":"Oslo"}"#), call("b", "drop_everything", r#"{"now":true}"#)];
    streamed(&mut exchange, &crate::common::stream(&["hi"], &calls, 3), &[7]);
    let list = decisions(&mut exchange);
    assert_eq!(brief(&list), [(1, 0, "a", "get_weather", true), (1, 1, "b", "drop_everything", false)]);
    assert_eq!(list[1].arguments_digest, None, "arguments of a name that is lost are dropped unread");
}

#[test]
fn arguments_are_kept_only_with_audit_full_and_only_in_bounds() {
    let text = contract("refuse").replace("effects: write\n", "effects: write\n      audit: full\n");
    let gate = gate_of(&text, Offer::Declared, true);
    let kept = |arguments: &str| {
        let (mut exchange, _) = sent(&gate, &request(false));
        answered(&mut exchange, &answer(json!(null), &[call("a", "order", arguments)]));
        decisions(&mut exchange).remove(0)
    };
    let allowed = kept(r#"{ "sku" : "A" }"#);
    assert_eq!(allowed.arguments.as_deref(), Some(r#"{"sku":"A"}"#));
    let denied = kept(r#"{ "sku" : 7 }"#);
    assert_eq!((denied.arguments.as_deref(), denied.ruling == Ruling::Allow), (Some(r#"{"sku":7}"#), false));
    let (mut exchange, _) = sent(&gate, &request(false));
    answered(&mut exchange, &answer(json!(null), &[call("a", "lookup", r#"{"key":"k"}"#)]));
    assert_eq!(decisions(&mut exchange).remove(0).arguments, None, "another tool of the same contract");
}

#[test]
fn text_of_the_model_is_cut_and_made_printable() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let (id, name) = ("i".repeat(300), format!("\u{7}{}", "ä".repeat(100)));
    answered(&mut exchange, &answer(json!(null), &[call(&id, &name, "{}")]));
    let decision = decisions(&mut exchange).remove(0);
    assert_eq!(decision.call_id.len(), 128);
    assert!(
        decision.tool.len() <= 128 && !decision.tool.contains('\u{7}') && decision.tool.ends_with('ä'),
        "{}",
        decision.tool
    );
}

#[test]
fn a_call_that_needs_approval_is_recorded_as_such_and_goes_to_the_executor() {
    let text = contract("refuse").replace("      result: {", "      approval: always\n      result: {");
    let (mut exchange, _) = sent(&gate_of(&text, Offer::Declared, true), &request(false));
    let effect = answered(&mut exchange, &answer(json!(null), &[call("a", "lookup", r#"{"key":"k"}"#)]));
    let ruling = decisions(&mut exchange).remove(0).ruling;
    assert_eq!(ruling, Ruling::NeedsApproval { code: None, pointer: String::new() });
    assert_eq!(batch(effect).calls[0].tool, "lookup");
}

#[test]
fn a_call_held_for_a_broken_rule_is_recorded_with_the_rule() {
    for run in ["wasm: {", "client: {}"] {
        let fields = "      origin: { /key: { from: [user], otherwise: approve } }\n      result: {";
        let text = contract("refuse").replace("      result: {", fields);
        let (before, after) = text.split_once("      run: { wasm: {").unwrap();
        let text = if run == "client: {}" {
            format!("{before}      run: {{ client: {{}} }}\n")
        } else {
            format!("{before}      run: {{ wasm: {{{after}")
        };
        let (mut exchange, _) = sent(&gate_of(&text, Offer::Declared, true), &request(false));
        answered(&mut exchange, &answer(json!(null), &[call("a", "lookup", r#"{"key":"secret-key"}"#)]));
        let ruling = decisions(&mut exchange).remove(0).ruling;
        let expected = Ruling::NeedsApproval { code: Some(Code::OriginMissing), pointer: "/key".to_owned() };
        assert_eq!(ruling, expected, "{run}");
    }
}

#[test]
fn the_model_gets_the_id_of_the_pending_approval() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    let calls = batch(answered(&mut exchange, &answer(json!(null), &[call("a", "lookup", r#"{"key":"k"}"#)])));
    let waits = ToolFailure {
        code: "approval_required".into(),
        message: "A person must agree first.".into(),
        approval_id: Some("ap-1".into()),
    };
    let outcome = Outcome { id: calls.calls[0].id.clone(), result: Err(waits) };
    let again = model_request(exchange.on(Event::CallsRun(Ok(vec![outcome]))));
    let body: serde_json::Value = serde_json::from_slice(&again.body).unwrap();
    let told: serde_json::Value = serde_json::from_str(body["messages"][2]["content"].as_str().unwrap()).unwrap();
    let expected =
        json!({ "code": "approval_required", "message": "A person must agree first.", "approval_id": "ap-1" });
    assert_eq!(told["error"], expected);
}

#[test]
fn without_an_executor_nothing_is_written_down() {
    let text = contract("refuse");
    let (client_only, _) = text.split_once("    - name: lookup").unwrap();
    let gate = gate_of(&client_only.replace(", lookup]", "]"), Offer::Declared, false);
    let mut body = request(false);
    body["tools"].as_array_mut().unwrap().pop();
    let (mut exchange, _) = sent(&gate, &body);
    answered(&mut exchange, &answer(json!(null), &[call("a", "get_weather", r#"{"city":"Oslo"}"#)]));
    assert!(exchange.take_decisions().is_none());
}

#[test]
fn the_executor_gets_our_own_id_the_proxys_and_the_trace() {
    let gate = gate("refuse");
    let mut headers = request_headers("clerk");
    headers.push(("traceparent".into(), PARENT.into()));
    headers.push(("tracestate".into(), b"a=1".to_vec()));
    let mut exchange = Exchange::new(Rc::clone(&gate), "made-up");
    send_with(&mut exchange, &headers, request(false).to_string().as_bytes());
    let effect = answered(&mut exchange, &answer(json!(null), &[call("a", "lookup", r#"{"key":"k"}"#)]));
    let decisions = exchange.take_decisions().unwrap();
    assert_eq!(decisions.correlation.trace.as_ref().map(|trace| trace.id()), Some("0af7651916cd43dd8448eb211c80319c"));
    let batch = batch(effect);
    assert_eq!((batch.exchange_id.as_str(), batch.request_id.as_str()), ("made-up", "exchange-1"));
    let trace = batch.trace.clone().unwrap();
    assert_eq!((trace.parent(), trace.state()), (PARENT, Some("a=1")));
    let again = model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#]));
    assert!(again.headers.contains(&("traceparent".into(), PARENT.into())), "the model's further rounds too");
}

#[test]
fn an_overloaded_executor_is_an_error_with_retry_after() {
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    answered(&mut exchange, &answer(json!(null), &[call("a", "lookup", r#"{"key":"k"}"#)]));
    let Effect::Reply(Reply { status, body, retry_after, .. }) =
        exchange.on(Event::CallsRun(Err(CallFailed::Overloaded)))
    else {
        panic!("no answer of ours")
    };
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, retry_after), (503, Some(Duration::from_secs(1))));
    assert_eq!(body["error"]["code"], "executor_overloaded");
}
