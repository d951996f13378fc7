//! The requests that a server makes of a client: the same rules on a stream in a session and inside of a result.

use callgate_engine::{Effect, Event};
use serde_json::{Value, json};

use super::world::*;

const RULES: &str = "  mcp: { elicitation: { maxPerCall: 2, maxBytes: 300, hosts: [login.example.com] }, sampling: { maxTokens: 100, maxBytes: 400 } }";

fn form() -> Value {
    json!({ "message": "Which?", "requestedSchema": { "type": "object", "properties": { "seat": { "type": "string" } } } })
}

fn sample(more: Value) -> Value {
    let mut params =
        json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": "x" } }], "maxTokens": 9 });
    params.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    params
}

/// The requests that reach a client on the stream of a call, and the number that did not.
fn in_session(lines: &str, asks: &[(&str, Value)]) -> (Vec<Value>, u32) {
    let (mut exchange, _) = sent(&gate_allowing("refuse", lines), &call("set_alarm", json!({})));
    let mut said: Vec<Value> = asks.iter().map(|(method, params)| request(method, params.clone())).collect();
    said.push(response(json!({ "content": [] })));
    let mut out = messages(&streamed(&mut exchange, &events(&said), &[]));
    assert!(out.pop().unwrap().get("result").is_some(), "the answer of the call always arrives");
    (out.into_iter().map(|message| message["params"].clone()).collect(), exchange.tally().inputs_withheld)
}

/// The same inside of a result: all pass, or none.
fn in_result(lines: &str, asks: &[(&str, Value)]) -> Option<Vec<Value>> {
    let inputs: serde_json::Map<String, Value> = asks
        .iter()
        .enumerate()
        .map(|(at, (method, params))| (at.to_string(), json!({ "method": method, "params": params })))
        .collect();
    let (mut exchange, _) = sent_alone(&gate_allowing("refuse", lines), &call_alone("set_alarm", json!({})));
    let wanted = json!({ "resultType": "input_required", "inputRequests": inputs });
    let answer = body(answered(&mut exchange, &response(wanted)));
    match answer["result"].get("inputRequests") {
        Some(inputs) => Some(inputs.as_object().unwrap().values().map(|input| input["params"].clone()).collect()),
        None => {
            assert_eq!(answer["result"]["_meta"]["callgate.dev/violation"]["code"], "mcp_input_forbidden");
            None
        }
    }
}

#[test]
fn both_eras_decide_a_question_alike() {
    let elicit = |params: Value| ("elicitation/create", params);
    let ask = |params: Value| ("sampling/createMessage", params);
    let page = |url: &str| json!({ "mode": "url", "message": "m", "url": url, "elicitationId": "1" });
    let table = [
        (elicit(form()), true),
        (elicit(json!({ "message": "Which?" })), false),
        (elicit(json!({ "message": "x".repeat(400), "requestedSchema": { "type": "object" } })), false),
        (elicit(page("https://login.example.com/a?b=c")), true),
        (elicit(page("https://evil.example/login.example.com")), false),
        (elicit(page("https://login.example.com@evil.example/")), false),
        (elicit(page("http://login.example.com/")), false),
        (ask(sample(json!({}))), true),
        (ask(sample(json!({ "task": { "ttl": 1 } }))), false),
        (ask(sample(json!({ "tools": [{ "name": "rm_rf", "inputSchema": {} }] }))), false),
        (ask(sample(json!({ "toolChoice": { "mode": "required" }, "includeContext": "allServers" }))), false),
        (ask(sample(json!({ "systemPrompt": "x".repeat(500) }))), false),
        (ask(json!({ "messages": [{ "role": "user", "content": { "type": "tool_result" } }], "maxTokens": 1 })), false),
        (("roots/list", json!({})), false),
    ];
    for ((method, params), is_allowed) in table {
        let asks = [(method, params.clone())];
        let (reached, withheld) = in_session(RULES, &asks);
        assert_eq!((reached.len(), withheld), if is_allowed { (1, 0) } else { (0, 1) }, "{method} {params}");
        assert_eq!(in_result(RULES, &asks).is_some(), is_allowed, "{method} {params}");
        assert!(in_session("", &asks).0.is_empty() && in_result("  mcp: {}", &asks).is_none(), "off without a rule");
    }
}

