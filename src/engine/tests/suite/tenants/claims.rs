//! Claims of callers: read for the caller's contract only, of the declared types, carried to the executor.

use std::collections::HashMap;

use callgate_contract::{Caller, CallerClaims, Code};
use callgate_engine::{GateError, Verified};
use serde_json::{Value, json};

use super::*;
use crate::common::{answer, answered, batch, call, refused};
use crate::conditions::apis::APIS;

const TYPES: &str = "  claims: { department: string, level: integer, staff: boolean, groups: [string] }";

/// A desk whose tool needs a condition to hold.
fn desk(when: &str) -> String {
    contract(
        "1.0.0",
        "clerk",
        ("properties: { amount: { type: number } }", &format!("      when: {}\n", Value::from(when))),
        TYPES,
    )
}

fn gate_of(contract: &str, identity: IdentitySource) -> Rc<Gate> {
    Rc::new(set(&[(ContractMatch::default(), contract, None)], identity, Paths::default()).unwrap().gate())
}

fn mapped() -> IdentitySource {
    by_headers(&[("department", "x-department"), ("level", "x-level"), ("staff", "x-staff")])
}

#[test]
fn conditions_read_the_claims_of_headers_in_every_api() {
    let gate = gate_of(&desk("has(caller.claims.level) && caller.claims.level >= 3"), mapped());
    let amount = json!({ "amount": 9 });
    let calls: [Call<'_>; 1] = [("c1", "order", &amount)];
    let who = [("x-tenant", "acme"), ("x-role", "clerk")];
    for api in &APIS {
        for stream in [false, true] {
            for (level, refusals) in [(Some("3"), 0), (Some("2"), 1), (Some("-9"), 1), (None, 1)] {
                let caller =
                    [&who[..], &level.map(|level| ("x-level", level)).into_iter().collect::<Vec<_>>()].concat();
                let (_, exchange) = played(api, &gate, &caller, &calls, stream);
                let codes = &exchange.tally().refused;
                assert_eq!(codes.len(), refusals, "{} {stream} {level:?}", api.name);
                assert!(codes.iter().all(|code| *code == Code::ConditionUnmet));
            }
        }
    }
}

#[test]
fn a_claim_of_another_type_or_in_two_headers_refuses_the_request() {
    let gate = gate_of(&desk("!has(caller.claims.staff) || caller.claims.staff"), mapped());
    let long = "a".repeat(257);
    for claims in [
        &[("x-staff", "yes")][..],
        &[("x-staff", "")],
        &[("x-staff", "True")],
        &[("x-staff", "false"), ("x-staff", "true")],
        &[("x-level", "3.0")],
        &[("x-level", "9223372036854775808")],
        &[("x-department", &long)],
        &[("x-department", "a"), ("x-department", "a")],
    ] {
        let caller = [&[("x-tenant", "acme"), ("x-role", "clerk")], claims].concat();
        let (effect, _) = played(&APIS[0], &gate, &caller, &[], false);
        assert_eq!(refused(effect), (401, "caller_unknown".to_owned()), "{claims:?}");
    }
}

#[test]
fn headers_of_claims_are_not_forwarded() {
    let gate = gate_of(&desk("has(caller.claims.level)"), mapped());
    let mut exchange = Exchange::new(gate, "exchange-1");
    let head = [crate::common::request_headers("clerk"), headers(&[("x-level", "3")])].concat();
    exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false });
    let body = (APIS[0].request)(&[Step::User], false).to_string();
    let effect = exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
    let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
    for name in ["x-tenant", "x-role", "x-department", "x-level", "x-staff"] {
        assert!(forward.remove.iter().any(|removed| removed == name), "{name}");
    }
}

/// The effect of the head of a request by a token with these claims.
fn by_token(gate: &Rc<Gate>, claims: &Value) -> (Effect, Exchange) {
    let claims: CallerClaims =
        claims.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let verified = Verified::Claims { tenant: b"acme".to_vec(), role: b"clerk".to_vec(), claims };
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let head = crate::common::request_headers("clerk");
    let head = [head, headers(&[("x-department", "finance"), ("x-level", "9")])].concat();
    (exchange.on(Event::RequestHead { headers: &lend(&head), verified: Some(verified), end: false }), exchange)
}

