//! Requests: which are forwarded, and in which form.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use crate::common::*;
use callgate_engine::{Effect, Event, Exchange, Gate, GateError, Offer, OutputLimit, Paths, Ruling, lend};
use serde_json::{Value, json};

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut body = request(false);
    change(&mut body);
    body.to_string()
}

#[test]
fn each_bad_request_is_refused_with_its_own_code() {
    let table: Vec<(&str, String, (u16, &str))> = vec![
        ("not JSON", "{".to_owned(), (400, "request_not_json")),
        (
            "duplicate keys",
            r#"{"model":"gpt-4o","model":"gpt-4o","messages":[]}"#.to_owned(),
            (400, "request_not_json"),
        ),
        ("an array", "[]".to_owned(), (400, "request_invalid")),
        ("no model", with(|body| drop(body.as_object_mut().map(|map| map.remove("model")))), (400, "request_invalid")),
        ("another model", with(|body| body["model"] = json!("claude-x")), (400, "model_not_allowed")),
        (
            "another model to fall back to",
            with(|body| body["models"] = json!(["gpt-4o", "claude-x"])),
            (400, "model_not_allowed"),
        ),
        ("a nesting bomb", format!("{}{}", "[".repeat(5000), "]".repeat(5000)), (400, "request_not_json")),
        (
            "a tool twice",
            with(|body| body["tools"] = json!([tool("order"), tool("order")])),
            (400, "tool_declared_twice"),
        ),
        ("an unknown tool", with(|body| body["tools"] = json!([tool("rm_rf")])), (400, "tool_not_in_contract")),
        ("an unknown choice", with(|body| body["tool_choice"] = tool_choice("rm_rf")), (400, "tool_not_in_contract")),
        (
            "a choice that is not declared",
            with(|body| {
                body["tools"] = json!([tool("order")]);
                body["tool_choice"] = tool_choice("get_weather");
            }),
            (400, "request_invalid"),
        ),
        (
            "a provider's tool",
            with(|body| body["tools"] = json!([{ "type": "web_search" }])),
            (400, "provider_tool_forbidden"),
        ),
        ("a provider's search", with(|body| body["web_search_options"] = json!({})), (400, "provider_tool_forbidden")),
        (
            "a model to fall back to",
            with(|body| body["fallbacks"] = json!(["gpt-4o", { "model": "claude-x" }])),
            (400, "model_not_allowed"),
        ),
        ("state at the provider", with(|body| body["container"] = json!("c_1")), (400, "server_state_forbidden")),
        (
            "tools where the gate does not read them",
            with(|body| body["extra_body"] = json!({ "tools": [] })),
            (400, "request_invalid"),
        ),
        (
            "a custom tool",
            with(|body| body["tools"] = json!([{ "type": "custom", "custom": { "name": "sh" } }])),
            (400, "tool_not_in_contract"),
        ),
        ("several choices with server-run tools", with(|body| body["n"] = json!(2)), (400, "request_invalid")),
    ];
    for (name, body, expected) in table {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let (status, code) = refused(send(&mut exchange, "clerk", body.as_bytes()));
        assert_eq!((status, code.as_str()), expected, "{name}");
        assert_eq!(exchange.tally().verdict(), format!("error:{code}"), "{name}");
    }
}

fn tool_choice(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name } })
}

#[test]
fn a_role_declares_and_chooses_only_its_own_tools() {
    for body in [with(|_| {}), with(|body| body["tool_choice"] = tool_choice("order"))] {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        assert_eq!(refused(send(&mut exchange, "viewer", body.as_bytes())), (400, "role_forbidden".to_owned()));
    }
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    assert_eq!(refused(send(&mut exchange, "stranger", b"{}")), (400, "role_forbidden".to_owned()));
}

