//! A turn whose model is asked again: each of its calls has a result, in the order of the turn.

use std::rc::Rc;

use callgate_engine::{Effect, Exchange, Gate, Offer};
use serde_json::{Value, json};

use crate::common::{batch, gate_over, model_answered, model_request, ran};
use crate::conditions::apis::{APIS, Api, Step};

fn gate(mode: &str, more: &str) -> Rc<Gate> {
    let sha256 = "0".repeat(64);
    let contract = format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["m-*"]
  onViolation: {mode}
  roles: {{ clerk: {{ tools: ["*"] }} }}
  tools:
    - {{ name: order, effects: write, parameters: {{ type: object, required: [amount], properties: {{ amount: {{ type: number, maximum: 9 }} }} }}, run: {{ client: {{}} }}{more} }}
    - {{ name: fetch, effects: read, parameters: {{ type: object }}, run: {{ client: {{}} }} }}
    - {{ name: search, effects: read, parameters: {{ type: object }}, output: trusted, run: {{ wasm: {{ module: search.wasm, sha256: "{sha256}" }} }} }}
"#
    );
    gate_over(&contract, Offer::Declared)
}

/// Returns the names of the calls, and the texts of the results, in the order of a request.
fn turn(api: &Api, body: &Value) -> (Vec<String>, Vec<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    let messages = [&body["messages"], &body["input"], &body["contents"]].into_iter().flat_map(list);
    for message in messages {
        let blocks =
            [list(&message["content"]), list(&message["parts"]), list(&message["tool_calls"]), vec![message.clone()]];
        for block in blocks.concat() {
            for name in [
                &block["function"]["name"],
                &block["functionCall"]["name"],
                &block["toolUse"]["name"],
                if block["type"] == "tool_use" || block["type"] == "function_call" {
                    &block["name"]
                } else {
                    &Value::Null
                },
            ] {
                calls.extend(name.as_str().map(str::to_owned));
            }
            let result = match (block["type"].as_str(), block["role"].as_str()) {
                (Some("function_call_output"), _) => &block["output"],
                (Some("tool_result"), _) | (_, Some("tool")) => &block["content"],
                _ if block["functionResponse"].is_object() => &block["functionResponse"]["response"],
                _ if block["toolResult"].is_object() => &block["toolResult"]["content"][0]["json"],
                _ => continue,
            };
            results.push(text(result));
        }
    }
    assert_eq!(calls.len(), results.len(), "{}: each call has a result: {body}", api.name);
    (calls, results)
}

fn asked(api: &Api, exchange: &mut Exchange, effect: Effect) -> (Vec<String>, Vec<String>) {
    let effect = match effect {
        Effect::Run(_) => {
            let batch = batch(effect);
            ran(exchange, &batch, &vec![r#"{"found":1}"#; batch.calls.len()])
        }
        effect => effect,
    };
    turn(api, &serde_json::from_slice(&model_request(effect).body).unwrap())
}

#[test]
fn with_feedback_each_call_of_the_turn_has_a_result_that_says_if_it_ran() {
    let (bad, good) = (json!({ "amount": 10 }), json!({}));
    for api in &APIS {
        for stream in [false, true] {
            let mut exchange = api.sent(&gate("feedback", ""), "clerk", &[Step::User], stream);
            let calls =
                [("c1", "fetch", &good), ("c2", "order", &bad), ("c3", "search", &good), ("c4", "fetch", &good)];
            let effect = api.answered(&mut exchange, &calls, stream);
            let (names, results) = asked(api, &mut exchange, effect);
            assert_eq!(names, ["fetch", "order", "search", "fetch"], "{} {stream}", api.name);
            for (result, code) in results.iter().zip(["call_not_run", "arguments_invalid", "found", "call_not_run"]) {
                assert!(result.contains(code), "{} {stream}: {results:?}", api.name);
            }
            assert!(results[0].contains("Ask for it again"), "{results:?}");
        }
    }
}

#[test]
fn beside_a_server_run_call_the_clients_calls_are_told_not_to_have_run() {
    let good = json!({});
    for api in &APIS {
        for (mode, stream) in [("refuse", false), ("refuse", true), ("error", false), ("feedback", true)] {
            let mut exchange = api.sent(&gate(mode, ""), "clerk", &[Step::User], stream);
            let effect = api.answered(&mut exchange, &[("c1", "search", &good), ("c2", "fetch", &good)], stream);
            let (names, results) = asked(api, &mut exchange, effect);
            assert_eq!(names, ["search", "fetch"], "{} {mode}", api.name);
            assert!(results[0].contains("found") && results[1].contains("call_not_run"), "{} {results:?}", api.name);
        }
    }
}

/// The tool's own results are an outsider's words, but nobody chose a word of this one.
#[test]
fn a_call_that_did_not_run_taints_nothing() {
    let (good, empty) = (json!({ "amount": 1 }), json!({}));
    for api in &APIS {
        let gate = gate("refuse", ", requires: { untainted: true, otherwise: deny }");
        let mut exchange = api.sent(&gate, "clerk", &[Step::User], false);
        let effect = api.answered(&mut exchange, &[("c1", "search", &empty), ("c2", "order", &good)], false);
        asked(api, &mut exchange, effect);
        let effect = model_answered(&mut exchange, &(api.answer)(&[("c3", "order", &good)]));
        assert!(matches!(effect, Effect::Finish(_)), "{}: {effect:?}", api.name);
        assert_eq!(exchange.tally().verdict(), "allow", "{}", api.name);
    }
}
