//! Limits on time: an exchange over its limit ends in the best error that can still be written.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use std::rc::Rc;
use std::time::Duration;

use crate::common::*;
use callgate_engine::{Effect, Event, Exchange, Gate, Offer, lend};
use serde_json::{Value, json};

fn at(seconds: u64) -> Duration {
    NOW + Duration::from_secs(seconds)
}

/// A gate with at most 5 s of silence and 20 s for a turn.
fn timed(on_violation: &str) -> Rc<Gate> {
    let contract = contract(on_violation).replace("turnTimeout: 30s", "turnTimeout: 20s, turnIdleTimeout: 5s");
    gate_of(&contract, Offer::Declared, true)
}

/// Ticks twice a second from `from` to `to`; returns the first effect other than a hold, and its time.
fn tick(exchange: &mut Exchange, from: u64, to: u64, writable: bool) -> Option<(u64, Effect)> {
    (from * 2..=to * 2).find_map(|half| {
        let effect = exchange.on(Event::Tick { writable, now: NOW + Duration::from_millis(half * 500) });
        (effect != Effect::Hold).then_some((half / 2, effect))
    })
}

fn begin(stream: bool) -> Exchange {
    let (mut exchange, _) = sent(&timed("refuse"), &request(stream));
    begun(&mut exchange, if stream { "text/event-stream" } else { "application/json" });
    exchange
}

#[test]
fn an_upstream_that_sends_no_headers_is_answered_for() {
    let (mut exchange, _) = sent(&timed("refuse"), &request(true));
    let (when, effect) = tick(&mut exchange, 0, 60, false).unwrap();
    assert_eq!((when, refused(effect)), (5, (504, "limit_exceeded".into())), "a stream may not be silent");
    assert_eq!(exchange.tally().verdict(), "error:limit_exceeded");
    let own = headers(&[(":status", "504"), ("content-type", "application/json")]);
    assert_eq!(
        exchange.on(Event::ResponseHead { headers: &lend(&own), end: false }),
        Effect::Pass,
        "our own answer passes"
    );

    let (mut exchange, _) = sent(&timed("refuse"), &request(false));
    let (when, effect) = tick(&mut exchange, 0, 60, false).unwrap();
    assert_eq!((when, refused(effect)), (20, (504, "limit_exceeded".into())), "a whole answer takes its time");
}

#[test]
fn a_whole_answer_that_stalls_is_answered_for() {
    let mut exchange = begin(false);
    exchange.on(Event::ResponseData { chunk: b"{\"id\":", end: false, now: at(9) });
    let (when, effect) = tick(&mut exchange, 9, 60, true).unwrap();
    assert_eq!((when, refused(effect)), (14, (504, "limit_exceeded".into())));
    assert_eq!(tick(&mut exchange, 15, 60, true), None, "once");
}