#[test]
fn the_head_of_a_request_is_refused_before_its_body_is_read() {
    let change = |name: &str, value: Option<&str>| {
        let mut headers = request_headers("clerk");
        headers.retain(|(other, _)| other != name);
        headers.extend(value.map(|value| (name.to_owned(), value.as_bytes().to_vec())));
        headers
    };
    let mut twice = request_headers("clerk");
    twice.push(("x-role".to_owned(), b"manager".to_vec()));
    let table = [
        ("another path", change(":path", Some("/v1/audio/speech")), (404, "path_not_allowed")),
        (
            "a path with a dot segment",
            change(":path", Some("/v1/models/../chat/completions")),
            (404, "path_not_allowed"),
        ),
        ("GET", change(":method", Some("GET")), (405, "method_not_allowed")),
        ("no role", change("x-role", None), (401, "caller_unknown")),
        ("two roles", twice, (401, "caller_unknown")),
        ("no tenant", change("x-tenant", None), (401, "caller_unknown")),
        ("gzip", change("content-encoding", Some("gzip")), (415, "request_encoded")),
        ("a form", change("content-type", Some("multipart/form-data")), (415, "request_encoded")),
    ];
    for (name, headers, expected) in table {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
        let (status, code) = refused(effect);
        assert_eq!((status, code.as_str()), expected, "{name}");
    }
}

#[test]
fn a_header_that_names_another_method_is_not_forwarded() {
    let mut headers = request_headers("clerk");
    headers.push(("x-http-method-override".to_owned(), b"DELETE".to_vec()));
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let Effect::Forward(forward) = send_with(&mut exchange, &headers, request(false).to_string().as_bytes()) else {
        panic!("the request is allowed")
    };
    assert!(forward.remove.contains(&"x-http-method-override".to_owned()));
    assert!(forward.remove.contains(&"accept-encoding".to_owned()));
    assert!(!forward.remove.contains(&"x-method-override".to_owned()), "it is not there");
}

#[test]
fn a_query_brings_no_member_that_the_gate_reads_in_the_body() {
    let with_query = |query: &str| {
        let mut headers = request_headers("clerk");
        headers.retain(|(name, _)| name != ":path");
        headers.push((":path".to_owned(), format!("/v1/chat/completions?{query}").into_bytes()));
        Exchange::new(gate("refuse"), "exchange-1").on(Event::RequestHead {
            headers: &lend(&headers),
            verified: None,
            end: false,
        })
    };
    for query in
        ["model=claude-x", "a=b&mod%65l=claude-x", "tools[0][type]=x", "tools%5B%5D=x", "Model=x", "n=2", "%zz=1"]
    {
        assert_eq!(refused(with_query(query)), (400, "request_invalid".to_owned()), "{query}");
    }
    for query in ["", "beta=true", "api-version=2024-10-21", "key=a&alt=sse", "user=model"] {
        assert_eq!(with_query(query), Effect::Hold, "{query}");
    }
}

#[test]
fn a_request_refused_by_its_head_is_read_to_its_end_so_that_the_connection_lives() {
    let mut headers = request_headers("stranger");
    headers.push(("content-length".to_owned(), b"4".to_vec()));
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }), Effect::Hold);
    assert_eq!(exchange.on(Event::RequestData { chunk: b"ab", end: false, now: NOW }), Effect::Hold);
    let effect = exchange.on(Event::RequestData { chunk: b"cd", end: true, now: NOW });
    assert_eq!(refused(effect), (400, "role_forbidden".to_owned()));
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
    let effect = exchange.on(Event::RequestData { chunk: &[b' '; 65 * 1024], end: false, now: NOW });
    assert_eq!(refused(effect), (400, "role_forbidden".to_owned()), "but not without end");
}

#[test]
fn a_body_over_the_limit_is_refused_at_its_first_byte_too_many() {
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let headers = request_headers("clerk");
    assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }), Effect::Hold);
    let chunk = vec![b' '; 64 * 1024];
    assert_eq!(exchange.on(Event::RequestData { chunk: &chunk, end: false, now: NOW }), Effect::Hold);
    let effect = exchange.on(Event::RequestData { chunk: b" ", end: false, now: NOW });
    assert_eq!(refused(effect), (413, "request_too_large".to_owned()));
}

