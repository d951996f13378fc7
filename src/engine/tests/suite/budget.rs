//! The bytes held by all exchanges of one worker.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::rc::Rc;
use std::sync::Arc;

use crate::common::*;
use callgate_engine::{Effect, Event, Exchange, Gate, GateError, Offer, Paths, lend};

/// A gate whose exchanges hold at most so many bytes; the contract lets each have 64 KiB each way.
fn bounded(held_bytes: u64) -> Result<Gate, GateError> {
    let rules = rules(&contract("refuse"), Paths::default(), Offer::Declared, true)?.with_held_bytes(held_bytes)?;
    Ok(Arc::new(rules).gate())
}

fn of_tenant(tenant: &str) -> Vec<(String, Vec<u8>)> {
    let mut headers = request_headers("clerk");
    headers.retain(|(name, _)| name != "x-tenant");
    headers.push(("x-tenant".to_owned(), tenant.as_bytes().to_vec()));
    headers
}

/// An exchange stalled one byte before its request is complete.
fn stalled(gate: &Rc<Gate>, tenant: &str) -> (Exchange, Effect) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let headers = of_tenant(tenant);
    let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
    if effect != Effect::Hold {
        return (exchange, effect);
    }
    let effect = exchange.on(Event::RequestData { chunk: &vec![b' '; (64 << 10) - 1], end: false, now: NOW });
    (exchange, effect)
}

#[test]
fn bodies_that_stall_leave_room_for_another_tenant() {
    let gate = Rc::new(bounded(1 << 20).unwrap());
    let mut held = Vec::new();
    let refused_with = loop {
        match stalled(&gate, "hostile") {
            (exchange, Effect::Hold) => held.push(exchange),
            (_, effect) => break effect,
        }
        assert!(held.len() < 100, "nothing bounds what one tenant holds");
    };
    match &refused_with {
        Effect::Reply(reply) => assert!(reply.retry_after.is_some()),
        effect => panic!("{effect:?}"),
    }
    assert_eq!(refused(refused_with), (503, "gate_overloaded".to_owned()));

    let mut honest = Exchange::new(Rc::clone(&gate), "exchange-2");
    let effect = send_with(&mut honest, &of_tenant("honest"), request(false).to_string().as_bytes());
    assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");

    drop(held);
    assert!(matches!(stalled(&gate, "hostile").1, Effect::Hold), "an exchange that ended gives back what it held");
}

#[test]
fn a_stream_that_finds_no_room_ends_with_an_error_event() {
    let gate = Rc::new(bounded(256 << 10).unwrap());
    let mut streams: Vec<Exchange> = Vec::new();
    for _ in 0..6 {
        let (mut exchange, _) = match told_stream(&gate) {
            Some(exchange) => (exchange, ()),
            None => break,
        };
        begun(&mut exchange, "text/event-stream");
        streams.push(exchange);
    }
    assert!(streams.len() > 1);
    let text = "x".repeat(16 << 10);
    let event =
        format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let mut last = Vec::new();
    'all: for _ in 0..3 {
        for exchange in &mut streams {
            let effect = told(exchange, event.as_bytes());
            let Effect::Emit(bytes) = effect else { panic!("{effect:?}") };
            let out = String::from_utf8(bytes).unwrap();
            assert!(out.contains(&text), "what was decided is released");
            if out.contains("gate_overloaded") {
                last = out.into_bytes();
                break 'all;
            }
        }
    }
    assert!(!last.is_empty(), "streams hold more than the budget");
}

#[test]
fn an_event_whose_tree_is_far_larger_than_its_text_is_counted_as_the_tree() {
    let gate = Rc::new(bounded(1 << 20).unwrap());
    let (mut exchange, mut honest) = (told_stream(&gate).unwrap(), told_stream(&gate).unwrap());
    begun(&mut exchange, "text/event-stream");
    begun(&mut honest, "text/event-stream");
    let event = |value: String| {
        format!(
            r#"data: {{"id":"c","choices":[{{"index":0,"delta":{{"content":"x","reasoning_details":[{value}]}}}}]}}"#
        ) + "\n\n"
    };
    let is_refused = |exchange: &mut Exchange, event: String| {
        let effect = told(exchange, event.as_bytes());
        let Effect::Emit(bytes) = effect else { panic!("{effect:?}") };
        String::from_utf8(bytes).unwrap().contains("gate_overloaded")
    };
    assert!(!is_refused(&mut honest, event(format!(r#"{{"text":"{}"}}"#, "[0],".repeat(8 << 10)))));
    assert!(is_refused(&mut exchange, event(format!(r#"{{"x":[{}0]}}"#, "[0],".repeat(8 << 10)))));
}

fn told_stream(gate: &Rc<Gate>) -> Option<Exchange> {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let effect = send_with(&mut exchange, &of_tenant("acme"), request(true).to_string().as_bytes());
    matches!(effect, Effect::Forward(_)).then_some(exchange)
}

#[test]
fn a_budget_too_small_for_one_exchange_is_refused_at_start() {
    assert!(matches!(bounded(200 << 10).err(), Some(GateError::HeldBytes { least: 262_144 })));
}

/// Forwards a request for a stream, which sends these bytes. Returns the bytes for the client.
fn streamed_by(gate: &Rc<Gate>, events: &[String]) -> Seen {
    let mut exchange = told_stream(gate).unwrap();
    let (out, _) = streamed(&mut exchange, events.concat().as_bytes(), &[1 << 16]);
    accumulate(&out)
}

fn thought(values: &str) -> String {
    let delta = format!("{{\"reasoning_details\":[{values}{{}}]}}");
    format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n")
}

#[test]
fn a_stream_is_claimed_with_the_weight_of_its_trees() {
    let events: Vec<String> = (0..12).map(|_| thought(&"{},".repeat(1000))).collect();
    let gate = Rc::new(bounded(4 << 20).unwrap());
    assert_eq!(streamed_by(&gate, &events).error, "gate_overloaded");
    let wide = Rc::new(bounded(64 << 20).unwrap());
    assert_eq!(streamed_by(&wide, &events).error, "upstream_truncated");
}

#[test]
fn an_answer_of_more_values_than_its_size_explains_is_not_read() {
    let gate = Rc::new(bounded(64 << 20).unwrap());
    let values = "{},".repeat(15_000);
    assert_eq!(streamed_by(&gate, &[thought(&values)]).error, "response_too_large");

    let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
    send_with(&mut exchange, &of_tenant("acme"), request(false).to_string().as_bytes());
    begun(&mut exchange, "application/json");
    let body = format!("{{\"id\":\"c\",\"choices\":[],\"x\":[{values}{{}}]}}");
    let effect = exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now: NOW });
    assert_eq!(refused(effect), (502, "response_too_large".to_owned()));
}
