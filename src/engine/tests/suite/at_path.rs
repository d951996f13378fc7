//! Requests to one path of an API, from a tenant with a role.

use std::rc::Rc;

use callgate_engine::{Effect, Exchange, Gate};
use serde_json::Value;

use crate::common::{headers, send_with};

/// Sends a request with this text; returns the exchange and its last effect.
pub(crate) fn send_text(gate: &Rc<Gate>, role: &str, path: &str, body: &str) -> (Exchange, Effect) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let head = headers(&[
        (":method", "POST"),
        (":path", path),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", role),
    ]);
    let effect = send_with(&mut exchange, &head, body.as_bytes());
    (exchange, effect)
}

/// Sends a request with this body; returns the exchange and its last effect.
pub(crate) fn send(gate: &Rc<Gate>, role: &str, path: &str, body: &Value) -> (Exchange, Effect) {
    send_text(gate, role, path, &body.to_string())
}

/// Does the same with a request that is forwarded; returns the forwarded body.
pub(crate) fn forwarded(gate: &Rc<Gate>, role: &str, path: &str, body: &Value) -> (Exchange, Value) {
    match send(gate, role, path, body) {
        (exchange, Effect::Forward(forward)) => (exchange, serde_json::from_slice(&forward.body).unwrap()),
        (_, Effect::Reply(reply)) => panic!("{path} {body}: {}", String::from_utf8_lossy(&reply.body)),
        (_, effect) => panic!("{path} {body}: {effect:?}"),
    }
}