#[test]
fn a_declaration_is_forwarded_in_the_contracts_own_words() {
    let (_, went_on) = sent(&gate("refuse"), &request(false));
    let weather = &went_on["tools"][0]["function"];
    assert_eq!(weather["description"], "The weather of a city.");
    assert_eq!(weather["parameters"]["required"], json!(["city"]));
    assert!(!went_on.to_string().contains("poisoned"));
}

#[test]
fn output_tokens_are_clamped_and_added_if_the_caller_named_none() {
    let (_, none) = sent(&gate("refuse"), &request(false));
    assert_eq!(none["max_tokens"], 500);
    let mut more = request(false);
    more["max_tokens"] = json!(9000);
    assert_eq!(sent(&gate("refuse"), &more).1["max_tokens"], 500);
    let mut less = request(false);
    less["max_tokens"] = json!(9);
    assert_eq!(sent(&gate("refuse"), &less).1["max_tokens"], 9);
}

#[test]
fn a_request_to_change_the_protocol_is_refused_on_every_path() {
    for (method, path) in
        [("GET", "/v1/responses"), ("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/x")]
    {
        let mut headers = request_headers("clerk");
        headers.retain(|(name, _)| name != ":path" && name != ":method");
        headers.extend([(":path".to_owned(), path.into()), (":method".to_owned(), method.into())]);
        headers.push(("upgrade".to_owned(), b"websocket".to_vec()));
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: true });
        assert_eq!(refused(effect), (426, "upgrade_refused".to_owned()), "{method} {path}");
    }
}

#[test]
fn headers_about_the_network_inside_are_not_forwarded() {
    let mut headers = request_headers("clerk");
    let inside =
        ["forwarded", "x-forwarded-for", "x-forwarded-client-cert", "x-envoy-expected-rq-timeout-ms", "x-envoy-peer"];
    for name in inside.into_iter().chain(["x-envoy-peer", "x-forward", "x-request-id", "x-forwarded-proto"]) {
        headers.push((name.to_owned(), b"x".to_vec()));
    }
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let Effect::Forward(forward) = send_with(&mut exchange, &headers, request(false).to_string().as_bytes()) else {
        panic!("the request is allowed")
    };
    let removed: Vec<_> =
        forward.remove.iter().filter(|name| name.contains("forward") || name.contains("envoy")).collect();
    assert_eq!(removed, inside.iter().collect::<Vec<_>>());
    assert!(!forward.remove.contains(&"x-request-id".to_owned()));
}

#[test]
fn identity_headers_and_accept_encoding_are_not_forwarded() {
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let Effect::Forward(forward) = send(&mut exchange, "clerk", request(false).to_string().as_bytes()) else {
        panic!("the request did not go on");
    };
    assert_eq!(forward.remove, ["x-tenant", "x-role", "accept-encoding"]);
}

#[test]
fn server_run_tools_are_added_only_with_inject() {
    let mut body = request(false);
    body["tools"] = json!([tool("order")]);
    assert_eq!(sent(&gate("refuse"), &body).1["tools"].as_array().map(Vec::len), Some(1));
    let (_, injected) = sent(&gate_offering("refuse", Offer::Inject), &body);
    let names: Vec<_> =
        injected["tools"].as_array().into_iter().flatten().map(|tool| &tool["function"]["name"]).collect();
    assert_eq!(names, ["order", "lookup"]);
}

#[test]
fn a_passthrough_path_is_not_touched_but_for_who_calls() {
    for path in ["/v1/models", "/v1/models?limit=2", "/files/a/b"] {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let mut headers = request_headers("clerk");
        headers.retain(|(name, _)| name != ":path");
        headers.push((":path".to_owned(), path.as_bytes().to_vec()));
        let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: true });
        assert_eq!(effect, Effect::PassWithout(vec!["x-tenant".to_owned(), "x-role".to_owned()]));
        assert_eq!(begun(&mut exchange, "text/html"), Effect::Pass);
        assert_eq!(exchange.on(Event::ResponseData { chunk: b"x", end: true, now: NOW }), Effect::Pass);
    }
}

