//! Conditions decide alike in every API, streamed or not.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests of JSON shapes")]

pub(crate) mod apis;

use std::rc::Rc;

use callgate_engine::{ConversationFacts, Effect, Event, Exchange, Gate, Offer, lend};
use serde_json::{Value, json};

use crate::common::{NOW, batch, gate_over, headers, model_answered, model_request, ran};
use apis::Step::{Calls, Results, Says, User};
use apis::{APIS, Api, Call, MODEL, Step};

/// A desk whose tool `order` has a condition. `look_up` returns trusted text, `fetch` and `search` do not; `search` is server-run.
fn gate(condition: &str) -> Rc<Gate> {
    gate_with(condition, "")
}

/// `spec` are further lines of the contract's `spec`.
fn gate_with(condition: &str, spec: &str) -> Rc<Gate> {
    gate_over(&text_of(condition, spec), Offer::Declared)
}

fn text_of(condition: &str, spec: &str) -> String {
    let (condition, sha256) = (Value::from(condition), "0".repeat(64));
    format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["m-*"]
  onViolation: refuse
{spec}
  roles:
    clerk: {{ tools: ["*"] }}
    reader: {{ tools: [look_up, fetch, order] }}
  tools:
    - name: order
      effects: write
      parameters: {{ type: object, required: [amount], properties: {{ amount: {{ type: number }} }} }}
      when: {condition}
      run: {{ client: {{}} }}
    - name: look_up
      effects: read
      parameters: {{ type: object }}
      output: trusted
      run: {{ client: {{}} }}
    - name: fetch
      effects: read
      parameters: {{ type: object }}
      run: {{ client: {{}} }}
    - name: search
      effects: read
      parameters: {{ type: object }}
      run: {{ wasm: {{ module: search.wasm, sha256: "{sha256}" }} }}
"#
    )
}

/// The verdict on a call of `order`, from the exchange.
fn verdict(api: &Api, gate: &Rc<Gate>, steps: &[Step], stream: bool) -> String {
    let mut exchange = api.sent(gate, "reader", steps, stream);
    let effect = api.answered(&mut exchange, &[("c9", "order", &json!({"amount": 20}))], stream);
    let Effect::Finish(bytes) = effect else { panic!("{}: {effect:?}", api.name) };
    let verdict = exchange.tally().verdict().into_owned();
    let told = String::from_utf8_lossy(&bytes).contains("condition_unmet");
    assert_eq!(told, verdict != "allow", "{}, stream {stream}: {verdict}", api.name);
    verdict
}

/// Asserts a verdict in every API, streamed and not.
fn everywhere(condition: &str, steps: &[Step], holds: bool) {
    let gate = gate(condition);
    let expected = if holds { "allow" } else { "refuse:condition_unmet" };
    for api in &APIS {
        for stream in [false, true] {
            let found = verdict(api, &gate, steps, stream);
            assert_eq!(found, expected, "{}, stream {stream}, {condition}, {steps:?}", api.name);
        }
    }
}

#[test]
fn arguments_caller_model_and_time_are_the_same_everywhere() {
    for (condition, holds) in [
        ("args.amount <= 20", true),
        ("args.amount < 20", false),
        ("caller.tenant == 'acme' && caller.role == 'reader'", true),
        ("caller.role == 'clerk'", false),
        ("model == 'm-1'", true),
        ("model != 'm-1'", false),
        ("now > timestamp('1970-01-01T00:00:00Z') && now < timestamp('1970-01-01T00:00:02Z')", true),
        ("now.getFullYear() > 1970", false),
    ] {
        everywhere(condition, &[User], holds);
    }
    assert!(MODEL == "m-1" && NOW.as_secs() == 1, "the conditions name them");
}

