//! Requests over their rate.

use std::rc::Rc;

use callgate_engine::{Code, Effect};
use serde_json::Value;

use super::{Asker, CLERK, ask, gate, refused};
use crate::conditions::apis::APIS;
use crate::mcp::world;

#[test]
fn a_request_over_its_rate_is_429_in_the_words_of_every_api() {
    for api in &APIS {
        for stream in [false, true] {
            let gate = gate("requestsPerMinute: 2", "", "");
            for _ in 0..2 {
                assert!(matches!(ask(api, &gate, CLERK, stream).0, Effect::Forward(_)));
            }
            let (effect, exchange) = ask(api, &gate, CLERK.after(20), stream);
            let (status, body, wait) = refused(effect);
            assert_eq!((status, wait), (429, Some(50)), "{}: {body}", api.name);
            assert!(serde_json::from_str::<Value>(&body).is_ok() && body.contains("try again in 50 seconds"), "{body}");
            assert_eq!(exchange.tally().error, Some(Code::RateLimited), "{}", api.name);
            assert!(matches!(ask(api, &gate, CLERK.after(20 + 50), stream).0, Effect::Forward(_)), "{}", api.name);
        }
    }
}

#[test]
fn a_day_is_a_day_of_utc() {
    let [api, ..] = &APIS;
    let gate = gate("requestsPerDay: 1", "", "");
    assert!(matches!(ask(api, &gate, CLERK, false).0, Effect::Forward(_)));
    let (status, body, wait) = refused(ask(api, &gate, CLERK.after(3600), false).0);
    assert_eq!((status, wait), (429, Some(86_400 - 10 - 3600)), "{body}");
    assert!(body.contains("rate_limited"), "{body}");
    assert!(matches!(ask(api, &gate, CLERK.after(86_390), false).0, Effect::Forward(_)));
}

#[test]
fn callers_of_another_tenant_or_role_have_counts_of_their_own() {
    let [api, ..] = &APIS;
    let gate = gate("requestsPerMinute: 1", "", "");
    assert!(matches!(ask(api, &gate, CLERK, false).0, Effect::Forward(_)));
    assert_eq!(refused(ask(api, &gate, CLERK, false).0).0, 429);
    for other in [Asker { tenant: "acme2", ..CLERK }, Asker { role: "viewer", ..CLERK }] {
        assert!(matches!(ask(api, &gate, other, false).0, Effect::Forward(_)), "{other:?}");
    }
}

#[test]
fn two_gates_over_one_store_share_the_count_and_a_refused_request_counts_nothing() {
    let [api, ..] = &APIS;
    let slots = Rc::new(callgate_engine::Table::new([5; 16]));
    let worker = || {
        let rules = crate::common::rules(
            &super::contract("requestsPerMinute: 2, requestsPerDay: 3", "", ""),
            callgate_engine::Paths::default(),
            callgate_engine::Offer::Declared,
            true,
        );
        Rc::new(std::sync::Arc::new(rules.unwrap()).gate().with_slots(slots.clone()))
    };
    let (one, two) = (worker(), worker());
    assert!(matches!(ask(api, &one, CLERK, false).0, Effect::Forward(_)));
    assert!(matches!(ask(api, &two, CLERK, false).0, Effect::Forward(_)));
    for _ in 0..5 {
        assert_eq!(refused(ask(api, &one, CLERK, false).0).0, 429);
        assert_eq!(refused(ask(api, &two, CLERK, false).0).0, 429);
    }
    let later = CLERK.after(100);
    assert!(matches!(ask(api, &two, later, false).0, Effect::Forward(_)), "the day has room for one more");
    assert_eq!(refused(ask(api, &one, later, false).0).0, 429);
}

#[test]
fn in_shadow_mode_a_reached_limit_is_reported_only() {
    let [api, ..] = &APIS;
    let gate = gate("requestsPerMinute: 1", "", "  enforce: false");
    assert!(ask(api, &gate, CLERK, false).1.tally().shadowed_errors.is_empty());
    let (effect, exchange) = ask(api, &gate, CLERK, false);
    assert!(matches!(effect, Effect::Forward(_)));
    assert_eq!(exchange.tally().shadowed_errors, [Code::RateLimited]);
}

#[test]
fn messages_to_an_mcp_server_are_requests() {
    let gate = gate("requestsPerMinute: 1", "", "");
    let message = world::request("ping", serde_json::json!({}));
    world::sent(&gate, &message);
    let mut exchange = callgate_engine::Exchange::new(Rc::clone(&gate), "exchange-2");
    let effect = world::send(&mut exchange, "clerk", message.to_string().as_bytes());
    assert!(matches!(&effect, Effect::Reply(reply) if reply.retry_after.is_some()));
    // An error of JSON-RPC comes with status 200.
    assert_eq!(world::refused(effect), (200, "rate_limited".to_owned()));
}