#[test]
fn a_request_that_ends_with_trailers_is_checked_all_the_same() {
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let headers = request_headers("clerk");
    exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
    assert_eq!(exchange.on(Event::RequestData { chunk: b"{", end: false, now: NOW }), Effect::Hold);
    assert_eq!(refused(exchange.on(Event::RequestTrailers { now: NOW })), (400, "request_not_json".to_owned()));
}

#[test]
fn nothing_of_a_refused_request_is_forwarded_and_our_answer_reaches_the_client() {
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    assert_eq!(refused(send(&mut exchange, "clerk", b"{")).0, 400);
    assert_eq!(exchange.on(Event::RequestData { chunk: b"more", end: true, now: NOW }), Effect::Hold);
    assert_eq!(begun(&mut exchange, "application/json"), Effect::Pass);
    assert_eq!(exchange.on(Event::ResponseData { chunk: b"{}", end: true, now: NOW }), Effect::Pass);
}

/// The contract of the other tests with these lines more in its `spec`.
fn contract_with(lines: &str) -> String {
    contract("refuse").replace("  onViolation:", &format!("  {lines}\n  onViolation:"))
}

fn gate_with(lines: &str) -> std::rc::Rc<Gate> {
    gate_of(&contract_with(lines), Offer::Declared, true)
}

#[test]
fn an_unknown_member_never_reaches_the_provider_unless_the_contract_lists_it() {
    let mut body = request(false);
    body["store_hint"] = json!(1);
    body["future"] = json!({ "tools": [] });
    let (exchange, forwarded) = sent(&gate("refuse"), &body);
    assert_eq!(exchange.tally().dropped_members, ["store_hint", "future"]);
    assert!(forwarded.get("store_hint").is_none() && forwarded.get("future").is_none());
    let (exchange, forwarded) = sent(&gate_with("requestMembers: { allow: [store_hint, future] }"), &body);
    assert_eq!((exchange.tally().dropped_members.len(), &forwarded["future"]), (0, &body["future"]));
    let refusing = gate_with("requestMembers: { unknown: refuse, allow: [store_hint] }");
    let mut exchange = Exchange::new(refusing, "exchange-1");
    let effect = send(&mut exchange, "clerk", body.to_string().as_bytes());
    let Effect::Reply(reply) = &effect else { panic!("{effect:?}") };
    let text = String::from_utf8(reply.body.clone()).unwrap();
    assert!(text.contains("`future`") && text.contains("requestMembers: { allow: ["), "{text}");
    assert_eq!(refused(effect), (400, "request_member_unknown".to_owned()));
}

#[test]
fn a_contract_that_lists_a_judged_member_is_refused_at_start() {
    let text = contract_with("requestMembers: { allow: [store_hint, extra_body.tools] }");
    let error = build(&text, Paths::default(), Offer::Declared, true).unwrap_err();
    assert_eq!(error, GateError::MemberJudged { member: "extra_body.tools".to_owned() });
}

