//! Calls over their rate.

use std::rc::Rc;

use callgate_contract::Code;
use callgate_engine::{Effect, Exchange, Ruling};
use serde_json::json;

use super::{Asker, CLERK, ask, gate, play, refused, text};
use crate::conditions::apis::APIS;
use crate::mcp::world;

const SIZES: [Option<usize>; 4] = [None, Some(1), Some(17), Some(100_000)];

#[test]
fn calls_over_the_rate_are_refused_in_every_api() {
    let (first, second) = (json!({ "n": "FIRST" }), json!({ "n": "SECOND" }));
    let calls = [("c1", "order", &first), ("c2", "order", &second)];
    for api in &APIS {
        for limits in
            [("callsPerMinute: 1", ""), ("", "callsPerMinute: 1,"), ("callsPerDay: 1", ""), ("", "callsPerDay: 1,")]
        {
            for size in SIZES {
                let gate = gate(limits.0, limits.1, "");
                let (effect, mut exchange) = play(api, &gate, CLERK, &calls, size);
                let seen = text(effect);
                assert!(seen.contains("FIRST") && !seen.contains("SECOND"), "{} {size:?}: {seen}", api.name);
                assert!(seen.contains("rate_limited"), "{} {size:?}: {seen}", api.name);
                assert_eq!((exchange.tally().released, &exchange.tally().refused[..]), (1, &[Code::RateLimited][..]));
                let rulings: Vec<Ruling> =
                    exchange.take_decisions().unwrap().list.into_iter().map(|decision| decision.ruling).collect();
                let denied = Ruling::Deny { code: Code::RateLimited, pointer: String::new() };
                assert_eq!(rulings, [Ruling::Allow, denied]);
                // The next exchange finds the count.
                let (effect, exchange) = play(api, &gate, CLERK, &calls[..1], size);
                assert!(!text(effect).contains("FIRST"), "{}", api.name);
                assert_eq!(exchange.tally().refused, [Code::RateLimited]);
            }
        }
    }
}

#[test]
fn any_chunking_gives_the_same_bytes() {
    let (first, second) = (json!({ "n": "FIRST" }), json!({ "n": "SECOND" }));
    let calls = [("c1", "order", &first), ("c2", "look", &second), ("c3", "order", &first)];
    for api in &APIS {
        let streamed = |size| play(api, &gate("callsPerMinute: 2", "", ""), CLERK, &calls, Some(size)).0;
        let whole = streamed(100_000);
        for size in [1, 2, 7, 64, 301] {
            assert_eq!(streamed(size), whole, "{} {size}", api.name);
        }
    }
}

#[test]
fn a_tool_is_limited_over_all_roles_of_a_tenant_and_a_refused_call_counts_for_nobody() {
    let [api, ..] = &APIS;
    let none = json!({});
    let (order, look) = ([("c1", "order", &none)], [("c2", "look", &none)]);
    let gate = gate("callsPerMinute: 2", "callsPerMinute: 1,", "");
    let viewer = Asker { role: "viewer", ..CLERK };
    let released = |asker, calls: &[_]| play(api, &gate, asker, calls, None).1.tally().released;
    assert_eq!(released(viewer, &order), 1);
    for _ in 0..4 {
        assert_eq!(released(CLERK, &order), 0, "the tenant has used up the calls of the tool");
    }
    assert_eq!(released(Asker { tenant: "other", ..CLERK }, &order), 1);
    // The refused calls have left the role's own calls alone.
    assert_eq!((released(CLERK, &look), released(CLERK, &look), released(CLERK, &look)), (1, 1, 0));
    assert_eq!(released(CLERK.after(61), &look), 0, "a part of a minute lasts ten seconds");
    assert_eq!(released(CLERK.after(70), &look), 1);
}

#[test]
fn denied_calls_are_not_counted() {
    let [api, ..] = &APIS;
    let none = json!({});
    let gate = gate("callsPerMinute: 1", "", "");
    for _ in 0..3 {
        assert_eq!(play(api, &gate, CLERK, &[("c1", "other", &none)], None).1.tally().released, 0);
    }
    assert_eq!(play(api, &gate, CLERK, &[("c1", "order", &none)], None).1.tally().released, 1);
}

#[test]
fn the_contract_says_what_follows() {
    let none = json!({});
    let calls = [("c1", "order", &none), ("c2", "order", &none)];
    for api in &APIS {
        let on_error = gate("callsPerMinute: 1", "", "  onViolation: error");
        let (status, body, _) = refused(play(api, &on_error, CLERK, &calls, None).0);
        assert_eq!(status, 400, "{}", api.name);
        assert!(body.contains("rate_limited"), "{body}");
        for size in [None, Some(9)] {
            let gate = gate("callsPerMinute: 1", "", "  onViolation: feedback");
            let (effect, mut exchange) = ask(api, &gate, CLERK, size.is_some());
            assert!(matches!(effect, Effect::Forward(_)));
            let Effect::Ask(request) = super::answer(api, &mut exchange, CLERK.now, &calls, size) else {
                panic!("{}: the model must be asked again", api.name)
            };
            let told = String::from_utf8(request.body).unwrap();
            assert!(told.contains("rate_limited"), "{}: {told}", api.name);
        }
        let shadow = gate("callsPerMinute: 1", "", "  enforce: false");
        let (_, exchange) = play(api, &shadow, CLERK, &calls, None);
        assert_eq!((exchange.tally().released, &exchange.tally().shadowed[..]), (2, &[Code::RateLimited][..]));
    }
}

#[test]
fn the_words_of_a_refusal_have_no_value_of_the_call() {
    let [api, ..] = &APIS;
    let none = json!({});
    let told = ["plantone", "planttwolonger"].map(|value| {
        let gate = gate("callsPerDay: 1", "", "");
        let planted = json!({ "note": value });
        play(api, &gate, CLERK, &[("c1", "order", &none)], None);
        text(play(api, &gate, CLERK, &[("c1", "order", &planted)], None).0)
    });
    assert_eq!(told[0], told[1]);
    assert!(told[0].contains("rate_limited"), "{}", told[0]);
}

#[test]
fn calls_of_an_mcp_server_are_counted() {
    for (mode, is_error) in [("", false), ("  onViolation: error", true)] {
        let gate = gate("", "callsPerMinute: 1,", mode);
        let message = world::call("order", json!({}));
        world::sent(&gate, &message);
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-2");
        let body = world::body(world::send(&mut exchange, "clerk", message.to_string().as_bytes()));
        assert!(body.to_string().contains("rate_limited"), "{body}");
        assert_eq!(body.get("error").is_some(), is_error, "{body}");
    }
}
