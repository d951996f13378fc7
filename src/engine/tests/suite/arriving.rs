//! Requests in pieces: any pieces have the answer of the whole, and a fault ends the request as soon as it is there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::rc::Rc;

use crate::common::*;
use callgate_engine::{Effect, Event, Exchange, Gate, lend};
use proptest::prelude::*;

/// Sends headers and a body in pieces of this length. Returns the last effect, and the bytes that were sent before it.
fn sent(gate: &Rc<Gate>, headers: &[(String, Vec<u8>)], body: &[u8], length: usize) -> (Effect, usize) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let effect = exchange.on(Event::RequestHead { headers: &lend(headers), verified: None, end: false });
    if effect != Effect::Hold {
        return (effect, 0);
    }
    for (number, chunk) in body.chunks(length).enumerate() {
        let effect = exchange.on(Event::RequestData { chunk, end: false, now: NOW });
        if effect != Effect::Hold {
            return (effect, (number * length + chunk.len()).min(body.len()));
        }
    }
    (exchange.on(Event::RequestData { chunk: b"", end: true, now: NOW }), body.len())
}

fn whole(gate: &Rc<Gate>, headers: &[(String, Vec<u8>)], body: &[u8]) -> Effect {
    send_with(&mut Exchange::new(Rc::clone(gate), "exchange-1"), headers, body)
}

#[test]
fn a_fault_ends_the_request_at_once_with_the_answer_of_the_whole_body() {
    let gate = gate("refuse");
    let headers = request_headers("clerk");
    let good = request(false).to_string();
    let rest = " ".repeat(4096);
    for (before, fault) in [
        ("", "}"),
        ("{\"a\":1,\"", "a\":2"),
        ("{\"a\":", "tru3"),
        ("{\"a\":\"", "\n"),
        ("{\"a\":\"\\ud800", "x"),
        ("{\"a\":", "01"),
        (good.as_str(), "{"),
        ("{\"a\":", "\u{1}"),
    ] {
        let body = format!("{before}{fault}{rest}");
        let expected = whole(&gate, &headers, body.as_bytes());
        for length in [1, 7, 1000] {
            let (effect, at) = sent(&gate, &headers, body.as_bytes(), length);
            assert_eq!(effect, expected, "{before}{fault}");
            assert!(at < before.len() + fault.len() + length.max(2), "{before}{fault}: {at}");
        }
        assert_eq!(refused(expected), (400, "request_not_json".to_owned()), "{before}{fault}");
    }
    let deep = "[".repeat(65) + &rest;
    let (effect, at) = sent(&gate, &headers, deep.as_bytes(), 1);
    assert_eq!((effect, at), (whole(&gate, &headers, deep.as_bytes()), 65));
}

#[test]
fn a_declared_length_over_the_limit_is_refused_before_the_body() {
    let gate = gate("refuse");
    let mut headers = request_headers("clerk");
    headers.push(("content-length".to_owned(), b"9000000".to_vec()));
    let (effect, at) = sent(&gate, &headers, b"{", 1);
    assert_eq!((refused(effect), at), ((413, "request_too_large".to_owned()), 0));
}

#[test]
fn a_fault_in_the_last_byte_and_a_short_body_are_told_at_the_end() {
    let gate = gate("refuse");
    let headers = request_headers("clerk");
    let good = request(false).to_string();
    for body in
        [good.replacen('{', "{ ", 1) + "}", good[..good.len() - 1].to_owned(), String::new(), "\u{feff}".to_owned()]
    {
        for length in [1, 100] {
            assert_eq!(
                sent(&gate, &headers, body.as_bytes(), length).0,
                whole(&gate, &headers, body.as_bytes()),
                "{body}"
            );
        }
    }
    let marked = format!("\u{feff}{good}");
    assert!(matches!(sent(&gate, &headers, marked.as_bytes(), 1).0, Effect::Forward(_)));
}

#[test]
fn bytes_after_a_refusal_change_nothing() {
    let gate = gate("refuse");
    let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
    exchange.on(Event::RequestHead { headers: &lend(&request_headers("clerk")), verified: None, end: false });
    let effect = exchange.on(Event::RequestData { chunk: b"nonsense", end: false, now: NOW });
    assert_eq!(refused(effect), (400, "request_not_json".to_owned()));
    let good = request(false).to_string();
    for end in [false, true] {
        assert_eq!(exchange.on(Event::RequestData { chunk: good.as_bytes(), end, now: NOW }), Effect::Hold);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_never_change_an_answer(
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        length in 1_usize..90,
    ) {
        let gate = gate("refuse");
        let headers = request_headers("clerk");
        let mut body = request(false).to_string().into_bytes();
        for (place, byte) in damages {
            let place = place.index(body.len());
            body[place] = byte;
        }
        prop_assert_eq!(sent(&gate, &headers, &body, length).0, whole(&gate, &headers, &body));
    }
}