#[test]
fn a_question_to_a_model_loses_the_context_of_other_servers() {
    let given = sample(json!({
        "maxTokens": 100_000, "includeContext": "allServers", "metadata": { "x": "POISON" }, "unknown": "POISON",
        "modelPreferences": { "hints": [{ "name": "any" }], "costPriority": 1 },
    }));
    let expected =
        sample(json!({ "maxTokens": 100, "modelPreferences": { "hints": [{ "name": "any" }], "costPriority": 1 } }));
    let asks = [("sampling/createMessage", given)];
    assert_eq!(in_session(RULES, &asks), (vec![expected.clone()], 0));
    assert_eq!(in_result(RULES, &asks), Some(vec![expected]));
}

#[test]
fn a_server_asks_as_often_as_the_contract_says() {
    let asks = vec![("elicitation/create", form()); 3];
    let (reached, withheld) = in_session(RULES, &asks);
    assert_eq!((reached.len(), withheld), (2, 1), "the same id does not matter");
    assert!(in_result(RULES, &asks).is_none());
    assert_eq!(in_result(RULES, &asks[..2]).map(|inputs| inputs.len()), Some(2));
    let mixed = [
        ("elicitation/create", form()),
        ("sampling/createMessage", sample(json!({}))),
        ("sampling/createMessage", sample(json!({}))),
    ];
    assert_eq!(in_session(RULES, &mixed).0.len(), 2, "each kind has its own count");
}

#[test]
fn the_servers_own_stream_counts_by_the_minute() {
    let mut exchange = listening(&gate_allowing("refuse", RULES));
    begun(&mut exchange, "200", "text/event-stream", false);
    let ask = format!("data: {}\n\n", request("sampling/createMessage", sample(json!({}))));
    let mut passed = 0;
    for second in 0..120_u32 {
        let now = std::time::Duration::from_secs(1_800_000_000) + NOW + std::time::Duration::from_secs(second.into());
        let effect = exchange.on(Event::ResponseData { chunk: ask.as_bytes(), end: false, now });
        passed += u32::from(effect == Effect::Pass);
    }
    assert!((2..=3).contains(&passed), "{passed}");
}

#[test]
fn an_error_that_sends_a_person_to_a_page_is_decided_too() {
    let error =
        |data: Value| json!({ "jsonrpc": "2.0", "id": 7, "error": { "code": -32042, "message": "m", "data": data } });
    let page =
        |url: &str| json!({ "elicitations": [{ "mode": "url", "message": "m", "url": url, "elicitationId": "1" }] });
    let told = |lines: &str, error: &Value| {
        let (mut exchange, _) = sent(&gate_allowing("refuse", lines), &call("set_alarm", json!({})));
        body(answered(&mut exchange, error))
    };
    let honest = error(page("https://login.example.com/a"));
    assert_eq!(told(RULES, &honest), honest);
    for status in ["400", "403", "500"] {
        let (mut exchange, _) = sent(&gate_allowing("refuse", RULES), &call("set_alarm", json!({})));
        begun(&mut exchange, status, "application/json", false);
        let evil = error(page("https://evil.example/")).to_string();
        let answer = body(exchange.on(Event::ResponseData { chunk: evil.as_bytes(), end: true, now: NOW }));
        assert_eq!(
            answer["error"]["data"],
            json!({ "code": "upstream_error" }),
            "{status}: not as an error of HTTP either"
        );
    }
    for (lines, error) in [
        (RULES, error(page("https://evil.example/"))),
        ("", honest.clone()),
        (RULES, error(json!({ "elicitations": [page("x")], "Elicitations": [] }))),
        (RULES, error(json!({ "elicitations": "https://evil.example/" }))),
        (RULES, error(json!("https://evil.example/"))),
    ] {
        let answer = told(lines, &error);
        let code = answer["error"]["data"]["code"].as_str().unwrap();
        assert!(matches!(code, "mcp_input_forbidden" | "upstream_invalid"), "{error}: {code}");
        assert!(!answer.to_string().contains("evil"));
    }
}
