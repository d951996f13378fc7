//! The rules on asking, the same in every dialect.

use std::time::Duration;

use callgate_engine::{
    CallCode, CallRuling, Effect, Event, Exchange, GateError, Offer, Outcome, Paths, ReleaseRule, Ruling,
};
use serde_json::{Value, json};

use super::desk::{answered, asking, contract, denied, free, pending, released, ruled, sent, text};
use super::samples::{FIRST, SECOND, Sample, sample};
use crate::common::{NOW, batch, begun, finished, gate_over, model_answered, model_request, rules};

fn asked(effect: Effect) -> callgate_engine::AuthorizeBatch {
    match effect {
        Effect::Authorize(batch) => batch,
        effect => panic!("expected a question to the executor, got {effect:?}"),
    }
}

/// The chat sample with these calls in place of its own.
fn calling(calls: &[(&str, &str, &str)]) -> Sample {
    let mut sample = sample("chatCompletions");
    let calls: Vec<Value> = calls
        .iter()
        .map(
            |(id, name, text)| json!({ "id": id, "type": "function", "function": { "name": name, "arguments": text } }),
        )
        .collect();
    sample.whole["choices"][0]["message"]["tool_calls"] = Value::Array(calls);
    sample
}

fn exchange(gate: &std::rc::Rc<callgate_engine::Gate>) -> Exchange {
    sent(gate, &sample("chatCompletions"), false)
}

#[test]
fn one_question_has_all_calls_of_a_turn() {
    let mut exchange = exchange(&asking("refuse"));
    let asked = asked(answered(&mut exchange, &sample("chatCompletions")));
    assert_eq!(asked.release, ReleaseRule::Each);
    let batch = asked.batch;
    assert_eq!((batch.tenant.as_str(), batch.role.as_str(), batch.round), ("acme", "clerk", 1));
    let calls: Vec<_> =
        batch.calls.iter().map(|call| (call.arguments.as_str(), call.position, call.needs_approval)).collect();
    assert_eq!(calls, [(FIRST, Some(0), true), (SECOND, Some(1), true)]);
    let decisions = exchange.take_decisions().unwrap();
    assert!(decisions.list.iter().all(|decision| matches!(decision.ruling, Ruling::NeedsApproval { .. })));
    assert_eq!(exchange.tally().released, 0);
}

#[test]
fn a_call_held_for_a_rule_about_sources_is_asked_about_with_that_rule() {
    let fields = "      origin: { /a: { from: [user], otherwise: approve } }";
    let gate = gate_over(&contract("refuse", "", fields), Offer::Declared);
    let mut exchange = exchange(&gate);
    let question = asked(answered(&mut exchange, &sample("chatCompletions")));
    let held: Vec<_> =
        question.batch.calls.iter().map(|call| call.sources.as_ref().unwrap().held.as_ref().unwrap()).collect();
    let rules: Vec<_> = held.iter().map(|violation| (violation.code, violation.pointer.as_str())).collect();
    assert_eq!(rules, [(CallCode::OriginMissing, "/a"), (CallCode::OriginMissing, "/a")]);
    assert!(question.batch.calls.iter().all(|call| call.needs_approval));
}

#[test]
fn with_authorize_an_allowed_call_is_asked_about_without_a_reason() {
    let gate = gate_over(&contract("refuse", "  authorize: true", ""), Offer::Declared);
    let mut exchange = exchange(&gate);
    let batch = asked(answered(&mut exchange, &sample("chatCompletions")));
    assert!(batch.batch.calls.iter().all(|call| !call.needs_approval));
    let whole = finished(exchange.on(Event::Authorized(released(&batch))));
    assert!(text(&whole).contains("FIRST") && text(&whole).contains("SECOND"));
    assert_eq!((exchange.tally().released, exchange.tally().verdict().as_ref()), (2, "allow"));
}

#[test]
fn a_contract_without_such_a_rule_asks_nobody() {
    let mut exchange = exchange(&free("refuse"));
    assert!(matches!(answered(&mut exchange, &sample("chatCompletions")), Effect::Finish(_)));
}

