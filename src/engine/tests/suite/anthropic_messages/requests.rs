//! Requests: which are forwarded, and in which form.

use callgate_engine::{Effect, Event, Exchange, Offer, lend};
use serde_json::{Value, json};

use super::desk::{gate, gate_with, request, send, sent, tool};
use crate::common::{NOW, begun, finished, headers, refused};

const COUNT: &str = "/v1/messages/count_tokens";

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = request(false);
    change(&mut body);
    body
}

#[test]
fn each_bad_request_is_refused_with_its_own_code() {
    let table: Vec<(&str, Value, (u16, &str))> = vec![
        ("an array", json!([]), (400, "request_invalid")),
        ("no messages", json!({ "model": "claude-x" }), (400, "request_invalid")),
        ("another model", with(|body| body["model"] = json!("gpt-4o")), (400, "model_not_allowed")),
        (
            "another model to fall back to",
            with(|body| body["fallbacks"] = json!([{ "model": "gpt-4o" }])),
            (400, "model_not_allowed"),
        ),
        ("models of the API's choice", with(|body| body["fallbacks"] = json!("default")), (400, "model_not_allowed")),
        (
            "a tool twice",
            with(|body| body["tools"] = json!([tool("order"), tool("order")])),
            (400, "tool_declared_twice"),
        ),
        ("an unknown tool", with(|body| body["tools"] = json!([tool("rm_rf")])), (400, "tool_not_in_contract")),
        (
            "an unknown choice",
            with(|body| body["tool_choice"] = json!({ "type": "tool", "name": "rm_rf" })),
            (400, "tool_not_in_contract"),
        ),
        (
            "a choice that is not declared",
            with(|body| {
                body["tools"] = json!([tool("order")]);
                body["tool_choice"] = json!({ "type": "tool", "name": "get_weather" });
            }),
            (400, "request_invalid"),
        ),
        (
            "a provider's tool",
            with(|body| body["tools"] = json!([{ "type": "web_search_20250305", "name": "web_search" }])),
            (400, "provider_tool_forbidden"),
        ),
        (
            "a tool of the API's that the client runs, and the contract lacks",
            with(|body| body["tools"] = json!([{ "type": "bash_20250124", "name": "bash" }])),
            (400, "tool_not_in_contract"),
        ),
        (
            "a tool of the API's under the name of a function",
            with(|body| body["tools"] = json!([{ "type": "bash_20250124", "name": "get_weather" }])),
            (400, "request_invalid"),
        ),
        (
            "servers that the provider calls",
            with(|body| body["mcp_servers"] = json!([{ "type": "url", "url": "https://a", "name": "a" }])),
            (400, "provider_tool_forbidden"),
        ),
        (
            "code of the model that calls a function",
            with(|body| body["tools"][0]["allowed_callers"] = json!(["code_execution_20260120"])),
            (400, "provider_tool_forbidden"),
        ),
        (
            "a thread that the provider keeps",
            with(|body| body["thread"] = json!({ "type": "continue", "previous_message_id": "m" })),
            (400, "server_state_forbidden"),
        ),
        (
            "a tool defined in the midst of the conversation",
            with(|body| {
                let definition = json!({ "type": "tool_definition", "definition": tool("order") });
                let block = json!({ "type": "tool_addition", "tool": definition });
                body["messages"] = json!([{ "role": "system", "content": [block] }]);
            }),
            (400, "request_invalid"),
        ),
    ];
    for (name, body, expected) in table {
        for path in ["/v1/messages", COUNT] {
            let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
            let effect = send(&mut exchange, "clerk", path, body.to_string().as_bytes());
            let Effect::Reply(reply) = &effect else { panic!("{name}: {effect:?}") };
            let error: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(error["type"], "error", "{name}");
            assert!(error["error"]["message"].as_str().unwrap().starts_with(expected.1), "{name}: {error}");
            let (status, code) = refused(effect);
            assert_eq!((status, code.as_str()), expected, "{name}");
        }
    }
}

#[test]
fn a_role_declares_only_its_own_tools() {
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let effect = send(&mut exchange, "viewer", "/v1/messages", request(false).to_string().as_bytes());
    assert_eq!(refused(effect), (400, "role_forbidden".to_owned()));
}

#[test]
fn the_models_view_of_tools_is_the_contracts_and_output_is_limited() {
    let (_, forwarded) = sent(&gate("refuse"), &with(|body| body["max_tokens"] = json!(9000)));
    assert_eq!(forwarded["max_tokens"], 500);
    assert_eq!(forwarded["tools"][0]["description"], "The weather of a city.");
    assert_eq!(forwarded["tools"][0]["input_schema"]["required"], json!(["city"]));
    assert!(!forwarded.to_string().contains("poisoned"));
    assert_eq!(forwarded["messages"], request(false)["messages"]);
}

#[test]
fn tools_that_the_contract_lists_run_at_the_provider() {
    let body =
        with(|body| body["tools"] = json!([tool("order"), { "type": "web_search_20250305", "name": "web_search" }]));
    let gate = gate_with("refuse", Offer::Inject, "\n  providerTools: [web_search_20250305]");
    let (_, forwarded) = sent(&gate, &body);
    let names: Vec<&str> =
        forwarded["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["order", "web_search", "lookup"], "beside what is injected");
}

#[test]
fn tokens_are_counted_under_the_same_checks_and_the_number_passes() {
    let mut body = request(false);
    body.as_object_mut().unwrap().remove("max_tokens");
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let Effect::Forward(forward) = send(&mut exchange, "clerk", COUNT, body.to_string().as_bytes()) else {
        panic!("the request did not go on")
    };
    let forwarded: Value = serde_json::from_slice(&forward.body).unwrap();
    assert!(forwarded.get("max_tokens").is_none(), "which this path does not take");
    assert_eq!(forwarded["tools"][0]["description"], "The weather of a city.");
    assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
    let chunk = br#"{"input_tokens": 14}"#;
    assert_eq!(exchange.on(Event::ResponseData { chunk, end: true, now: NOW }), Effect::Finish(chunk.to_vec()));
}

#[test]
fn a_count_that_carries_a_call_or_is_too_large_is_refused() {
    let call = br#"{"input_tokens":14,"content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}"#;
    let large = vec![b' '; 70_000];
    for (chunk, code) in [(&call[..], "upstream_invalid"), (b"14", "upstream_invalid"), (&large, "response_too_large")]
    {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let body = with(|body| {
            body.as_object_mut().unwrap().remove("max_tokens");
        });
        send(&mut exchange, "clerk", COUNT, body.to_string().as_bytes());
        begun(&mut exchange, "application/json");
        let effect = exchange.on(Event::ResponseData { chunk, end: true, now: NOW });
        assert_eq!(refused(effect), (502, code.to_owned()));
    }
}

#[test]
fn an_error_of_the_api_passes_as_it_is() {
    for (body, passes) in [
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#, true),
        (
            r#"{"type":"error","error":{"type":"x"},"content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}"#,
            false,
        ),
        ("<html>", false),
        (r#"{"detail":"Not Found"}"#, true),
    ] {
        let (mut exchange, _) = sent(&gate("refuse"), &request(false));
        let head = headers(&[(":status", "529"), ("content-type", "application/json")]);
        assert_eq!(exchange.on(Event::ResponseHead { headers: &lend(&head), end: false }), Effect::Hold);
        let bytes = finished(exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now: NOW }));
        if passes {
            assert_eq!(bytes, body.as_bytes());
        } else {
            let error: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(error["error"]["code"], "upstream_error", "{body}");
        }
    }
}
