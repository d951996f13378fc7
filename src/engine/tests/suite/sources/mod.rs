//! Rules about the sources of values decide alike in every API, streamed or not. The examples are those of the documentation.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests of JSON shapes")]

mod apis;
mod attacks;
mod candidate;
mod compaction;
mod requires;
mod rounds;

use std::rc::Rc;
use std::time::Duration;

use callgate_contract::{Caller, Conversation, ProposedCall, Texts, Verdict, decide};
use callgate_engine::{Authorization, CallRuling, DIALECTS, Effect, Event, Exchange, Gate, Offer, history, lend};
use callgate_wire::Target;
use serde_json::Value;

use crate::common::{NOW, begun, feed, gate_over, headers};
use crate::conditions::apis::{APIS, Api, MODEL};

const CHAPTER: &str = include_str!("../../../../../docs/guides/provenance.md");

/// Returns the first block of the chapter in a language.
fn block(language: &str) -> &'static str {
    let start = CHAPTER.split_once(&format!("```{language}\n")).unwrap().1;
    start.split_once("```").unwrap().0
}

/// Returns the rows of the table of decisions: tool, arguments, verdict.
fn rows() -> Vec<(&'static str, &'static str, &'static str)> {
    let table = CHAPTER.split_once("| tool | arguments | verdict | because |").unwrap().1;
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cell = |cell: &'static str| cell.trim().trim_matches('`');
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(cell).collect();
            (cells[1], cells[2], cells[3])
        })
        .collect()
}

fn gate(contract: &str) -> Rc<Gate> {
    gate_over(contract, Offer::Declared)
}

fn key(api: &Api) -> &'static str {
    match api.name {
        "Chat Completions" => "chatCompletions",
        "Responses" => "responses",
        "Messages" => "messages",
        "Gemini" => "gemini",
        "Ollama" => "ollama",
        _ => "converse",
    }
}

/// The verdict of the contract on a call in a conversation: `allow`, `hold CODE` or `deny CODE`.
fn decided(api: &Api, gate: &Gate, body: &Value, tool: &str, arguments: &str) -> String {
    let dialect = DIALECTS.iter().find(|row| row.key == key(api)).unwrap().dialect().unwrap();
    let path = (api.path)(false);
    let model = matches!(api.name, "Gemini" | "Converse").then_some(MODEL);
    let target = Target::new(&path).with_model(model);
    let request = dialect.request(&target, body.to_string().as_bytes()).unwrap();
    let history = history(gate.contract(), &*request);
    let conversation = Conversation { texts: Texts::Known(&history), ..Conversation::default() };
    let caller = Caller::new("acme", "agent");
    match decide(gate.contract(), &caller, &conversation, &ProposedCall { name: tool, arguments }) {
        Verdict::Allow(_) => "allow".to_owned(),
        Verdict::NeedsApproval(approved) => format!("hold {}", approved.because.unwrap().code),
        Verdict::Deny(violation) => format!("deny {}", violation.code),
    }
}

/// The verdict of the exchange on a call of the model.
fn exchanged(api: &Api, gate: &Rc<Gate>, body: &Value, call: (&str, &str), stream: bool) -> String {
    exchange_of(api, gate, body, call, stream).tally().verdict().into_owned()
}

/// Plays an exchange with one call of the model.
fn exchange_of(api: &Api, gate: &Rc<Gate>, body: &Value, (tool, arguments): (&str, &str), stream: bool) -> Exchange {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let path = (api.path)(stream);
    let head = headers(&[
        (":method", "POST"),
        (":path", &path),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "agent"),
    ]);
    exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false });
    let body = body.to_string();
    let effect = exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
    assert!(matches!(effect, Effect::Forward(_)), "{}: {effect:?}", api.name);
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    let calls = [("c99", tool, &arguments)];
    let effect = if stream {
        assert_eq!(begun(&mut exchange, api.media), Effect::BeginStream);
        feed(&mut exchange, &(api.stream)(&calls), &[usize::MAX]).1
    } else {
        assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
        let answer = (api.answer)(&calls).to_string();
        Some(exchange.on(Event::ResponseData { chunk: answer.as_bytes(), end: true, now: NOW }))
    };
    if let Some(effect @ Effect::Authorize(_)) = effect {
        nobody_has_approved(&mut exchange, effect);
    }
    exchange
}

/// The executor answers that a person must approve each call; returns the effect.
fn nobody_has_approved(exchange: &mut Exchange, effect: Effect) -> Effect {
    let Effect::Authorize(asked) = effect else { panic!("expected a question to the executor, got {effect:?}") };
    assert!(asked.batch.calls.iter().all(|call| call.needs_approval));
    let pending = || CallRuling::Pending { approval_id: "ap-1".into(), left: Duration::from_secs(60) };
    let rulings = asked.batch.calls.iter().map(|call| Authorization { id: call.id.clone(), ruling: pending() });
    exchange.on(Event::Authorized(Ok(rulings.collect())))
}

/// Asserts the verdict on a call in every API, with ids and without, streamed and whole.
fn everywhere(gate: &Rc<Gate>, conversation: &Value, call: (&str, &str), expected: &str) {
    let told = match expected.split_once(' ') {
        None => "allow".to_owned(),
        // The executor is asked, and nobody has approved the call.
        Some(("hold", _)) => "refuse:approval_required".to_owned(),
        Some((_, code)) => format!("refuse:{code}"),
    };
    for api in &APIS {
        for (stream, ids) in [(false, true), (true, false)] {
            let body = apis::request(api.name, conversation, stream, ids);
            assert_eq!(decided(api, gate, &body, call.0, call.1), expected, "{} {call:?}", api.name);
            assert_eq!(exchanged(api, gate, &body, call, stream), told, "{} {call:?} {stream}", api.name);
        }
    }
}

/// Asserts the verdict of the exchange alone, for rules that need its facts.
fn exchanged_everywhere(gate: &Rc<Gate>, conversation: &Value, call: (&str, &str), expected: &str) {
    for api in &APIS {
        for (stream, ids) in [(false, true), (true, false)] {
            let body = apis::request(api.name, conversation, stream, ids);
            assert_eq!(exchanged(api, gate, &body, call, stream), expected, "{} {call:?} {stream}", api.name);
        }
    }
}

#[test]
fn the_examples_of_the_documentation_hold_in_every_api() {
    let gate = gate(block("yaml"));
    let conversation: Value = serde_json::from_str(block("json")).unwrap();
    let rows = rows();
    assert!(rows.len() > 20);
    for (tool, arguments, verdict) in rows {
        everywhere(&gate, &conversation, (tool, arguments), verdict);
    }
}
