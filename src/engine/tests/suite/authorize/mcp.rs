//! Requests to an MCP server: the request waits until the executor has released its call.

use std::rc::Rc;

use callgate_engine::{CallFailed, ConversationFacts, Effect, Event, Exchange, Gate, Offer};
use serde_json::{Value, json};

use super::desk::{ID, contract, denied, pending, released, ruled};
use crate::common::gate_over;
use crate::mcp::world::{answered, body, call, refused, response, send};

fn gate(on_violation: &str) -> Rc<Gate> {
    gate_over(&contract(on_violation, "", "      approval: always"), Offer::Declared)
}

fn asked(gate: &Rc<Gate>) -> (Exchange, callgate_engine::AuthorizeBatch) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    match send(&mut exchange, "clerk", call("f", json!({ "a": "FIRST" })).to_string().as_bytes()) {
        Effect::Authorize(batch) => (exchange, batch),
        effect => panic!("{effect:?}"),
    }
}

#[test]
fn a_released_call_is_forwarded_and_its_answer_checked() {
    let (mut exchange, batch) = asked(&gate("refuse"));
    assert_eq!(batch.batch.calls[0].arguments, r#"{"a":"FIRST"}"#);
    let Effect::Forward(forward) = exchange.on(Event::Authorized(released(&batch))) else { panic!("it is held") };
    let message: Value = serde_json::from_slice(&forward.body).unwrap();
    assert_eq!((&message["method"], &message["params"]["arguments"]), (&json!("tools/call"), &json!({ "a": "FIRST" })));
    assert_eq!(forward.remove, ["x-tenant", "x-role", "accept-encoding"]);
    let answer = response(json!({ "content": [{ "type": "text", "text": "done" }] }));
    assert_eq!(body(answered(&mut exchange, &answer))["result"]["content"][0]["text"], "done");
    assert_eq!(exchange.tally().verdict(), "allow");
}

#[test]
fn a_held_call_is_answered_as_a_refused_one() {
    for mode in ["refuse", "feedback"] {
        let (mut exchange, batch) = asked(&gate(mode));
        let answer = body(exchange.on(Event::Authorized(Ok(ruled(&batch, |_| pending())))));
        assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(7), &json!(true)));
        let said = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert!(said.contains("approval_required") && said.contains(ID), "{said}");
        assert_eq!(exchange.tally().verdict(), "refuse:approval_required");
    }
    let (mut exchange, batch) = asked(&gate("error"));
    let effect = exchange.on(Event::Authorized(Ok(ruled(&batch, |_| denied()))));
    assert_eq!(refused(effect), (200, "policy_denied".into()));
}

#[test]
fn without_an_answer_the_server_gets_nothing() {
    for failed in [CallFailed::Unreachable, CallFailed::Overloaded, CallFailed::Rejected, CallFailed::Unreadable] {
        let (mut exchange, _) = asked(&gate("refuse"));
        let (status, code) = refused(exchange.on(Event::Authorized(Err(failed))));
        assert!(status == 200 && code.starts_with("executor_"), "{code}");
    }
    let (mut exchange, _) = asked(&gate("refuse"));
    assert_eq!(refused(exchange.on(Event::Authorized(Ok(Vec::new())))).1, "executor_rejected");
    let (mut exchange, _) = asked(&gate("refuse"));
    let late = crate::common::NOW + std::time::Duration::from_secs(31);
    let (_, code) = refused(exchange.on(Event::Tick { writable: false, now: late }));
    assert_eq!(code, "limit_exceeded");
    assert_eq!(exchange.on(Event::Authorized(Ok(Vec::new()))), Effect::Hold);
}

#[test]
fn with_authorize_the_facts_of_an_empty_conversation_are_sent() {
    let gate = gate_over(&contract("refuse", "  authorize: true", ""), Offer::Declared);
    let (_, batch) = asked(&gate);
    assert_eq!((batch.batch.model, batch.batch.conversation), (None, Some(ConversationFacts::default())));
}
