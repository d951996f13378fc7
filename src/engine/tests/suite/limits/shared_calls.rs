//! Calls and further rounds that the executor counts.

use std::rc::Rc;

use callgate_contract::Code;
use callgate_engine::{
    AdmissionReply, Authorization, AuthorizeBatch, CallFailed, CallRuling, Code as ExchangeCode, CountCode,
    CountRefusal, Effect, Event, Gate, Offer,
};
use serde_json::json;

use super::shared::{ALLOW, STORE, waits};
use super::{CLERK, answer, ask, ask_with, contract, refused, text};
use crate::common::gate_over;
use crate::conditions::apis::{APIS, Api};

fn gate(clerk: &str, order: &str, spec: &str) -> Rc<Gate> {
    gate_over(&contract(clerk, order, spec), Offer::Declared)
}

/// Sends a request whose answer has two calls.
fn asked(api: &Api, gate: &Rc<Gate>, size: Option<usize>) -> (AuthorizeBatch, callgate_engine::Exchange) {
    let (effect, mut exchange) = ask(api, gate, CLERK, size.is_some());
    assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");
    let (first, second) = (json!({ "n": "FIRST" }), json!({ "n": "SECOND" }));
    let calls = [("c1", "order", &first), ("c2", "order", &second)];
    match answer(api, &mut exchange, CLERK.now, &calls, size) {
        Effect::Authorize(batch) => (batch, exchange),
        effect => panic!("{}: expected calls to release, got {effect:?}", api.name),
    }
}

fn denied(batch: &AuthorizeBatch) -> Vec<Authorization> {
    let ruling = |position| match position {
        0 => CallRuling::Released,
        _ => CallRuling::Denied {
            code: Code::RateLimited,
            pointer: String::new(),
            message: "expected role `clerk` to stay within its calls".to_owned(),
        },
    };
    let calls = batch.batch.calls.iter().enumerate();
    calls.map(|(position, call)| Authorization { id: call.id.clone(), ruling: ruling(position) }).collect()
}

#[test]
fn the_executor_counts_and_releases_calls_in_every_api() {
    for api in &APIS {
        for (clerk, order) in [("callsPerMinute: 1", ""), ("", "callsPerMinute: 1,")] {
            for size in [None, Some(1), Some(100_000)] {
                let (batch, mut exchange) = asked(api, &gate(clerk, order, STORE), size);
                assert!(batch.batch.calls.iter().all(|call| call.only_counted && !call.needs_approval));
                let seen = match exchange.on(Event::Authorized(Ok(denied(&batch)))) {
                    // Some upstreams end their stream after the last event only.
                    Effect::Emit(bytes) => text(Effect::Finish(bytes)),
                    effect => text(effect),
                };
                assert!(seen.contains("FIRST") && !seen.contains("SECOND"), "{} {size:?}: {seen}", api.name);
                assert!(seen.contains("rate_limited"), "{} {size:?}: {seen}", api.name);
                assert_eq!(exchange.tally().refused, [Code::RateLimited], "{}", api.name);
            }
        }
    }
}

#[test]
fn without_the_executor_counted_calls_are_kept_back_unless_the_contract_lets_them_pass() {
    for api in &APIS {
        let (_, mut exchange) = asked(api, &gate("callsPerDay: 9", "", STORE), None);
        let (status, body, _) = refused(exchange.on(Event::Authorized(Err(CallFailed::Unreachable))));
        assert!(status == 503 && body.contains("executor_unavailable"), "{}: {body}", api.name);
        for (failed, passes) in
            [(CallFailed::Unreachable, true), (CallFailed::Overloaded, false), (CallFailed::Rejected, false)]
        {
            let (_, mut exchange) = asked(api, &gate("callsPerDay: 9", "", ALLOW), None);
            let effect = exchange.on(Event::Authorized(Err(failed)));
            assert_eq!(matches!(effect, Effect::Finish(_)), passes, "{}: {effect:?}", api.name);
            assert_eq!((exchange.tally().uncounted, exchange.tally().released), (passes, if passes { 2 } else { 0 }));
        }
    }
}

#[test]
fn a_call_that_a_person_must_approve_never_passes_uncounted() {
    let [api, ..] = &APIS;
    let gate = gate("callsPerDay: 9", "approval: always,", ALLOW);
    let (batch, mut exchange) = asked(api, &gate, None);
    assert!(batch.batch.calls.iter().all(|call| call.needs_approval && !call.only_counted));
    let (status, body, _) = refused(exchange.on(Event::Authorized(Err(CallFailed::Unreachable))));
    assert!(status == 503 && body.contains("executor_unavailable"), "{body}");
}

