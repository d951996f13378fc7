//! Callers whose role comes from the scopes of an access token.

use callgate_contract::{Caller, CallerClaims};
use callgate_engine::{
    Effect, Event, Exchange, GateError, IdentitySource, Reply, ScopeRole, ScopeRoles, Verified, lend,
};
use serde_json::{Value, json};

use super::*;

const METADATA: &str = "https://gate.example/.well-known/oauth-protected-resource/mcp";

/// An auditor may use less than a clerk, and has another tool than a guest.
const DESK: &str = r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: { name: desk, version: 1.0.0 }
spec:
  models: ["*"]
  roles:
    admin: { tools: ["*"] }
    clerk: { tools: [look, order] }
    auditor: { tools: [audit] }
    guest: { tools: [look] }
  tools:
    - { name: look, effects: read, parameters: { type: object }, run: { client: {} } }
    - { name: order, effects: write, parameters: { type: object }, run: { client: {} } }
    - { name: audit, effects: read, parameters: { type: object }, run: { client: {} } }
    - { name: erase, effects: destructive, parameters: { type: object }, run: { client: {} } }
    - name: lookup
      effects: read
      parameters: { type: object }
      run: { wasm: { module: lookup.wasm, sha256: "0000000000000000000000000000000000000000000000000000000000000000" } }
"#;

fn roles(pairs: &[(&str, &str)]) -> ScopeRoles {
    let role = |(scope, role): &(&str, &str)| ScopeRole { scope: (*scope).to_owned(), role: (*role).to_owned() };
    ScopeRoles { roles: pairs.iter().map(role).collect(), metadata: Some(METADATA.to_owned()) }
}

const ORDER: [(&str, &str); 4] =
    [("desk:admin", "admin"), ("desk:audit", "auditor"), ("desk:write", "clerk"), ("desk:read", "guest")];

fn desk(contract: &str) -> Rc<Gate> {
    let identity = IdentitySource::Scopes(roles(&ORDER));
    Rc::new(set(&[(ContractMatch::default(), contract, None)], identity, Paths::default()).unwrap().gate())
}

/// Sends a request of a token with these scopes; returns the effect and the exchange.
fn send(gate: &Rc<Gate>, path: &str, tenant: &str, scopes: &[&str], body: &Value) -> (Effect, Exchange) {
    let head = headers(&[
        (":method", "POST"),
        (":path", path),
        (":authority", "gate.example"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        // Only what the host verified counts.
        ("x-jwt-payload", r#"{"scope":"desk:admin","tenant":"acme"}"#),
        ("x-role", "admin"),
    ]);
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let verified = Verified::Scopes { tenant: tenant.into(), scopes, claims: CallerClaims::default() };
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let effect = exchange.on(Event::RequestHead { headers: &lend(&head), verified: Some(verified), end: false });
    let effect = match effect {
        Effect::Hold => exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW }),
        effect => effect,
    };
    (effect, exchange)
}

fn call(name: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": name, "arguments": {} } })
}

/// Returns status, code and challenge of an answer of the gate.
fn told(effect: Effect) -> (u16, String, Option<String>) {
    let Effect::Reply(Reply { status, body, challenge, .. }) = effect else { panic!("{effect:?}") };
    let body: Value = serde_json::from_slice(&body).unwrap();
    let places = ["/error/data/code", "/error/code", "/result/_meta/callgate.dev~1violation/code"];
    let code = places.iter().find_map(|place| body.pointer(place)?.as_str()).unwrap();
    (status, code.to_owned(), challenge.map(|challenge| challenge.header().to_owned()))
}

