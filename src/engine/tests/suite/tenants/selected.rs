//! The contract of the caller decides, and no other one.

use std::collections::HashMap;

use callgate_contract::{Caller, Code};
use callgate_engine::{GateError, MatchError};
use serde_json::json;

use super::*;
use crate::common::{loaded, refused, request_headers};
use crate::conditions::apis::APIS;
use crate::mcp::world;

#[test]
fn each_tenant_is_decided_by_its_own_contract_in_every_api() {
    let (small, large) =
        (contract("1.0.0", "clerk", (&most(5), ""), ""), contract("1.0.0", "clerk", (&most(50), ""), ""));
    let gate = gate(&[(by("acme", "*", "*", "*"), &small, None), (by("globex", "*", "*", "*"), &large, None)]);
    let amount = json!({ "amount": 9 });
    let calls: [Call<'_>; 1] = [("c1", "order", &amount)];
    for api in &APIS {
        for stream in [false, true] {
            for (tenant, contract, code) in [("acme", &small, Some(Code::ArgumentsInvalid)), ("globex", &large, None)] {
                let caller = [("x-tenant", tenant), ("x-role", "clerk")];
                let (_, mut exchange) = played(api, &gate, &caller, &calls, stream);
                let at = format!("{} {stream} {tenant}", api.name);
                assert_eq!(exchange.tally().refused.first().copied(), code, "{at}");
                let decisions = exchange.take_decisions().unwrap();
                assert_eq!(decisions.contract_digest, loaded(contract).digest(), "{at}");
                assert_eq!(decisions.caller, Caller::new(tenant, "clerk"), "{at}");
            }
        }
    }
}

#[test]
fn a_role_of_one_contract_is_nothing_under_another() {
    let (acme, globex) =
        (contract("1.0.0", "clerk", (&most(5), ""), ""), contract("1.0.0", "admin", (&most(50), ""), ""));
    let gate = gate(&[(by("acme", "*", "*", "*"), &acme, None), (by("globex", "*", "*", "*"), &globex, None)]);
    for api in &APIS {
        for (tenant, role, expected) in [
            ("acme", "admin", (400, "role_forbidden")),
            ("globex", "clerk", (400, "role_forbidden")),
            ("initech", "clerk", (400, "contract_unmatched")),
            ("ACME", "clerk", (400, "contract_unmatched")),
            ("acme ", "clerk", (400, "contract_unmatched")),
            ("", "clerk", (401, "caller_unknown")),
        ] {
            let (effect, exchange) = played(api, &gate, &[("x-tenant", tenant), ("x-role", role)], &[], false);
            assert!(matches!(effect, Effect::Reply(_) | Effect::Hold), "{}: {effect:?}", api.name);
            let code = exchange.tally().error.map(callgate_engine::Code::as_str);
            assert_eq!(code, Some(expected.1), "{} {tenant:?} {role}", api.name);
        }
    }
}

#[test]
fn two_tenants_or_roles_in_a_request_are_nobody() {
    let desk = contract("1.0.0", "clerk", (&most(5), ""), "");
    let gate = gate(&[(by("acme", "*", "*", "*"), &desk, None), (by("globex", "*", "*", "*"), &desk, None)]);
    for more in [("x-tenant", "globex"), ("x-tenant", "acme"), ("x-role", "clerk")] {
        let caller = [("x-tenant", "acme"), ("x-role", "clerk"), more];
        let (effect, _) = played(&APIS[0], &gate, &caller, &[], false);
        assert_eq!(refused(effect), (401, "caller_unknown".to_owned()), "{more:?}");
    }
}

#[test]
fn roles_select_within_a_tenant() {
    let (clerk, admin) =
        (contract("1.0.0", "clerk", (&most(5), ""), ""), contract("1.0.0", "admin", (&most(50), ""), ""));
    let gate = gate(&[(by("*", "clerk", "*", "*"), &clerk, None), (by("*", "admin", "*", "*"), &admin, None)]);
    let amount = json!({ "amount": 9 });
    let calls: [Call<'_>; 1] = [("c1", "order", &amount)];
    for (role, refusals) in [("clerk", 1), ("admin", 0)] {
        let (_, exchange) = played(&APIS[0], &gate, &[("x-tenant", "acme"), ("x-role", role)], &calls, true);
        assert_eq!(exchange.tally().refused.len(), refusals, "{role}");
    }
}

#[test]
fn a_path_that_another_reader_could_resolve_otherwise_selects_nothing() {
    let desk = contract("1.0.0", "clerk", (&most(5), ""), "");
    let named = [("chatCompletions".to_owned(), vec!["/a/v1/chat".to_owned(), "/b/v1/chat".to_owned()])].into();
    let entries = [(by("*", "*", "*", "/a"), desk.as_str(), None), (by("*", "*", "b.example", "/b"), &desk, None)];
    let gate = Rc::new(set(&entries, by_headers(&[]), Paths::new(&named, Vec::new())).unwrap().gate());
    let ask = |path: &str, host: &str| {
        let mut head = request_headers("clerk");
        for (name, value) in &mut head {
            match name.as_str() {
                ":path" => *value = path.as_bytes().to_vec(),
                ":authority" => *value = host.as_bytes().to_vec(),
                _ => {}
            }
        }
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        match exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false }) {
            Effect::Hold => "selected".to_owned(),
            effect => refused(effect).1,
        }
    };
    for (path, host, expected) in [
        ("/a/v1/chat", "any.example", "selected"),
        ("/a/v1/chat?x=/b", "any.example", "selected"),
        ("/b/v1/chat", "B.example:443", "selected"),
        ("/b/v1/chat", "any.example", "contract_unmatched"),
        ("/b/v1/chat", "evil@b.example", "contract_unmatched"),
        ("/a/../b/v1/chat", "b.example", "path_not_allowed"),
        ("/b/./v1/chat", "b.example", "path_not_allowed"),
        ("//a/v1/chat", "b.example", "path_not_allowed"),
        ("/a//v1/chat", "b.example", "path_not_allowed"),
        ("/%61/v1/chat", "b.example", "path_not_allowed"),
        ("/a/%2e%2e/b/v1/chat", "b.example", "path_not_allowed"),
        ("/a%2fv1/chat", "b.example", "path_not_allowed"),
        ("/A/v1/chat", "b.example", "path_not_allowed"),
    ] {
        assert_eq!(ask(path, host), expected, "{path} {host}");
    }
}