#[test]
fn an_undeclared_tool_is_dropped_if_the_contract_allows_and_the_audit_log_records_it() {
    let mut body = request(false);
    let custom = json!({ "type": "custom", "custom": { "name": "sh" } });
    body["tools"] = json!([tool("get_weather"), tool("rm_rf"), tool("order"), custom]);
    body["tool_choice"] = tool_choice("rm_rf");
    body["parallel_tool_calls"] = json!(false);
    let gate = gate_with("undeclaredTools: drop");
    let mut exchange = Exchange::new(std::rc::Rc::clone(&gate), "exchange-1");
    let Effect::Forward(forward) = send(&mut exchange, "viewer", body.to_string().as_bytes()) else {
        panic!("refused")
    };
    let forwarded: Value = serde_json::from_slice(&forward.body).unwrap();
    let names = |body: &Value| -> Vec<String> {
        body["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].to_string()).collect()
    };
    assert_eq!((names(&forwarded), &forwarded["tool_choice"]), (vec!["\"get_weather\"".to_owned()], &json!("auto")));
    assert_eq!(exchange.tally().undeclared_dropped, 3);
    let list = exchange.take_decisions().unwrap().list;
    let brief: Vec<_> =
        list.iter().map(|decision| (decision.call_id.as_str(), decision.tool.as_str(), &decision.ruling)).collect();
    let deny = |code| Ruling::Deny { code, pointer: String::new() };
    let (missing, forbidden) =
        (deny(callgate_contract::Code::ToolNotInContract), deny(callgate_contract::Code::RoleForbidden));
    assert_eq!(brief, [("", "rm_rf", &missing), ("", "order", &forbidden), ("", "sh", &missing)]);

    body["tools"] = json!([tool("rm_rf")]);
    let (_, none) = sent(&gate, &body);
    for member in ["tools", "tool_choice", "parallel_tool_calls"] {
        assert!(none.get(member).is_none(), "{member}: {none}");
    }
}

#[test]
fn a_custom_tool_is_declared_in_the_contracts_words_with_a_known_format() {
    let grammar =
        |syntax: &str| json!({ "type": "grammar", "grammar": { "syntax": syntax, "definition": "start: /x/" } });
    for (format, kept) in [(grammar("lark"), true), (grammar("invented"), false), (json!({ "type": "text" }), true)] {
        let mut body = request(false);
        let custom = json!({ "name": "get_weather", "description": "poisoned", "format": format });
        body["tools"] = json!([{ "type": "custom", "custom": custom }]);
        body["tool_choice"] = json!({ "type": "custom", "custom": { "name": "get_weather" } });
        let (_, forwarded) = sent(&gate("refuse"), &body);
        let mut expected = json!({ "name": "get_weather", "description": "The weather of a city." });
        if kept {
            expected["format"] = format.clone();
        }
        assert_eq!(forwarded["tools"], json!([{ "type": "custom", "custom": expected }]), "{format}");
        assert_eq!(forwarded["tool_choice"], body["tool_choice"]);
    }
}

#[test]
fn a_model_in_the_path_is_checked_beside_the_one_in_the_body() {
    let paths = std::collections::HashMap::from([(
        "chatCompletions".to_owned(),
        vec!["/openai/deployments/{model}/chat/completions".to_owned()],
    )]);
    let rules = rules(&contract("refuse"), Paths::new(&paths, Vec::new()), Offer::Declared, true).unwrap();
    let gate = std::rc::Rc::new(std::sync::Arc::new(rules.with_output_limit(OutputLimit::MaxTokens)).gate());
    let ask = |deployment: &str, model: Option<Value>| {
        let mut headers = request_headers("clerk");
        headers.retain(|(name, _)| name != ":path");
        let path = format!("/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21");
        headers.push((":path".to_owned(), path.into_bytes()));
        let mut body = json!({ "messages": [] });
        if let Some(model) = model {
            body["model"] = model;
        }
        send_with(&mut Exchange::new(std::rc::Rc::clone(&gate), "exchange-1"), &headers, body.to_string().as_bytes())
    };
    for model in [None, Some(Value::Null), Some(json!("gpt-5"))] {
        let effect = ask("gpt-4o", model);
        let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
        let body: Value = serde_json::from_slice(&forward.body).unwrap();
        assert_eq!(body["max_tokens"], 500, "the name that the gate was told");
    }
    for (deployment, model) in [("o1-pro", None), ("o1-pro", Some(json!("gpt-4o"))), ("gpt-4o", Some(json!("o1-pro")))]
    {
        assert_eq!(refused(ask(deployment, model)), (400, "model_not_allowed".to_owned()), "{deployment}");
    }
}