#[test]
fn a_conversation_is_tainted_by_results_of_untrusted_and_unknown_tools() {
    let untainted = "!conversation.tainted";
    everywhere(untainted, &[User, Says, User], true);
    everywhere(untainted, &[User, Calls("c1", "look_up"), Results("c1", "look_up")], true);
    everywhere(untainted, &[User, Calls("c1", "fetch")], true);
    for tainted in [
        &[User, Calls("c1", "fetch"), Results("c1", "fetch")][..],
        &[User, Calls("c1", "fetch"), Results("c1", "fetch"), Calls("c2", "look_up"), Results("c2", "look_up")],
        // A tool that the contract lacks, a result without a call, a second result for one call.
        &[User, Calls("c1", "other"), Results("c1", "other")],
        &[User, Results("c1", "look_up")],
        &[User, Calls("c1", "look_up"), Results("c1", "look_up"), Results("c1", "look_up")],
    ] {
        everywhere(untainted, tainted, false);
    }
}

#[test]
fn earlier_calls_and_turns_are_counted() {
    let looked = [User, Calls("c1", "look_up"), Results("c1", "look_up"), Calls("c2", "look_up"), Says, User];
    everywhere("conversation.called('look_up')", &looked, true);
    everywhere("conversation.called('look_up')", &[User], false);
    everywhere("conversation.count('look_up') == 2 && !conversation.called('fetch')", &looked, true);
    everywhere("conversation.turns == 2 && conversation.rounds == 0", &looked, true);
    everywhere("conversation.turns == 0", &[User], true);
}

#[test]
fn earlier_calls_of_the_same_turn_count_unless_they_are_refused() {
    let gate = gate("args.amount < 100 && conversation.count('order') < 2");
    let amounts = [10, 500, 10, 10].map(|amount| json!({ "amount": amount }));
    let calls: Vec<Call<'_>> =
        ["c1", "c2", "c3", "c4"].into_iter().zip(&amounts).map(|(id, of)| (id, "order", of)).collect();
    for api in &APIS {
        for stream in [false, true] {
            let mut exchange = api.sent(&gate, "reader", &[User], stream);
            api.answered(&mut exchange, &calls, stream);
            let refused: Vec<&str> = exchange.tally().refused.iter().map(|code| code.as_str()).collect();
            assert_eq!(refused, ["condition_unmet"; 2], "{}, stream {stream}: the large one and the third", api.name);
        }
    }
}

