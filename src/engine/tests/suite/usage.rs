//! The tokens of exchanges and their cost, in every API.

use std::rc::Rc;

use callgate_contract::Cost;
use callgate_engine::{CallFailed, Effect, Event, Exchange, Gate, Offer, Paths, StreamUsage, Usage, UsageSource, lend};
use callgate_test_apis::turns;
use serde_json::{Value, json};

use crate::common::{
    NOW, answer, answered, batch, begun, build, call, contract, feed, gate_of, headers, model_answered, model_request,
    ran, request, rules, send, send_with, sent, stream, streamed,
};

/// Name, and the members with the tokens of input and output.
const APIS: [(&str, &str, &str); 6] = [
    ("chatCompletions", "prompt_tokens", "completion_tokens"),
    ("responses", "input_tokens", "output_tokens"),
    ("messages", "input_tokens", "output_tokens"),
    ("gemini", "promptTokenCount", "candidatesTokenCount"),
    ("ollama", "prompt_eval_count", "eval_count"),
    ("converse", "inputTokens", "outputTokens"),
];

const PRICES: &str = r#"  prices:
    currency: USD
    models:
      "gpt-*": { input: 2, cachedInput: 0.5, output: 10 }
      "gpt-4o": { input: 2.5, cachedInput: 1.25, output: 10 }
  roles:
"#;

fn priced_contract() -> String {
    contract("refuse").replacen("  roles:\n", PRICES, 1)
}

/// A gate whose contract has prices.
fn priced() -> Rc<Gate> {
    gate_of(&priced_contract(), Offer::Declared, true)
}

fn plain() -> Rc<Gate> {
    gate_of(&contract("refuse"), Offer::Declared, true)
}

fn sent_to(gate: &Rc<Gate>, api: &str, streams: bool) -> (Exchange, usize) {
    let (path, body) = turns::request(api, "gpt-4o", streams);
    let mut headers = crate::common::request_headers("clerk");
    headers[1].1 = path.into_bytes();
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    match send_with(&mut exchange, &headers, body.to_string().as_bytes()) {
        Effect::Forward(forward) => (exchange, forward.body.len()),
        effect => panic!("{api}: {effect:?}"),
    }
}

/// Plays an exchange to its end.
fn played(gate: &Rc<Gate>, api: &str, streams: bool, usage: &Value, chunk: usize) -> (Exchange, usize) {
    let (mut exchange, sent) = sent_to(gate, api, streams);
    let (media, bytes) = match streams {
        true => (turns::media(api), turns::stream(api, usage)),
        false => ("application/json", turns::answer(api, usage)),
    };
    begun(&mut exchange, media);
    feed(&mut exchange, &bytes, &[chunk]);
    exchange.on(Event::Cancelled);
    assert!(exchange.tally().error.is_none() && !exchange.tally().cancelled, "{api}: {:?}", exchange.tally());
    (exchange, sent)
}

fn tokens(exchange: &Exchange) -> (u64, u64, UsageSource) {
    let tally = exchange.tally();
    (tally.usage.input_tokens, tally.usage.output_tokens, tally.usage_source)
}

fn micros(exchange: &Exchange) -> Option<u64> {
    exchange.tally().cost.map(Cost::micros)
}

/// The estimates of a request and of an answer with so many bytes.
fn input_of(bytes: usize) -> u64 {
    bytes.div_ceil(2) as u64 + 512
}

fn output_of(bytes: usize) -> u64 {
    bytes.div_ceil(2) as u64 + 128
}

