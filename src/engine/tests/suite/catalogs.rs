//! Lists of models, and the sign of life that clients ask for before anything else.

use std::rc::Rc;

use callgate_engine::{Effect, Event, Exchange, Gate, Offer, Reply, lend};
use serde_json::json;

use crate::common::{NOW, begun, contract, finished, gate_over, headers, refused};

fn gate() -> Rc<Gate> {
    gate_over(&contract("refuse"), Offer::Declared)
}

fn asked(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let own = [(":method", method), (":path", path), ("x-tenant", "acme"), ("x-role", "clerk")];
    let mut all = headers(&own);
    all.extend(headers(more));
    all
}

/// Asks without a body.
fn ask(gate: &Rc<Gate>, headers: &[(String, Vec<u8>)]) -> (Exchange, Effect) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let effect = exchange.on(Event::RequestHead { headers: &lend(headers), verified: None, end: true });
    (exchange, effect)
}

/// Asks for models and gives this answer of the upstream.
fn answered(gate: &Rc<Gate>, path: &str, body: &[u8]) -> Effect {
    let (mut exchange, effect) = ask(gate, &asked("GET", path, &[]));
    assert!(matches!(effect, Effect::PassWithout(_)), "{effect:?}");
    assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
    let (first, second) = body.split_at(body.len() / 2);
    match exchange.on(Event::ResponseData { chunk: first, end: false, now: NOW }) {
        Effect::Hold => exchange.on(Event::ResponseData { chunk: second, end: true, now: NOW }),
        effect => effect,
    }
}

#[test]
fn a_list_of_models_has_those_of_the_contract_alone() {
    for (path, body, left) in [
        (
            "/v1/models?limit=1000",
            json!({ "data": [{ "type": "model", "id": "gpt-4o" }, { "type": "model", "id": "claude-x" }],
                "has_more": false, "first_id": "gpt-4o", "last_id": "claude-x" }),
            json!({ "data": [{ "type": "model", "id": "gpt-4o" }],
                "has_more": false, "first_id": "gpt-4o", "last_id": "gpt-4o" }),
        ),
        (
            "/v1/models?client_version=0.171.0",
            json!({ "models": [{ "slug": "gpt-5.5" }, { "slug": "o9" }] }),
            json!({ "models": [{ "slug": "gpt-5.5" }] }),
        ),
        (
            "/v1beta/models?pageSize=50&key=k",
            json!({ "models": [{ "name": "models/gemini-3" }, { "name": "models/gpt-oss" }], "nextPageToken": "t" }),
            json!({ "models": [{ "name": "models/gpt-oss" }], "nextPageToken": "t" }),
        ),
        (
            "/api/tags",
            json!({ "models": [{ "name": "gpt-oss:latest", "model": "gpt-oss:latest" }, { "name": "qwen3:8b" }] }),
            json!({ "models": [{ "name": "gpt-oss:latest", "model": "gpt-oss:latest" }] }),
        ),
    ] {
        let bytes = finished(answered(&gate(), path, body.to_string().as_bytes()));
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&bytes).unwrap(), left, "{path}");
    }
}

#[test]
fn the_description_of_a_model_is_forwarded_if_the_contract_allows_the_model() {
    let body = br#"{"id": "gpt-4o", "object": "model"}"#;
    assert_eq!(answered(&gate(), "/v1/models/gpt-4o", body), Effect::Finish(body.to_vec()));
    for path in ["/v1/models/o9", "/v1/models/o9?limit=1"] {
        assert_eq!(refused(ask(&gate(), &asked("GET", path, &[])).1), (400, "model_not_allowed".to_owned()), "{path}");
    }
    for path in ["/v1/models/gpt-4o%3Bx", "/v1/models/gpt-4o%2523", "/v1/models/gpt-4o;x=1"] {
        assert_eq!(refused(ask(&gate(), &asked("GET", path, &[])).1), (400, "request_invalid".to_owned()), "{path}");
    }
}

#[test]
fn a_path_that_only_looks_like_a_list_of_models_is_refused() {
    for path in [
        "/v1/models/",
        "/v1/models//gpt-4o",
        "//v1/models",
        "/v1/models/../responses",
        "/v1/models/%2e%2e/responses",
        "/v1/models/..%2Fresponses",
        "/v1/models/.",
        "/v1/%6dodels",
        "/v1/models;x",
        "/v1/models%3Fx",
        "/v1/models/a/b",
        "/v1/Models",
        "/v1/modelsx",
        "/api/tags/",
    ] {
        let refusal = refused(ask(&gate(), &asked("GET", path, &[])).1);
        assert_eq!(refusal, (404, "path_not_allowed".to_owned()), "{path}");
    }
    for (method, path) in [
        ("POST", "/v1/models"),
        ("DELETE", "/v1/models/gpt-4o"),
        ("POST", "/v1beta/models/gpt-4o:embedContent"),
        ("HEAD", "/v1/models"),
        ("POST", "/api/hello"),
        ("get", "/v1/models"),
    ] {
        let refusal = refused(ask(&gate(), &asked(method, path, &[])).1);
        assert_eq!(refusal, (404, "path_not_allowed".to_owned()), "{method} {path}");
    }
}