#[test]
fn an_entry_that_can_serve_no_request_is_refused() {
    let desk = contract("1.0.0", "clerk", (&most(5), ""), "");
    let entry = |one: ContractMatch| {
        set(&[(by("*", "*", "*", "*"), &desk, None), (one, &desk, None)], by_headers(&[]), Paths::default())
    };
    for (one, expected) in [
        (by("*", "admin", "*", "*"), GateError::MatchRole { role: "admin".into() }),
        (by("*", "*", "*", "/v7"), GateError::MatchPath { prefix: "/v7".into() }),
        (by("*", "*", "*", "/"), MatchError::Twice.into()),
        (by("*", "*", "*", "*"), MatchError::Twice.into()),
        (by("", "*", "*", "*"), MatchError::Empty("tenant").into()),
    ] {
        assert_eq!(entry(one).unwrap_err(), GateError::Entry { position: 1, reason: Box::new(expected) });
    }
    for prefix in ["/v1", "/v1/chat/completions", "/model", "/model/x"] {
        entry(by("*", "*", "*", prefix)).unwrap();
    }
    assert_eq!(set(&[], by_headers(&[]), Paths::default()).unwrap_err(), GateError::NoContracts);
}

#[test]
fn a_client_of_the_table_must_have_a_contract_with_its_role() {
    let desk = contract("1.0.0", "clerk", (&most(5), ""), "");
    let client = |tenant: &str, role: &str| {
        let callers = HashMap::from([("bot".to_owned(), Caller::new(tenant, role))]);
        let identity = IdentitySource::Client { header: "x-client".to_owned(), callers };
        set(&[(by("acme", "*", "*", "*"), &desk, None)], identity, Paths::default()).map(|_| ())
    };
    assert_eq!(client("acme", "clerk"), Ok(()));
    assert_eq!(client("globex", "clerk"), Err(GateError::ClientUnmatched { client: "bot".into() }));
    assert_eq!(client("acme", "admin"), Err(GateError::ClientRole { client: "bot".into(), role: "admin".into() }));
}

