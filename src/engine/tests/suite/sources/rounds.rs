//! Rules about sources over the rounds of one exchange.

use std::rc::Rc;

use callgate_contract::Code;
use callgate_engine::{Effect, Event, Exchange, Gate, lend};
use serde_json::{Value, json};

use super::{apis, gate, nobody_has_approved};
use crate::common::{NOW, batch, begun, feed, headers, model_answered, model_request, ran};
use crate::conditions::apis::{APIS, Api};

const CONTRACT: &str = r##"
apiVersion: callgate.dev/v1
kind: Contract
metadata: { name: desk, version: 1.0.0 }
spec:
  models: ["*"]
  roles: { agent: { tools: ["*"] }, clerk: { tools: ["*"] } }
  tools:
    - name: find
      effects: read
      parameters: { type: object }
      output: { trusted: ["#/id"] }
      run: { wasm: { module: find.wasm, sha256: "0000000000000000000000000000000000000000000000000000000000000000" } }
    - name: remove
      effects: destructive
      parameters: { type: object, properties: { id: { type: string } } }
      origin: { /id: { from: ["tool:find#/id"], missing: feedback } }
      run: { client: {} }
    - name: store
      effects: write
      parameters: { type: object, properties: { id: { type: string } } }
      origin: { /id: { from: ["tool:find#/id"], otherwise: approve } }
      run: { wasm: { module: store.wasm, sha256: "0000000000000000000000000000000000000000000000000000000000000000" } }
"##;

/// Sends a request and the model's first answer.
fn answered(api: &Api, gate: &Rc<Gate>, tool: &str, arguments: &Value, stream: bool) -> (Exchange, Effect) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let path = (api.path)(stream);
    let pairs = [
        (":method", "POST"),
        (":path", &path),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "agent"),
    ];
    exchange.on(Event::RequestHead { headers: &lend(&headers(&pairs)), verified: None, end: false });
    let body = apis::request(api.name, &json!({"messages": [{"role": "user", "content": "hello"}]}), stream, true);
    exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW });
    let calls = [("c1", tool, arguments)];
    let effect = if stream {
        assert_eq!(begun(&mut exchange, api.media), Effect::BeginStream);
        let (out, other) = feed(&mut exchange, &(api.stream)(&calls), &[usize::MAX]);
        other.unwrap_or(Effect::Finish(out))
    } else {
        assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
        exchange.on(Event::ResponseData { chunk: (api.answer)(&calls).to_string().as_bytes(), end: true, now: NOW })
    };
    (exchange, effect)
}

fn everywhere(test: impl Fn(&Api, &Rc<Gate>, bool)) {
    let gate = gate(CONTRACT);
    for api in &APIS {
        for stream in [false, true] {
            test(api, &gate, stream);
        }
    }
}

#[test]
fn results_of_the_exchange_are_sources() {
    let (none, id, other) = (json!({}), json!({"id": "A-1"}), json!({"id": "A-2"}));
    everywhere(|api, gate, stream| {
        for (arguments, expected) in [(&id, "allow"), (&other, "refuse:approval_required")] {
            let (mut exchange, effect) = answered(api, gate, "find", &none, stream);
            let run = batch(effect);
            assert_eq!(run.calls[0].sources, None, "{}", api.name);
            model_request(ran(&mut exchange, &run, &[r#"{"id":"A-1","by":"A-2"}"#]));
            let effect = model_answered(&mut exchange, &(api.answer)(&[("c2", "remove", arguments)]));
            // The other id is in the result, so the model is not told to look it up.
            assert!(matches!(effect, Effect::Finish(_)), "{} {stream}: {effect:?}", api.name);
            let expected = if expected == "allow" { "allow" } else { "refuse:origin_foreign" };
            assert_eq!(exchange.tally().verdict(), expected, "{} {stream}", api.name);
        }
    });
}

#[test]
fn the_model_is_told_once_that_a_value_is_missing() {
    let (none, id) = (json!({}), json!({"id": "A-1"}));
    everywhere(|api, gate, stream| {
        // It looks the value up.
        let (mut exchange, effect) = answered(api, gate, "remove", &id, stream);
        let request = String::from_utf8(model_request(effect).body).unwrap();
        assert!(request.contains("origin_missing"), "{} {stream}: {request}", api.name);
        let run = batch(model_answered(&mut exchange, &(api.answer)(&[("c2", "find", &none)])));
        model_request(ran(&mut exchange, &run, &[r#"{"id":"A-1"}"#]));
        let effect = model_answered(&mut exchange, &(api.answer)(&[("c3", "remove", &id)]));
        let Effect::Finish(answer) = effect else { panic!("{} {stream}: {effect:?}", api.name) };
        let is_released = answer.windows(6).any(|bytes| bytes == b"remove");
        assert!(is_released, "{} {stream}: the model told of its value before the result had it", api.name);
    });
    everywhere(|api, gate, stream| {
        // It insists. A person would have to approve the call.
        let (mut exchange, effect) = answered(api, gate, "remove", &id, stream);
        model_request(effect);
        let effect = model_answered(&mut exchange, &(api.answer)(&[("c2", "remove", &id)]));
        let effect = nobody_has_approved(&mut exchange, effect);
        assert!(matches!(effect, Effect::Finish(_)), "{} {stream}: {effect:?}", api.name);
        assert!(exchange.tally().refused.contains(&Code::ApprovalRequired), "{} {stream}", api.name);
    });
}

#[test]
fn the_executor_is_told_of_the_decision() {
    let id = json!({"id": "A-1"});
    everywhere(|api, gate, stream| {
        let (_, effect) = answered(api, gate, "store", &id, stream);
        let run = batch(effect);
        let held = run.calls[0].sources.as_ref().unwrap().held.as_ref().unwrap();
        assert_eq!((held.code, held.pointer.as_str()), (Code::OriginMissing, "/id"), "{} {stream}", api.name);
    });
}
