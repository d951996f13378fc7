//! Shadow mode and candidate contracts: both decide, and the client gets the bytes of an allowed call.

use std::rc::Rc;
use std::sync::Arc;

use callgate_contract::Code;
use callgate_engine::{
    Code as ExchangeCode, Difference, Effect, Event, Exchange, Gate, Offer, Paths, Ruling, Tally, lend,
};
use serde_json::{Value, json};

use crate::common::{NOW, begun, feed, headers, send};
use crate::conditions::apis::{APIS, Api, Call, MODEL, Step};
use crate::mcp::world;

const AMOUNT: &str = "properties: { amount: { type: number, maximum: 5 } }, required: [amount]";

/// A desk with a tool `order` that the client runs, with these `properties`, further lines of `spec` and further tools.
fn contract(order: &str, spec: &str, tools: &str) -> String {
    format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["m-*", "gpt-*"]
{spec}
  roles:
    clerk: {{ tools: ["*"] }}
  tools:
    - name: order
      effects: write
      parameters: {{ type: object, {order} }}
      run: {{ client: {{}} }}
{tools}"#
    )
}

const MORE: &str = "    - { name: drop_table, effects: write, parameters: { type: object }, run: { client: {} } }\n";

fn gate(contract: &str, candidate: Option<&str>) -> Rc<Gate> {
    let rules = build_rules(contract);
    let rules = match candidate {
        Some(candidate) => rules.with_candidate(crate::common::loaded(candidate)),
        None => rules,
    };
    Rc::new(Arc::new(rules).gate())
}

fn build_rules(contract: &str) -> callgate_engine::Rules {
    crate::common::rules(contract, Paths::default(), Offer::Declared, true).unwrap()
}

/// Plays one answer; returns everything that the client gets, and the exchange.
fn played(api: &Api, gate: &Rc<Gate>, calls: &[Call<'_>], stream: bool) -> (Effect, Exchange) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let path = (api.path)(stream);
    let head = headers(&[
        (":method", "POST"),
        (":path", &path),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ]);
    assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false }), Effect::Hold);
    let body = (api.request)(&[Step::User], stream).to_string();
    let effect = exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
    assert!(matches!(effect, Effect::Forward(_)), "{}: {effect:?}", api.name);
    let effect = if stream {
        assert_eq!(begun(&mut exchange, api.media), Effect::BeginStream);
        let (out, other) = feed(&mut exchange, &(api.stream)(calls), &[7]);
        other.unwrap_or(Effect::Finish(out))
    } else {
        assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
        let body = (api.answer)(calls).to_string();
        exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now: NOW })
    };
    (effect, exchange)
}

fn rulings(exchange: &mut Exchange) -> Vec<Ruling> {
    exchange.take_decisions().unwrap().list.into_iter().map(|decision| decision.ruling).collect()
}