#[test]
fn conditions_read_the_claims_of_tokens_and_never_a_header() {
    let when = "has(caller.claims.groups) && 'finance' in caller.claims.groups && has(caller.claims.staff) && caller.claims.staff";
    let gate = gate_of(&desk(when), IdentitySource::Claims);
    for (claims, is_allowed) in [
        (json!({ "groups": ["sales", "finance"], "staff": true, "other": { "a": 1 } }), true),
        (json!({ "groups": ["sales"], "staff": true }), false),
        (json!({ "groups": ["finance"], "staff": false }), false),
        (json!({ "groups": ["finance"] }), false),
        (json!({ "groups": null, "staff": true }), false),
        (json!({}), false),
    ] {
        let (effect, mut exchange) = by_token(&gate, &claims);
        assert_eq!(effect, Effect::Hold, "{claims}");
        let body = (APIS[0].request)(&[Step::User], false).to_string();
        exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
        answered(&mut exchange, &answer(Value::Null, &[call("c1", "order", "{}")]));
        assert_eq!(exchange.tally().refused.is_empty(), is_allowed, "{claims}");
    }
    for claims in [
        json!({ "groups": "finance" }),
        json!({ "groups": ["finance", 7] }),
        json!({ "staff": "true" }),
        json!({ "level": 2.5 }),
        json!({ "department": { "name": "finance" } }),
        json!({ "groups": vec!["a"; 65] }),
    ] {
        assert_eq!(refused(by_token(&gate, &claims).0), (401, "caller_unknown".to_owned()), "{claims}");
    }
}

#[test]
fn a_claim_that_only_another_contract_declares_is_not_read() {
    let with = desk("has(caller.claims.level) && caller.claims.level > 1");
    let without = contract("1.0.0", "clerk", (&most(50), ""), "");
    let entries =
        [(by("acme", "*", "*", "*"), without.as_str(), None), (by("globex", "*", "*", "*"), with.as_str(), None)];
    let gate = Rc::new(set(&entries, mapped(), Paths::default()).unwrap().gate());
    let level = ("x-level", "not a number");
    let (effect, _) = played(&APIS[0], &gate, &[("x-tenant", "acme"), ("x-role", "clerk"), level], &[], false);
    assert!(matches!(effect, Effect::Finish(_)), "{effect:?}");
    let (effect, _) = played(&APIS[0], &gate, &[("x-tenant", "globex"), ("x-role", "clerk"), level], &[], false);
    assert_eq!(refused(effect), (401, "caller_unknown".to_owned()));
}

#[test]
fn the_executor_gets_the_claims() {
    let sha256 = "0".repeat(64);
    let run = format!("run: {{ wasm: {{ module: a.wasm, sha256: \"{sha256}\" }} }}");
    let contract = desk("has(caller.claims.level)").replace("run: { client: {} }", &run);
    let gate = gate_of(&contract, IdentitySource::Claims);
    let (_, mut exchange) = by_token(&gate, &json!({ "level": 3, "groups": ["a"], "unknown": "x" }));
    let body = (APIS[0].request)(&[Step::User], false).to_string();
    exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
    let batch = batch(answered(&mut exchange, &answer(Value::Null, &[call("c1", "order", "{}")])));
    let claims: Vec<_> = batch.claims.iter().map(|(name, value)| (name, value.clone())).collect();
    assert_eq!(claims, [("groups", json!(["a"])), ("level", json!(3))]);
}