#[test]
fn calls_of_a_role_without_a_rate_are_released_here() {
    let [api, ..] = &APIS;
    let viewer = super::Asker { role: "viewer", ..CLERK };
    let (_, mut exchange) = ask(api, &gate("callsPerDay: 9", "", STORE), viewer, false);
    let none = json!({});
    let effect = answer(api, &mut exchange, CLERK.now, &[("c1", "look", &none)], None);
    assert!(matches!(effect, Effect::Finish(_)), "{effect:?}");
}

const ROUNDS: &str = "  limits: { store: executor }\n  onViolation: feedback\n  conversation: { id: \"header:x-session-id\", maxTurns: 9 }";

#[test]
fn each_further_round_is_counted_before_the_model_is_asked_again() {
    for api in &APIS {
        for size in [None, Some(9)] {
            let gate = gate("", "", ROUNDS);
            let (effect, mut exchange) = ask_with(api, &gate, CLERK, size.is_some(), &[("x-session-id", "one")]);
            let first = waits(effect);
            let effect = exchange.on(Event::Admitted(Ok(AdmissionReply::default())));
            assert!(matches!(effect, Effect::Forward(_)));
            let none = json!({});
            let effect = answer(api, &mut exchange, CLERK.now, &[("c1", "missing", &none)], size);
            let second = waits(effect);
            assert_eq!((first.round, second.round), (1, 2), "{}", api.name);
            assert_eq!(first.conversation_id, second.conversation_id);
            let refusal =
                CountRefusal { code: CountCode::ConversationLimit, message: "ended".into(), retry_after: None };
            let reply = AdmissionReply { standing: None, refusals: vec![refusal] };
            let seen = text(exchange.on(Event::Admitted(Ok(reply))));
            assert!(seen.contains("conversation_limit"), "{} {size:?}: {seen}", api.name);
            assert_eq!(exchange.tally().error, Some(ExchangeCode::ConversationLimit));
        }
    }
}

#[test]
fn a_counted_round_asks_the_model_again() {
    let [api, ..] = &APIS;
    let (_, mut exchange) = ask_with(api, &gate("", "", ROUNDS), CLERK, false, &[("x-session-id", "one")]);
    exchange.on(Event::Admitted(Ok(AdmissionReply::default())));
    let none = json!({});
    waits(answer(api, &mut exchange, CLERK.now, &[("c1", "missing", &none)], None));
    let effect = exchange.on(Event::Admitted(Ok(AdmissionReply::default())));
    assert!(matches!(effect, Effect::Ask(_)), "{effect:?}");
}

/// The executor runs this tool, so shadow mode refuses a call without `q`, and the model is told.
const FIND: &str = "    - { name: find, effects: read, parameters: { type: object, required: [q] }, \
    run: { wasm: { module: find.wasm, sha256: \"0000000000000000000000000000000000000000000000000000000000000000\" } } }\n";

#[test]
fn shadow_mode_reports_the_limit_that_a_further_round_reaches() {
    const SPEC: &str =
        "  enforce: false\n  onViolation: feedback\n  conversation: { id: \"header:x-session-id\", maxTurns: 1 }";
    let none = json!({});
    for api in &APIS {
        for (size, is_shared) in [(None, false), (Some(9), false), (None, true), (Some(9), true)] {
            let store = if is_shared { STORE } else { "" };
            let gate = gate_over(&(contract("", "", &format!("{SPEC}\n{store}")) + FIND), Offer::Declared);
            let (mut effect, mut exchange) = ask_with(api, &gate, CLERK, size.is_some(), &[("x-session-id", "one")]);
            if is_shared {
                waits(effect);
                effect = exchange.on(Event::Admitted(Ok(AdmissionReply::default())));
            }
            assert!(matches!(effect, Effect::Forward(_)), "{}: {effect:?}", api.name);
            let mut effect = answer(api, &mut exchange, CLERK.now, &[("c1", "find", &none)], size);
            if is_shared {
                assert_eq!(waits(effect).round, 2);
                let refusal =
                    CountRefusal { code: CountCode::ConversationLimit, message: "ended".into(), retry_after: None };
                let reply = AdmissionReply { standing: None, refusals: vec![refusal] };
                effect = exchange.on(Event::Admitted(Ok(reply)));
            }
            assert!(matches!(effect, Effect::Ask(_)), "{} {size:?} {is_shared}: {effect:?}", api.name);
            let tally = exchange.tally();
            assert_eq!(tally.shadowed_errors, [ExchangeCode::ConversationLimit], "{} {size:?} {is_shared}", api.name);
            assert_eq!(tally.error, None);
        }
    }
}