#[test]
fn reported_tokens_are_counted_and_priced_in_every_api() {
    for (api, input, output) in APIS {
        let usage = json!({ input: 1001, output: 7 });
        for streams in [false, true] {
            for chunk in [1, 7, 4096] {
                let (exchange, _) = played(&priced(), api, streams, &usage, chunk);
                assert_eq!(tokens(&exchange), (1001, 7, UsageSource::Reported), "{api} {streams} {chunk}");
                // 1,001 tokens at 2.5 and 7 at 10 of the unit a million: 2,502.5 and 70 micro-units.
                assert_eq!(micros(&exchange), Some(2573), "{api} {streams} {chunk}");
                let (exchange, _) = played(&plain(), api, streams, &usage, chunk);
                assert_eq!((tokens(&exchange), micros(&exchange)), ((1001, 7, UsageSource::Reported), None), "{api}");
            }
        }
    }
}

#[test]
fn a_missing_usage_is_estimated_only_if_a_rule_needs_it() {
    for (api, ..) in APIS {
        for streams in [false, true] {
            let (exchange, sent) = played(&priced(), api, streams, &json!({}), 16);
            // A stream counts its text, `Rome.`; a whole answer its bytes.
            let said = if streams { 5 } else { turns::answer(api, &json!({})).len() };
            let expected = (input_of(sent), output_of(said), UsageSource::Estimated);
            assert_eq!(tokens(&exchange), expected, "{api} {streams}");
            assert!(micros(&exchange).is_some_and(|micros| micros > 1000), "{api} {streams}");
            let (exchange, _) = played(&plain(), api, streams, &json!({}), 16);
            assert_eq!(tokens(&exchange), (0, 0, UsageSource::Unknown), "{api} {streams}");
        }
    }
}

#[test]
fn a_stream_that_breaks_off_counts_what_came() {
    for (api, input, output) in APIS {
        let bytes = turns::stream(api, &json!({ input: 1001, output: 70_000 }));
        let ends = [Event::Cancelled, Event::ResponseData { chunk: b"", end: true, now: NOW }];
        for (end, cut) in ends.into_iter().zip([2, 2]) {
            let (mut exchange, sent) = sent_to(&priced(), api, true);
            begun(&mut exchange, turns::media(api));
            exchange.on(Event::ResponseData { chunk: &bytes[..bytes.len() / cut], end: false, now: NOW });
            exchange.on(end);
            exchange.on(Event::Cancelled);
            let (counted, said, source) = tokens(&exchange);
            // Messages and Gemini report the input early.
            match counted {
                1001 => assert!(api == "messages" || api == "gemini", "{api}"),
                _ => assert_eq!((counted, source), (input_of(sent), UsageSource::Estimated), "{api}"),
            }
            assert!(said <= output_of(5), "{api} {said}");
        }
    }
}

#[test]
fn a_client_that_hangs_up_after_the_end_costs_what_was_reported() {
    for (api, input, output) in APIS {
        let (mut exchange, _) = sent_to(&priced(), api, true);
        begun(&mut exchange, turns::media(api));
        let chunk = turns::stream(api, &json!({ input: 1001, output: 7 }));
        exchange.on(Event::ResponseData { chunk: &chunk, end: false, now: NOW });
        exchange.on(Event::Cancelled);
        assert_eq!(tokens(&exchange), (1001, 7, UsageSource::Reported), "{api}");
    }
}

#[test]
fn a_request_without_an_answer_costs_its_input() {
    for (api, ..) in APIS {
        for streams in [false, true] {
            let (mut exchange, sent) = sent_to(&priced(), api, streams);
            exchange.on(Event::Cancelled);
            assert_eq!(tokens(&exchange), (input_of(sent), 0, UsageSource::Estimated), "{api}");
            // The end of a stream is told twice, and counted once.
            exchange.on(Event::Cancelled);
            assert_eq!(tokens(&exchange), (input_of(sent), 0, UsageSource::Estimated), "{api}");
        }
    }
}

#[test]
fn a_turn_over_its_time_costs_its_input() {
    let (mut exchange, _) = sent(&priced(), &request(false));
    exchange.on(Event::Tick { writable: true, now: NOW + std::time::Duration::from_secs(31) });
    let (input, output, source) = tokens(&exchange);
    assert!(input > 512 && output == 0 && source == UsageSource::Estimated, "{:?}", exchange.tally());
}