#[test]
fn a_request_for_models_needs_a_caller_and_has_no_body() {
    let mut unknown = asked("GET", "/v1/models", &[]);
    unknown.retain(|(name, _)| name != "x-role");
    assert_eq!(refused(ask(&gate(), &unknown).1), (401, "caller_unknown".to_owned()));
    let with_body = |body: &[u8]| {
        let mut exchange = Exchange::new(gate(), "exchange-1");
        let headers = asked("GET", "/v1/models", &[]);
        let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
        assert_eq!(effect, Effect::Hold);
        exchange.on(Event::RequestData { chunk: body, end: true, now: NOW })
    };
    assert_eq!(refused(with_body(b"{}")), (400, "request_invalid".to_owned()));
    assert!(matches!(with_body(b""), Effect::Forward(forward) if forward.body.is_empty()));
}

#[test]
fn a_query_cannot_bring_a_member_of_a_request() {
    let (_, effect) = ask(&gate(), &asked("GET", "/v1/models?model=o9", &[]));
    assert_eq!(refused(effect), (400, "request_invalid".to_owned()));
}

#[test]
fn a_list_of_models_is_neither_compressed_nor_remembered_from_another_role() {
    let more = [("accept-encoding", "gzip"), ("if-none-match", "\"a\""), ("range", "bytes=0-9")];
    let (_, effect) = ask(&gate(), &asked("GET", "/v1/models", &more));
    let Effect::PassWithout(removed) = effect else { panic!("{effect:?}") };
    for name in ["x-tenant", "x-role", "accept-encoding", "if-none-match", "range"] {
        assert!(removed.iter().any(|removed| removed == name), "{name}");
    }
}

#[test]
fn what_a_hostile_upstream_sends_for_a_list_is_refused() {
    let long = format!(r#"{{"data":[{}{{"id":"gpt"}}]}}"#, r#"{"id":"gpt-4o"},"#.repeat(10_000));
    let deep = format!(r#"{{"data":[{}{}]}}"#, "[".repeat(100), "]".repeat(100));
    let wide = format!("[{}]", "[],".repeat(20_000));
    for (body, code) in [
        (long.as_str(), "response_too_large"),
        (deep.as_str(), "upstream_invalid"),
        (wide.as_str(), "response_too_large"),
        (r#"{"data":[{"id":"gpt-4o"}],"data":[{"id":"o9"}]}"#, "upstream_invalid"),
        (r#"{"data":[{"id":"gpt-4o","id":"o9"}]}"#, "upstream_invalid"),
        (r#"{"data":{"id":"gpt-4o"}}"#, "upstream_invalid"),
        (r#"{"error":{"message":"x"},"choices":[{}]}"#, "upstream_invalid"),
        ("data: {\"data\":[]}\n\n", "upstream_invalid"),
        ("<html>", "upstream_invalid"),
        ("", "upstream_invalid"),
    ] {
        assert_eq!(refused(answered(&gate(), "/v1/models", body.as_bytes())), (502, code.to_owned()));
    }
    let turn = br#"{"id":"gpt-4o","choices":[{"message":{"tool_calls":[{}]}}]}"#;
    assert_eq!(refused(answered(&gate(), "/v1/models/gpt-4o", turn)), (502, "upstream_invalid".to_owned()));
    for (name, value) in [("content-type", "text/event-stream"), ("content-encoding", "gzip"), (":status", "206")] {
        let (mut exchange, _) = ask(&gate(), &asked("GET", "/v1/models", &[]));
        let mut head = headers(&[(":status", "200"), ("content-type", "application/json")]);
        head.retain(|(known, _)| known != name);
        head.extend(headers(&[(name, value)]));
        let effect = exchange.on(Event::ResponseHead { headers: &lend(&head), end: false });
        assert_eq!(refused(effect).0, 502, "{name}");
    }
}

#[test]
fn errors_of_a_list_have_the_format_of_the_client() {
    let body = |path, more: &[(&str, &str)]| {
        let mut headers = asked("GET", path, more);
        headers.retain(|(name, _)| name != "x-role");
        match ask(&gate(), &headers).1 {
            Effect::Reply(Reply { body, .. }) => serde_json::from_slice::<serde_json::Value>(&body).unwrap(),
            effect => panic!("{effect:?}"),
        }
    };
    assert_eq!(body("/v1/models", &[("anthropic-version", "2023-06-01")])["type"], "error");
    assert!(body("/v1/models", &[])["error"]["code"].is_string());
    assert!(body("/v1beta/models", &[])["error"]["status"].is_string());
    assert!(body("/api/tags", &[])["error"].is_string());
}

#[test]
fn in_shadow_mode_a_list_stays_as_it_came() {
    let shadow = contract("refuse").replace("  onViolation: refuse", "  onViolation: refuse\n  enforce: false");
    let body = br#"{"data":[{"id":"o9"}]}"#;
    assert_eq!(answered(&gate_over(&shadow, Offer::Declared), "/v1/models", body), Effect::Finish(body.to_vec()));
}

#[test]
fn a_sign_of_life_is_answered_here_for_anybody() {
    for method in ["HEAD", "GET"] {
        let request = headers(&[(":method", method), (":path", "/api/hello"), ("user-agent", "Bun/1.4.6")]);
        for end in [true, false] {
            let mut exchange = Exchange::new(gate(), "exchange-1");
            let effect = exchange.on(Event::RequestHead { headers: &lend(&request), verified: None, end });
            let Effect::Reply(reply) = effect else { panic!("{effect:?}") };
            assert_eq!((reply.status, reply.body.as_slice()), (200, &br#"{"message":"hello"}"#[..]));
            assert_eq!(exchange.tally().error, None);
            let late = exchange.on(Event::RequestData { chunk: b"GET /v1/x", end: true, now: NOW });
            assert_eq!(late, Effect::Hold, "nothing of a body goes on");
        }
    }
}
