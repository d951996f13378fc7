//! The header that tells the next hop the model: the gate's own word, in every round, and never the client's.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use callgate_engine::{Effect, Event, Exchange, Gate, GateError, Offer, Paths, lend};
use serde_json::{Value, json};

use crate::common::*;

const HEADER: &str = "x-callgate-model";

fn telling(contract: &str) -> Rc<Gate> {
    let paths = Paths::new(&HashMap::new(), vec!["/files/*".into()]);
    let rules = rules(contract, paths, Offer::Declared, true).unwrap().with_model_header(Some(HEADER)).unwrap();
    Rc::new(Arc::new(rules).gate())
}

/// Sends a request with two headers of the client's own; returns the headers that the gate removes and sets.
fn told(gate: &Rc<Gate>, path: &str, body: &Value) -> (Vec<String>, Vec<(String, String)>) {
    let mut sent = request_headers("clerk");
    sent.retain(|(name, _)| name != ":path");
    sent.extend(headers(&[(":path", path), (HEADER, "gpt-other"), (HEADER, "llama-1")]));
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    match send_with(&mut exchange, &sent, body.to_string().as_bytes()) {
        Effect::Forward(forward) => (forward.remove, forward.set),
        Effect::PassWithout(remove) => (remove, Vec::new()),
        effect => panic!("{effect:?}"),
    }
}

fn is(model: &str) -> Vec<(String, String)> {
    vec![(HEADER.to_owned(), model.to_owned())]
}

#[test]
fn the_model_of_the_body_or_the_path_replaces_the_clients_header() {
    let gate = telling(&contract("refuse"));
    let gemini = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] });
    for (path, body, model) in [
        ("/v1/chat/completions", request(false), "gpt-4o"),
        ("/v1beta/models/gpt-5-pro:generateContent", gemini, "gpt-5-pro"),
    ] {
        let (remove, set) = told(&gate, path, &body);
        assert_eq!(set, is(model), "{path}");
        assert!(remove.iter().any(|name| name == HEADER), "{path}: {remove:?}");
    }
}

#[test]
fn a_path_that_the_gate_does_not_read_has_no_model_header() {
    let (remove, set) = told(&telling(&contract("refuse")), "/files/a", &json!({}));
    assert!(remove.iter().any(|name| name == HEADER), "{remove:?}");
    assert_eq!(set, []);
}

#[test]
fn a_further_round_has_the_model_header_once() {
    let gate = telling(&contract("refuse"));
    let mut sent = request_headers("clerk");
    sent.extend(headers(&[(HEADER, "llama-1")]));
    let mut exchange = Exchange::new(gate, "exchange-1");
    send_with(&mut exchange, &sent, request(false).to_string().as_bytes());
    let turn = answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)]);
    let batch = batch(answered(&mut exchange, &turn));
    let asked = model_request(ran(&mut exchange, &batch, &[r#"{"found":true}"#]));
    let told: Vec<&str> = asked.headers.iter().filter(|(name, _)| name == HEADER).map(|(_, model)| &**model).collect();
    assert_eq!(told, ["gpt-4o"]);
}

#[test]
fn a_name_that_fits_no_header_is_never_the_absence_of_one() {
    let any = contract("refuse").replace("models: [\"gpt-*\"]", "models: [\"*\"]").replace("64KiB", "4MiB");
    let long = "g".repeat(1 << 20);
    for (model, header) in [("a,b", "a,b"), (long.as_str(), "?"), (&long[..256], &long[..256])] {
        let mut body = request(false);
        body["model"] = json!(model);
        assert_eq!(told(&telling(&any), "/v1/chat/completions", &body).1, is(header), "{}", model.len());
    }
    // A contract that enforces nothing lets any name through.
    let shadow = any.replace("spec:\n", "spec:\n  enforce: false\n");
    for model in ["gpt 4", "gpt\r\nx-evil: 1", "gpt-ö", ""] {
        let mut body = request(false);
        body["model"] = json!(model);
        assert_eq!(told(&telling(&shadow), "/v1/chat/completions", &body).1, is("?"), "{model}");
    }
}

#[test]
fn without_the_setting_a_client_may_send_the_header() {
    let paths = Paths::default();
    let gate = Rc::new(Arc::new(rules(&contract("refuse"), paths, Offer::Declared, true).unwrap()).gate());
    let (remove, set) = told(&gate, "/v1/chat/completions", &request(false));
    assert_eq!((remove.iter().any(|name| name == HEADER), set), (false, Vec::new()));
}

#[test]
fn a_header_that_means_something_else_is_refused() {
    for name in ["x-tenant", "x-role", "authorization", "X-Model", "x-", ":path", ""] {
        let rules = rules(&contract("refuse"), Paths::default(), Offer::Declared, true).unwrap();
        let refused = rules.with_model_header(Some(name)).unwrap_err();
        assert_eq!(refused, GateError::ModelHeader { name: name.to_owned() });
    }
}

#[test]
fn a_list_of_models_has_no_model_header() {
    let gate = telling(&contract("refuse"));
    let mut sent = request_headers("clerk");
    sent.retain(|(name, _)| !matches!(name.as_str(), ":path" | ":method" | "content-type"));
    sent.extend(headers(&[(":path", "/v1/models"), (":method", "GET"), (HEADER, "llama-1")]));
    let mut exchange = Exchange::new(gate, "exchange-1");
    match exchange.on(Event::RequestHead { headers: &lend(&sent), verified: None, end: true }) {
        Effect::PassWithout(remove) => assert!(remove.iter().any(|name| name == HEADER), "{remove:?}"),
        effect => panic!("{effect:?}"),
    }
}