#[test]
fn an_answer_that_cannot_be_read_is_estimated() {
    for body in ["{", r#"{"choices": 1}"#] {
        let (mut exchange, _) = sent(&priced(), &request(false));
        begun(&mut exchange, "application/json");
        exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now: NOW });
        let (input, output, source) = tokens(&exchange);
        assert_eq!((output, source), (output_of(body.len()), UsageSource::Estimated), "{body}");
        assert!(input > 512, "{body}");
    }
    let (mut exchange, _) = sent(&priced(), &request(false));
    begun(&mut exchange, "text/html");
    assert_eq!(tokens(&exchange).2, UsageSource::Estimated);
    let (mut exchange, _) = sent(&priced(), &request(false));
    begun(&mut exchange, "application/json");
    exchange.on(Event::ResponseData { chunk: &vec![b'['; 70_000], end: false, now: NOW });
    assert_eq!(tokens(&exchange).1, output_of(70_000));
}

#[test]
fn a_request_that_the_upstream_or_the_gate_refuses_costs_nothing() {
    let nothing = (0, 0, UsageSource::Unknown);
    for status in ["400", "429", "503"] {
        let (mut exchange, _) = sent(&priced(), &request(false));
        let head = headers(&[(":status", status), ("content-type", "application/json")]);
        exchange.on(Event::ResponseHead { headers: &lend(&head), end: false });
        exchange.on(Event::ResponseData { chunk: br#"{"error":{"message":"no"}}"#, end: true, now: NOW });
        exchange.on(Event::Cancelled);
        assert_eq!(tokens(&exchange), nothing, "{status}");
    }
    let (mut exchange, _) = sent(&priced(), &request(false));
    answered(&mut exchange, &json!({ "error": { "message": "no" } }));
    assert_eq!(tokens(&exchange), nothing);
    let (mut exchange, _) = sent(&priced(), &request(true));
    streamed(&mut exchange, b"data: {\"error\":{\"message\":\"overloaded\"}}\n\n", &[9]);
    assert_eq!(tokens(&exchange), nothing);
    let mut exchange = Exchange::new(priced(), "exchange-1");
    send(&mut exchange, "nobody", request(false).to_string().as_bytes());
    exchange.on(Event::Cancelled);
    assert_eq!((tokens(&exchange), micros(&exchange)), (nothing, None));
}

#[test]
fn a_count_of_tokens_costs_nothing() {
    let mut headers = crate::common::request_headers("clerk");
    headers[1].1 = b"/v1/messages/count_tokens".to_vec();
    let mut exchange = Exchange::new(priced(), "exchange-1");
    let body = json!({ "model": "gpt-4o", "messages": [] }).to_string();
    assert!(matches!(send_with(&mut exchange, &headers, body.as_bytes()), Effect::Forward(_)));
    answered(&mut exchange, &json!({ "input_tokens": 7 }));
    exchange.on(Event::Cancelled);
    assert_eq!(tokens(&exchange), (0, 0, UsageSource::Unknown));
}

const LOOKUP: &str = r#"{"key":"a"}"#;

#[test]
fn the_rounds_of_an_exchange_add_up() {
    for streams in [false, true] {
        for gate in [priced(), plain()] {
            let (mut exchange, _) = sent(&gate, &request(streams));
            let calls = [call("call_1", "lookup", LOOKUP)];
            let effect = match streams {
                false => answered(&mut exchange, &answer(Value::Null, &calls)),
                true => {
                    let usage =
                        json!({ "id": "c", "choices": [], "usage": { "prompt_tokens": 5, "completion_tokens": 7 } });
                    let text = String::from_utf8(stream(&[], &calls, 3)).unwrap();
                    let bytes = text.replace("data: [DONE]", &format!("data: {usage}\n\ndata: [DONE]"));
                    streamed(&mut exchange, bytes.as_bytes(), &[11]).1.unwrap()
                }
            };
            assert_eq!(tokens(&exchange), (5, 7, UsageSource::Reported), "{streams}");
            let asked = ran(&mut exchange, &batch(effect), &[r#"{"found":true}"#]);
            model_request(asked);
            let last = model_answered(&mut exchange, &answer(json!("done"), &[]));
            assert!(matches!(last, Effect::Finish(_)), "{last:?}");
            assert_eq!(tokens(&exchange), (10, 14, UsageSource::Reported), "{streams}");
        }
    }
}

#[test]
fn a_round_that_fails_adds_its_input_and_one_that_is_refused_nothing() {
    let begin = || {
        let (mut exchange, _) = sent(&priced(), &request(false));
        let effect = answered(&mut exchange, &answer(Value::Null, &[call("call_1", "lookup", LOOKUP)]));
        let asked = model_request(ran(&mut exchange, &batch(effect), &[r#"{"found":true}"#]));
        (exchange, asked.body.len())
    };
    let (mut exchange, bytes) = begin();
    exchange.on(Event::ModelAnswered(Err(CallFailed::Unreachable)));
    assert_eq!(tokens(&exchange), (5 + input_of(bytes), 7, UsageSource::Estimated));
    let (mut exchange, bytes) = begin();
    exchange.on(Event::Cancelled);
    assert_eq!(tokens(&exchange), (5 + input_of(bytes), 7, UsageSource::Estimated));
    let (mut exchange, _) = begin();
    let head = headers(&[(":status", "429"), ("content-type", "application/json")]);
    let reply = callgate_engine::ModelReply { headers: &lend(&head), body: b"{}" };
    exchange.on(Event::ModelAnswered(Ok(reply)));
    assert_eq!(tokens(&exchange), (5, 7, UsageSource::Reported));
}

fn forwarded(gate: &Rc<Gate>, body: &Value) -> Value {
    sent(gate, body).1
}

#[test]
fn a_stream_is_asked_for_its_usage_only_if_a_rule_needs_it() {
    let asked = json!({ "include_usage": true });
    assert_eq!(forwarded(&priced(), &request(true))["stream_options"], asked);
    assert_eq!(forwarded(&priced(), &request(false)).get("stream_options"), None);
    assert_eq!(forwarded(&plain(), &request(true)).get("stream_options"), None);
    let mut own = request(true);
    own["stream_options"] = json!({ "include_usage": true });
    assert_eq!(forwarded(&priced(), &own)["stream_options"], asked);
    assert_eq!(forwarded(&plain(), &own)["stream_options"], asked);
    let rules = rules(&priced_contract(), Paths::default(), Offer::Declared, true).unwrap();
    let leaves = Rc::new(std::sync::Arc::new(rules.with_stream_usage(StreamUsage::Leave)).gate());
    assert_eq!(forwarded(&leaves, &request(true)).get("stream_options"), None);
}

#[test]
fn a_client_gets_the_usage_only_if_it_asked() {
    let usage = json!({ "prompt_tokens": 11, "completion_tokens": 3 });
    let bytes = turns::stream("chatCompletions", &usage);
    for chunks in [&[1][..], &[5, 64], &[4096]] {
        let (mut exchange, _) = sent(&priced(), &request(true));
        let (out, other) = streamed(&mut exchange, &bytes, chunks);
        let out = String::from_utf8(out).unwrap();
        assert!(other.is_none() && !out.contains("usage") && out.ends_with("data: [DONE]\n\n"), "{out}");
        assert_eq!(out.matches("data: ").count(), 5, "{out}");
        assert_eq!(tokens(&exchange), (11, 3, UsageSource::Reported));
        let mut own = request(true);
        own["stream_options"] = json!({ "include_usage": true });
        let (mut exchange, _) = sent(&priced(), &own);
        assert_eq!(streamed(&mut exchange, &bytes, chunks), (bytes.clone(), None));
        assert_eq!(tokens(&exchange), (11, 3, UsageSource::Reported));
    }
}

#[test]
fn a_streamed_further_round_hides_the_usage_too() {
    let (mut exchange, _) = sent(&priced(), &request(true));
    let text = String::from_utf8(stream(&["Well. "], &[call("call_1", "lookup", LOOKUP)], 3)).unwrap();
    let (out, effect) = streamed(&mut exchange, text.as_bytes(), &[64]);
    let asked = ran(&mut exchange, &batch(effect.unwrap()), &[r#"{"found":true}"#]);
    let body: Value = serde_json::from_slice(&model_request(asked).body).unwrap();
    assert_eq!(body.get("stream_options"), None);
    let Effect::Finish(rest) = model_answered(&mut exchange, &answer(json!("done"), &[])) else { panic!() };
    let all = String::from_utf8([out, rest].concat()).unwrap();
    assert!(all.contains("done") && !all.contains("usage"), "{all}");
}

#[test]
fn cached_tokens_are_cheaper() {
    let (mut exchange, _) = sent(&priced(), &request(false));
    let mut body = answer(json!("hi"), &[]);
    body["usage"] =
        json!({ "prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": { "cached_tokens": 60 } });
    answered(&mut exchange, &body);
    assert_eq!(micros(&exchange), Some(100 + 75 + 100));
    let expected = Usage { input_tokens: 100, cache_read_tokens: 60, output_tokens: 10, ..Usage::default() };
    assert_eq!(exchange.tally().usage, expected);
}

#[test]
fn the_dearest_of_several_models_has_the_price() {
    let contract = priced_contract().replace("\"gpt-4o\": { input: 2.5,", "\"gpt-4o\": { input: 1,");
    let gate = gate_of(&contract, Offer::Declared, true);
    let mut body = request(false);
    body["models"] = json!(["gpt-4o", "gpt-5"]);
    let (mut exchange, _) = sent(&gate, &body);
    answered(&mut exchange, &answer(json!("hi"), &[]));
    assert_eq!(micros(&exchange), Some(5 * 2 + 7 * 10));
}

#[test]
fn a_model_without_a_price_has_tokens_and_no_cost() {
    let contract = priced_contract().replace("\"gpt-*\": { input: 2, ", "\"gpt-5*\": { input: 2, ");
    let gate = Rc::new(build(&contract, Paths::default(), Offer::Declared, true).unwrap());
    let mut body = request(false);
    body["model"] = json!("gpt-3");
    let (mut exchange, _) = sent(&gate, &body);
    answered(&mut exchange, &answer(json!("hi"), &[]));
    assert_eq!((tokens(&exchange), micros(&exchange)), ((5, 7, UsageSource::Reported), None));
}

#[test]
fn a_model_without_a_price_is_refused_if_the_contract_says_so() {
    for (api, ..) in APIS {
        let contract = priced_contract()
            .replace("    currency: USD\n", "    currency: USD\n    unpriced: refuse\n")
            .replace("\"gpt-*\": { input: 2, ", "\"gpt-5*\": { input: 2, ");
        let gate = gate_of(&contract, Offer::Declared, true);
        let (path, body) = turns::request(api, "gpt-3", true);
        let mut headers = crate::common::request_headers("clerk");
        headers[1].1 = path.into_bytes();
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        let Effect::Reply(reply) = send_with(&mut exchange, &headers, body.to_string().as_bytes()) else {
            panic!("{api}")
        };
        assert_eq!(reply.status, 400, "{api}");
        assert!(String::from_utf8_lossy(&reply.body).contains("no price of this model"), "{api}");
        assert_eq!(exchange.tally().verdict(), "error:model_not_priced", "{api}");
        sent_to(&gate, api, true);
    }
}