#[test]
fn a_silent_stream_ends_with_an_error_event_if_bytes_are_held_and_with_a_reset_if_not() {
    let bytes = stream(&["Hi"], &[call("c1", "get_weather", r#"{"city":"Oslo"}"#)], 2);
    let mut exchange = begin(true);
    exchange.on(Event::ResponseData { chunk: &bytes[..bytes.len() - 300], end: false, now: at(1) });
    let (when, effect) = tick(&mut exchange, 1, 60, true).unwrap();
    let Effect::Emit(out) = effect else { panic!("{effect:?}") };
    assert_eq!((when, accumulate(&out).error.as_str()), (6, "limit_exceeded"));
    assert_eq!(tick(&mut exchange, 7, 8, false).unwrap().1, Effect::Reset, "the upstream does not end by itself");

    let mut exchange = begin(true);
    exchange.on(Event::ResponseData { chunk: &bytes[..200], end: false, now: at(1) });
    assert_eq!(tick(&mut exchange, 1, 60, false), Some((6, Effect::Reset)));
    assert_eq!(exchange.tally().verdict(), "error:limit_exceeded");
}

#[test]
fn an_endless_stream_ends_with_an_error_event_at_its_next_chunk() {
    let mut exchange = begin(true);
    let event = stream(&["x"], &[], 1).split_inclusive(|byte| *byte == b'\n').take(2).collect::<Vec<_>>().concat();
    for second in 1..=20 {
        let effect = exchange.on(Event::ResponseData { chunk: &event, end: false, now: at(second) });
        assert_eq!(effect, Effect::Pass, "chunks end a silence");
        assert_eq!(tick(&mut exchange, second, second, false), None);
    }
    assert_eq!(tick(&mut exchange, 20, 21, false), None, "the next chunk can still carry the error");
    let effect = exchange.on(Event::ResponseData { chunk: &event, end: false, now: at(21) });
    let Effect::Emit(out) = effect else { panic!("{effect:?}") };
    assert_eq!(accumulate(&out).error, "limit_exceeded");
    assert_eq!(tick(&mut exchange, 21, 22, false).unwrap().1, Effect::Reset);

    let mut exchange = begin(true);
    for second in [4, 8, 12, 16, 19] {
        exchange.on(Event::ResponseData { chunk: &event, end: false, now: at(second) });
    }
    assert_eq!(tick(&mut exchange, 19, 60, false), Some((22, Effect::Reset)), "no chunk comes");
}

#[test]
fn a_chunk_after_a_long_silence_is_read_if_no_tick_came_between() {
    let mut exchange = begin(true);
    let bytes = stream(&["Hi"], &[], 1);
    assert_eq!(exchange.on(Event::ResponseData { chunk: &bytes, end: true, now: at(15) }), Effect::Finish(bytes));
}

#[test]
fn a_complete_stream_whose_upstream_stays_open_is_reset_and_keeps_its_verdict() {
    let mut exchange = begin(true);
    let bytes = stream(&["Hi"], &[], 1);
    assert_eq!(exchange.on(Event::ResponseData { chunk: &bytes, end: false, now: at(1) }), Effect::Pass);
    assert_eq!(exchange.on(Event::Cancelled), Effect::Hold);
    assert_eq!(exchange.tally().verdict(), "pass", "clients may hang up after the last event");

    let mut exchange = begin(true);
    let bytes = stream(&["Hi"], &[], 1);
    exchange.on(Event::ResponseData { chunk: &bytes, end: false, now: at(1) });
    assert_eq!(tick(&mut exchange, 1, 60, false), Some((6, Effect::Reset)));
}

#[test]
fn a_request_body_that_makes_no_progress_is_refused() {
    for role in ["clerk", "nobody"] {
        let mut exchange = Exchange::new(timed("refuse"), "exchange-1");
        let mut head = request_headers(role);
        head.push(("content-length".to_owned(), b"9000".to_vec()));
        assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false }), Effect::Hold);
        exchange.on(Event::RequestData { chunk: b"{", end: false, now: at(3) });
        let (when, effect) = tick(&mut exchange, 3, 60, false).unwrap();
        assert_eq!((when, refused(effect)), (8, (408, "request_timeout".into())), "{role}");
    }
    // A byte now and then does not count as progress.
    let mut exchange = Exchange::new(timed("refuse"), "exchange-1");
    exchange.on(Event::RequestHead { headers: &lend(&request_headers("clerk")), verified: None, end: false });
    let late = (0..60).find_map(|second| {
        let effect = exchange.on(Event::RequestData { chunk: b" ", end: false, now: at(second) });
        (effect != Effect::Hold).then_some((second, effect))
    });
    let (when, effect) = late.unwrap();
    assert_eq!((when, refused(effect)), (21, (408, "request_timeout".into())));
}

#[test]
fn a_further_round_has_only_the_rest_of_the_time() {
    let (mut exchange, _) = sent(&timed("refuse"), &request(false));
    begun(&mut exchange, "application/json");
    let turn = answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)]).to_string();
    let batch = batch(exchange.on(Event::ResponseData { chunk: turn.as_bytes(), end: true, now: at(8) }));
    assert_eq!(tick(&mut exchange, 8, 15, true), None, "a tool may be silent");
    assert_eq!(model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#])).timeout, Duration::from_secs(5));
    let (when, effect) = tick(&mut exchange, 15, 60, true).unwrap();
    assert_eq!((when, refused(effect)), (20, (504, "limit_exceeded".into())));
    assert_eq!(model_answered(&mut exchange, &answer(json!("late"), &[])), Effect::Hold);
}

#[test]
fn a_loop_in_a_stream_that_takes_too_long_ends_with_an_error_event() {
    for ended in [true, false] {
        let mut exchange = begin(true);
        let bytes = stream(&["A"], &[call("c1", "lookup", r#"{"key":"k"}"#)], 2);
        batch(exchange.on(Event::ResponseData { chunk: &bytes, end: ended, now: at(1) }));
        let (when, effect) = tick(&mut exchange, 1, 60, true).unwrap();
        assert_eq!((when, accumulate(&finished(effect)).error.as_str()), (20, "limit_exceeded"));
        let after = exchange.on(Event::Tick { writable: false, now: at(22) });
        assert_eq!(after == Effect::Reset, !ended, "{after:?}");
    }
}

#[test]
fn a_cancelled_exchange_has_the_verdict_cancelled() {
    let mut exchange = begin(true);
    exchange.on(Event::ResponseData { chunk: &stream(&["Hi"], &[], 1)[..100], end: false, now: at(1) });
    exchange.on(Event::Cancelled);
    assert_eq!(exchange.tally().verdict(), "cancelled");
    let (mut exchange, _) = sent(&timed("refuse"), &request(false));
    exchange.on(Event::Cancelled);
    assert_eq!(exchange.tally().verdict(), "cancelled");
    let mut exchange = begin(false);
    let body = answer(json!("Hi"), &[]).to_string();
    exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now: at(1) });
    exchange.on(Event::Cancelled);
    assert_eq!(exchange.tally().verdict(), "pass");
}
