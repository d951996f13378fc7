//! A client hangs up at any moment. What was decided stays the verdict, and reaches the audit log; the verdict is `cancelled` only if nothing
//! was decided.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed step is a failed test")]

use std::rc::Rc;

use callgate_engine::{Authorization, CallRuling, Decision, Effect, Event, Exchange, Gate, Offer, Ruling, lend};
use callgate_test_apis::turns;
use serde_json::{Value, json};

use crate::authorize::desk::{answered as answered_sample, asking, contract, free, sent as sent_sample};
use crate::authorize::samples::{Sample, samples};
use crate::common::{
    NOW, answer, answered, batch, begun, call, gate, gate_over, model_answered, model_request, ran, request,
    request_headers, send_with, sent, stream, told,
};
use crate::mcp::world;

/// The verdict at a hang-up now, and whether the exchange was broken off.
fn hung_up(exchange: &mut Exchange) -> (String, bool) {
    exchange.on(Event::Cancelled);
    (exchange.tally().verdict().into_owned(), exchange.tally().cancelled)
}

fn decided(exchange: &mut Exchange) -> Vec<Decision> {
    exchange.take_decisions().map(|decisions| decisions.list).unwrap_or_default()
}

/// A hang-up after the first bytes of a stream.
#[derive(Debug)]
struct HungUp {
    verdict: String,
    broken: bool,
    /// The bytes that the client got.
    out: String,
    decisions: Vec<Decision>,
    output_tokens: u64,
}

/// Plays the first `bytes` bytes of a sample's stream, in chunks of this size, and hangs up. One byte more than there are is its end.
fn after(gate: &Rc<Gate>, sample: &Sample, bytes: usize, size: usize) -> HungUp {
    let mut exchange = sent_sample(gate, sample, true);
    assert_eq!(begun(&mut exchange, sample.media), Effect::BeginStream);
    let (mut out, mut decisions) = (Vec::new(), Vec::new());
    let came = bytes.min(sample.stream.len());
    let mut take = |effect: Effect, exchange: &mut Exchange| {
        match effect {
            Effect::Emit(more) | Effect::Finish(more) => out.extend(more),
            Effect::Hold | Effect::Authorize(_) | Effect::Ask(_) | Effect::Run(_) | Effect::Reset => {}
            effect => panic!("{}: {effect:?}", sample.key),
        }
        decisions.extend(decided(exchange));
    };
    for chunk in sample.stream[..came].chunks(size) {
        let effect = told(&mut exchange, chunk);
        take(effect, &mut exchange);
    }
    if bytes > came {
        let effect = exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW });
        take(effect, &mut exchange);
    }
    let (verdict, broken) = hung_up(&mut exchange);
    assert!(exchange.take_decisions().is_none(), "{}: every decision was there before the end", sample.key);
    let (out, output_tokens) = (String::from_utf8_lossy(&out).into_owned(), exchange.tally().usage.output_tokens);
    HungUp { verdict, broken, out, decisions, output_tokens }
}

/// The moments of a sample's stream: after every few bytes, so within and after each event, and at its end.
fn moments(sample: &Sample) -> impl Iterator<Item = usize> {
    (0..sample.stream.len()).step_by(19).chain([sample.stream.len(), sample.stream.len() + 1])
}

