//! Requests that the executor counts, for all gates that ask it.

use std::rc::Rc;
use std::time::Duration;

use callgate_contract::Caller;
use callgate_engine::{
    AdmissionReply, AdmissionRequest, CallFailed, Code, CountRefusal, CounterTable, Effect, Event, Exchange, Gate,
    GateError, Offer, Paths, SEED_BYTES, Standing, UsageCharge,
};
use serde_json::json;

use super::{Asker, CLERK, START, answer, ask, ask_with, contract, refused, text};
use crate::common::{gate_over, rules};
use crate::conditions::apis::{APIS, Api};
use crate::mcp::world;

pub(super) const STORE: &str = "  limits: { store: executor }";
pub(super) const ALLOW: &str = "  limits: { store: executor, storeUnavailable: allow }";

/// An executor with the same contract and a store in memory.
#[derive(Debug)]
pub(super) struct Executor(CounterTable);

// === impl Executor ===

impl Executor {
    pub(super) fn new() -> Self {
        Self(CounterTable::new([9; SEED_BYTES]))
    }

    /// Counts a request by the contract's own limits.
    pub(super) fn admit(&self, gate: &Gate, request: &AdmissionRequest, now: Duration) -> AdmissionReply {
        assert_eq!(request.contract_digest, gate.contract().digest());
        let caller = Caller::new(&*request.tenant, &*request.role);
        let conversation = request.conversation_id.as_deref();
        let plan = match request.round {
            1 => gate.contract().counts_of_request(&self.0, &caller, conversation),
            _ => gate.contract().counts_of_turn(&self.0, &caller, conversation),
        };
        match plan.unwrap().make(&self.0, now.as_secs()) {
            Ok(standing) => AdmissionReply { standing, refusals: Vec::new() },
            Err(reason) => AdmissionReply { standing: None, refusals: vec![reason.refusal()] },
        }
    }

    fn charge(&self, gate: &Gate, charge: &UsageCharge, now: Duration) {
        let caller = Caller::new(&*charge.tenant, &*charge.role);
        let plan = gate.contract().counts_of_usage(&self.0, &caller, charge.tokens, charge.cost_micros);
        plan.unwrap().make(&self.0, now.as_secs()).unwrap();
    }

    /// Asks and counts.
    fn asked(&self, api: &Api, gate: &Rc<Gate>, asker: Asker, stream: bool) -> (Effect, Exchange) {
        let (effect, mut exchange) = ask(api, gate, asker, stream);
        let reply = self.admit(gate, &waits(effect), asker.now);
        (exchange.on(Event::Admitted(Ok(reply))), exchange)
    }
}

/// The request to the executor of a held exchange.
pub(super) fn waits(effect: Effect) -> AdmissionRequest {
    match effect {
        Effect::Admit(request) => request,
        effect => panic!("expected a request to count, got {effect:?}"),
    }
}

fn gate(clerk: &str, spec: &str) -> Rc<Gate> {
    gate_over(&contract(clerk, "", spec), Offer::Declared)
}

#[test]
fn two_gates_share_one_limit_exactly_at_its_edge() {
    for api in &APIS {
        for stream in [false, true] {
            let (one, two) = (gate("requestsPerMinute: 3", STORE), gate("requestsPerMinute: 3", STORE));
            let executor = Executor::new();
            for gate in [&one, &two, &one] {
                assert!(matches!(executor.asked(api, gate, CLERK, stream).0, Effect::Forward(_)), "{}", api.name);
            }
            for gate in [&two, &one] {
                let (effect, exchange) = executor.asked(api, gate, CLERK.after(20), stream);
                let (status, body, wait) = refused(effect);
                assert_eq!((status, wait), (429, Some(50)), "{}: {body}", api.name);
                assert!(body.contains("try again in 50 seconds"), "{body}");
                assert_eq!(exchange.tally().error, Some(Code::RateLimited));
            }
            let other = Asker { tenant: "other", ..CLERK };
            assert!(matches!(executor.asked(api, &two, other, stream).0, Effect::Forward(_)), "{}", api.name);
        }
    }
}

#[test]
fn a_request_is_forwarded_as_without_a_store_and_its_answer_follows() {
    let planted = json!({ "n": "FIRST" });
    for api in &APIS {
        for size in [None, Some(17)] {
            let (shared, local) = (gate("requestsPerDay: 9", STORE), gate("requestsPerDay: 9", ""));
            let executor = Executor::new();
            let (here, mut there) =
                (ask(api, &local, CLERK, size.is_some()).0, executor.asked(api, &shared, CLERK, size.is_some()));
            assert_eq!(there.0, here, "{}", api.name);
            let seen = text(answer(api, &mut there.1, CLERK.now, &[("c1", "order", &planted)], size));
            assert!(seen.contains("FIRST"), "{}: {seen}", api.name);
        }
    }
}