#[test]
fn shadow_mode_forwards_the_bytes_of_an_allowed_call_in_every_api() {
    let shadow = gate(&contract(AMOUNT, "  enforce: false", ""), None);
    let open = gate(&contract("properties: { amount: { type: number } }", "", MORE), None);
    let (large, other) = (json!({ "amount": 9.0 }), json!({ "b": 1, "a": [2] }));
    let calls: [Call<'_>; 2] = [("c1", "order", &large), ("c2", "drop_table", &other)];
    for api in &APIS {
        for stream in [false, true] {
            let (effect, mut exchange) = played(api, &shadow, &calls, stream);
            let (allowed, _) = played(api, &open, &calls, stream);
            assert_eq!(effect, allowed, "{} {stream}", api.name);
            let Tally { released, refused, shadowed, .. } = exchange.tally();
            assert_eq!((*released, refused.len()), (2, 0), "{} {stream}", api.name);
            assert_eq!(*shadowed, [Code::ArgumentsInvalid, Code::ToolNotInContract], "{} {stream}", api.name);
            assert_eq!(exchange.tally().verdict(), "shadow:arguments_invalid");
            assert_eq!(
                rulings(&mut exchange),
                [
                    Ruling::Shadow { code: Code::ArgumentsInvalid, pointer: "/amount".to_owned() },
                    Ruling::Shadow { code: Code::ToolNotInContract, pointer: String::new() },
                ]
            );
        }
    }
}

#[test]
fn one_rule_in_shadow_is_reported_in_every_api() {
    let when = "properties: { amount: { type: number } } }\n      when: { condition: \"has(args.amount) && args.amount < 5.0\", shadow: true";
    let shadow = gate(&contract(when, "", ""), None);
    let open = gate(&contract("properties: { amount: { type: number } }", "", ""), None);
    let large = json!({ "amount": 9 });
    let calls: [Call<'_>; 1] = [("c1", "order", &large)];
    for api in &APIS {
        for stream in [false, true] {
            let (effect, exchange) = played(api, &shadow, &calls, stream);
            assert_eq!(effect, played(api, &open, &calls, stream).0, "{} {stream}", api.name);
            assert_eq!(exchange.tally().shadowed, [Code::ConditionUnmet], "{} {stream}", api.name);
        }
    }
}

#[test]
fn a_candidate_changes_no_byte_and_each_difference_is_counted_in_every_api() {
    let active = contract(AMOUNT, "", MORE);
    let candidate = contract("properties: { amount: { type: number, minimum: 3 } }", "", "");
    let (small, large, other) = (json!({ "amount": 1 }), json!({ "amount": 9 }), json!({}));
    let same = json!({ "amount": 4 });
    let calls: [Call<'_>; 4] =
        [("c1", "order", &small), ("c2", "order", &large), ("c3", "drop_table", &other), ("c4", "order", &same)];
    let compared = gate(&active, Some(&candidate));
    let alone = gate(&active, None);
    for api in &APIS {
        for stream in [false, true] {
            let (effect, exchange) = played(api, &compared, &calls, stream);
            let (expected, unpaired) = played(api, &alone, &calls, stream);
            assert_eq!(effect, expected, "{} {stream}", api.name);
            let tally = exchange.tally();
            assert_eq!(tally.compared, 4, "{} {stream}", api.name);
            let difference = |active, candidate| Difference { active, candidate };
            assert_eq!(
                tally.differences,
                [
                    difference(None, Some(Code::ArgumentsInvalid)),
                    difference(Some(Code::ArgumentsInvalid), None),
                    difference(None, Some(Code::ToolNotInContract)),
                ],
                "{} {stream}",
                api.name
            );
            assert_eq!(tally.differences[0].words(), "allow>arguments_invalid");
            assert_eq!(tally.verdict(), unpaired.tally().verdict());
            assert_eq!((unpaired.tally().compared, unpaired.tally().differences.len()), (0, 0));
        }
    }
}

#[test]
fn a_candidate_reads_its_own_facts() {
    let active = contract("properties: {}", "", "");
    let rule = "      effects: write\n      when: \"conversation.turns > 5\"\n";
    let gate = gate(&active, Some(&active.replace("      effects: write\n", rule)));
    let none = json!({});
    let calls: [Call<'_>; 1] = [("c1", "order", &none)];
    for api in &APIS {
        let (_, exchange) = played(api, &gate, &calls, false);
        let expected = Difference { active: None, candidate: Some(Code::ConditionUnmet) };
        assert_eq!(exchange.tally().differences, [expected], "{}", api.name);
    }
}

fn chat(model: &str, tools: &[&str]) -> Value {
    let tool = |name: &&str| json!({ "type": "function", "function": { "name": name, "description": "own", "parameters": {} } });
    json!({
        "model": model, "max_tokens": 9000, "store_hint": 1,
        "messages": [{ "role": "user", "content": "hello" }],
        "tools": tools.iter().map(tool).collect::<Vec<_>>(),
    })
}

#[test]
fn shadow_mode_forwards_a_request_as_it_came_and_counts_its_faults() {
    let gate = gate(&contract(AMOUNT, "  limits: { maxOutputTokens: 10 }\n  enforce: false", ""), None);
    let mut exchange = Exchange::new(gate, "exchange-1");
    let body = chat("other", &["order", "drop_table"]);
    let Effect::Forward(forward) = send(&mut exchange, "clerk", body.to_string().as_bytes()) else { panic!("refused") };
    assert_eq!(serde_json::from_slice::<Value>(&forward.body).unwrap(), body);
    assert_eq!(exchange.tally().shadowed_errors, [ExchangeCode::ModelNotAllowed, ExchangeCode::ToolNotInContract]);
    assert_eq!(exchange.tally().verdict(), "shadow:model_not_allowed");
}

#[test]
fn shadow_mode_refuses_unreadable_requests_and_unknown_roles() {
    let gate = gate(&contract(AMOUNT, "  enforce: false", ""), None);
    for (role, body, code) in [
        ("clerk", "{\"model\": \"m-1\", \"model\": \"m-2\"}".to_owned(), "error:request_not_json"),
        ("stranger", chat(MODEL, &["order"]).to_string(), "error:role_forbidden"),
    ] {
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        let effect = send(&mut exchange, role, body.as_bytes());
        assert!(matches!(effect, Effect::Reply(_)), "{effect:?}");
        assert_eq!(exchange.tally().verdict(), code);
    }
}

#[test]
fn shadow_mode_refuses_calls_that_cannot_be_read_in_one_way() {
    let gate = gate(&contract(AMOUNT, "  enforce: false", ""), None);
    for arguments in ["{\"amount\": 1, \"amount\": 2}", "[1]", "{"] {
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        send(&mut exchange, "clerk", chat(MODEL, &["order"]).to_string().as_bytes());
        let answer = crate::common::answer(Value::Null, &[crate::common::call("c1", "order", arguments)]);
        crate::common::answered(&mut exchange, &answer);
        assert_eq!((exchange.tally().released, exchange.tally().refused.len()), (0, 1), "{arguments}");
    }
}

#[test]
fn the_executor_gets_no_denied_call_in_shadow_mode() {
    let search = format!(
        "    - {{ name: search, effects: read, parameters: {{ type: object, required: [q] }}, run: {{ wasm: {{ module: a.wasm, sha256: \"{}\" }} }} }}\n",
        "0".repeat(64)
    );
    let gate = gate(&contract(AMOUNT, "  enforce: false", &search), None);
    let none = json!({});
    let calls: [Call<'_>; 1] = [("c1", "search", &none)];
    for api in &APIS {
        for stream in [false, true] {
            let (effect, exchange) = played(api, &gate, &calls, stream);
            assert!(matches!(effect, Effect::Finish(_)), "{}: {effect:?}", api.name);
            assert_eq!(exchange.tally().refused, [Code::ArgumentsInvalid], "{} {stream}", api.name);
        }
    }
}

#[test]
fn shadow_mode_forwards_calls_and_lists_of_an_mcp_server() {
    let gate = world::gate("refuse\n  enforce: false");
    for (message, shadowed) in [
        (world::call("get_time", json!({ "zone": 7 })), Code::ArgumentsInvalid),
        (world::call("rm_rf", json!({ "a": 1 })), Code::ToolNotInContract),
    ] {
        let (exchange, sent) = world::sent(&gate, &message);
        assert_eq!(sent, message);
        assert_eq!(exchange.tally().shadowed, [shadowed]);
    }
}