fn insufficient(scope: &str) -> (u16, String, Option<String>) {
    let header = format!(r#"Bearer error="insufficient_scope", scope="{scope}", resource_metadata="{METADATA}""#);
    (403, "insufficient_scope".to_owned(), Some(header))
}

#[test]
fn the_first_listed_scope_of_a_token_gives_its_role() {
    let gate = desk(DESK);
    for (scopes, tool, role) in [
        (&["desk:read"][..], "look", Some("guest")),
        (&["desk:read", "desk:write"], "order", Some("clerk")),
        (&["other", "desk:write", "desk:read"], "order", Some("clerk")),
        (&["desk:read", "desk:admin", "desk:write"], "erase", Some("admin")),
        (&["desk:audit", "desk:write"], "audit", Some("auditor")),
        (&["desk:audit", "desk:write"], "order", None),
    ] {
        let (effect, mut exchange) = send(&gate, "/mcp", "acme", scopes, &call(tool));
        assert_eq!(matches!(effect, Effect::Forward(_)), role.is_some(), "{scopes:?} {effect:?}");
        let decisions = exchange.take_decisions().unwrap();
        assert_eq!(decisions.caller, Caller::new("acme", role.unwrap_or("auditor")), "{scopes:?}");
    }
}

#[test]
fn a_token_without_a_known_scope_or_tenant_reaches_nothing() {
    let gate = desk(DESK);
    for scopes in [
        &[][..],
        &["desk"],
        &["desk:"],
        &["desk:reader"],
        &["Desk:read"],
        &["desk:read "],
        &["desk:read desk:write"],
        &["desk:*"],
        &[""],
        &["guest"],
    ] {
        let (effect, _) = send(&gate, "/mcp", "acme", scopes, &call("look"));
        assert_eq!(told(effect), insufficient("desk:read"), "{scopes:?}");
        let chat = json!({ "model": "m", "messages": [] });
        let (effect, _) = send(&gate, "/v1/chat/completions", "acme", scopes, &chat);
        assert_eq!(told(effect), insufficient("desk:read"), "{scopes:?}");
    }
    let (effect, _) = send(&gate, "/mcp", "", &["desk:read"], &call("look"));
    assert_eq!(told(effect), (401, "caller_unknown".to_owned(), None));
}

#[test]
fn a_call_that_needs_another_scope_names_the_nearest_one_before_its_own() {
    for on_violation in ["refuse", "error", "feedback"] {
        let gate = desk(&DESK.replace("  roles:", &format!("  onViolation: {on_violation}\n  roles:")));
        for (scope, tool, needed) in [
            ("desk:read", "order", Some("desk:write")),
            ("desk:read", "audit", Some("desk:audit")),
            ("desk:read", "erase", Some("desk:admin")),
            ("desk:write", "audit", Some("desk:audit")),
            ("desk:audit", "look", Some("desk:admin")),
            // No scope helps: the executor runs the tool, or the contract lacks it.
            ("desk:read", "lookup", None),
            ("desk:read", "rm_rf", None),
            ("desk:admin", "rm_rf", None),
        ] {
            let (effect, exchange) = send(&gate, "/mcp", "acme", &[scope], &call(tool));
            let told = told(effect);
            match needed {
                Some(needed) => {
                    assert_eq!(told, insufficient(needed), "{scope} {tool}");
                    assert_eq!(exchange.tally().verdict(), "error:insufficient_scope");
                    assert_eq!(exchange.tally().refused, [callgate_contract::Code::RoleForbidden]);
                }
                None => assert!(told.0 == 200 && told.2.is_none(), "{scope} {tool}: {told:?}"),
            }
        }
    }
}

#[test]
fn a_call_whose_arguments_are_wrong_is_no_matter_of_scopes() {
    let contract = DESK.replace(
        "order, effects: write, parameters: { type: object",
        "order, effects: write, parameters: { type: object, required: [id]",
    );
    let (effect, _) = send(&desk(&contract), "/mcp", "acme", &["desk:write"], &call("order"));
    assert_eq!(told(effect), (200, "arguments_invalid".to_owned(), None));
}

#[test]
fn a_request_for_a_model_keeps_the_status_of_its_refusal() {
    let tools = json!([{ "type": "function", "function": { "name": "order", "parameters": {} } }]);
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }], "tools": tools });
    let (effect, _) = send(&desk(DESK), "/v1/chat/completions", "acme", &["desk:read"], &body);
    assert_eq!(told(effect), (400, "role_forbidden".to_owned(), None));
}

#[test]
fn a_contract_in_shadow_mode_asks_for_no_scope() {
    let gate = desk(&DESK.replace("  roles:", "  enforce: false\n  roles:"));
    let (effect, _) = send(&gate, "/mcp", "acme", &["desk:read"], &call("order"));
    assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");
}

#[test]
fn a_token_in_the_query_is_refused() {
    let gate = desk(DESK);
    for query in
        ["access_token=x", "a=b&access_token=x", "access%5Ftoken=x", "Access_Token", "a;access_token=x", "%zz=1"]
    {
        for path in ["/mcp", "/v1/chat/completions"] {
            let (effect, _) = send(&gate, &format!("{path}?{query}"), "acme", &["desk:read"], &call("look"));
            assert_eq!(told(effect), (400, "request_invalid".to_owned(), None), "{path}?{query}");
        }
    }
    let (effect, _) = send(&gate, "/mcp?beta=true&access_tokens=1", "acme", &["desk:read"], &call("look"));
    assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");
}

#[test]
fn scopes_that_can_never_count_are_refused_when_the_gate_is_built() {
    let built = |roles: ScopeRoles| {
        let identity = IdentitySource::Scopes(roles);
        set(&[(ContractMatch::default(), DESK, None)], identity, Paths::default()).map(|_| ())
    };
    let scope = |scope: &str| GateError::Scope { scope: scope.to_owned() };
    for (pairs, expected) in [
        (&[][..], GateError::NoScope),
        (&[("", "guest")], scope("")),
        (&[("a b", "guest")], scope("a b")),
        (&[("a\"b", "guest")], scope("a\"b")),
        (&[("a\\b", "guest")], scope("a\\b")),
        (&[("a\nb", "guest")], scope("a\nb")),
        (&[("ä", "guest")], scope("ä")),
        (&[("a", "guest"), ("a", "clerk")], scope("a")),
        (&[("a", "root")], GateError::ScopeRole { scope: "a".to_owned(), role: "root".to_owned() }),
    ] {
        assert_eq!(built(roles(pairs)), Err(expected), "{pairs:?}");
    }
    let address = "https://gate.example/\" x=\"".to_owned();
    let error = GateError::ResourceMetadata { address: address.clone() };
    assert_eq!(built(ScopeRoles { metadata: Some(address), ..roles(&ORDER) }), Err(error));
    built(roles(&ORDER)).unwrap();
}

#[test]
fn an_upstream_that_refuses_the_gates_credential_is_no_fault_of_the_token() {
    let gate = desk(DESK);
    let chat = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    for (path, body, expected) in [("/mcp", call("look"), 200), ("/v1/chat/completions", chat, 502)] {
        for end in [true, false] {
            let (effect, mut exchange) = send(&gate, path, "acme", &["desk:read"], &body);
            assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");
            let head =
                headers(&[(":status", "401"), ("www-authenticate", "Bearer evil"), ("content-type", "text/plain")]);
            let effect = exchange.on(Event::ResponseHead { headers: &lend(&head), end });
            assert_eq!(told(effect), (expected, "upstream_error".to_owned(), None), "{path} {end}");
            assert_eq!(exchange.tally().verdict(), "error:upstream_error");
        }
    }
}