#[test]
fn a_fixed_caller_is_that_of_every_request_and_must_have_a_contract_with_its_role() {
    let desk = contract("1.0.0", "clerk", (&most(5), ""), "");
    let fixed = |tenant: &str, role: &str| {
        let identity = IdentitySource::Fixed(Caller::new(tenant, role));
        set(&[(by("acme", "*", "*", "*"), &desk, None)], identity, Paths::default())
    };
    let client = || "fixed".to_owned();
    assert_eq!(fixed("globex", "clerk").unwrap_err(), GateError::ClientUnmatched { client: client() });
    assert_eq!(fixed("acme", "admin").unwrap_err(), GateError::ClientRole { client: client(), role: "admin".into() });
    let gate = Rc::new(fixed("acme", "clerk").unwrap().gate());
    for api in &APIS {
        for claims in [&[][..], &[("x-tenant", "globex"), ("x-role", "admin")]] {
            let calls: [Call<'_>; 1] = [("c1", "order", &json!({ "amount": 9 }))];
            let (_, exchange) = played(api, &gate, claims, &calls, true);
            assert_eq!(exchange.tally().refused, [Code::ArgumentsInvalid], "{} {claims:?}", api.name);
        }
    }
}

#[test]
fn the_candidate_of_an_entry_decides_on_its_calls_only() {
    let (small, large) =
        (contract("1.0.0", "clerk", (&most(5), ""), ""), contract("1.0.0", "clerk", (&most(50), ""), ""));
    let gate = gate(&[
        (by("acme", "*", "*", "*"), &small, Some(&large)),
        (by("globex", "*", "*", "*"), &small, None),
        (by("initech", "*", "*", "*"), &small, Some(&small)),
    ]);
    let amount = json!({ "amount": 9 });
    let calls: [Call<'_>; 1] = [("c1", "order", &amount)];
    for api in &APIS {
        for (tenant, compared, differences) in [("acme", 1, 1), ("globex", 0, 0), ("initech", 1, 0)] {
            let (_, exchange) = played(api, &gate, &[("x-tenant", tenant), ("x-role", "clerk")], &calls, true);
            let tally = exchange.tally();
            assert_eq!(tally.refused, [Code::ArgumentsInvalid], "{} {tenant}", api.name);
            assert_eq!((tally.compared, tally.differences.len()), (compared, differences), "{} {tenant}", api.name);
        }
    }
}

#[test]
fn an_mcp_server_gets_the_callers_contract_too() {
    let (small, large) =
        (contract("1.0.0", "clerk", (&most(5), ""), ""), contract("1.0.0", "clerk", (&most(50), ""), ""));
    let gate = gate(&[(by("acme", "*", "*", "*"), &small, None), (by("globex", "*", "*", "*"), &large, None)]);
    let body = world::call("order", json!({ "amount": 9 })).to_string();
    for (tenant, is_forwarded) in [("acme", false), ("globex", true), ("initech", false)] {
        let mut head = world::request_headers("POST", "clerk");
        head.retain(|(name, _)| name != "x-tenant");
        head.push(("x-tenant".to_owned(), tenant.as_bytes().to_vec()));
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        let effect = match exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false }) {
            Effect::Hold => exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW }),
            effect => effect,
        };
        assert_eq!(matches!(effect, Effect::Forward(_)), is_forwarded, "{tenant}: {effect:?}");
    }
}

#[test]
fn a_lookup_among_many_finds_the_one() {
    let contracts: Vec<String> =
        (1..=300).map(|most_of| contract("1.0.0", "clerk", (&most(most_of), ""), "")).collect();
    let entries: Vec<_> = contracts
        .iter()
        .enumerate()
        .map(|(index, contract)| (by(&format!("tenant-{index}"), "*", "*", "*"), contract.as_str(), None))
        .collect();
    let set = set(&entries, by_headers(&[]), Paths::default()).unwrap();
    for index in [0, 7, 299] {
        let caller = Caller::new(format!("tenant-{index}"), "clerk");
        let (position, found) = set.contract_of(&caller, None, "/v1/messages").unwrap();
        assert_eq!((position, found.digest()), (index, loaded(&contracts[index]).digest()));
    }
    assert!(set.contract_of(&Caller::new("tenant-300", "clerk"), None, "/v1/messages").is_none());
}

#[test]
fn equal_contracts_of_two_tenants_share_a_digest_and_no_count() {
    let desk = contract("1.0.0", "clerk", (&most(50), ""), "")
        .replace("tools: [\"*\"]", "tools: [\"*\"], requestsPerMinute: 1");
    let gate = gate(&[(by("acme", "*", "*", "*"), &desk, None), (by("globex", "*", "*", "*"), &desk, None)]);
    let amount = json!({ "amount": 9 });
    let calls: [Call<'_>; 1] = [("c1", "order", &amount)];
    let ask = |tenant| {
        let (_, mut exchange) = played(&APIS[0], &gate, &[("x-tenant", tenant), ("x-role", "clerk")], &calls, false);
        let error = exchange.tally().error.map(callgate_engine::Code::as_str);
        (
            error,
            exchange.take_decisions().map(|decisions| (decisions.contract_digest.to_owned(), decisions.caller.tenant)),
        )
    };
    let digest = loaded(&desk).digest().to_owned();
    for tenant in ["acme", "globex"] {
        assert_eq!(ask(tenant), (None, Some((digest.clone(), tenant.to_owned()))));
    }
    for tenant in ["acme", "globex"] {
        assert_eq!(ask(tenant), (Some("rate_limited"), None), "{tenant}");
    }
}