#[test]
fn the_table_of_callers_has_claims_of_the_declared_types() {
    let desk = desk("has(caller.claims.level)");
    let table = |claims: &Value| {
        let claims = claims.as_object().unwrap().clone().into_iter().collect();
        let caller = Caller { claims, ..Caller::new("acme", "clerk") };
        let callers = HashMap::from([("spiffe://a/b".to_owned(), caller)]);
        set(&[(ContractMatch::default(), &desk, None)], IdentitySource::Certificate { callers }, Paths::default())
    };
    let gate = Rc::new(table(&json!({ "level": 3, "groups": ["a"] })).unwrap().gate());
    let mut exchange = Exchange::new(gate, "exchange-1");
    let verified = Verified::Certificate { uri: b"spiffe://a/b".to_vec() };
    let head = crate::common::request_headers("clerk");
    let effect = exchange.on(Event::RequestHead { headers: &lend(&head), verified: Some(verified), end: false });
    assert_eq!(effect, Effect::Hold);
    let body = (APIS[0].request)(&[Step::User], false).to_string();
    exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
    answered(&mut exchange, &answer(Value::Null, &[call("c1", "order", "{}")]));
    assert_eq!(exchange.tally().refused, []);
    assert!(matches!(table(&json!({ "level": "3" })), Err(GateError::ClientClaim { .. })));
    assert!(matches!(table(&json!({ "levle": 3 })), Err(GateError::ClaimUndeclared { .. })));
}

#[test]
fn claims_that_cannot_fit_are_refused_when_the_configuration_loads() {
    let desk = desk("has(caller.claims.level)");
    let build = |identity| set(&[(ContractMatch::default(), &desk, None)], identity, Paths::default()).map(|_| ());
    assert_eq!(build(by_headers(&[("levle", "x-level")])), Err(GateError::ClaimUndeclared { name: "levle".into() }));
    assert_eq!(build(by_headers(&[("groups", "x-groups")])), Err(GateError::ClaimList { name: "groups".into() }));
    let other = desk.replace("level: integer", "level: string");
    let both = |candidate: &str| {
        set(&[(ContractMatch::default(), &desk, Some(candidate))], mapped(), Paths::default()).map(|_| ()).unwrap_err()
    };
    let reason = Box::new(GateError::CandidateClaim { name: "level".into() });
    assert_eq!(both(&other), GateError::Entry { position: 0, reason });
}

#[test]
fn a_candidate_reads_claims_of_its_own_and_refuses_nothing() {
    let active = contract("1.0.0", "clerk", ("properties: { amount: { type: number } }", ""), "");
    let candidate = desk("has(caller.claims.level) && caller.claims.level >= 3");
    let entries = [(ContractMatch::default(), active.as_str(), Some(candidate.as_str()))];
    let gate = Rc::new(set(&entries, mapped(), Paths::default()).unwrap().gate());
    let amount = json!({ "amount": 9 });
    let calls: [Call<'_>; 1] = [("c1", "order", &amount)];
    for (level, differences) in [("3", 0), ("2", 1), ("x", 1)] {
        let caller = [("x-tenant", "acme"), ("x-role", "clerk"), ("x-level", level)];
        let (effect, exchange) = played(&APIS[0], &gate, &caller, &calls, false);
        assert!(matches!(effect, Effect::Finish(_)), "{level}: {effect:?}");
        assert_eq!(exchange.tally().differences.len(), differences, "{level}");
    }
}

#[test]
fn authorization_headers_name_nobody_whatever_their_number() {
    let gate = gate_of(&desk("true"), IdentitySource::Claims);
    let verified =
        || Verified::Claims { tenant: b"acme".to_vec(), role: b"clerk".to_vec(), claims: CallerClaims::default() };
    let forged = [("authorization", "Bearer forged"), ("Authorization", "Bearer other"), ("x-tenant", "globex")];
    for count in 0..=forged.len() {
        let head = [crate::common::request_headers("admin"), headers(&forged[..count])].concat();
        let by = |verified| {
            let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
            let effect = exchange.on(Event::RequestHead { headers: &lend(&head), verified, end: false });
            (effect, exchange)
        };
        let (effect, _) = by(None);
        assert_eq!(refused(effect), (401, "caller_unknown".to_owned()), "{count}");
        let (effect, mut exchange) = by(Some(verified()));
        assert_eq!(effect, Effect::Hold, "{count}");
        let body = (APIS[0].request)(&[Step::User], false).to_string();
        exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
        answered(&mut exchange, &answer(Value::Null, &[call("c1", "order", "{}")]));
        let decisions = exchange.take_decisions().unwrap();
        assert_eq!(decisions.caller, Caller::new("acme", "clerk"), "{count}");
    }
}