/// A contract that forbids the call with `SECOND`, or both.
fn forbidding(on_violation: &str, most: usize) -> Rc<Gate> {
    gate_over(
        // Without a tool of the executor, calls are released one by one.
        &contract(on_violation, "", "")
            .replace("maxLength: 9", &format!("maxLength: {most}"))
            .replace(r#"tools: ["*"]"#, "tools: [f]"),
        Offer::Declared,
    )
}

#[test]
fn an_allowed_call_stays_allowed_wherever_the_client_hangs_up_after_it() {
    let gate = free("refuse");
    for sample in samples() {
        let mut ends = Vec::new();
        for bytes in moments(&sample) {
            let HungUp { verdict, broken, out, decisions, .. } = after(&gate, &sample, bytes, 64);
            let is_released = out.contains("FIRST") || out.contains("SECOND");
            let expected = if is_released { "allow" } else { "cancelled" };
            assert_eq!(verdict, expected, "{} after {bytes} bytes: {out}", sample.key);
            assert!(is_released || broken, "{}: without a call the turn is not complete", sample.key);
            assert_eq!(is_released, !decisions.is_empty(), "{} after {bytes} bytes", sample.key);
            assert!(decisions.iter().all(|decision| decision.ruling == Ruling::Allow));
            ends.push((verdict, broken));
        }
        assert_eq!(ends.first(), Some(&("cancelled".to_owned(), true)), "{}", sample.key);
        assert_eq!(ends.last(), Some(&("allow".to_owned(), false)), "{}: nothing is missing", sample.key);
    }
}

#[test]
fn codex_hangs_up_right_after_the_last_event_and_the_exchange_is_not_broken() {
    let sample = samples().into_iter().find(|sample| sample.key == "responses").unwrap();
    let whole = after(&free("refuse"), &sample, sample.stream.len(), usize::MAX);
    assert!(whole.out.contains("response.completed"));
    assert_eq!((whole.verdict.as_str(), whole.broken, whole.decisions.len()), ("allow", false, 2));
    let text = turns::stream("responses", &json!({ "input_tokens": 5, "output_tokens": 7 }));
    let mut exchange = sent_sample(&free("refuse"), &sample, true);
    begun(&mut exchange, sample.media);
    told(&mut exchange, &text);
    assert_eq!(hung_up(&mut exchange), ("pass".to_owned(), false));
    assert_eq!((exchange.tally().usage.input_tokens, exchange.tally().usage.output_tokens), (5, 7));
}

#[test]
fn a_refused_call_stays_refused_in_every_mode_also_before_its_refusal_is_written() {
    for (mode, code) in [
        ("refuse", "refuse:arguments_invalid"),
        ("error", "error:arguments_invalid"),
        ("feedback", "refuse:arguments_invalid"),
    ] {
        let gate = forbidding(mode, 3);
        for sample in samples() {
            let mut last = String::new();
            for bytes in moments(&sample) {
                let HungUp { verdict, out, decisions, .. } = after(&gate, &sample, bytes, 64);
                let expected = if decisions.is_empty() { "cancelled" } else { code };
                assert_eq!(verdict, expected, "{mode} {} after {bytes} bytes: {out}", sample.key);
                assert!(!out.contains("FIRST") && !out.contains("SECOND"), "{mode} {}: {out}", sample.key);
                last = verdict;
            }
            assert_eq!(last, code, "{mode} {}", sample.key);
        }
    }
}

#[test]
fn a_later_refusal_takes_the_place_of_an_earlier_release() {
    // `FIRST` has five characters, and `SECOND` six.
    let gate = forbidding("refuse", 5);
    let mut releases = 0;
    for sample in samples() {
        let mut seen = Vec::new();
        for bytes in moments(&sample) {
            let HungUp { verdict, out, decisions, .. } = after(&gate, &sample, bytes, 16);
            let expected = match decisions.as_slice() {
                [] => "cancelled",
                [_] => "allow",
                _ => "refuse:arguments_invalid",
            };
            assert_eq!(verdict, expected, "{} after {bytes} bytes: {out}", sample.key);
            seen.push(verdict);
        }
        releases += usize::from(seen.iter().any(|verdict| verdict == "allow"));
        assert_eq!(seen.last().map(String::as_str), Some("refuse:arguments_invalid"), "{}", sample.key);
    }
    assert!(releases >= 3, "{releases} APIs release a call before the next one is decided");
}

#[test]
fn a_call_that_waits_for_the_executor_or_a_person_is_not_decided_yet() {
    for sample in samples() {
        for bytes in moments(&sample) {
            let HungUp { verdict, broken, out, decisions, .. } = after(&asking("refuse"), &sample, bytes, 64);
            assert_eq!((verdict.as_str(), broken), ("cancelled", true), "{} after {bytes} bytes: {out}", sample.key);
            assert!(decisions.iter().all(|decision| matches!(decision.ruling, Ruling::NeedsApproval { .. })));
        }
        // The rulings come, and the client hangs up before it has all of the answer.
        for (ruling, expected) in [
            (CallRuling::Released, "allow"),
            (CallRuling::Pending { approval_id: "a".into(), left: NOW }, "refuse:approval_required"),
        ] {
            let mut exchange = sent_sample(&asking("refuse"), &sample, false);
            let Effect::Authorize(asked) = answered_sample(&mut exchange, &sample) else { panic!("{}", sample.key) };
            let rule = |id: &String| Authorization { id: id.clone(), ruling: ruling.clone() };
            let rulings = asked.batch.calls.iter().map(|call| rule(&call.id)).collect();
            assert!(matches!(exchange.on(Event::Authorized(Ok(rulings))), Effect::Finish(_)), "{}", sample.key);
            assert_eq!(hung_up(&mut exchange), (expected.to_owned(), false), "{}", sample.key);
            let mut exchange = sent_sample(&asking("refuse"), &sample, false);
            answered_sample(&mut exchange, &sample);
            assert_eq!(hung_up(&mut exchange), ("cancelled".to_owned(), true), "{}", sample.key);
        }
    }
}

#[test]
fn text_alone_is_cancelled_until_its_last_event_and_passes_from_then_on() {
    let usage = json!({ "input_tokens": 5, "output_tokens": 7, "prompt_tokens": 5, "completion_tokens": 7 });
    for sample in samples() {
        let sample = Sample { stream: turns::stream(sample.key, &usage), ..sample };
        let verdicts: Vec<(String, bool)> = (0..sample.stream.len())
            .step_by(3)
            .chain([sample.stream.len(), sample.stream.len() + 1])
            .map(|bytes| {
                let HungUp { verdict, broken, decisions, .. } = after(&free("refuse"), &sample, bytes, 50);
                assert!(decisions.is_empty());
                (verdict, broken)
            })
            .collect();
        let broken = verdicts.iter().take_while(|(verdict, broken)| *broken && verdict == "cancelled").count();
        assert!(broken > verdicts.len() / 2, "{}: {broken} of {}", sample.key, verdicts.len());
        let whole = &verdicts[broken..];
        assert!(!whole.is_empty(), "{}", sample.key);
        assert!(whole.iter().all(|(verdict, broken)| verdict == "pass" && !broken), "{}: {whole:?}", sample.key);
    }
}

#[test]
fn the_tokens_of_a_broken_stream_never_fall_with_what_came() {
    let spec = "  prices: { currency: USD, models: { \"*\": { input: 1, output: 1 } } }";
    let gate = gate_over(&contract("refuse", spec, ""), Offer::Declared);
    for sample in samples() {
        let mut before = 0;
        for bytes in moments(&sample) {
            let seen = after(&gate, &sample, bytes, 40);
            // A report at the end, of at most 7 tokens, takes the place of the estimate.
            let is_reported = seen.output_tokens <= 7;
            assert!(seen.output_tokens >= before || is_reported, "{} after {bytes}: {before} {seen:?}", sample.key);
            before = seen.output_tokens;
        }
    }
}

#[test]
fn calls_of_the_executor_are_allowed_from_the_moment_they_are_handed_over() {
    for streams in [false, true] {
        let lookup = call("c1", "lookup", r#"{"key":"k"}"#);
        let begin = |calls: &[Value]| {
            let (mut exchange, _) = sent(&gate("refuse"), &request(streams));
            let effect = if streams {
                assert_eq!(begun(&mut exchange, "text/event-stream"), Effect::BeginStream);
                exchange.on(Event::ResponseData { chunk: &stream(&["Hi"], calls, 4), end: true, now: NOW })
            } else {
                answered(&mut exchange, &answer(json!("Hi"), calls))
            };
            (exchange, effect)
        };
        let (mut exchange, effect) = begin(std::slice::from_ref(&lookup));
        assert_eq!(decided(&mut exchange).len(), 1, "the decision is there while the executor works");
        let run = batch(effect);
        assert_eq!(hung_up(&mut exchange), ("allow".to_owned(), true), "while the executor works");
        let (mut exchange, _) = begin(std::slice::from_ref(&lookup));
        model_request(ran(&mut exchange, &run, &[r#"{"found":1}"#]));
        assert_eq!(hung_up(&mut exchange), ("allow".to_owned(), true), "while the model is asked again");
        let (mut exchange, _) = begin(std::slice::from_ref(&lookup));
        model_request(ran(&mut exchange, &run, &[r#"{"found":1}"#]));
        model_answered(&mut exchange, &answer(json!("Bye"), &[]));
        assert_eq!(hung_up(&mut exchange), ("allow".to_owned(), false), "after the answer");
        let (mut exchange, _) = begin(std::slice::from_ref(&lookup));
        model_request(ran(&mut exchange, &run, &[r#"{"found":1}"#]));
        model_answered(&mut exchange, &answer(json!("Bye"), &[call("c2", "order", "{}")]));
        assert_eq!(hung_up(&mut exchange).0, "refuse:arguments_invalid", "a refusal of a later round");
    }
}

#[test]
fn feedback_is_a_refusal_while_the_model_is_asked_again() {
    let (mut exchange, _) = sent(&gate("feedback"), &request(false));
    let calls = [call("c1", "get_weather", r#"{"city":7}"#)];
    model_request(answered(&mut exchange, &answer(json!(null), &calls)));
    assert_eq!(hung_up(&mut exchange), ("refuse:arguments_invalid".to_owned(), true));
    assert_eq!(decided(&mut exchange).len(), 1);
}

#[test]
fn before_the_model_answers_nothing_is_decided() {
    let body = request(false).to_string();
    let head = |exchange: &mut Exchange, headers: &[(String, Vec<u8>)]| {
        exchange.on(Event::RequestHead { headers: &lend(headers), verified: None, end: false })
    };
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    assert_eq!(hung_up(&mut exchange), ("pass".to_owned(), false), "no request came");
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    head(&mut exchange, &request_headers("clerk"));
    assert_eq!(hung_up(&mut exchange), ("cancelled".to_owned(), true), "before the body");
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    head(&mut exchange, &request_headers("clerk"));
    exchange.on(Event::RequestData { chunk: &body.as_bytes()[..20], end: false, now: NOW });
    assert_eq!(hung_up(&mut exchange), ("cancelled".to_owned(), true), "in the midst of the body");
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    assert_eq!(hung_up(&mut exchange), ("cancelled".to_owned(), true), "before the answer");
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    begun(&mut exchange, "application/json");
    let whole = answer(json!(null), &[call("c1", "order", r#"{"sku":"s"}"#)]).to_string();
    exchange.on(Event::ResponseData { chunk: &whole.as_bytes()[..whole.len() - 1], end: false, now: NOW });
    assert_eq!(hung_up(&mut exchange), ("cancelled".to_owned(), true), "one byte before the end of the answer");
    let (mut exchange, _) = sent(&gate("refuse"), &request(false));
    answered(&mut exchange, &answer(json!(null), &[call("c1", "order", r#"{"sku":"s"}"#)]));
    assert_eq!(hung_up(&mut exchange), ("allow".to_owned(), false), "after the answer");
}

#[test]
fn a_refused_request_is_refused_while_its_body_is_still_read() {
    let mut headers = request_headers("stranger");
    headers.push(("content-length".to_owned(), b"1000".to_vec()));
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }), Effect::Hold);
    assert_eq!(hung_up(&mut exchange), ("error:role_forbidden".to_owned(), true));
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    assert!(matches!(send_with(&mut exchange, &headers, &[b' '; 1000]), Effect::Reply(_)));
    assert_eq!(hung_up(&mut exchange), ("error:role_forbidden".to_owned(), false));
}

#[test]
fn a_call_to_an_mcp_server_is_allowed_while_the_server_works() {
    let gate = free("refuse");
    let message =
        |method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    for (message, expected) in [
        (message("tools/call", json!({ "name": "f", "arguments": { "a": "b" } })), ("allow", true)),
        (message("tools/call", json!({ "name": "f", "arguments": { "a": 1 } })), ("refuse:arguments_invalid", false)),
        (message("tools/list", json!({})), ("cancelled", true)),
    ] {
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        world::send(&mut exchange, "clerk", message.to_string().as_bytes());
        let (verdict, broken) = hung_up(&mut exchange);
        assert_eq!((verdict.as_str(), broken), expected, "{message}");
    }
}

#[test]
fn a_broken_rule_that_is_not_enforced_is_reported_after_a_hang_up_too() {
    let gate =
        gate_over(&contract("refuse", "  enforce: false", "").replace("maxLength: 9", "maxLength: 3"), Offer::Declared);
    for sample in samples() {
        let whole = after(&gate, &sample, sample.stream.len() + 1, 64);
        assert_eq!((whole.verdict.as_str(), whole.broken), ("shadow:arguments_invalid", false), "{}", sample.key);
        let early = after(&gate, &sample, 10, 64);
        assert_eq!((early.verdict.as_str(), early.broken), ("cancelled", true), "{}", sample.key);
    }
}

#[test]
fn an_upstream_that_breaks_off_after_a_release_leaves_the_decision() {
    // The host learns of a reset only as the end of the exchange; an end without the last event is an error.
    for sample in samples() {
        let gate = free("refuse");
        let Some(bytes) = moments(&sample).find(|bytes| after(&gate, &sample, *bytes, 64).verdict == "allow") else {
            panic!()
        };
        let mut exchange = sent_sample(&gate, &sample, true);
        begun(&mut exchange, sample.media);
        let came = bytes.min(sample.stream.len());
        exchange.on(Event::ResponseData { chunk: &sample.stream[..came], end: true, now: NOW });
        let (verdict, _) = hung_up(&mut exchange);
        assert!(["allow", "error:upstream_truncated"].contains(&verdict.as_str()), "{}: {verdict}", sample.key);
    }
}

#[test]
fn an_allowed_call_that_waits_behind_another_is_recorded_and_not_released() {
    let fields = "      approval: { when: \"args.a == 'SECOND'\" }";
    let contract = contract("refuse", "", fields).replace(r#"tools: ["*"]"#, "tools: [f]");
    let gate = gate_over(&contract, Offer::Declared);
    for sample in samples() {
        let mut allowed = 0;
        for bytes in moments(&sample) {
            let HungUp { verdict, broken, out, decisions, .. } = after(&gate, &sample, bytes, 64);
            assert_eq!((verdict.as_str(), broken), ("cancelled", true), "{} after {bytes} bytes: {out}", sample.key);
            assert!(!out.contains("FIRST") && !out.contains("SECOND"), "{}: {out}", sample.key);
            allowed += decisions.iter().filter(|decision| decision.ruling == Ruling::Allow).count();
        }
        assert!(allowed > 0, "{}: the audit log has the decision", sample.key);
    }
}

#[test]
fn a_hang_up_is_the_last_event_and_counts_once() {
    for sample in samples() {
        let mut exchange = sent_sample(&free("refuse"), &sample, true);
        begun(&mut exchange, sample.media);
        told(&mut exchange, &sample.stream);
        hung_up(&mut exchange);
        let tally = exchange.tally().clone();
        for event in [
            Event::Cancelled,
            Event::ResponseData { chunk: &sample.stream, end: true, now: NOW },
            Event::Tick { writable: true, now: NOW },
            Event::CallsRun(Ok(Vec::new())),
            Event::Cancelled,
        ] {
            assert_eq!(exchange.on(event), Effect::Hold, "{}", sample.key);
        }
        assert_eq!(exchange.tally(), &tally, "{}: tokens and verdict are those of the hang-up", sample.key);
        assert!(decided(&mut exchange).len() <= 2);
    }
}