#[test]
fn rounds_of_the_exchange_belong_to_the_conversation() {
    let none = json!({});
    let amount = json!({"amount": 20});
    for (condition, holds) in [
        ("conversation.rounds == 1 && conversation.turns == 2", true),
        ("conversation.called('search') && conversation.called('look_up')", true),
        ("!conversation.tainted", false),
    ] {
        let gate = gate(condition);
        for api in &APIS {
            for stream in [false, true] {
                let steps = [User, Calls("c1", "look_up"), Results("c1", "look_up")];
                let mut exchange = api.sent(&gate, "clerk", &steps, stream);
                let run = batch(api.answered(&mut exchange, &[("c2", "search", &none)], stream));
                let facts = run.conversation.clone().unwrap();
                assert_eq!((facts.rounds, facts.turns, facts.tainted), (0, 1, false), "{}", api.name);
                assert_eq!((facts.count("look_up"), facts.count("search")), (1, 0), "{}: before the turn", api.name);
                model_request(ran(&mut exchange, &run, &[r#"{"found":"words"}"#]));
                let effect = model_answered(&mut exchange, &(api.answer)(&[("c3", "order", &amount)]));
                assert!(matches!(effect, Effect::Finish(_)), "{}: {effect:?}", api.name);
                let expected = if holds { "allow" } else { "refuse:condition_unmet" };
                assert_eq!(exchange.tally().verdict(), expected, "{}, stream {stream}, {condition}", api.name);
            }
        }
    }
}

#[test]
fn a_round_taints_as_the_conversation_does() {
    let contract = |output: &str| {
        let text = text_of("!conversation.tainted", "");
        text.replace("    - name: search\n", &format!("    - name: search\n{output}"))
    };
    let (none, amount) = (json!({}), json!({"amount": 20}));
    for (output, result, is_clean) in [
        ("", "{}", true),
        ("", r#"{"found":""}"#, true),
        ("", r#"{"found":"x"}"#, false),
        ("      output: { trusted: [\"#/id\"], attributed: [\"#/by\"] }\n", r#"{"id":7,"by":"eve"}"#, true),
        ("      output: { trusted: [\"#/id\"], attributed: [\"#/by\"] }\n", r#"{"id":7,"note":"eve"}"#, false),
        ("      output: trusted\n", r#"{"found":"x"}"#, true),
    ] {
        let gate = gate_over(&contract(output), Offer::Declared);
        for api in &APIS {
            for stream in [false, true] {
                let mut exchange = api.sent(&gate, "clerk", &[User], stream);
                let run = batch(api.answered(&mut exchange, &[("c2", "search", &none)], stream));
                model_request(ran(&mut exchange, &run, &[result]));
                model_answered(&mut exchange, &(api.answer)(&[("c3", "order", &amount)]));
                let expected = if is_clean { "allow" } else { "refuse:condition_unmet" };
                assert_eq!(exchange.tally().verdict(), expected, "{}, stream {stream}, {output} {result}", api.name);
            }
        }
    }
}

#[test]
fn a_batch_has_no_fact_that_no_condition_reads() {
    let gate = gate("args.amount > 1");
    let none = json!({});
    let mut exchange = APIS[0].sent(&gate, "clerk", &[User], false);
    let run = batch(APIS[0].answered(&mut exchange, &[("c1", "search", &none)], false));
    assert_eq!((run.model, run.conversation), (None, None));
}

#[test]
fn a_batch_has_the_facts_that_policies_of_the_executor_may_read() {
    let gate = gate_with("args.amount > 1", "  authorize: true");
    let none = json!({});
    for api in &APIS {
        let mut exchange = api.sent(&gate, "clerk", &[User], false);
        let run = batch(api.answered(&mut exchange, &[("c1", "search", &none)], false));
        assert_eq!(run.conversation, Some(ConversationFacts::default()), "{}", api.name);
        assert!(run.model.is_some(), "{}", api.name);
    }
}

#[test]
fn a_conversation_that_the_provider_keeps_has_no_facts() {
    for (condition, expected) in
        [("!conversation.called('fetch')", "refuse:condition_unmet"), ("args.amount == 20", "allow")]
    {
        let gate = gate_with(condition, "  serverState: allowed");
        let api = &APIS[1];
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        let path = (api.path)(false);
        let pairs = [(":method", "POST"), (":path", &path), ("content-type", "application/json")];
        let headers = headers(&[&pairs[..], &[("x-tenant", "acme"), ("x-role", "reader")]].concat());
        exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
        let mut body = (api.request)(&[User], false);
        body["previous_response_id"] = json!("resp_1");
        exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW });
        api.answered(&mut exchange, &[("c9", "order", &json!({"amount": 20}))], false);
        assert_eq!(exchange.tally().verdict(), expected, "{condition}");
    }
}

#[test]
fn an_mcp_server_has_an_empty_conversation_and_no_model() {
    for (condition, holds) in [
        ("args.amount == 20 && caller.role == 'reader' && now.getFullYear() == 1970", true),
        ("!conversation.tainted && conversation.turns == 0 && conversation.count('order') == 0", true),
        ("conversation.called('look_up')", false),
        ("model == 'm-1' || model != 'm-1'", false),
    ] {
        let mut exchange = Exchange::new(gate(condition), "exchange-1");
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
            "params": {"name": "order", "arguments": {"amount": 20}}});
        let effect = crate::mcp::world::send(&mut exchange, "reader", message.to_string().as_bytes());
        assert_eq!(matches!(effect, Effect::Forward(_)), holds, "{condition}: {effect:?}");
    }
}

#[test]
fn a_forged_role_does_not_decide() {
    let gate = gate("caller.role == 'clerk'");
    for roles in [&["reader", "clerk"][..], &["clerk", "reader"], &["clerk,reader"]] {
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        let mut pairs = vec![
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            ("content-type", "application/json"),
            ("x-tenant", "acme"),
        ];
        pairs.extend(roles.iter().map(|role| ("x-role", *role)));
        let body = (APIS[0].request)(&[User], false).to_string();
        let effect = crate::common::send_with(&mut exchange, &headers(&pairs), body.as_bytes());
        let refused = matches!(&effect, Effect::Reply(reply) if matches!(reply.status, 400 | 401));
        assert!(refused, "{roles:?}: {effect:?}");
    }
}
