//! Tokens and cost: charged when an exchange ends, asked for when the next one begins.

use std::rc::Rc;

use callgate_engine::{Code, Effect, Event, Exchange, Gate};

use super::{Asker, CLERK, ask, gate, play, refused};
use crate::common::begun;
use crate::conditions::apis::{APIS, Api};

const PRICES: &str = "  prices: { currency: USD, models: { \"m-*\": { input: 1, output: 2 } } }";

fn ended(mut exchange: Exchange) -> callgate_engine::Tally {
    exchange.on(Event::Cancelled);
    exchange.tally().clone()
}

/// Plays an exchange to its end.
fn played(api: &Api, gate: &Rc<Gate>, asker: Asker, size: Option<usize>) -> callgate_engine::Tally {
    ended(play(api, gate, asker, &[], size).1)
}

#[test]
fn the_next_request_over_the_tokens_is_429_in_every_api() {
    for api in &APIS {
        for (limit, code) in [("tokensPerMinute: 1", Code::RateLimited), ("tokensPerDay: 1", Code::BudgetExceeded)] {
            for size in [None, Some(40)] {
                let gate = gate(limit, "", "");
                let (_, exchange) = play(api, &gate, CLERK, &[], size);
                let (_, second) = play(api, &gate, CLERK, &[], size);
                assert!(ended(exchange).usage.total() > 0, "{}", api.name);
                let (effect, refusal) = ask(api, &gate, CLERK, size.is_some());
                let (status, body, wait) = refused(effect);
                assert_eq!(status, 429, "{}: {body}", api.name);
                assert!(wait.is_some_and(|wait| wait >= 60), "{wait:?}");
                assert_eq!(refusal.tally().error, Some(code), "{}", api.name);
                // An exchange that was under way continues, and is charged too.
                assert!(!ended(second).charge_lost);
                let other = Asker { tenant: "other", ..CLERK };
                assert!(matches!(ask(api, &gate, other, false).0, Effect::Forward(_)), "{}", api.name);
            }
        }
    }
}

#[test]
fn a_limit_has_room_until_it_is_reached() {
    let [api, ..] = &APIS;
    // An answer has 12 tokens.
    let gate = gate("tokensPerMinute: 25", "", "");
    assert_eq!(played(api, &gate, CLERK, None).usage.total(), 12);
    assert_eq!(played(api, &gate, CLERK, None).usage.total(), 12);
    played(api, &gate, CLERK, None);
    assert_eq!(refused(ask(api, &gate, CLERK, false).0).0, 429);
    assert!(matches!(ask(api, &gate, CLERK.after(70), false).0, Effect::Forward(_)));
}

#[test]
fn the_cost_of_a_day_has_an_end() {
    for api in &APIS {
        let gate = gate("costPerDay: { amount: 0.000001, currency: USD }", "", PRICES);
        let tally = played(api, &gate, CLERK, None);
        assert!(tally.cost.is_some_and(|cost| cost.micros() > 1), "{}", api.name);
        let (effect, exchange) = ask(api, &gate, CLERK, false);
        let (status, body, wait) = refused(effect);
        assert_eq!((status, wait), (429, Some(86_400 - 10)), "{}: {body}", api.name);
        assert_eq!(exchange.tally().error, Some(Code::BudgetExceeded));
        assert!(matches!(ask(api, &gate, CLERK.after(86_390), false).0, Effect::Forward(_)), "{}", api.name);
    }
}

#[test]
fn a_model_without_a_price_is_refused_if_the_role_has_a_budget() {
    let [api, ..] = &APIS;
    let prices = PRICES.replace("m-*", "gpt-*");
    let gate = gate("costPerDay: { amount: 1, currency: USD }", "", &prices);
    let (effect, exchange) = ask(api, &gate, CLERK, false);
    assert_eq!(refused(effect).0, 400);
    assert_eq!(exchange.tally().error, Some(Code::ModelNotPriced));
    let viewer = Asker { role: "viewer", ..CLERK };
    assert!(matches!(ask(api, &gate, viewer, false).0, Effect::Forward(_)), "another role has no budget");
}

#[test]
fn a_client_that_hangs_up_is_charged() {
    for api in &APIS {
        for (stream, has_begun) in [(false, false), (false, true), (true, false), (true, true)] {
            let gate = gate("tokensPerDay: 1", "", "");
            let (effect, mut exchange) = ask(api, &gate, CLERK, stream);
            assert!(matches!(effect, Effect::Forward(_)));
            if has_begun {
                begun(&mut exchange, if stream { api.media } else { "application/json" });
            }
            assert!(ended(exchange).usage.total() > 0, "{} {stream} {has_begun}", api.name);
            assert_eq!(refused(ask(api, &gate, CLERK, stream).0).0, 429, "{} {stream} {has_begun}", api.name);
        }
    }
}

#[test]
fn a_refused_request_and_a_second_end_cost_nothing() {
    let [api, ..] = &APIS;
    let gate = gate("tokensPerMinute: 13, requestsPerMinute: 5", "", "");
    let (_, mut exchange) = play(api, &gate, CLERK, &[], None);
    for _ in 0..3 {
        exchange.on(Event::Cancelled);
    }
    let (effect, mut second) = ask(api, &gate, CLERK, false);
    assert!(matches!(effect, Effect::Forward(_)), "12 of 13 tokens are used");
    super::answer(api, &mut second, CLERK.now, &[], None);
    ended(second);
    for _ in 0..4 {
        let (effect, exchange) = ask(api, &gate, CLERK, false);
        assert_eq!(refused(effect).0, 429);
        assert_eq!(ended(exchange).usage.total(), 0);
    }
}