#[test]
fn without_the_executor_a_request_is_refused_unless_the_contract_lets_it_pass() {
    for api in &APIS {
        for (failed, code, passes) in [
            (CallFailed::Unreachable, Code::LimitsUnavailable, true),
            (CallFailed::Overloaded, Code::ExecutorOverloaded, false),
            (CallFailed::Rejected, Code::ExecutorRejected, false),
            (CallFailed::Unreadable, Code::ExecutorRejected, false),
        ] {
            let (effect, mut exchange) = ask(api, &gate("requestsPerDay: 9", STORE), CLERK, false);
            waits(effect);
            let (status, body, _) = refused(exchange.on(Event::Admitted(Err(failed))));
            assert!((502..=503).contains(&status) && body.contains(code.as_str()), "{}: {status} {body}", api.name);
            assert_eq!(exchange.tally().error, Some(code));
            let (_, mut exchange) = ask(api, &gate("requestsPerDay: 9", ALLOW), CLERK, false);
            let effect = exchange.on(Event::Admitted(Err(failed)));
            assert_eq!(matches!(effect, Effect::Forward(_)), passes, "{}: {effect:?}", api.name);
            assert_eq!((exchange.tally().uncounted, exchange.tally().error.is_none()), (passes, passes));
        }
    }
}

fn tick(exchange: &mut Exchange, after: u64) -> Effect {
    exchange.on(Event::Tick { writable: false, now: START + Duration::from_secs(after) })
}

#[test]
fn a_request_does_not_wait_for_good_and_a_late_answer_changes_nothing() {
    let [api, ..] = &APIS;
    let (effect, mut exchange) = ask(api, &gate("requestsPerDay: 9", STORE), CLERK, false);
    assert_eq!(waits(effect).timeout, Duration::from_secs(2));
    assert_eq!(tick(&mut exchange, 1), Effect::Hold);
    assert_eq!(tick(&mut exchange, 3), Effect::Hold);
    let (status, body, _) = refused(tick(&mut exchange, 4));
    assert!(status == 503 && body.contains("limits_unavailable"), "{body}");
    assert_eq!(exchange.on(Event::Admitted(Ok(AdmissionReply::default()))), Effect::Hold);
    let (_, mut exchange) = ask(api, &gate("requestsPerDay: 9", ALLOW), CLERK, false);
    assert!(matches!(tick(&mut exchange, 4), Effect::Forward(_)), "the contract lets it pass");
}

#[test]
fn a_request_that_is_cancelled_while_it_waits_forwards_and_charges_nothing() {
    let [api, ..] = &APIS;
    let (effect, mut exchange) = ask(api, &gate("requestsPerDay: 9, tokensPerDay: 9", STORE), CLERK, false);
    waits(effect);
    assert_eq!(exchange.on(Event::Cancelled), Effect::Hold);
    assert!(exchange.tally().cancelled);
    assert_eq!(exchange.take_charge(), None);
    assert_eq!(exchange.on(Event::Admitted(Ok(AdmissionReply::default()))), Effect::Hold);
}

#[test]
fn a_retry_of_the_client_counts_again_under_a_name_of_its_own() {
    let [api, ..] = &APIS;
    let gate = gate("requestsPerDay: 9", STORE);
    let request = waits(ask(api, &gate, CLERK, false).0);
    assert_eq!((request.exchange_id.as_str(), request.round), ("exchange-1", 1));
    assert_eq!((request.tenant.as_str(), request.role.as_str()), ("acme", "clerk"));
    assert_eq!(request.conversation_id, None);
}

#[test]
fn a_role_without_limits_asks_nobody() {
    for spec in [STORE, ALLOW] {
        let viewer = Asker { role: "viewer", ..CLERK };
        let (effect, _) = ask(&APIS[0], &gate("requestsPerDay: 9", spec), viewer, false);
        assert!(matches!(effect, Effect::Forward(_)));
        let (effect, _) = ask(&APIS[0], &gate("callsPerDay: 9", spec), CLERK, false);
        assert!(matches!(effect, Effect::Forward(_)), "only its calls count");
    }
}