#[test]
fn a_gate_without_an_executor_refuses_a_contract_that_needs_one() {
    for (spec, fields) in
        [("", "      approval: always"), ("  authorize: true", ""), ("", "      approval: { when: args.a == 'x' }")]
    {
        let text = contract("refuse", spec, fields);
        let (only_clients, _) = text.split_once("    - name: s").unwrap();
        let error = rules(only_clients, Paths::default(), Offer::Declared, false).unwrap_err();
        assert_eq!(error, GateError::NoAuthorizer { tool: "f".into() });
        assert!(error.to_string().starts_with("`executor` is missing: "), "{error}");
        assert!(rules(only_clients, Paths::default(), Offer::Declared, true).is_ok());
    }
}

#[test]
fn nobody_is_asked_about_a_turn_that_leads_to_another_round_or_to_an_error() {
    let beside = |other: (&str, &str)| calling(&[("c1", "f", FIRST), ("c2", other.0, other.1)]);
    let bad = beside(("f", r#"{"a":1}"#));
    assert!(matches!(answered(&mut exchange(&asking("feedback")), &bad), Effect::Ask(_)), "the model repairs it first");
    assert!(matches!(answered(&mut exchange(&asking("error")), &bad), Effect::Reply(_)));
    assert_eq!(asked(answered(&mut exchange(&asking("refuse")), &bad)).batch.calls.len(), 1);
    let server = beside(("s", "{}"));
    assert_eq!(
        batch(answered(&mut exchange(&asking("refuse")), &server)).calls.len(),
        1,
        "the server's call runs first"
    );
}

#[test]
fn the_last_answer_of_several_rounds_is_asked_about() {
    let gate = asking("refuse");
    let mut exchange = exchange(&gate);
    let ran = batch(answered(&mut exchange, &calling(&[("c1", "s", "{}")])));
    let outcome = Outcome { id: ran.calls[0].id.clone(), result: Ok("{}".into()) };
    model_request(exchange.on(Event::CallsRun(Ok(vec![outcome]))));
    let question = asked(model_answered(&mut exchange, &sample("chatCompletions").whole));
    assert_eq!(question.batch.round, 2);
    let whole = text(&finished(exchange.on(Event::Authorized(released(&question)))));
    assert!(whole.contains("FIRST") && whole.contains("SECOND"), "{whole}");
}

#[test]
fn with_feedback_a_denial_is_told_to_the_model_and_a_pending_approval_is_not() {
    let mut first = exchange(&asking("feedback"));
    let question = asked(answered(&mut first, &sample("chatCompletions")));
    assert_eq!(question.release, ReleaseRule::NoneIfDenied);
    let rulings = ruled(&question, |arguments| if arguments == FIRST { denied() } else { CallRuling::Withheld });
    let again = model_request(first.on(Event::Authorized(Ok(rulings))));
    let again = text(&again.body);
    assert!(again.contains("policy_denied") && again.contains("/a"), "{again}");
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    let last = again["messages"].as_array().unwrap().last().unwrap();
    assert!(
        last["content"].as_str().unwrap().contains("call_not_run"),
        "the other call is told not to have run: {last}"
    );

    let mut second = exchange(&asking("feedback"));
    let question = asked(answered(&mut second, &sample("chatCompletions")));
    let rulings = ruled(&question, |arguments| if arguments == FIRST { pending() } else { CallRuling::Released });
    let whole = text(&finished(second.on(Event::Authorized(Ok(rulings)))));
    assert!(whole.contains("approval_required") && whole.contains("SECOND"), "{whole}");
    assert_eq!(second.tally().verdict(), "refuse:approval_required");
}

#[test]
fn a_stream_continues_with_the_model_after_a_denial() {
    let sample = sample("chatCompletions");
    let mut exchange = sent(&asking("feedback"), &sample, true);
    begun(&mut exchange, sample.media);
    let question = asked(exchange.on(Event::ResponseData { chunk: &sample.stream, end: true, now: NOW }));
    let rulings = ruled(&question, |arguments| if arguments == FIRST { denied() } else { CallRuling::Withheld });
    model_request(exchange.on(Event::Authorized(Ok(rulings))));
    let mut last = sample.whole.clone();
    last["choices"][0]["message"] = json!({ "role": "assistant", "content": "Sorry." });
    last["choices"][0]["finish_reason"] = json!("stop");
    let out = text(&finished(model_answered(&mut exchange, &last)));
    assert!(out.contains("Hi") && out.contains("Sorry.") && !out.contains("FIRST"), "{out}");
}

#[test]
fn several_choices_ask_one_question_whole_and_one_each_in_a_stream() {
    let mut sample = sample("chatCompletions");
    sample.request["n"] = json!(2);
    let mut second = sample.whole["choices"][0].clone();
    second["index"] = json!(1);
    sample.whole["choices"].as_array_mut().unwrap().push(second);
    let mut exchange = sent(&asking("refuse"), &sample, false);
    let question = asked(answered(&mut exchange, &sample));
    assert_eq!(question.batch.calls.len(), 4);
    let whole: Value = serde_json::from_slice(&finished(exchange.on(Event::Authorized(released(&question))))).unwrap();
    assert_eq!(whole["choices"], sample.whole["choices"]);

    let lines = text(&sample.stream);
    let (events, end) = lines.split_at(lines.find("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],").unwrap());
    let other = events.replace("\"choices\":[{\"index\":0", "\"choices\":[{\"index\":1");
    let bytes = format!("{events}{other}{end}");
    let mut exchange = sent(&asking("refuse"), &sample, true);
    begun(&mut exchange, sample.media);
    let first = asked(exchange.on(Event::ResponseData { chunk: bytes.as_bytes(), end: true, now: NOW }));
    let second = asked(exchange.on(Event::Authorized(released(&first))));
    assert_eq!((first.batch.calls.len(), second.batch.calls.len()), (2, 2));
    let out = text(&finished(exchange.on(Event::Authorized(released(&second)))));
    assert_eq!(out.matches("FIRST").count(), 2);
    assert!(out.ends_with("data: [DONE]\n\n"), "{out}");
}

#[test]
fn a_stream_that_waits_too_long_or_brings_too_much_ends_in_an_error() {
    let sample = sample("chatCompletions");
    let held = |exchange: &mut Exchange| {
        begun(exchange, sample.media);
        asked(exchange.on(Event::ResponseData { chunk: &sample.stream, end: false, now: NOW }))
    };
    let mut exchange = sent(&asking("refuse"), &sample, true);
    held(&mut exchange);
    assert_eq!(exchange.on(Event::Tick { writable: true, now: NOW + Duration::from_secs(29) }), Effect::Hold);
    let out = text(&finished(exchange.on(Event::Tick { writable: true, now: NOW + Duration::from_secs(31) })));
    assert!(out.contains("limit_exceeded") && !out.contains("FIRST"), "{out}");
    assert_eq!(exchange.on(Event::Authorized(Ok(Vec::new()))), Effect::Hold, "a late answer changes nothing");

    let mut exchange = sent(&asking("refuse"), &sample, true);
    begun(&mut exchange, sample.media);
    let at = text(&sample.stream).find("data: [DONE]").unwrap();
    let question = asked(exchange.on(Event::ResponseData { chunk: &sample.stream[..at], end: false, now: NOW }));
    let junk = vec![b':'; 40 << 10];
    for _ in 0..3 {
        assert_eq!(exchange.on(Event::ResponseData { chunk: &junk, end: false, now: NOW }), Effect::Hold);
    }
    let out = text(&finished(exchange.on(Event::Authorized(released(&question)))));
    assert!(out.contains("response_too_large"), "{out}");
}

#[test]
fn a_ruling_that_nobody_awaits_fails_closed() {
    let mut exchange = exchange(&asking("refuse"));
    begun(&mut exchange, "application/json");
    assert!(matches!(exchange.on(Event::Authorized(Ok(Vec::new()))), Effect::Reply(reply) if reply.status == 500));
}