#[test]
fn tokens_are_charged_once_at_the_executor_and_the_other_gate_refuses() {
    for api in &APIS {
        for size in [None, Some(40)] {
            let (one, two) = (gate("tokensPerDay: 1", STORE), gate("tokensPerDay: 1", STORE));
            let executor = Executor::new();
            let (_, mut exchange) = executor.asked(api, &one, CLERK, size.is_some());
            answer(api, &mut exchange, CLERK.now, &[], size);
            assert_eq!(exchange.take_charge(), None, "it has not ended");
            exchange.on(Event::Cancelled);
            let charge = exchange.take_charge().unwrap();
            assert_eq!(exchange.take_charge(), None);
            assert_eq!(charge.tokens, exchange.tally().usage.total(), "{}", api.name);
            assert_eq!((charge.exchange_id.as_str(), charge.cost_micros), ("exchange-1", 0));
            executor.charge(&two, &charge, CLERK.now);
            let (effect, exchange) = executor.asked(api, &two, CLERK, size.is_some());
            assert_eq!(refused(effect).0, 429);
            assert_eq!(exchange.tally().error, Some(Code::BudgetExceeded), "{}", api.name);
        }
    }
}

#[test]
fn a_conversation_that_was_paused_at_one_gate_is_resumed_at_the_other() {
    const SPEC: &str =
        "  limits: { store: executor }\n  conversation: { id: \"header:x-session-id\", idle: 30m, lifetime: 2h }";
    let executor = Executor::new();
    let (one, two) = (gate("", SPEC), gate("", SPEC));
    let asked = |gate, seconds| {
        let asker = CLERK.after(seconds);
        let (effect, mut exchange) = ask_with(&APIS[0], gate, asker, false, &[("x-session-id", "one")]);
        let request = waits(effect);
        assert_eq!(request.conversation_id.as_ref().map(String::len), Some(32));
        let effect = exchange.on(Event::Admitted(Ok(executor.admit(gate, &request, asker.now))));
        (effect, exchange)
    };
    for (gate, seconds, standing) in
        [(&one, 0, Standing::Begun), (&two, 60, Standing::Active), (&one, 1_860, Standing::Resumed)]
    {
        let (effect, exchange) = asked(gate, seconds);
        assert!(matches!(effect, Effect::Forward(_)));
        assert_eq!(exchange.tally().conversation.as_ref().map(|seen| seen.standing), Some(standing));
    }
    let (effect, exchange) = asked(&two, 7_200);
    assert_eq!(refused(effect).0, 400);
    assert_eq!(exchange.tally().error, Some(Code::ConversationExpired));
}

#[test]
fn shadow_mode_reports_a_limit_of_the_executor_and_forwards() {
    let shadow = gate("requestsPerDay: 1", "  limits: { store: executor }\n  enforce: false");
    for (reply, code) in [
        (Ok(AdmissionReply { standing: None, refusals: vec![CountRefusal::unavailable()] }), Code::LimitsUnavailable),
        (Err(CallFailed::Unreachable), Code::LimitsUnavailable),
        (Err(CallFailed::Rejected), Code::ExecutorRejected),
    ] {
        let (_, mut exchange) = ask(&APIS[0], &shadow, CLERK, false);
        assert!(matches!(exchange.on(Event::Admitted(reply)), Effect::Forward(_)));
        assert_eq!(exchange.tally().shadowed_errors, [code]);
    }
}

#[test]
fn messages_to_an_mcp_server_are_counted_before_they_are_decided() {
    let gate = gate("requestsPerDay: 1", STORE);
    let executor = Executor::new();
    for is_over in [false, true] {
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        let message = world::call("order", json!({})).to_string();
        let request = waits(world::send(&mut exchange, "clerk", message.as_bytes()));
        let effect = exchange.on(Event::Admitted(Ok(executor.admit(&gate, &request, world::NOW))));
        if is_over {
            assert!(refused(effect).1.contains("rate_limited"));
        } else {
            assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");
        }
    }
}

#[test]
fn a_gate_without_an_executor_refuses_such_a_contract() {
    let contract = contract("requestsPerDay: 1", "", STORE);
    let refused = rules(&contract, Paths::default(), Offer::Declared, false).unwrap_err();
    assert_eq!(refused, GateError::NoCounter);
    assert!(refused.to_string().contains("limits.store"), "{refused}");
}

#[test]
fn a_client_that_hangs_up_while_its_request_is_counted_leaves_no_decision() {
    for api in &APIS {
        let (effect, mut exchange) = ask(api, &gate("requestsPerDay: 9", STORE), CLERK, true);
        waits(effect);
        exchange.on(Event::Cancelled);
        assert_eq!((&*exchange.tally().verdict(), exchange.tally().cancelled), ("cancelled", true), "{}", api.name);
        assert_eq!(exchange.on(Event::Admitted(Err(CallFailed::Unreachable))), Effect::Hold);
        assert_eq!(exchange.tally().verdict(), "cancelled");
    }
}
